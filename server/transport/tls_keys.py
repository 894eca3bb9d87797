"""The TLS side of the key store, `STATE_DIR/keys`: the server's own key, and the certificates it believes."""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from server.access.private_file import PrivateFileError, read_private

MAXIMUM_SIZE: Final = 65_536
_NAME: Final = re.compile(r"[0-9a-zA-Z_.\-]{1,64}")


class TlsKeyError(Exception):
    """A file cannot be used. `leaf` is the node below /server/tls that names it, `name` its value."""

    def __init__(self, leaf: str, name: str, text: str) -> None:
        super().__init__(text)
        self.leaf = leaf
        self.name = name


def server_context(folder: Path, key: str, certificate: str, authorities: Sequence[str]) -> ssl.SSLContext:
    """Return what a server needs for TLS 1.3 with clients that have to show a certificate.

    Raises TlsKeyError. Nothing of an earlier connection is taken over: no session tickets.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    # a client's own certificate may be what is trusted
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.num_tickets = 0
    _load_own(context, folder, key, certificate)
    for name in authorities:
        text = _read(folder, name, "crt", "client-authority").decode(errors="replace")
        try:
            context.load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError):
            raise TlsKeyError("client-authority", name, f"{name}.crt holds no certificate") from None
    return context


def trusted_certificates(folder: Path, authorities: Sequence[str]) -> frozenset[bytes]:
    """Return the certificates of these files as DER. Raises TlsKeyError."""
    found: set[bytes] = set()
    for name in authorities:
        try:
            loaded = x509.load_pem_x509_certificates(_read(folder, name, "crt", "client-authority"))
        except ValueError:
            raise TlsKeyError("client-authority", name, f"{name}.crt holds no certificate") from None
        found.update(each.public_bytes(Encoding.DER) for each in loaded)
    return frozenset(found)


def _load_own(context: ssl.SSLContext, folder: Path, key: str, certificate: str) -> None:
    _read(folder, key, "key", "key")
    _read(folder, certificate, "crt", "certificate")
    paths = folder / f"{certificate}.crt", folder / f"{key}.key"
    try:
        context.load_cert_chain(*paths, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or ""
        if "MISMATCH" in reason:
            text = f"{key}.key is not the key of {certificate}.crt"
        else:
            text = f"{certificate}.crt and {key}.key are not a certificate and its key without a passphrase"
        raise TlsKeyError("key", key, text) from None


def _read(folder: Path, name: str, suffix: str, leaf: str) -> bytes:
    if _NAME.fullmatch(name) is None or name.startswith("."):
        raise TlsKeyError(leaf, name, f"{name!r} is no name in the key store")
    try:
        content = read_private(folder / f"{name}.{suffix}")
    except (PrivateFileError, OSError) as error:
        raise TlsKeyError(leaf, name, f"{name}.{suffix} cannot be read: {error}") from None
    if content is None:
        raise TlsKeyError(leaf, name, f"there is no {name}.{suffix} in the key store")
    if len(content) > MAXIMUM_SIZE:
        raise TlsKeyError(leaf, name, f"{name}.{suffix} is larger than {MAXIMUM_SIZE} bytes")
    return content
