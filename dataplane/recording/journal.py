"""A recording: one line of JSON for each message, with its time. Pure.

The first line of a run, `Begin`, holds what else decides what the engine does: the seed of its generator
and where the wall clock stood. A file may hold several runs, for a dataplane that is started again goes on
in the same file. Secrets are not written: where hellos are authenticated, those that were good are signed
again with the empty key, so that they are good in a replay too.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

import msgspec

from dataplane.config import Address, ETrunkArbitration, ProfileConfig
from dataplane.engine import messages
from dataplane.engine.messages import HelloReceived, Message, Reconfigure
from dataplane.recording.plain import TYPE, PlainError, plain, revived
from dataplane.roles import hello

VERSION: Final = 1
MAX_LINE: Final = 64 << 20
"""Octets of one line: the entries of a full plane, which a restarted dataplane adopts, are one message."""

_AT: Final = "at"
_KINDS: Final[dict[str, type]] = {kind.__name__: kind for kind in get_args(messages.Message)}
_MD5_KEY: Final = "md5_key"


class RecordingError(Exception):
    """The recording cannot be read; the message says in which line, and why."""


class Begin(msgspec.Struct, frozen=True):
    """A run begins. `seed`: of the engine's generator, in hexadecimal digits."""

    seed: str
    wall_offset: float
    version: int = VERSION


Entry = tuple[float, Message | Begin]
"""When, in monotonic seconds, and what."""


class Writer:
    """Turns messages into lines. It knows the keys of the running configuration, and leaves them out."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, int], str] = {}
        self._named: dict[str, tuple[str, int]] = {}
        self._senders: dict[str, Address] = {}

    def line(self, at: float, entry: Message | Begin) -> bytes:
        """Return one line, its end included."""
        if isinstance(entry, Reconfigure):
            entry = self._without_secrets(entry)
        elif isinstance(entry, HelloReceived):
            entry = self._signed_anew(entry)
        return msgspec.json.encode({_AT: at, **plain(entry)}) + b"\n"

    def _without_secrets(self, change: Reconfigure) -> Reconfigure:
        for name in change.removed_profiles:
            self._keys.pop(self._named.pop(name, ("", 0)), None)
        for service in change.services:
            if service.peer is not None:
                self._senders[service.name] = service.peer.address
        return msgspec.structs.replace(
            change,
            services=tuple(_without_key(each) for each in change.services),
            profiles=tuple(self._note_key(each) for each in change.profiles),
        )

    def _note_key(self, profile: ProfileConfig) -> ProfileConfig:
        self._keys.pop(self._named.pop(profile.name, ("", 0)), None)
        if not isinstance(profile.arbitration, ETrunkArbitration):
            return profile
        identity = self._named[profile.name] = profile.service_name, profile.backup_id
        self._keys[identity] = profile.arbitration.security_key
        bare = msgspec.structs.replace(profile.arbitration, security_key="")
        return msgspec.structs.replace(profile, arbitration=bare)

    def _signed_anew(self, heard: HelloReceived) -> HelloReceived:
        sender = self._senders.get(heard.service)
        key = self._keys.get((heard.service, hello.profile_of(heard.datagram) or 0))
        if sender is None or key is None:
            return heard
        return HelloReceived(heard.service, hello.signed_anew(heard.datagram, key.encode(), b"", sender))


def _without_key(service: Any) -> Any:  # noqa: ANN401 - the same type of configuration
    if getattr(service, _MD5_KEY, None) is None:
        return service
    return msgspec.structs.replace(service, **{_MD5_KEY: None})


def read(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Yield what the lines hold, in order. Raises RecordingError.

    A last line without its end was being written when the process died: it is left out.
    """
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            return
        try:
            yield _entry(line)
        except (PlainError, msgspec.DecodeError) as error:
            raise RecordingError(f"line {number}: {error}") from error


def _entry(line: bytes) -> Entry:
    if len(line) > MAX_LINE:
        raise PlainError(f"longer than {MAX_LINE} octets")
    data: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    at, name = data.pop(_AT, None), data.get(TYPE)
    if not isinstance(at, float) or not isinstance(name, str):
        raise PlainError("no time or no type")
    if name == Begin.__name__:
        begin: Begin = revived(Begin, data)
        if begin.version != VERSION:
            raise PlainError(f"version {begin.version} of the format, not {VERSION}")
        return at, begin
    if name not in _KINDS:
        raise PlainError(f"no message {name[:40]!r}")
    return at, revived(_KINDS[name], data)
