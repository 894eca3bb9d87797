"""The engine: every message in, every effect out. Pure.

`handle` is the only way in. The caller gives all messages that wait, then `BurstEnded`, and performs the
effects in their order; it calls again with `Tick` at `next_deadline`.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dataplane.actions import BatchBackup, ClearSubscribers, LoadSubscribers, ResetStatistics, Switchover
from dataplane.engine import (
    access,
    actions,
    adoption,
    arbitration,
    copying,
    daily,
    leaving,
    links,
    subscribers,
    uplink,
)
from dataplane.engine.effects import Effect
from dataplane.engine.messages import (
    Adopted,
    Audited,
    BurstEnded,
    CaptureTold,
    ChannelConnected,
    ChannelConnecting,
    ChannelDisconnected,
    ChannelOverflow,
    ChannelReceived,
    ChannelRefused,
    ClockTold,
    FrameCaptured,
    HelloReceived,
    LinkRemoved,
    LinkUpdated,
    Message,
    PlaneFailed,
    Reconfigure,
    RemoveCopied,
    Stopping,
    Tick,
)
from dataplane.engine.reconfigure import reconfigure
from dataplane.engine.settle import ask_circuits, expire_retained, send_queries, settle
from dataplane.engine.status import changed_settings, tell_two_masters
from dataplane.engine.world import Key, Service, World
from dataplane.forwarding.upstream import UpstreamProxies
from dataplane.replication.peer import Outputs, PeerMachine
from dataplane.roles.hello import profile_of

AFTER_FAULT: Final = 1.0
"""Seconds until a part whose turn ended in a fault of ours has another."""

EXPIRE_AT_ONCE: Final = 128
"""Entries and sources of one side in one tick; hellos must not wait, so the next tick is due at once."""
SIDES_AT_ONCE: Final = 4
"""Deadlines of access ports in one tick, some milliseconds each: those of a hundred may be due together."""


class Engine:
    """The one owner of the dataplane's state.

    `generator` makes epochs and spreads timers: seed it to play a run again. `wall_offset`: seconds to add
    to the monotonic clock for the wall clock.
    """

    def __init__(self, generator: random.Random, wall_offset: float) -> None:
        self.world: Final = World(generator, wall_offset, UpstreamProxies(generator))
        self._handlers: Final[Mapping[type, Callable[[Any, float], None]]] = {
            Reconfigure: lambda message, now: reconfigure(self.world, message, now),
            Adopted: lambda message, now: adoption.adopted(self.world, message, now),
            LinkUpdated: lambda message, now: links.link_changed(
                self.world, message.link.name, message.link, now
            ),
            LinkRemoved: lambda message, now: links.link_changed(self.world, message.name, None, now),
            FrameCaptured: self._frame,
            CaptureTold: lambda message, _: links.capture_told(self.world, message),
            ChannelConnecting: self._channel(lambda machine, _, now: machine.connecting(now)),
            ChannelConnected: self._channel(lambda machine, _, now: machine.connected(now)),
            ChannelReceived: self._channel(lambda machine, message, now: machine.receive(message.data, now)),
            ChannelDisconnected: self._channel(
                lambda machine, message, now: machine.disconnected(now, message.reason)
            ),
            ChannelRefused: self._channel(lambda machine, _message, _now: machine.refused()),
            ChannelOverflow: self._channel(lambda machine, _, now: machine.overflow(now)),
            HelloReceived: self._hello,
            PlaneFailed: self._plane_failed,
            Audited: self._audited,
            BatchBackup: lambda message, now: actions.batch_backup(self.world, message, now),
            LoadSubscribers: lambda message, now: subscribers.load(self.world, message, now),
            ClearSubscribers: lambda message, now: subscribers.clear(self.world, message, now),
            ResetStatistics: lambda message, now: actions.reset_statistics(self.world, message, now),
            RemoveCopied: lambda message, now: actions.remove_copied(self.world, message, now),
            Switchover: lambda message, now: actions.switch_over(self.world, message, now),
            ClockTold: lambda message, now: daily.clock_told(self.world, message, now),
            Stopping: self._stopping,
            BurstEnded: self._burst_ended,
            Tick: self._tick,
        }
        self._due_parts: Final[Mapping[str, Callable[[str, float], None]]] = {
            "role": lambda name, now: arbitration.tick(self.world, name, now),
            "two-masters": lambda name, _: tell_two_masters(self.world, name),
            "peer": self._peer_due,
            "daily": self._daily_due,
            "proxy": lambda _, now: uplink.send_due(self.world, now),
            "upstream": lambda _, now: uplink.bind(self.world, now),
            "departing": lambda name, now: uplink.depart(self.world, name, now),
            "adoption": lambda _, now: adoption.take_part(self.world, now),
            "leaving": lambda _, now: leaving.forget_part(self.world, now),
            "repair": lambda _, _now: links.repair_plane(self.world),
            "audit": lambda _, _now: links.audit_plane(self.world),
        }

    def handle(self, message: Message, now: float) -> list[Effect]:
        """Take one message at `now`, monotonic seconds, and return what to do, in order."""
        self._handlers[type(message)](message, now)
        effects, self.world.out = self.world.out, []
        return effects

    def next_deadline(self) -> float | None:
        """Return when `Tick` is due next, None for never."""
        return self.world.deadlines.next()

    def _frame(self, message: FrameCaptured, now: float) -> None:
        port = self.world.ports.get(message.interface)
        if port is not None:
            access.frame_captured(self.world, port, message, now)
            return
        upstream = self.world.upstreams.get(message.interface)
        if upstream is not None:
            uplink.frame_captured(self.world, upstream, message, now)

    def _channel(self, act: Callable[[Any, Any, float], Outputs]) -> Callable[[Any, float], None]:
        def handler(message: Any, now: float) -> None:  # noqa: ANN401
            service = self.world.services.get(message.service)
            if service is not None:
                self._at_peer(service, lambda machine: act(machine, message, now), now)

        return handler

    def _at_peer(self, service: Service, act: Callable[[PeerMachine], Outputs], now: float) -> None:
        """Have a peer machine do something; a fault of ours costs the connection, the next one mends it."""
        if service.machine is None:
            return
        try:
            copying.perform(self.world, service, act(service.machine), now)
        except Exception:
            copying.begin_anew(self.world, service, now)
            raise

    def _hello(self, message: HelloReceived, now: float) -> None:
        backup_id = profile_of(message.datagram)
        name = self.world.by_backup_id.get((message.service, backup_id or 0))
        if name is not None:
            profile = self.world.profiles[name]
            arbitration.perform(self.world, profile, profile.machine.receive(message.datagram, now), now)

    def _plane_failed(self, message: PlaneFailed, now: float) -> None:  # noqa: ARG002
        links.plane_failed(self.world, now)

    def _audited(self, message: Audited, now: float) -> None:  # noqa: ARG002
        links.audited(self.world, now)

    def _stopping(self, message: Stopping, now: float) -> None:  # noqa: ARG002
        """The ports go on forwarding: the kernel does, until the last holder of its table lets go."""
        world = self.world
        for name in sorted(world.elected):
            arbitration.say_goodbye(world, world.profiles[name], now)
        for service in world.services.values():
            if service.machine is not None:
                copying.perform(world, service, service.machine.stop(now, "stopped"), now)

    def _burst_ended(self, message: BurstEnded, now: float) -> None:  # noqa: ARG002
        world = self.world
        while world.settings_changed:
            service = world.services.get(_first(world.settings_changed))
            if service is not None and service.machine is not None:
                for settings in changed_settings(world, service):
                    copying.perform(world, service, service.machine.configure(settings, now), now)
        while world.publishing:
            service = world.services.get(_first(world.publishing))
            if service is not None and service.machine is not None:
                copying.flush(world, service, service.machine, now)
        if world.proxy_changed:
            uplink.changes_made(world, now)

    def _tick(self, message: Tick, now: float) -> None:  # noqa: ARG002
        sides = 0
        due = deque(self.world.deadlines.due(now))
        while due:
            key = due.popleft()
            sides += len(key) == 3
            if len(key) == 3 and sides > SIDES_AT_ONCE:
                self.world.deadlines.set(key, now)
                continue
            try:
                self._due(key, now)
            except Exception:
                self._put_off(key, due, now)
                raise

    def _put_off(self, failed: Key, others: Iterable[Key], now: float) -> None:
        """A fault of one part's turn keeps no other from its own, and that part not for ever."""
        self.world.deadlines.set(failed, now + AFTER_FAULT)
        for key in others:
            self.world.deadlines.set(key, now)

    def _due(self, key: Key, now: float) -> None:
        kind, name = key[:2]
        if len(key) == 3:
            self._side_due(kind, name, key[2], now)
        else:
            self._due_parts[kind](name, now)

    def _peer_due(self, name: str, now: float) -> None:
        service = self.world.services.get(name)
        if service is not None:
            self._at_peer(service, lambda machine: machine.tick(now), now)

    def _daily_due(self, name: str, now: float) -> None:
        service = self.world.services.get(name)
        if service is not None:
            daily.send(self.world, service, now)

    def _side_due(self, kind: str, name: str, version: int, now: float) -> None:
        world = self.world
        port = world.ports.get(name)
        side = None if port is None else port.sides.get(version)
        if port is None or side is None:
            return
        if kind == "table":
            settle(world, port, side, side.table.expire(now, EXPIRE_AT_ONCE), now)
        elif kind == "retained":
            expire_retained(world, port, side, now)
        elif kind == "unasked":
            ask_circuits(world, port, side, now)
        else:
            send_queries(world, port, side, side.querier.tick(now), now)


def _first(names: set[str]) -> str:
    """Take the first away: the same run is played again in the same order, whatever the hashes are."""
    name = min(names)
    names.discard(name)
    return name
