"""The messages of the control socket, and their framing.

Each message is a four-byte big-endian length and a msgpack document. The service speaks first
(`Welcome`, with the protocol version); a client then sends requests, each with an id of its own
choosing, and gets exactly one answer for each, except that `State` is answered by pieces of which
the last says so. `Announced` comes by itself to a client that has asked to listen.

A configuration crosses as a `ConfigDelta`: what changed since a base that both sides know by its
`Generation`, or the whole of it, so that a commit of one leaf costs one leaf.
"""

from ipaddress import ip_address
from typing import Final

import msgspec

from dataplane.actions import Action, Outcome
from dataplane.config import (
    DataplaneConfig,
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Refusal,
    Secret,
    Security,
    ServiceConfig,
    TlsConfig,
)
from dataplane.state import Event, StatePiece, StateSelection

PROTOCOL_VERSION: Final = 3
MAX_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes of one message: 100,000 profiles and their interfaces need about 20 MB."""
LENGTH_SIZE: Final = 4
WINDOW: Final = 16
"""Pieces of state on their way to a client that has not asked for more: about half a megabyte."""


class ControlError(Exception):
    """The other side broke the rules of the control socket; the connection has to end."""


class Generation(msgspec.Struct, frozen=True):
    """Names a configuration the dataplane acts on: which start of the dataplane, and a count in it."""

    instance: str
    number: int


class PeerOnWire(msgspec.Struct, frozen=True):
    """A `PeerConfig`; addresses are text because msgpack has no address type."""

    address: str
    source_address: str
    port: int

    @classmethod
    def wrap(cls, peer: PeerConfig) -> "PeerOnWire":
        """Return `peer` in the form that crosses the socket."""
        return cls(str(peer.address), str(peer.source_address), peer.port)

    def unwrap(self) -> PeerConfig:
        """Return the peer; raises ControlError for text that is not an address."""
        try:
            return PeerConfig(ip_address(self.address), ip_address(self.source_address), self.port)
        except ValueError as error:
            raise ControlError("an address cannot be read") from error


class ServiceOnWire(msgspec.Struct, frozen=True):
    """A `ServiceConfig`, field by field."""

    name: str
    enabled: bool = True
    peer: PeerOnWire | None = None
    security: Security = Security.TLS
    tls: TlsConfig = TlsConfig()
    md5_key: Secret | None = None
    block_send: bool = False
    block_receive: bool = False
    daily_batch: int | None = None

    @classmethod
    def wrap(cls, service: ServiceConfig) -> "ServiceOnWire":
        """Return `service` in the form that crosses the socket."""
        return cls(
            service.name,
            service.enabled,
            None if service.peer is None else PeerOnWire.wrap(service.peer),
            service.security,
            service.tls,
            service.md5_key,
            service.block_send,
            service.block_receive,
            service.daily_batch,
        )

    def unwrap(self) -> ServiceConfig:
        """Return the service; raises ControlError for text that is not an address."""
        return ServiceConfig(
            self.name,
            self.enabled,
            None if self.peer is None else self.peer.unwrap(),
            self.security,
            self.tls,
            self.md5_key,
            self.block_send,
            self.block_receive,
            self.daily_batch,
        )


class ConfigDelta(msgspec.Struct, frozen=True):
    """What changed: entries that are new or different, and the names of those that are gone."""

    services: tuple[ServiceOnWire, ...] = ()
    profiles: tuple[ProfileConfig, ...] = ()
    interfaces: tuple[InterfaceConfig, ...] = ()
    removed_services: tuple[str, ...] = ()
    removed_profiles: tuple[str, ...] = ()
    removed_interfaces: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """True when nothing changed."""
        return self == ConfigDelta()


def whole(config: DataplaneConfig) -> ConfigDelta:
    """Return `config` as the difference from nothing."""
    return ConfigDelta(
        services=tuple(ServiceOnWire.wrap(service) for service in config.services),
        profiles=config.profiles,
        interfaces=config.interfaces,
    )


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The service's first message. `configured` is false until a configuration was restored or applied."""

    version: int
    generation: Generation
    configured: bool
    plane: str


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """Check and reserve. `base` is the generation that `delta` starts from; None means from nothing."""

    id: int
    base: Generation | None
    delta: ConfigDelta


class Apply(msgspec.Struct, frozen=True, tag="apply"):
    """Act on what was prepared under `token`."""

    id: int
    token: int


class Abort(msgspec.Struct, frozen=True, tag="abort"):
    """Forget what was prepared under `token`."""

    id: int
    token: int


class Revert(msgspec.Struct, frozen=True, tag="revert"):
    """Go back to what was before `token` was applied; only the last applied one can be."""

    id: int
    token: int


class Restore(msgspec.Struct, frozen=True, tag="restore"):
    """Act on a whole configuration, whatever was before."""

    id: int
    config: ConfigDelta


class State(msgspec.Struct, frozen=True, tag="state"):
    """Report state."""

    id: int
    selection: StateSelection


class More(msgspec.Struct, frozen=True, tag="more"):
    """Go on with the state request `id` for so many pieces more; 0 ends it. There is no answer.

    The first WINDOW pieces come unasked. So what a slow reader has not taken yet is never built.
    """

    id: int
    pieces: int


class Act(msgspec.Struct, frozen=True, tag="act"):
    """Carry out an action."""

    id: int
    action: Action


class Listen(msgspec.Struct, frozen=True, tag="listen"):
    """Announce events on this connection from now on."""

    id: int


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Answer at once."""

    id: int


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """Prepared: `token` names it until apply or abort, or until the connection ends."""

    id: int
    token: int


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Not prepared, and why; nothing has changed."""

    id: int
    refusals: tuple[Refusal, ...]


class NotInStep(msgspec.Struct, frozen=True, tag="not-in-step"):
    """Not prepared: the base is not what the dataplane acts on; prepare from nothing instead."""

    id: int


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Carried out; the dataplane acts on `generation` now."""

    id: int
    generation: Generation


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Not carried out; `message` is a sentence."""

    id: int
    message: str


class Acted(msgspec.Struct, frozen=True, tag="acted"):
    """What came of an action."""

    id: int
    outcome: Outcome


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """A piece of a state reply; `last` ends it."""

    id: int
    state: StatePiece
    last: bool


class Announced(msgspec.Struct, frozen=True, tag="announced"):
    """An event; `suppressed` counts those of its kind dropped for this client since the one before."""

    event: Event
    suppressed: int = 0


Request = Prepare | Apply | Abort | Revert | Restore | State | More | Act | Listen | Ping
Answer = Welcome | Accepted | Refused | NotInStep | Done | Failed | Piece | Acted | Announced


class _Codec(msgspec.Struct, frozen=True):
    """Decoders are costly to make, so each is made once."""

    requests: msgspec.msgpack.Decoder[Request] = msgspec.field(
        default_factory=lambda: msgspec.msgpack.Decoder(Request)
    )
    answers: msgspec.msgpack.Decoder[Answer] = msgspec.field(
        default_factory=lambda: msgspec.msgpack.Decoder(Answer)
    )


_CODEC: Final = _Codec()


def encode(message: Request | Answer) -> bytes:
    """Return `message` with its length in front; raises ControlError when it exceeds MAX_MESSAGE."""
    body = msgspec.msgpack.encode(message)
    if len(body) > MAX_MESSAGE:
        raise ControlError(f"a message of {len(body)} bytes is over the limit")
    return len(body).to_bytes(LENGTH_SIZE, "big") + body


def decode_request(body: bytes | bytearray | memoryview) -> Request:
    """Return the request in `body`; raises ControlError."""
    try:
        return _CODEC.requests.decode(body)
    except msgspec.MsgspecError as error:
        raise ControlError("a request cannot be read") from error


def decode_answer(body: bytes | bytearray | memoryview) -> Answer:
    """Return the answer in `body`; raises ControlError."""
    try:
        return _CODEC.answers.decode(body)
    except msgspec.MsgspecError as error:
        raise ControlError("an answer cannot be read") from error


def length_of(prefix: bytes | bytearray) -> int:
    """Return the length that `prefix` announces; raises ControlError when it exceeds MAX_MESSAGE."""
    length = int.from_bytes(prefix, "big")
    if length > MAX_MESSAGE:
        raise ControlError(f"a message of {length} bytes is over the limit")
    return length
