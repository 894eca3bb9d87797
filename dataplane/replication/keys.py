"""The key store: keys and certificates as files of one folder, by name.

Owns names, permissions and what is read from the files; who is trusted with them is `trust`'s to say. A name
has up to three files: NAME.key (a private key), NAME.crt (a certificate, with those that lead to its
authority behind it) and NAME.pub (a public key, or its pin). All are PEM, for their owner only. They are read
for every connection, so a file that was changed counts from the next one on.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dataplane.config import ServiceConfig, TlsConfig
from dataplane.replication.trust import (
    Credentials,
    PeerIdentity,
    PinnedKey,
    PrivateKey,
    TrustedCertificates,
    read_pin,
    serves,
)

MAX_OCTETS: Final = 65_536
"""Of one file: a chain of certificates has a few thousand."""
OWN_NAME: Final = "channel"
PEER_SUFFIX: Final = "-peer"
_OTHERS = 0o077


class FileKind(StrEnum):
    """What a file holds: its suffix."""

    KEY = "key"
    CERTIFICATE = "crt"
    PUBLIC_KEY = "pub"


_LEAVES: Final = {
    FileKind.KEY: "key",
    FileKind.CERTIFICATE: "certificate",
    FileKind.PUBLIC_KEY: "peer-key",
}


class KeyProblem(Exception):
    """A key or certificate cannot be used.

    `reason` is the word for last-down-reason, `leaf` the node of the model that names the file; the text says
    which file and why.
    """

    def __init__(self, reason: str, leaf: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.leaf = leaf


class KeyStore:
    """The folder of keys, `STATE_DIR/keys`; it need not be there."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder

    def path(self, name: str, kind: FileKind) -> Path:
        """Return where a key or certificate is kept."""
        return self.folder / f"{name}.{kind.value}"

    def credentials(self, service: str, tls: TlsConfig, now: datetime) -> Credentials:
        """Return what the TLS of a service works with. Raises KeyProblem."""
        key_name = tls.key or OWN_NAME
        key = self._key(key_name)
        chain = self._certificates(tls.certificate or key_name, "certificate")
        credentials = Credentials(key, chain, self._peer(service, tls))
        if not credentials.fit:
            text = f"certificate {chain_name(tls)} does not belong to key {key_name}"
            raise KeyProblem("key-mismatch", "certificate", text)
        problem = credentials.validity_problem(now)
        if problem:
            path = self.path(chain_name(tls), FileKind.CERTIFICATE)
            raise KeyProblem(problem, "certificate", f"{path}: {problem}")
        return credentials

    def problems(self, service: ServiceConfig) -> Iterator[KeyProblem]:
        """Yield what is wrong with the files that a service names; the usual names may be filled later."""
        tls = service.tls
        loaders = (
            (tls.key, lambda: self._key(tls.key)),
            (tls.certificate, lambda: self._certificates(tls.certificate, "certificate")),
            (tls.peer_certificate, lambda: self._certificates(tls.peer_certificate, "peer-certificate")),
            (tls.peer_key, lambda: self._pin(tls.peer_key)),
        )
        for name, load in loaders:
            if name:
                try:
                    load()
                except KeyProblem as problem:
                    yield problem

    def put(self, name: str, kind: FileKind, content: bytes, *, replace: bool = False) -> Path:
        """Write a file in one step and durably, for its owner only; return its path.

        What root writes belongs to whom the folder belongs to: the services need not run as root. Raises
        FileExistsError when there is one and it is not to be replaced, and OSError.
        """
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True)
            _belongs(self.folder, self.folder.parent)
        path = self.path(name, kind)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _belongs(descriptor, self.folder)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                draft.replace(path)
            else:
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(self.folder)
        return path

    def files(self) -> Iterator[tuple[str, FileKind]]:
        """Yield the name and kind of every file of the store."""
        suffixes = {f".{kind.value}": kind for kind in FileKind}
        for path in sorted(self.folder.glob("[!.]*")):
            kind = suffixes.get(path.suffix)
            if kind is not None:
                yield path.stem, kind

    def read(self, name: str, kind: FileKind) -> bytes:
        """Return a file as it is. Raises KeyProblem."""
        return _read(self.path(name, kind), _LEAVES[kind])

    def _peer(self, service: str, tls: TlsConfig) -> PeerIdentity:
        if tls.peer_key:
            return self._pin(tls.peer_key)
        name = tls.peer_certificate or f"{service}{PEER_SUFFIX}"
        pinned = self.path(name, FileKind.PUBLIC_KEY).exists()
        if not tls.peer_certificate and pinned and not self.path(name, FileKind.CERTIFICATE).exists():
            return self._pin(name)
        return TrustedCertificates(self._certificates(name, "peer-certificate"))

    def _key(self, name: str) -> PrivateKey:
        path = self.path(name, FileKind.KEY)
        try:
            key = load_pem_private_key(_read(path, "key"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyProblem("key-unreadable", "key", f"{path} holds no private key in clear PEM") from error
        if not isinstance(key, PrivateKey) or not serves(key):
            raise KeyProblem("key-not-supported", "key", f"{path}: TLS 1.3 has no use for a key of this kind")
        return key

    def _certificates(self, name: str, leaf: str) -> tuple[x509.Certificate, ...]:
        path = self.path(name, FileKind.CERTIFICATE)
        try:
            return tuple(x509.load_pem_x509_certificates(_read(path, leaf)))
        except ValueError as error:
            raise KeyProblem(f"{leaf}-unreadable", leaf, f"{path} holds no certificate in PEM") from error

    def _pin(self, name: str) -> PinnedKey:
        path = self.path(name, FileKind.PUBLIC_KEY)
        try:
            return PinnedKey(read_pin(_read(path, "peer-key")))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyProblem("peer-key-unreadable", "peer-key", f"{path} holds no public key") from error


def chain_name(tls: TlsConfig) -> str:
    """Return the name of a router's own certificate."""
    return tls.certificate or tls.key or OWN_NAME


def _belongs(made: int | Path, like: Path) -> None:
    """Give a file or folder that root made to the owner of another; anybody else's is his own."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(made, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, leaf: str) -> bytes:
    """Return a file that nobody else can read or change. Raises KeyProblem."""
    try:
        with path.open("rb") as file:
            check_owner(os.fstat(file.fileno()), path, leaf)
            content = file.read(MAX_OCTETS + 1)
    except FileNotFoundError:
        raise KeyProblem(f"{leaf}-missing", leaf, f"{path} does not exist") from None
    except OSError as error:
        raise KeyProblem(f"{leaf}-unreadable", leaf, f"{path}: {error.strerror}") from error
    if len(content) > MAX_OCTETS:
        raise KeyProblem(f"{leaf}-unreadable", leaf, f"{path} is larger than {MAX_OCTETS} octets")
    return content


def check_owner(status: os.stat_result, path: Path, leaf: str) -> None:
    """Raise KeyProblem for a file that others can read or change.

    Others who may write a certificate decide who is trusted, so certificates are kept like keys.
    """
    if not stat.S_ISREG(status.st_mode):
        raise KeyProblem(f"{leaf}-unreadable", leaf, f"{path} is not a file")
    if status.st_uid not in (0, os.geteuid()):
        raise KeyProblem(f"{leaf}-permissions", leaf, f"{path} belongs to another user")
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS:
        text = f"{path} has mode {mode:04o}: others have access to it (chmod 600)"
        raise KeyProblem(f"{leaf}-permissions", leaf, text)
