"""One simulated day: half an hour of zapping, failures and commits, compared with the model every minute."""

from collections import Counter
from ipaddress import IPv4Address, IPv6Address

from dataplane.config import ETrunkArbitration, Role, StaticArbitration, VrrpArbitration
from dataplane.packets.messages import Address
from tests.simulation.operators import HOSTILE, Operators
from tests.simulation.subscribers import Channel, SetTopBox
from tests.simulation.town import BACKUP_IDS, MOST_GROUPS, PORTS, TIMERS, Town
from tests.support.routers import CORE, WALL

MINUTE = 60.0
LAST_FAULT = 42.0
MENDED = 46.0
"""Seconds of each minute: until then things break, then all is mended, and at its end both are compared."""
SETTLED = 8.0
TAGS = ((0, 0), (0, 0), (100, 0), (101, 0), (200, 7), (200, 8))
LOW, HIGH = 50, 100
DAILY = 12 * MINUTE + 20.0
VIRTUAL = "10.2.255.250"


class Day:
    """A town with its population; `run` plays it and returns what happened how often."""

    def __init__(self, seed: int, boxes: int = 150) -> None:
        self.town = Town(seed)
        self.random = self.town.random
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        town = self.town
        for name, priority, role in (("a", LOW, Role.MASTER), ("b", HIGH, Role.BACKUP)):
            trunk = ETrunkArbitration(3, priority, "key", hello_interval=0.5, revert_delay=4.0)
            town.arbitration[name] = {"rbp1": trunk, "rbp2": StaticArbitration(role)}
        self.channels = [_channel(number, family) for number in range(40) for family in (4, 6)]
        town.boxes = [self._box(number) for number in range(1, boxes + 1)]
        self.operators = Operators(town, self.channels, self.counts)
        if seed % 2 == 0:
            self._by_vrrp()
        when = town.clock.now + DAILY
        town.daily_batch = int(WALL + when) % 86_400
        town.at(when, self._daily)

    def _by_vrrp(self) -> None:
        """The role of the second profile goes with a virtual address in place of the configuration."""
        for settings in self.town.arbitration.values():
            settings["rbp2"] = VrrpArbitration(7, "access1", VIRTUAL)
        self.town.addresses["a"] = [("access1", VIRTUAL)]

    def _daily(self) -> None:
        for name in self.town.routers:
            self.town.model.batch(name, self.town.clock.now)

    def _box(self, number: int) -> SetTopBox:
        draw = self.random
        family = draw.choice((4, 4, 4, 6))
        version = draw.choice((1, 2, 2, 3, 3, 3) if family == 4 else (2, 3, 3))
        session = number if draw.random() < 0.3 else 0
        address: Address = IPv4Address(0x0A400000 + number)
        if family == 6:
            address = IPv6Address((0xFE80 << 112) + number)
        return SetTopBox(
            number,
            draw.choice(tuple(PORTS)),
            draw.choice(TAGS),
            session,
            family,
            version,
            address,
            draw.choice(("a", "b")) if session else draw.choice(("a", "a", "b", "ab")),
        )

    def run(self, minutes: int) -> Counter[str]:
        """Play; what went wrong is in `problems`, and ends the play."""
        town = self.town
        for name in town.routers:
            town.start(name)
        town.run_until(town.clock.now + 5.0)
        for box in town.boxes:
            town.after(self.random.uniform(0.0, 20.0), lambda box=box: self._zap(box))  # type: ignore[misc]
        for minute in range(minutes):
            self._minute(minute)
            if self.problems:
                break
        self.counts["reports"] = town.reports
        self.counts["batches completed"] = town.completed
        return self.counts

    def _minute(self, minute: int) -> None:
        town, start = self.town, self.town.clock.now
        fault = start + self.random.uniform(1.0, 6.0)
        while fault < start + LAST_FAULT:
            town.at(fault, self._break_something)
            fault += self.random.uniform(2.0, 15.0)
        town.run_until(start + MENDED)
        self._mend()
        town.run_until(start + MINUTE)
        self._compare(minute)

    # subscribers

    def _zap(self, box: SetTopBox) -> None:
        town = self.town
        if town.clock.now < town.frozen_until:
            town.at(town.frozen_until + 0.01, lambda: self._zap(box))
            return
        draw = self.random.random()
        if draw < 0.06:
            self._switch(box)
        elif box.on:
            for channel in list(box.watching):
                self._stop(box, channel)
            for _ in range(1 if draw < 0.8 else 2):
                self._watch(box)
        town.after(self.random.expovariate(1 / 45.0) + 0.2, lambda: self._zap(box))

    def _switch(self, box: SetTopBox) -> None:
        """Pull the plug, without a word, or put it back."""
        box.on = not box.on
        self.counts["switched"] += 1
        box.watching.clear()
        if box.on:
            self._watch(box)

    def _watch(self, box: SetTopBox) -> None:
        count = len(self.channels)
        channel = self.channels[min(int(self.random.paretovariate(0.6)) - 1, count - 1)]
        while channel.group.version != box.family or (channel.source is not None and box.version < 3):
            channel = self.random.choice(self.channels)
        if any(channel.group == each.group for each in box.watching):
            return
        self.counts["joins"] += 1
        box.watching.append(channel)
        box.since[channel] = self.town.clock.now
        self.town.join(box, channel)

    def _stop(self, box: SetTopBox, channel: Channel) -> None:
        self.counts["leaves"] += 1
        box.watching.remove(channel)
        self.town.leave(box, channel)

    # what goes wrong

    def _break_something(self) -> None:
        faults = (
            self._reset,
            self._pull_cable,
            self._partition,
            self._core_down,
            self._restart,
            self._copy_off,
            self._copy_off,
            self._service_off,
            self._rebind,
            self._delete_profile,
            self._swap_static,
            self._flip_legs,
            self._dial_again,
            *self.operators.faults,
        )
        fault = self.random.choice(faults)
        self.counts[fault.__name__.removeprefix("_")] += 1
        fault()

    def _router(self) -> str:
        return self.random.choice("ab")

    def _reset(self) -> None:
        self.town.cut()
        self.town._look_for_peer()

    def _pull_cable(self) -> None:
        self.town.link(up=False)
        self.town.after(self.random.uniform(0.5, 12.0), lambda: self.town.link(up=True))

    def _partition(self) -> None:
        self.town.partition(on=True)
        self.town.after(self.random.uniform(0.2, 10.0), lambda: self.town.partition(on=False))

    def _core_down(self) -> None:
        name = self._router()
        if name in self._down():
            return
        self.town.set_link(name, CORE, up=False)
        self.town.after(self.random.uniform(0.5, 15.0), lambda: self._core_up(name))

    def _core_up(self, name: str) -> None:
        if name not in self._down():
            self.town.set_link(name, CORE, up=True)

    def _down(self) -> list[str]:
        return [name for name, alive in self.town._alive.items() if not alive]

    def _restart(self) -> None:
        name = self._router()
        if self._down():
            return
        self.town.crash(name)
        self.town.after(self.random.uniform(0.2, 2.0), lambda: self.town.start(name))

    def _copy_off(self) -> None:
        name, of = self._router(), self.random.choice(tuple(BACKUP_IDS))
        leaf = self.random.choice(("igmp_copy", "mld_copy"))
        self._change(name, of, **{leaf: False})
        self.town.after(self.random.uniform(1.0, 30.0), lambda: self._change(name, of, **{leaf: True}))

    def _service_off(self) -> None:
        name, of = self._router(), self.random.choice(tuple(BACKUP_IDS))
        self._change(name, of, multicast=False)
        self.town.after(self.random.uniform(1.0, 20.0), lambda: self._change(name, of, multicast=True))

    def _change(self, name: str, of: str, **changes: bool) -> None:
        if name not in self._down() and of in self.town.model.sites[name].profiles:
            self.town.put_profile(name, of, **changes)

    def _rebind(self) -> None:
        name, port = self._router(), self.random.choice(tuple(PORTS))
        if name in self._down() or port not in self.town.model.sites[name].ports:
            return
        self.town.unbind(name, port)
        self.town.after(self.random.uniform(0.5, 5.0), lambda: self._bind(name, port))

    def _bind(self, name: str, port: str) -> None:
        site = self.town.model.sites[name]
        if name not in self._down() and port not in site.ports and PORTS[port] in site.profiles:
            self.town.bind(name, port)

    def _delete_profile(self) -> None:
        name, of = self._router(), self.random.choice(tuple(BACKUP_IDS))
        if name in self._down() or of not in self.town.model.sites[name].profiles:
            return
        self.town.remove_profile(name, of)
        self.town.after(self.random.uniform(0.5, 8.0), lambda: self._put_back(name, of))

    def _put_back(self, name: str, of: str) -> None:
        if name in self._down() or of in self.town.model.sites[name].profiles:
            return
        self.town.put_profile(name, of)
        for port, bound in PORTS.items():
            if bound == of:
                self._bind(name, port)

    def _swap_static(self) -> None:
        if self._down():
            return
        if isinstance(self.town.arbitration["a"]["rbp2"], VrrpArbitration):
            self._move_address()
            return
        for name, settings in self.town.arbitration.items():
            old = settings["rbp2"]
            assert isinstance(old, StaticArbitration)
            settings["rbp2"] = StaticArbitration(Role.BACKUP if old.role is Role.MASTER else Role.MASTER)
            self._change(name, "rbp2")

    def _move_address(self) -> None:
        """The VRRP routers agree anew: for a moment nobody has the address."""
        town = self.town
        old, new = ("a", "b") if town.addresses["a"] else ("b", "a")
        town.addresses = {"a": [], "b": []}
        town.set_link(old, "access1", up=True)
        town.addresses[new] = [("access1", VIRTUAL)]
        town.after(0.05, lambda: town.set_link(new, "access1", up=True) if town._alive[new] else None)

    def _flip_legs(self) -> None:
        """A smart link behind a port goes over to its other leg."""
        port = self.random.choice(tuple(PORTS))
        for box in self.town.boxes:
            if box.port == port and box.legs in ("a", "b") and not box.session:
                box.legs = self.town.other(box.legs)
                box.since = dict.fromkeys(box.since, self.town.clock.now)

    def _dial_again(self) -> None:
        """Subscribers of a PPPoE server come back in new sessions, some at the other router."""
        for box in self.town.boxes:
            if box.session and box.on and self.random.random() < 0.2:
                watched, box.watching = box.watching, []
                box.session += 1000
                box.legs = self._router()
                for channel in watched:
                    box.watching.append(channel)
                    box.since[channel] = self.town.clock.now
                    self.town.join(box, channel)

    def _mend(self) -> None:
        """Everything as it was meant to be."""
        town = self.town
        for name in self._down():
            town.start(name)
        self.operators.mend()
        town.link(up=True)
        town.partition(on=False)
        for name in town.routers:
            town.set_link(name, CORE, up=True)
            for of in BACKUP_IDS:
                self._put_back(name, of)
                town.put_profile(name, of, multicast=True, igmp_copy=True, mld_copy=True)
            for port in PORTS:
                self._bind(name, port)

    # what is compared

    def _compare(self, minute: int) -> None:
        town = self.town
        for name in town.routers:
            actual = town.memberships(name)
            found = town.model.differences(name, actual, town.clock.now)
            self.problems += [f"minute {minute}, router {name}: {each}" for each in found]
            self.counts["compared"] += len(actual)
            self.counts["undecided"] += town.model.undecided(name, town.clock.now)
            self.problems += [f"minute {minute}, router {name}: {each}" for each in self._miscounted(name)]
        self._compare_roles(minute)
        self._look_at_viewers(minute)

    def _miscounted(self, name: str) -> list[str]:
        """What counters say of each other that is not so, and a subscriber who has more than one may have."""
        state = self.town.routers[name].service_state()
        found = []
        for way, counters in (("sent", state.sent), ("received", state.received)):
            if counters["total"] != counters["success"] + counters["fail"]:
                found.append(f"{way} {counters}")
        for port, groups in self.town.groups_of(name, HOSTILE).items():
            self.counts["flooded"] += groups
            if groups > MOST_GROUPS:
                found.append(f"{groups} groups of one subscriber on {port}")
        return found

    def _compare_roles(self, minute: int) -> None:
        for of in BACKUP_IDS:
            roles = sorted(self.town.role(name, of).value for name in self.town.routers)
            if roles != ["backup", "master"]:
                self.problems.append(f"minute {minute}: the roles of {of} are {roles}")

    def _look_at_viewers(self, minute: int) -> None:
        """Whoever has watched for a while, and is asked whatever the routers know, is known to both.

        He is heard where his frames arrive: a router that has the port as long as it likes knows of nobody
        whose answers reach the other one alone while that has the port unbound.
        """
        now = self.town.clock.now
        known = {name: self.town.memberships(name) for name in self.town.routers}
        for box in self.town.boxes:
            asked = box.on and not box.session and box.tags == (0, 0)
            for channel in box.watching if asked else ():
                if now - box.since[channel] > MINUTE + SETTLED:
                    heard = any(self._asked_since(leg, box.port, now) for leg in box.legs)
                    missing = [
                        name
                        for name in known
                        if box.key(channel) not in known[name]
                        and heard
                        and self._asked_since(name, box.port, now)
                    ]
                    self.counts["viewers"] += 1
                    self.problems += [
                        f"minute {minute}: {box.key(channel)} by {box.legs} is not known to {name}"
                        for name in missing
                    ]

    def _asked_since(self, name: str, port: str, now: float) -> bool:
        """Whether everybody was asked since the port was bound and empty."""
        asked = TIMERS.query_interval + TIMERS.query_max_response_time
        site = self.town.model.sites[name]
        return now - max(site.bound_at[port], site.disturbed.get(port, 0.0)) > asked + SETTLED


def _channel(number: int, family: int) -> Channel:
    """Every fourth has one source of its own."""
    specific = number % 4 == 3
    if family == 4:
        group = IPv4Address("232.1.0.0" if specific else "239.1.0.0") + number
        return Channel(group, IPv4Address("10.9.9.9") if specific else None)
    group6 = IPv6Address("ff3e::8000:0" if specific else "ff1e::1:0") + number
    return Channel(group6, IPv6Address("2001:db8::9") if specific else None)
