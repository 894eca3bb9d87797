"""Who is master of a profile: the seam between the engine and the kinds of arbitration. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dataplane.config import Role


class RoleReason(StrEnum):
    """Why a role changed: last-role-change-reason of the YANG module."""

    CONFIGURED = "configured"
    NO_ARBITRATION = "no-arbitration"
    NO_PEER = "no-peer"
    PEER_TIMEOUT = "peer-timeout"
    PEER_RESIGNED = "peer-resigned"
    PEER_UPSTREAM_DOWN = "peer-upstream-down"
    UPSTREAM_DOWN = "upstream-down"
    ELECTION_WON = "election-won"
    ELECTION_LOST = "election-lost"
    PEER_IS_MASTER = "peer-is-master"
    FAILBACK = "failback"
    DUAL_MASTER = "dual-master"
    STOPPED = "stopped"
    SWITCHOVER = "switchover"
    ADDRESS_PRESENT = "virtual-address-present"
    ADDRESS_ABSENT = "virtual-address-absent"
    LINK_DOWN = "link-down"
    INTERFACE_MISSING = "interface-missing"


class SwitchoverRefused(Exception):
    """The role cannot be moved by order now; the text says why, for the operator."""


@dataclass(frozen=True, slots=True)
class SendHello:
    """Send this datagram to the peer at once."""

    datagram: bytes


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """The local role is another: to be performed at once."""

    old: Role
    new: Role
    reason: RoleReason


@dataclass(frozen=True, slots=True)
class DualMaster:
    """Both routers are master; one of them stops by itself (rule 19)."""


@dataclass(frozen=True, slots=True)
class PeerRoleChanged:
    """The peer said another role; None when it was not heard for the hello timeout."""

    old: Role | None
    new: Role | None


RoleOutput = SendHello | RoleChanged | DualMaster | PeerRoleChanged
RoleOutputs = list[RoleOutput]


class RoleMachine(Protocol):
    """One profile's arbitration; `now` is monotonic seconds."""

    @property
    def role(self) -> Role:
        """The local role."""

    @property
    def reason(self) -> RoleReason:
        """Why the local role is what it is."""

    @property
    def peer_role(self) -> Role | None:
        """What the peer last said, or None when this arbitration does not know it."""

    def start(self, now: float) -> RoleOutputs:
        """Begin; to be called once."""

    def receive(self, datagram: bytes, now: float) -> RoleOutputs:
        """A hello for this profile arrived (see `hello.profile_of`)."""

    def upstream(self, up: bool, now: float) -> RoleOutputs:
        """The active upstream works, or no upstream does. Up until told otherwise."""

    def ready(self, ready: bool, now: float) -> RoleOutputs:
        """The batch is complete and the upstream joins are out: failback may happen. Not ready until told."""

    def switchover(self, now: float) -> RoleOutputs:
        """Give up the role, or take it, by the operator's order. Raises SwitchoverRefused."""

    def stop(self, now: float) -> RoleOutputs:
        """Give up the role and tell the peer; the profile goes away."""

    def tick(self, now: float) -> RoleOutputs:
        """Do what is due at `now`."""

    def next_deadline(self) -> float | None:
        """When `tick` is due next, or None."""
