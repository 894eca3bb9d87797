"""The e-trunk hello datagram: layout and authentication. Pure.

     0          4         5        6       7          8           10          12          16
    +----------+---------+--------+-------+----------+-----------+-----------+-----------+
    | "TCEH"   | version | flags  | role  | priority | e-trunk   | backup-id | hold time |
    |          | 8 (1)   | 8      | 8     | 8        | id 16     | 16        | in ms 32  |
    +----------+---------+--------+-------+----------+-----------+-----------+-----------+
    16         24        32                40                 48
    +----------+---------+-----------------+------------------+------------+
    | boot 64  | counter | echo: boot 64   | echo: counter 64 | HMAC 128   |
    |          | 64      |                 |                  |            |
    +----------+---------+-----------------+------------------+------------+

Flags: upstream up 1, ready 2, failback 4 (the sender took the role over on purpose), handover 8 (a master
asks the receiver to take the role), order 16 (the sender took the role by its operator's order, whatever the
priorities say). `boot` is drawn when the sender starts, `counter` grows with every hello, `echo` repeats
both as last seen from the receiver.
The HMAC is the first half of HMAC-SHA-256 (RFC 2104, RFC 4868) with the security-key over the sender's
address and
all that stands before it; without a key the key is empty, and it is only a checksum. Octets between
the echo and the HMAC are for later versions: authenticated, and skipped.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct

from dataplane.config import Address, Role

_MAGIC = b"TCEH"
_VERSION = 1
_FIELDS = Struct("!4sBBBBHHIQQQQ")
_MAC_OCTETS = 16
_UPSTREAM, _READY, _FAILBACK, _HANDOVER, _ORDER = 1, 2, 4, 8, 16
_ROLES = {0: Role.INIT, 1: Role.BACKUP, 2: Role.MASTER}
_ROLE_CODES = {role: code for code, role in _ROLES.items()}

MIN_OCTETS = _FIELDS.size + _MAC_OCTETS
MAX_OCTETS = 512


class HelloDrop(StrEnum):
    """Why a hello was refused; each value is also the name of a counter."""

    MALFORMED = "malformed"
    UNSUPPORTED_VERSION = "unsupported-version"
    BAD_AUTHENTICATION = "bad-authentication"
    WRONG_E_TRUNK = "wrong-e-trunk"
    REFLECTED = "reflected"
    REPLAYED = "replayed"
    UNVERIFIED = "unverified"


class HelloError(Exception):
    """The datagram is not a hello we accept."""

    def __init__(self, reason: HelloDrop) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Stamp:
    """One hello among all that were ever sent: whose start, and which since then."""

    boot: int
    counter: int


NEVER = Stamp(0, 0)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a router says about itself for one profile. `hold_ms`: how long it may be taken at its word."""

    etrunk_id: int
    backup_id: int
    role: Role
    priority: int
    upstream_up: bool
    ready: bool
    failback: bool
    hold_ms: int
    stamp: Stamp
    echo: Stamp = NEVER
    handover: bool = False
    order: bool = False


def encode(hello: Hello, key: bytes, sender: Address) -> bytes:
    """The datagram, authenticated with `key` as coming from `sender`."""
    fields = _FIELDS.pack(
        _MAGIC,
        _VERSION,
        _flags(hello),
        _ROLE_CODES[hello.role],
        hello.priority,
        hello.etrunk_id,
        hello.backup_id,
        hello.hold_ms,
        hello.stamp.boot,
        hello.stamp.counter,
        hello.echo.boot,
        hello.echo.counter,
    )
    return fields + _mac(fields, key, sender)


def decode(datagram: bytes, key: bytes, sender: Address) -> Hello:
    """The hello in a datagram that came from `sender`. Raises HelloError."""
    if not MIN_OCTETS <= len(datagram) <= MAX_OCTETS or datagram[:4] != _MAGIC:
        raise HelloError(HelloDrop.MALFORMED)
    if datagram[4] != _VERSION:
        raise HelloError(HelloDrop.UNSUPPORTED_VERSION)
    signed, mac = datagram[:-_MAC_OCTETS], datagram[-_MAC_OCTETS:]
    if not hmac.compare_digest(_mac(signed, key, sender), mac):
        raise HelloError(HelloDrop.BAD_AUTHENTICATION)
    _, _, flags, role, priority, etrunk_id, backup_id, hold_ms, *stamps = _FIELDS.unpack_from(signed)
    if role not in _ROLES:
        raise HelloError(HelloDrop.MALFORMED)
    return Hello(
        etrunk_id,
        backup_id,
        _ROLES[role],
        priority,
        bool(flags & _UPSTREAM),
        bool(flags & _READY),
        bool(flags & _FAILBACK),
        hold_ms,
        Stamp(stamps[0], stamps[1]),
        Stamp(stamps[2], stamps[3]),
        bool(flags & _HANDOVER),
        bool(flags & _ORDER),
    )


def signed_anew(datagram: bytes, key: bytes, new_key: bytes, sender: Address) -> bytes:
    """The same hello under another key when it is good under `key`; else one that no key makes good."""
    signed, mac = datagram[:-_MAC_OCTETS], datagram[-_MAC_OCTETS:]
    good = hmac.compare_digest(_mac(signed, key, sender), mac)
    new = _mac(signed, new_key, sender)
    return signed + (new if good else bytes(octet ^ 0xFF for octet in new))


def profile_of(datagram: bytes) -> int | None:
    """The backup-id that a datagram is for, before it is authenticated; None when it is no hello."""
    if len(datagram) < MIN_OCTETS or datagram[:4] != _MAGIC:
        return None
    return int.from_bytes(datagram[10:12], "big")


def _flags(hello: Hello) -> int:
    flags = hello.upstream_up * _UPSTREAM | hello.ready * _READY | hello.failback * _FAILBACK
    return flags | hello.handover * _HANDOVER | hello.order * _ORDER


def _mac(signed: bytes, key: bytes, sender: Address) -> bytes:
    return hmac.digest(key, sender.packed + signed, "sha256")[:_MAC_OCTETS]
