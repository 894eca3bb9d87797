"""`twincast keygen` and `twincast keys`: the keys and certificates of the replication channels.

They are files of the key store, `STATE_DIR/keys`, which the dataplane reads for every connection: nothing has
to be restarted. A private key never leaves its file.
"""

import os
import re
import socket
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cli.errors import said
from cli.state_folder import KEYS_FOLDER, state_dir
from dataplane.replication import making
from dataplane.replication.keys import MAX_OCTETS, FileKind, KeyProblem, KeyStore
from dataplane.replication.trust import pin_of, pin_text, read_pin, validity_problem

_PRIVATE = b"PRIVATE KEY-----"
_NAME = re.compile(r"[0-9a-zA-Z_.\-]{1,64}")


class _Refused(Exception):
    """What was asked for cannot be done; the text says why."""


def keygen(options: Namespace) -> int:
    """Make a key and its certificate. Returns 0, or 1 when it could not."""
    return _told(_keygen, options)


def keys(options: Namespace) -> int:
    """Import, list or show. Returns 0, or 1 when it could not."""
    return _told({"import": _import, "list": _list, "show": _show}[options.verb], options)


def _told(work: Callable[[Namespace], None], options: Namespace) -> int:
    before = os.umask(0o077)  # a state folder that is made here is as private as one that `run` makes
    try:
        work(options)
    except (_Refused, KeyProblem, OSError) as error:
        print(f"twincast: {said(error)}", file=sys.stderr)
        return 1
    finally:
        os.umask(before)
    return 0


def _store(options: Namespace) -> KeyStore:
    return KeyStore(state_dir(options.state_dir) / KEYS_FOLDER)


def _keygen(options: Namespace) -> None:
    store, name = _store(options), _checked(options.name)
    key = making.make_key(making.Algorithm(options.algorithm))
    certificate = making.make_certificate(
        key, f"{name} of {socket.gethostname()}", options.address, datetime.now(UTC), options.days
    )
    if not options.force and store.path(name, FileKind.CERTIFICATE).exists():
        raise _exists(store.path(name, FileKind.CERTIFICATE))
    _put(store, name, FileKind.KEY, making.private_pem(key), force=options.force)
    _put(store, name, FileKind.CERTIFICATE, making.certificate_pem(certificate), force=options.force)
    print("For the other router, one of these two (twincast keys import NAME FILE):")
    print(making.certificate_pem(certificate).decode(), end="")
    print(making.public_pem(key).decode(), end="")
    print(pin_text(pin_of(key.public_key())))


def _import(options: Namespace) -> None:
    """Put a file in its place under the suffix that its content asks for."""
    store, name = _store(options), _checked(options.name)
    content = _content(options.file)
    kind = _kind_of(content, options.file)
    if kind is not FileKind.KEY and _PRIVATE in content:
        raise _Refused(f"{options.file} holds a private key besides: import what it holds one by one")
    if options.pin and kind is FileKind.CERTIFICATE:
        kind, content = FileKind.PUBLIC_KEY, f"{pin_text(read_pin(content))}\n".encode()
    _put(store, name, kind, content, force=options.force)


def _content(name: str) -> bytes:
    with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
        content = file.read(MAX_OCTETS + 1)
    if len(content) > MAX_OCTETS:
        raise _Refused(f"{name} is larger than {MAX_OCTETS} octets")
    return content


def _kind_of(content: bytes, name: str) -> FileKind:
    readers: Sequence[tuple[FileKind, Callable[[bytes], object]]] = (
        (FileKind.CERTIFICATE, x509.load_pem_x509_certificates),
        (FileKind.PUBLIC_KEY, read_pin),
        (FileKind.KEY, lambda data: load_pem_private_key(data, None)),
    )
    for kind, read in readers:
        try:
            read(content)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return kind
    raise _Refused(f"{name}: no certificate, public key, pin or private key in clear PEM")


def _put(store: KeyStore, name: str, kind: FileKind, content: bytes, *, force: bool) -> None:
    try:
        path = store.put(name, kind, content, replace=force)
    except FileExistsError as error:
        raise _exists(store.path(name, kind)) from error
    print(f"wrote {path}", file=sys.stderr)


def _exists(path: Path) -> _Refused:
    return _Refused(f"{path} is there already; --force replaces it")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise _Refused(f"{name!r}: a name has 1 to 64 letters, digits, dots, dashes and underscores")
    return name


def _list(options: Namespace) -> None:
    """One file a line: name, kind, and until when a certificate is valid."""
    store = _store(options)
    for name, kind in store.files():
        print(f"{name:<32} {kind.value}  {_line(store, name, kind)}".rstrip())


def _line(store: KeyStore, name: str, kind: FileKind) -> str:
    try:
        content = store.read(name, kind)
        if kind is FileKind.KEY:
            return ""
        if kind is FileKind.PUBLIC_KEY:
            return pin_text(read_pin(content))
        return _described(x509.load_pem_x509_certificate(content))
    except (KeyProblem, ValueError, UnsupportedAlgorithm) as error:
        return f"not usable: {error}"


def _described(certificate: x509.Certificate) -> str:
    pin = pin_text(pin_of(certificate.public_key()))
    problem = validity_problem(certificate, datetime.now(UTC))
    return f"{pin}  until {certificate.not_valid_after_utc:%Y-%m-%d}  {problem}".rstrip()


def _show(options: Namespace) -> None:
    """Print what may be handed on: certificate and public key, never the private one."""
    store, name = _store(options), _checked(options.name)
    shown = [kind for found, kind in store.files() if found == name and kind is not FileKind.KEY]
    if not shown:
        raise _Refused(f"no certificate or public key {name} in {store.folder}")
    for kind in shown:
        content = store.read(name, kind)
        if _PRIVATE in content:
            raise _Refused(f"{store.path(name, kind)} holds a private key besides, so it is not shown")
        print(content.decode(errors="replace"), end="")
        if kind is FileKind.CERTIFICATE:
            print(_described(x509.load_pem_x509_certificate(content)))
