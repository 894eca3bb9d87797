"""What the engine is told: the messages of its one inbox.

Owns the types only. Everything that happens to the dataplane is one of these, so a run can be recorded
and played again.
"""

import msgspec

from dataplane.actions import BatchBackup, ClearSubscribers, LoadSubscribers, ResetStatistics, Switchover
from dataplane.config import InterfaceConfig, ProfileConfig, ServiceConfig
from dataplane.forwarding.plane import Route
from dataplane.links import Link
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address


class Reconfigure(msgspec.Struct, frozen=True, gc=False):
    """Entries that are new or different, and the names of those that are gone; the rest stays as it is."""

    services: tuple[ServiceConfig, ...] = ()
    profiles: tuple[ProfileConfig, ...] = ()
    interfaces: tuple[InterfaceConfig, ...] = ()
    removed_services: tuple[str, ...] = ()
    removed_profiles: tuple[str, ...] = ()
    removed_interfaces: tuple[str, ...] = ()


class Adopted(msgspec.Struct, frozen=True, gc=False):
    """The answer to `AdoptPlane`: ports that forward already and entries that are there already."""

    active: frozenset[str]
    routes: tuple[Route, ...]


class LinkUpdated(msgspec.Struct, frozen=True, gc=False):
    """A network interface is there, or a fact of it changed."""

    link: Link


class LinkRemoved(msgspec.Struct, frozen=True, gc=False):
    """A network interface is gone."""

    name: str


class FrameCaptured(msgspec.Struct, frozen=True, gc=False):
    """A frame with IGMP or MLD arrived on an interface; the kernel took the outer VLAN tag off."""

    interface: str
    frame: bytes
    outer_vlan: int


class CaptureTold(msgspec.Struct, frozen=True, gc=False):
    """How an interface is captured now, and what was lost on it since the last of these.

    `mode`: `ring`, `recv` or `wire`, "" while it is not. `missed`: frames that came faster than they were
    read. `unsent`: frames that could not be sent.
    """

    interface: str
    mode: str
    missed: int = 0
    unsent: int = 0


class BurstEnded(msgspec.Struct, frozen=True, gc=False):
    """The messages that were waiting have all been given: send what was collected."""


class ChannelConnecting(msgspec.Struct, frozen=True, gc=False):
    """The channel of a service looks for its peer."""

    service: str


class ChannelConnected(msgspec.Struct, frozen=True, gc=False):
    """The channel of a service has a connection."""

    service: str


class ChannelReceived(msgspec.Struct, frozen=True, gc=False):
    """Octets arrived on the channel of a service."""

    service: str
    data: bytes


class ChannelDisconnected(msgspec.Struct, frozen=True, gc=False):
    """The connection of a service ended, or an attempt failed."""

    service: str
    reason: str


class ChannelRefused(msgspec.Struct, frozen=True, gc=False):
    """A connection to the channel of a service was refused."""

    service: str


class ChannelOverflow(msgspec.Struct, frozen=True, gc=False):
    """The connection of a service did not take what was sent."""

    service: str


class HelloReceived(msgspec.Struct, frozen=True, gc=False):
    """A datagram arrived on the hello socket of a service."""

    service: str
    datagram: bytes


class PlaneFailed(msgspec.Struct, frozen=True, gc=False):
    """The plane refused something; it is compared with what is wanted later."""

    reason: str


class RemoveCopied(msgspec.Struct, frozen=True, gc=False):
    """Remove these memberships of an access interface, as far as only a copy explains them (an action)."""

    interface: str
    members: tuple[tuple[Subscriber, Address], ...]


class Audited(msgspec.Struct, frozen=True, gc=False):
    """The answer to `AuditPlane`: the plane holds what it should again, as far as the kernel lets it."""


class Stopping(msgspec.Struct, frozen=True, gc=False):
    """This process ends in an orderly way: tell the peers, so that they need not wait for a timeout."""


class ClockTold(msgspec.Struct, frozen=True, gc=False):
    """Where the wall clock and local time stand; told at the start and when either changed.

    `wall_offset`: what turns monotonic seconds into seconds since the Unix epoch. `utc_offset`: seconds that
    local time is ahead of UTC.
    """

    wall_offset: float
    utc_offset: int


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Time passed: something may be due."""


Message = (
    Reconfigure
    | Adopted
    | LinkUpdated
    | LinkRemoved
    | FrameCaptured
    | CaptureTold
    | BurstEnded
    | ChannelConnecting
    | ChannelConnected
    | ChannelReceived
    | ChannelDisconnected
    | ChannelRefused
    | ChannelOverflow
    | HelloReceived
    | PlaneFailed
    | Audited
    | BatchBackup
    | LoadSubscribers
    | ClearSubscribers
    | ResetStatistics
    | RemoveCopied
    | Switchover
    | Stopping
    | ClockTold
    | Tick
)
