"""Arbitration by e-trunk hellos: rules 11, 12 and 19 of the domain. Pure.

The better claim wins: an upstream that works when the other's does not, then the lower priority value,
then the lower source address. A change is said at once and twice more, so that the peer takes over within
one packet and one lost datagram does no harm. A router that takes the role forwards first and says so
then; one that gives it up says so first. The replication channel has no say here.

A switchover by order is always a takeover by the backup, which a master asks for: it forwards until it
hears that the peer does, so that for one way between the routers both forward, and never none. The order
counts for one hello timeout; a takeover that was not answered by then is settled as two masters are.
"""

from dataplane.config import Address, ETrunkArbitration, Role
from dataplane.roles.hello import Hello, HelloDrop, HelloError, encode
from dataplane.roles.machine import (
    DualMaster,
    PeerRoleChanged,
    RoleChanged,
    RoleOutputs,
    RoleReason,
    SendHello,
    SwitchoverRefused,
)
from dataplane.roles.peering import Peering

_REPEATS = 2
_REPEAT_AFTER = 0.01
_MEANT = 1.0
"""Seconds that both may be master when one took the role on purpose: it waits for the other's next hello."""
_ON_PURPOSE = frozenset({RoleReason.FAILBACK, RoleReason.PEER_UPSTREAM_DOWN, RoleReason.SWITCHOVER})
_Decision = tuple[Role, RoleReason] | None

TRANSITIONS: dict[Role, frozenset[Role]] = {
    Role.INIT: frozenset({Role.BACKUP, Role.MASTER}),
    Role.BACKUP: frozenset({Role.MASTER, Role.INIT}),
    Role.MASTER: frozenset({Role.BACKUP, Role.INIT}),
}


class ETrunkRole:
    """One profile's e-trunk machine (a `RoleMachine`).

    `boot` is a random 64-bit number of this machine, never 0 and never used twice. `address` and
    `peer_address` are those of the service: the tie-break, and part of what a hello is authenticated over.
    """

    def __init__(
        self, config: ETrunkArbitration, backup_id: int, address: Address, peer_address: Address, boot: int
    ) -> None:
        self.role = Role.INIT
        self.reason = RoleReason.CONFIGURED
        self.dual_masters = 0
        self._config = config
        self._backup_id = backup_id
        self._address = address
        self._peer_address = peer_address
        self._peering = Peering(config.security_key.encode(), config.id, backup_id, peer_address, boot)
        self._upstream_up = True
        self._ready = False
        self._running = False
        self._peer: Hello | None = None
        self._peer_served = False
        self._peer_until = 0.0
        self._init_until = 0.0
        self._failback_at: float | None = None
        self._meant_until = float("-inf")
        self._ordered_until = float("-inf")
        self._handover_until = float("-inf")
        self._dual = False
        self._next_hello = 0.0
        self._repeats = 0
        self._answer_at = float("-inf")

    @property
    def peer_role(self) -> Role | None:
        """What the peer last said; None when it is not heard."""
        return self._peer.role if self._peer else None

    @property
    def peer_serves(self) -> bool:
        """The peer is master, and not without the streams that this router has."""
        peer = self._peer
        return peer is not None and peer.role is Role.MASTER and not self._forfeited_by(peer)

    @property
    def sent(self) -> int:
        """How many hellos were sent."""
        return self._peering.sent

    @property
    def received(self) -> int:
        """How many hellos counted."""
        return self._peering.received

    @property
    def refused(self) -> dict[HelloDrop, int]:
        """Hellos that did not count, by reason."""
        return dict(self._peering.refused)

    def start(self, now: float) -> RoleOutputs:
        """Stay init for two hello timeouts, and speak."""
        self._running = True
        self._init_until = now + 2 * self._hold()
        return [self._hello(now)]

    def reconfigure(self, config: ETrunkArbitration, now: float) -> RoleOutputs:
        """Take new priority, key, timers or failback settings without leaving the role."""
        self._config = config
        self._peering.key = config.security_key.encode()
        self._peering.etrunk_id = config.id
        self._failback_at = None
        return self._announce(now) if self._running else []

    def receive(self, datagram: bytes, now: float) -> RoleOutputs:
        """A datagram for this profile arrived; what does not count is counted by reason."""
        if not self._running:
            return []
        try:
            hello = self._peering.accept(datagram)
        except HelloError as error:
            return self._answer(now) if error.reason is HelloDrop.UNVERIFIED else []
        outputs = self._heard(hello, now)
        if self._peering.newcomer:
            outputs.append(self._hello(now))
        return outputs

    def upstream(self, up: bool, now: float) -> RoleOutputs:
        """The upstream works or not: said at once, so that the better router takes over within a packet."""
        if up is self._upstream_up:
            return []
        self._upstream_up = up
        return self._announce(now) if self._running else []

    def ready(self, ready: bool, now: float) -> RoleOutputs:
        """The batch is complete and the upstream joins are out: failback may happen."""
        self._ready = ready
        return self._evaluate(now) if self._running else []

    def switchover(self, now: float) -> RoleOutputs:
        """Take the role, or ask the peer to take it, whatever the priorities say. Raises SwitchoverRefused.

        It lasts until the next switchover or failure; where the profile is revertive the preferred router
        takes the role back after its delay.
        """
        peer = self._peer
        if self.role is Role.INIT or (peer is not None and peer.role is Role.INIT):
            raise SwitchoverRefused("A router that has just started has not decided its role yet.")
        if peer is None:
            raise SwitchoverRefused("The peer's hellos are not heard.")
        if self.role is Role.BACKUP:
            self._may_take("This router", self._upstream_up, self._ready)
            self._ordered_until = now + self._hold()
            return self._become(Role.MASTER, RoleReason.SWITCHOVER, now)
        self._may_take("The peer", peer.upstream_up, peer.ready)
        self._handover_until = now + self._hold()
        return self._announce(now)

    @staticmethod
    def _may_take(who: str, upstream_up: bool, ready: bool) -> None:
        if not upstream_up:
            raise SwitchoverRefused(f"{who} has no upstream interface that works.")
        if not ready:
            raise SwitchoverRefused(f"{who} is not ready: its memberships are not synchronized.")

    def stop(self, now: float) -> RoleOutputs:
        """Give up the role and say so: the peer takes over at once. There is no later for the repeats."""
        if not self._running:
            return []
        outputs = self._become(Role.INIT, RoleReason.STOPPED, now) or [self._hello(now)]
        self._running = False
        return [*outputs, *(self._hello(now) for _ in range(_REPEATS))]

    def tick(self, now: float) -> RoleOutputs:
        """Do what is due: the peer's timeout, the end of init, failback, the next hello."""
        if not self._running:
            return []
        outputs: RoleOutputs = []
        if self._peer is not None and now >= self._peer_until:
            outputs += self._peer_is(None)
        outputs += self._evaluate(now)
        if now >= self._next_hello:
            outputs.append(self._hello(now))
        return outputs

    def next_deadline(self) -> float | None:
        """When `tick` is due next."""
        if not self._running:
            return None
        due = [self._next_hello]
        if self._peer is not None:
            due.append(self._peer_until)
        if self.role is Role.INIT:
            due.append(self._init_until)
        if self._failback_at is not None:
            due.append(self._failback_at)
        return min(due)

    def _hold(self) -> float:
        return self._config.hello_interval * self._config.failure_multiplier

    def _heard(self, hello: Hello, now: float) -> RoleOutputs:
        outputs = self._peer_is(hello)
        self._peer_until = now + max(self._hold(), hello.hold_ms / 1000)
        outputs += self._note_dual(hello, now)
        outputs += self._evaluate(now)
        self._peer_served = hello.role is Role.MASTER
        return outputs

    def _peer_is(self, hello: Hello | None) -> RoleOutputs:
        old, self._peer = self.peer_role, hello
        if hello is None or hello.role is not Role.MASTER:
            self._meant_until = float("-inf")
            self._ordered_until = float("-inf")
        return [PeerRoleChanged(old, self.peer_role)] if old is not self.peer_role else []

    def _note_dual(self, hello: Hello, now: float) -> RoleOutputs:
        """Both masters without either having meant it, or for longer than it takes: once per episode."""
        dual = self.role is Role.MASTER and hello.role is Role.MASTER
        unmeant = dual and not hello.failback and now >= self._meant_until
        begins = unmeant and not self._dual
        self._dual = unmeant
        self.dual_masters += begins
        return [DualMaster()] if begins else []

    def _answer(self, now: float) -> RoleOutputs:
        """Let a newcomer know us without waiting for the interval; once an interval, or it would amplify."""
        if now < self._answer_at:
            return []
        self._answer_at = now + self._config.hello_interval
        return [self._hello(now)]

    def _hello(self, now: float) -> SendHello:
        pause = self._config.hello_interval
        if self._repeats:
            self._repeats -= 1
            pause = min(pause, _REPEAT_AFTER)
        self._next_hello = now + pause
        hello = Hello(
            self._config.id,
            self._backup_id,
            self.role,
            self._config.priority,
            self._upstream_up,
            self._ready,
            now < self._meant_until,
            round(self._hold() * 1000),
            self._peering.next_stamp(),
            self._peering.echo,
            handover=self.role is Role.MASTER and now < self._handover_until,
            order=self.role is Role.MASTER and now < self._ordered_until,
        )
        return SendHello(encode(hello, self._config.security_key.encode(), self._address))

    def _announce(self, now: float) -> RoleOutputs:
        """Something that the peer should know at once has changed."""
        outputs = self._evaluate(now)
        if not any(isinstance(output, SendHello) for output in outputs):
            self._repeats = _REPEATS
            outputs.append(self._hello(now))
        return outputs

    def _become(self, role: Role, reason: RoleReason, now: float) -> RoleOutputs:
        if role is self.role:
            return []
        if role not in TRANSITIONS[self.role]:
            raise RuntimeError(f"role cannot go from {self.role} to {role}")
        old, self.role, self.reason = self.role, role, reason
        self._failback_at = None
        self._meant_until = now + _MEANT if reason in _ON_PURPOSE else float("-inf")
        self._handover_until = float("-inf")
        self._dual = False
        self._repeats = _REPEATS
        hello = self._hello(now)
        change = RoleChanged(old, role, reason)
        return [change, hello] if role is Role.MASTER else [hello, change]

    def _evaluate(self, now: float) -> RoleOutputs:
        decision = self._decide(now)
        return self._become(*decision, now) if decision else []

    def _decide(self, now: float) -> _Decision:
        if self.role is Role.INIT:
            return self._after_init() if now >= self._init_until else None
        if self._peer is None:
            return None if self.role is Role.MASTER else (Role.MASTER, RoleReason.PEER_TIMEOUT)
        return (
            self._as_master(self._peer, now) if self.role is Role.MASTER else self._as_backup(self._peer, now)
        )

    def _after_init(self) -> _Decision:
        peer = self._peer
        if peer is None:
            return Role.MASTER, RoleReason.NO_PEER
        if self._forfeited_by(peer):
            return Role.MASTER, RoleReason.PEER_UPSTREAM_DOWN
        if peer.role is Role.MASTER:
            return Role.BACKUP, RoleReason.PEER_IS_MASTER
        if self._wins(peer):
            return Role.MASTER, RoleReason.ELECTION_WON
        return Role.BACKUP, RoleReason.ELECTION_LOST

    def _as_master(self, peer: Hello, now: float) -> _Decision:
        if peer.role is Role.MASTER and peer.order and now >= self._ordered_until:
            return Role.BACKUP, RoleReason.SWITCHOVER
        if self._wins(peer) or peer.role is Role.INIT:
            return None
        if peer.upstream_up and not self._upstream_up:
            return Role.BACKUP, RoleReason.UPSTREAM_DOWN
        if peer.role is Role.MASTER and now >= self._ordered_until:
            return Role.BACKUP, RoleReason.PEER_IS_MASTER if peer.failback else RoleReason.DUAL_MASTER
        return None

    def _as_backup(self, peer: Hello, now: float) -> _Decision:
        if self._forfeited_by(peer):
            return Role.MASTER, RoleReason.PEER_UPSTREAM_DOWN
        if peer.role is Role.MASTER:
            return self._asked(peer, now) or self._failback(peer, now)
        self._failback_at = None
        if self._wins(peer):
            return Role.MASTER, RoleReason.ELECTION_WON
        if peer.role is Role.INIT and self._peer_served:
            return Role.MASTER, RoleReason.PEER_RESIGNED
        return None

    def _asked(self, peer: Hello, now: float) -> _Decision:
        """The peer's operator wants this router to be master."""
        if not (peer.handover and self._upstream_up and self._ready):
            return None
        self._ordered_until = now + self._hold()
        return Role.MASTER, RoleReason.SWITCHOVER

    def _failback(self, peer: Hello, now: float) -> _Decision:
        if not (self._config.revertive and self._ready and self._wins(peer)):
            self._failback_at = None
            return None
        if self._failback_at is None:
            self._failback_at = now + self._config.revert_delay
        if now >= self._failback_at:
            return Role.MASTER, RoleReason.FAILBACK
        return None

    def _forfeited_by(self, peer: Hello) -> bool:
        return self._upstream_up and not peer.upstream_up

    def _wins(self, peer: Hello) -> bool:
        if self._upstream_up is not peer.upstream_up:
            return self._upstream_up
        mine = (self._config.priority, self._address.packed)
        return mine < (peer.priority, self._peer_address.packed)
