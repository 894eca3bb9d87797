"""What the engine wants done: the effects that the shell performs in their order.

Owns the types only. An effect says what, never how; the shell has the sockets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dataplane.config import PeerConfig
from dataplane.forwarding.desired import Effect as RouteEffect
from dataplane.forwarding.plane import Route, RouteKey
from dataplane.links import Link
from dataplane.packets.igmp import Report
from dataplane.state import Event


@dataclass(frozen=True, slots=True)
class AdoptPlane:
    """Take over what a former dataplane left; answer with `Adopted`. The first effect on a plane."""

    ports: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class ConfigurePorts:
    """The access ports and their interface indices, None for a link that is missing."""

    ports: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class SetUpstream:
    """Where streams come from; None when no upstream works."""

    name: str | None
    index: int | None


@dataclass(frozen=True, slots=True)
class SetActive:
    """Forward to a port, or to the sink in its place."""

    port: str
    active: bool


@dataclass(frozen=True, slots=True)
class ChangeRoutes:
    """Entries to install and to remove."""

    changes: tuple[RouteEffect, ...]


@dataclass(frozen=True, slots=True)
class ReconcileRoutes:
    """Make the plane hold exactly these entries."""

    wanted: Mapping[RouteKey, Route]


@dataclass(frozen=True, slots=True)
class OpenCapture:
    """Capture IGMP on an interface; `upstream` needs a small ring only. Replaces one that is open."""

    interface: str
    index: int
    upstream: bool


@dataclass(frozen=True, slots=True)
class CloseCapture:
    """Stop capturing."""

    interface: str


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Send an Ethernet frame on a captured interface, tagged when `outer_vlan` is not 0."""

    interface: str
    frame: bytes
    outer_vlan: int


@dataclass(frozen=True, slots=True)
class SendReports:
    """Send reports toward the core on the captured interface of `link`."""

    link: Link
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Keep a connection to the peer of a service; replaces one that is open."""

    service: str
    peer: PeerConfig


@dataclass(frozen=True, slots=True)
class CloseChannel:
    """Close the connection after what was sent, and stop connecting."""

    service: str


@dataclass(frozen=True, slots=True)
class SendChannel:
    """Write octets to the connection of a service."""

    service: str
    data: bytes


@dataclass(frozen=True, slots=True)
class DisconnectChannel:
    """Close the connection after what was sent; it is made again."""

    service: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenHello:
    """Open the hello socket of a service; replaces one that is open."""

    service: str
    peer: PeerConfig


@dataclass(frozen=True, slots=True)
class CloseHello:
    """Close the hello socket of a service."""

    service: str


@dataclass(frozen=True, slots=True)
class SendHelloTo:
    """Send a hello to the peer of a service."""

    service: str
    datagram: bytes


@dataclass(frozen=True, slots=True)
class Notify:
    """Announce an event."""

    event: Event


Effect = (
    AdoptPlane
    | ConfigurePorts
    | SetUpstream
    | SetActive
    | ChangeRoutes
    | ReconcileRoutes
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
    | Notify
)
