"""What the engine wants done: the effects that the shell performs in their order.

Owns the types only. An effect says what, never how; the shell has the sockets.
"""

from collections.abc import Mapping

import msgspec

from dataplane.actions import Outcome
from dataplane.config import PeerConfig, Secret, Security, TlsConfig
from dataplane.forwarding.desired import Effect as RouteEffect
from dataplane.links import Link
from dataplane.packets.messages import Report
from dataplane.state import Event


class AdoptPlane(msgspec.Struct, frozen=True, gc=False):
    """Take over what a former dataplane left; answer with `Adopted`. The first effect on a plane."""

    ports: Mapping[str, int | None]


class ConfigurePorts(msgspec.Struct, frozen=True, gc=False):
    """The access ports and their interface indices, None for a link that is missing."""

    ports: Mapping[str, int | None]


class SetUpstream(msgspec.Struct, frozen=True, gc=False):
    """Where streams come from; None when no upstream works."""

    name: str | None
    index: int | None


class SetActive(msgspec.Struct, frozen=True, gc=False):
    """Forward to a port, or to the sink in its place."""

    port: str
    active: bool


class ChangeRoutes(msgspec.Struct, frozen=True, gc=False):
    """Entries to install and to remove."""

    changes: tuple[RouteEffect, ...]


class AuditPlane(msgspec.Struct, frozen=True, gc=False):
    """Compare what the plane really holds with what it was told, in pieces; answer with `Audited`.

    `whole`: look for what it should not hold, too.
    """

    whole: bool


class OpenCapture(msgspec.Struct, frozen=True, gc=False):
    """Capture IGMP and MLD on an interface; `upstream` needs a small ring only. Replaces one that is open."""

    interface: str
    index: int
    upstream: bool


class CloseCapture(msgspec.Struct, frozen=True, gc=False):
    """Stop capturing."""

    interface: str


class SendFrame(msgspec.Struct, frozen=True, gc=False):
    """Send an Ethernet frame, all its tags in it, on a captured interface."""

    interface: str
    frame: bytes


class SendReports(msgspec.Struct, frozen=True, gc=False):
    """Send reports toward the core on the captured interface of `link`."""

    link: Link
    reports: tuple[Report, ...]


class OpenChannel(msgspec.Struct, frozen=True, gc=False):
    """Keep a connection to the peer of a service, protected as said; replaces one that is open."""

    service: str
    peer: PeerConfig
    security: Security = Security.TLS
    tls: TlsConfig = TlsConfig()
    md5_key: Secret | None = None


class CloseChannel(msgspec.Struct, frozen=True, gc=False):
    """Close the connection after what was sent, and stop connecting."""

    service: str


class SendChannel(msgspec.Struct, frozen=True, gc=False):
    """Write octets to the connection of a service."""

    service: str
    data: bytes


class DisconnectChannel(msgspec.Struct, frozen=True, gc=False):
    """Close the connection after what was sent; it is made again."""

    service: str
    reason: str


class OpenHello(msgspec.Struct, frozen=True, gc=False):
    """Open the hello socket of a service; replaces one that is open."""

    service: str
    peer: PeerConfig


class CloseHello(msgspec.Struct, frozen=True, gc=False):
    """Close the hello socket of a service."""

    service: str


class SendHelloTo(msgspec.Struct, frozen=True, gc=False):
    """Send a hello to the peer of a service."""

    service: str
    datagram: bytes


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came of the action that was the message."""

    outcome: Outcome


class Notify(msgspec.Struct, frozen=True, gc=False):
    """Announce an event."""

    event: Event


Effect = (
    AdoptPlane
    | ConfigurePorts
    | SetUpstream
    | SetActive
    | ChangeRoutes
    | AuditPlane
    | OpenCapture
    | CloseCapture
    | SendFrame
    | SendReports
    | OpenChannel
    | CloseChannel
    | SendChannel
    | DisconnectChannel
    | OpenHello
    | CloseHello
    | SendHelloTo
    | Answer
    | Notify
)
