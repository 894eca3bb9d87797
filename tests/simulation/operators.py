"""What operators do on a simulated day besides commits that Day makes itself: blocks, lists, filters, orders.

Each is begun at a random router and ended some time later, or at the mending of the minute.
"""

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address

from msgspec.structs import replace

from dataplane.actions import (
    BatchBackup,
    BatchStarted,
    ClearCopiedGroups,
    ClearSubscribers,
    LoadSubscribers,
    ResetStatistics,
    Switchover,
)
from dataplane.config import FilterRule
from dataplane.engine.actions import copied_groups
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.simulation.model import Model
from tests.simulation.subscribers import Channel
from tests.simulation.town import MOST_GROUPS, PORTS, TIMERS, Town
from tests.support.kinds import stripped
from tests.support.routers import SERVICE, access

DENIED = {4: ("239.1.0.8/29", range(8, 16)), 6: ("ff1e::1:8/125", range(8, 16))}
"""What a filter denies, and the numbers of the channels that this means."""
FLOOD = 3 * MOST_GROUPS
HOSTILE = b"\x02\x66\0\0\0\x01"


class Operators:
    """Operators of both routers; `channels` are those that the town has."""

    def __init__(self, town: Town, channels: list[Channel], counts: Counter[str]) -> None:
        self.town = town
        self._counts = counts
        self._denied = frozenset(
            str(channel.group)
            for number, channel in enumerate(channels)
            if channel.source is None and number // 2 in DENIED[channel.group.version][1]
        )
        self._hostile = 0

    @property
    def faults(self) -> tuple[Callable[[], None], ...]:
        """What may be done at any time."""
        return (
            self._block_sending,
            self._block_receiving,
            self._disable,
            self._load_list,
            self._deny,
            self._order_batch,
            self._clear_copied,
            self._switch_over,
            self._reset_statistics,
            self._flood,
        )

    @property
    def _model(self) -> Model:
        return self.town.model

    def _router(self) -> str:
        """One of those that are alive."""
        return self.town.random.choice([name for name, alive in self.town._alive.items() if alive])

    def _in_between(self) -> bool:
        """Whether everything is being exchanged just now: what a change then means is open."""
        return any(site.open for site in self._model.sites.values()) and not self._model.steady

    def _later(self, longest: float, end: Callable[[], None]) -> None:
        self.town.after(self.town.random.uniform(1.0, longest), end)

    def mend(self) -> None:
        """Everything as it was meant to be."""
        for name in self.town.routers:
            self._enable(name)
            self._end_block(name, "block_send")
            self._end_block(name, "block_receive")
            self._clear_list(name)
            for port in PORTS:
                self._permit(name, port)

    def _change_service(self, name: str, **changes: object) -> None:
        self.town.services[name] |= changes
        self.town.commit(name, self.town.service(name))

    # blocks

    def _block_sending(self) -> None:
        self._block("block_send", self._model.block_sending)

    def _block_receiving(self) -> None:
        self._block("block_receive", self._model.block_receiving)

    def _block(self, leaf: str, follow: Callable[..., None]) -> None:
        name = self._router()
        if self.town.services[name].get(leaf) or self._in_between():
            return
        follow(name, self.town.clock.now, blocked=True)
        self._change_service(name, **{leaf: True})
        self._later(25.0, lambda: self._end_block(name, leaf))

    def _end_block(self, name: str, leaf: str) -> None:
        if not self.town.services[name].get(leaf):
            return
        if self._in_between():
            self.town.after(0.5, lambda: self._end_block(name, leaf))
            return
        self._change_service(name, **{leaf: False})
        follow = self._model.block_sending if leaf == "block_send" else self._model.block_receiving
        follow(name, self.town.clock.now, blocked=False)
        self._disturb()

    def _disturb(self) -> None:
        """What viewers say from now on is known to both again."""
        for site in self._model.sites.values():
            for port in PORTS:
                site.disturbed[port] = self.town.clock.now

    def _disable(self) -> None:
        name = self._router()
        if self.town.services[name].get("enabled") is False:
            return
        self._model.disabled(name, self.town.clock.now)
        self._change_service(name, enabled=False)
        self._later(10.0, lambda: self._enable(name))

    def _enable(self, name: str) -> None:
        if self.town._alive[name] and self.town.services[name].get("enabled") is False:
            self._change_service(name, enabled=True)
            self.town._look_for_peer()

    # who is copied, and what may be joined

    def _load_list(self) -> None:
        name = self._router()
        if self._model.sites[name].listed is not None or self._in_between():
            return
        listed = frozenset(box.mac.hex(":") for box in self.town.boxes if self.town.random.random() < 0.6)
        patterns = tuple(f"{mac}@*/*" for mac in sorted(listed))
        self.town.give(name, LoadSubscribers("", 1, patterns, first=True, last=True))
        self._model.list_subscribers(name, listed, self.town.clock.now)
        self._later(25.0, lambda: self._clear_list(name))

    def _clear_list(self, name: str) -> None:
        if not self.town._alive[name] or self._model.sites[name].listed is None:
            return
        if self._in_between():
            self.town.after(0.5, lambda: self._clear_list(name))
            return
        self.town.give(name, ClearSubscribers(""))
        self._model.list_subscribers(name, None, self.town.clock.now)
        self._disturb()

    def _deny(self) -> None:
        name, port = self._router(), self.town.random.choice(tuple(PORTS))
        site = self._model.sites[name]
        if port not in site.ports or site.denied.get(port) or self._in_between():
            return
        v4, v6 = (replace(TIMERS, group_filter=(FilterRule(False, DENIED[each][0]),)) for each in (4, 6))
        self._model.deny(name, port, self._denied, self.town.clock.now)
        self.town.commit(name, access(port, profile=PORTS[port], igmp=v4, mld=v6))
        self._later(25.0, lambda: self._permit(name, port))

    def _permit(self, name: str, port: str) -> None:
        site = self._model.sites[name]
        if not self.town._alive[name] or not site.denied.get(port):
            return
        if self._in_between():
            self.town.after(0.5, lambda: self._permit(name, port))
            return
        self.town.commit(name, access(port, profile=PORTS[port], igmp=TIMERS, mld=TIMERS))
        self._model.deny(name, port, frozenset(), self.town.clock.now)
        self._disturb()

    # orders

    def _order_batch(self) -> None:
        name = self._router()
        if not self._model.steady or self._model.sites[name].sending_blocked:
            return
        self._model.batch(name, self.town.clock.now)
        self.town.give(name, BatchBackup(SERVICE))
        self._counts["batches ordered"] += isinstance(self.town.routers[name].answers[-1], BatchStarted)

    def _clear_copied(self) -> None:
        name, of = self._router(), self.town.random.choice(sorted(set(PORTS.values())))
        if not self._model.quiet or of not in self._model.sites[name].profiles:
            return
        for order in copied_groups(self.town.routers[name].engine.world, ClearCopiedGroups(of)):
            self.town.give(name, order)
        self._model.clear_copied(name, of, self.town.clock.now)
        self._disturb()

    def _switch_over(self) -> None:
        self.town.give(self._router(), Switchover("rbp1"))

    def _reset_statistics(self) -> None:
        self.town.give(self._router(), ResetStatistics(SERVICE))

    # somebody who wants too much

    def _flood(self) -> None:
        """A subscriber joins more groups than one may have."""
        name, port = self._router(), self.town.random.choice(tuple(PORTS))
        first = IPv4Address("239.200.0.0") + self._hostile
        self._hostile += FLOOD
        records = [GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, first + each) for each in range(FLOOD)]
        for frame in report_frames(3, records, HOSTILE, IPv4Address("10.64.255.1")):
            self.town.hear(name, port, *stripped(frame))
