"""What the engine is told: the messages of its one inbox.

Owns the types only. Everything that happens to the dataplane is one of these, so a run can be recorded
and played again.
"""

from dataclasses import dataclass

from dataplane.config import InterfaceConfig, ProfileConfig, ServiceConfig
from dataplane.forwarding.plane import Route
from dataplane.links import Link


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Entries that are new or different, and the names of those that are gone; the rest stays as it is."""

    services: tuple[ServiceConfig, ...] = ()
    profiles: tuple[ProfileConfig, ...] = ()
    interfaces: tuple[InterfaceConfig, ...] = ()
    removed_services: tuple[str, ...] = ()
    removed_profiles: tuple[str, ...] = ()
    removed_interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopted:
    """The answer to `AdoptPlane`: ports that forward already and entries that are there already."""

    active: frozenset[str]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class LinkUpdated:
    """A network interface is there, or a fact of it changed."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkRemoved:
    """A network interface is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class FrameCaptured:
    """A frame with IGMP arrived on an interface; the kernel took the outer VLAN tag off."""

    interface: str
    frame: bytes
    outer_vlan: int


@dataclass(frozen=True, slots=True)
class BurstEnded:
    """The messages that were waiting have all been given: send what was collected."""


@dataclass(frozen=True, slots=True)
class ChannelConnecting:
    """The channel of a service looks for its peer."""

    service: str


@dataclass(frozen=True, slots=True)
class ChannelConnected:
    """The channel of a service has a connection."""

    service: str


@dataclass(frozen=True, slots=True)
class ChannelReceived:
    """Octets arrived on the channel of a service."""

    service: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ChannelDisconnected:
    """The connection of a service ended, or an attempt failed."""

    service: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelOverflow:
    """The connection of a service did not take what was sent."""

    service: str


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """A datagram arrived on the hello socket of a service."""

    service: str
    datagram: bytes


@dataclass(frozen=True, slots=True)
class PlaneFailed:
    """The plane refused something; it is compared with what is wanted later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """This process ends in an orderly way: tell the peers, so that they need not wait for a timeout."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed: something may be due."""


Message = (
    Reconfigure
    | Adopted
    | LinkUpdated
    | LinkRemoved
    | FrameCaptured
    | BurstEnded
    | ChannelConnecting
    | ChannelConnected
    | ChannelReceived
    | ChannelDisconnected
    | ChannelOverflow
    | HelloReceived
    | PlaneFailed
    | Stopping
    | Tick
)
