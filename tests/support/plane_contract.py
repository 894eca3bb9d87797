"""What every forwarding plane must do, as checks that run on a rig around the plane.

`PlaneContract` is a base class of test classes: the unit tests give it the memory plane, the kernel tests the
kernel's with real links, sources and receivers.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Protocol

import pytest

from dataplane.forwarding.placement import MAXIMUM_PORTS, capacity
from dataplane.forwarding.plane import (
    Plane,
    PlaneError,
    PortCounters,
    Repairs,
    Route,
    RouteCounters,
    RouteKey,
)
from dataplane.packets.messages import Address

UPSTREAMS = ("core0", "core1")
PORTS = ("access0", "access1", "access2")
PACKET = 128
"""Octets of a packet of the streams, IP header included."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Groups and sources of one family."""

    group: Address
    other: Address
    sources: Mapping[str, tuple[Address, Address]]


IPV4 = Streams(
    IPv4Address("239.1.1.1"),
    IPv4Address("239.1.1.2"),
    {
        "core0": (IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")),
        "core1": (IPv4Address("10.0.1.2"), IPv4Address("10.0.1.3")),
    },
)
IPV6 = Streams(
    IPv6Address("ff3e::1:1"),
    IPv6Address("ff3e::1:2"),
    {
        "core0": (IPv6Address("2001:db8:0::2"), IPv6Address("2001:db8:0::3")),
        "core1": (IPv6Address("2001:db8:1::2"), IPv6Address("2001:db8:1::3")),
    },
)
GROUP, OTHER_GROUP, SOURCES = IPV4.group, IPV4.other, IPV4.sources


class Rig(Protocol):
    """A plane with two upstream interfaces and three access ports around it."""

    plane: Plane

    def index(self, name: str) -> int:
        """The interface index of a port or upstream."""
        ...

    def stream(
        self, group: Address, count: int, *, upstream: str = "core0", source: int = 0
    ) -> dict[str, int]:
        """Send packets into an upstream interface, from one of its `SOURCES`; how many each port got."""
        ...


def route(group: Address, *ports: str, source: Address | None = None) -> Route:
    """A route in few words."""
    return Route(RouteKey(group, source), frozenset(ports))


def start(rig: Rig, *ports: str) -> None:
    """Configure two ports, the first upstream, and make these ports active."""
    rig.plane.configure({name: rig.index(name) for name in PORTS[:2]})
    rig.plane.set_upstream("core0", rig.index("core0"))
    for port in ports:
        rig.plane.set_active(port, active=True)


def packets(rig: Rig, group: Address, source: Address | None = None) -> int | None:
    """How many packets an entry has counted, None when it is not there."""
    counters = rig.plane.counters(RouteKey(group, source))
    return None if counters is None else counters.packets


class PlaneContract:
    """Subclass it with an own `rig` context manager, for the streams of one family."""

    streams: ClassVar[Streams] = IPV4

    @property
    def group(self) -> Address:
        """The group of most checks."""
        return self.streams.group

    @property
    def other(self) -> Address:
        """A second group."""
        return self.streams.other

    def rig(self) -> AbstractContextManager[Rig]:
        """Return a context manager that yields a Rig."""
        raise NotImplementedError

    def test_a_standby_port_gets_nothing_and_the_entry_counts(self) -> None:
        with self.rig() as rig:
            start(rig)
            rig.plane.install([route(self.group, "access0")])
            assert rig.stream(self.group, 5) == {}
            assert rig.plane.counters(RouteKey(self.group)) == RouteCounters(5, 5 * PACKET, 0)
            assert rig.plane.active_ports() == frozenset()

    def test_only_active_ports_of_the_entry_get_the_group(self) -> None:
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(self.group, "access0", "access1"), route(self.other, "access1")])
            assert rig.stream(self.group, 5) == {"access0": 5}
            assert rig.stream(self.other, 5) == {}
            rig.plane.set_active("access1", active=True)
            assert rig.stream(self.group, 5) == {"access0": 5, "access1": 5}
            assert rig.stream(self.other, 5) == {"access1": 5}
            assert rig.plane.active_ports() == {"access0", "access1"}

    def test_a_switchover_and_back_keeps_entries_and_counters(self) -> None:
        with self.rig() as rig:
            start(rig)
            rig.plane.install([route(self.group, "access0")])
            for _ in range(2):
                rig.plane.set_active("access0", active=True)
                rig.plane.set_active("access0", active=True)
                assert rig.stream(self.group, 3) == {"access0": 3}
                rig.plane.set_active("access0", active=False)
                assert rig.stream(self.group, 3) == {}
            assert packets(rig, self.group) == 12
            assert rig.plane.passed("access0").packets_out == 6
            assert rig.plane.passed("access0").bytes_out == 6 * PACKET
            assert rig.plane.passed("core0").packets_in == 12
            assert rig.plane.passed("core0").bytes_in == 12 * PACKET
            assert rig.plane.passed("access1") == PortCounters()
            rig.plane.set_upstream("core1", rig.index("core1"))
            rig.stream(self.group, 3, upstream="core1")
            assert rig.plane.passed("core0").packets_in == 12
            assert rig.plane.passed("core1").packets_in == 3

    def test_a_source_entry_comes_before_the_group_entry(self) -> None:
        first, second = self.streams.sources["core0"]
        with self.rig() as rig:
            start(rig, "access0", "access1")
            rig.plane.install([route(self.group, "access0"), route(self.group, "access1", source=first)])
            assert rig.stream(self.group, 4, source=0) == {"access1": 4}
            assert rig.stream(self.group, 4, source=1) == {"access0": 4}
            assert packets(rig, self.group, first) == 4
            assert rig.plane.counters(RouteKey(self.group, second)) is None

    def test_a_source_entry_without_ports_drops_the_source(self) -> None:
        first, _ = self.streams.sources["core0"]
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(self.group, "access0"), route(self.group, source=first)])
            assert rig.stream(self.group, 4, source=0) == {}
            assert rig.stream(self.group, 4, source=1) == {"access0": 4}

    def test_replacing_an_entry_keeps_its_counters_and_removing_it_ends_them(self) -> None:
        with self.rig() as rig:
            start(rig, "access0", "access1")
            rig.plane.install([route(self.group, "access0")])
            assert rig.stream(self.group, 2) == {"access0": 2}
            rig.plane.install([route(self.group, "access1")])
            assert rig.stream(self.group, 2) == {"access1": 2}
            assert packets(rig, self.group) == 4
            rig.plane.remove([RouteKey(self.group), RouteKey(self.other)])
            rig.plane.remove([RouteKey(self.group)])
            assert rig.stream(self.group, 2) == {}
            assert rig.plane.counters(RouteKey(self.group)) is None
            assert rig.plane.installed() == {}

    def test_the_dump_is_what_was_installed(self) -> None:
        first, _ = self.streams.sources["core0"]
        routes = [
            route(self.group, "access0", "access1"),
            route(self.other, "access1"),
            route(self.group, "access0", source=first),
            route(self.other, source=first),
        ]
        with self.rig() as rig:
            start(rig, "access1")
            rig.plane.install(routes)
            rig.stream(self.group, 3)
            dumped = {held.route.key: held for held in rig.plane.dump()}
            assert {key: held.route for key, held in dumped.items()} == {r.key: r for r in routes}
            assert rig.plane.installed() == {r.key: r for r in routes}
            assert dumped[RouteKey(self.group, first)].counters.packets == 3
            assert dumped[RouteKey(self.group)].counters.packets == 0

    def test_entries_follow_a_change_of_upstream(self) -> None:
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(self.group, "access0")])
            assert rig.plane.slot("core0") == 0
            rig.plane.set_upstream("core1", rig.index("core1"))
            assert rig.stream(self.group, 3, upstream="core1") == {"access0": 3}
            assert rig.stream(self.group, 3, upstream="core0") == {}
            rig.plane.set_upstream(None, None)
            assert rig.stream(self.group, 3, upstream="core1") == {}
            rig.plane.set_upstream("core0", rig.index("core0"))
            assert rig.stream(self.group, 3, upstream="core0") == {"access0": 3}

    def test_entries_may_come_before_the_upstream(self) -> None:
        with self.rig() as rig:
            rig.plane.configure({"access0": rig.index("access0")})
            rig.plane.set_active("access0", active=True)
            rig.plane.install([route(self.group, "access0")])
            rig.plane.set_upstream("core0", rig.index("core0"))
            assert rig.stream(self.group, 3) == {"access0": 3}

    def test_a_port_whose_link_is_missing_comes_later(self) -> None:
        with self.rig() as rig:
            start(rig)
            rig.plane.configure({"access0": None, "access1": rig.index("access1")})
            rig.plane.set_active("access0", active=True)
            rig.plane.install([route(self.group, "access0")])
            assert rig.stream(self.group, 3) == {}
            rig.plane.configure({"access0": rig.index("access0"), "access1": rig.index("access1")})
            assert rig.stream(self.group, 3) == {"access0": 3}

    def test_the_slot_of_a_removed_port_brings_nothing_to_its_next_owner(self) -> None:
        with self.rig() as rig:
            start(rig, "access0", "access1")
            rig.plane.install([route(self.group, "access0", "access1")])
            slot = rig.plane.slot("access0")
            rig.plane.configure({"access1": rig.index("access1")})
            assert rig.plane.slot("access0") is None
            rig.plane.configure({name: rig.index(name) for name in ("access1", "access2")})
            rig.plane.set_active("access2", active=True)
            assert rig.plane.slot("access2") == slot
            assert rig.stream(self.group, 3) == {"access1": 3}
            assert rig.plane.installed() == {RouteKey(self.group): route(self.group, "access1")}

    def test_ports_that_stay_keep_their_slot(self) -> None:
        with self.rig() as rig:
            start(rig)
            slots = {name: rig.plane.slot(name) for name in PORTS[:2]}
            rig.plane.configure({name: rig.index(name) for name in reversed(PORTS)})
            assert {name: rig.plane.slot(name) for name in PORTS[:2]} == slots

    def test_as_many_ports_as_fit_and_no_more(self) -> None:
        with self.rig() as rig:
            most = capacity(rig.plane.tables)
            for count in (MAXIMUM_PORTS, MAXIMUM_PORTS + 1, most):
                ports = {f"p{number}": None for number in range(count)}
                rig.plane.configure(ports)
                rig.plane.install([route(self.group, *ports)])
                assert {held.route for held in rig.plane.dump()} == {route(self.group, *ports)}
            with pytest.raises(PlaneError, match=f"hold {most}"):
                rig.plane.configure({**ports, "one-more": None})
            assert rig.plane.installed() == {RouteKey(self.group): route(self.group, *ports)}

    def test_ports_that_do_not_fit_wait_for_a_place_and_keep_nobody_from_his(self) -> None:
        with self.rig() as rig:
            fill = {f"p{number}": None for number in range(capacity(rig.plane.tables) - 1)}
            rig.plane.configure(fill | {"access0": rig.index("access0")})
            rig.plane.set_upstream("core0", rig.index("core0"))
            rig.plane.set_active("access0", active=True)
            more = {"access1": rig.index("access1"), **fill, "access0": rig.index("access0")}
            with pytest.raises(PlaneError, match="do not fit"):
                rig.plane.configure(more)
            rig.plane.set_active("access1", active=True)
            rig.plane.install([route(self.group, "access0", "access1")])
            assert rig.plane.slot("access1") is None
            assert rig.stream(self.group, 3) == {"access0": 3}
            rig.plane.configure({name: index for name, index in more.items() if name != "p0"})
            assert rig.stream(self.group, 3) == {"access0": 3, "access1": 3}

    def test_ports_of_further_tables_get_the_stream_and_follow_their_role(self) -> None:
        first, _ = self.streams.sources["core0"]
        with self.rig() as rig:
            fill = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
            rig.plane.configure({**fill, **{name: rig.index(name) for name in PORTS}})
            rig.plane.set_upstream("core0", rig.index("core0"))
            for port in PORTS[:2]:
                rig.plane.set_active(port, active=True)
            rig.plane.install(
                [
                    route(self.group, "p0", *PORTS),
                    route(self.other, "access0"),
                    route(self.other, "p1", source=first),
                ]
            )
            assert [rig.plane.slot(name) for name in ("p29", "p30", *PORTS)] == [30, 33, 34, 35, 36]
            assert rig.stream(self.group, 4) == {"access0": 4, "access1": 4}
            assert rig.stream(self.other, 4, source=0) == {}
            assert rig.stream(self.other, 4, source=1) == {"access0": 4}
            rig.plane.set_active("access1", active=False)
            rig.plane.set_active("access2", active=True)
            assert rig.stream(self.group, 4) == {"access0": 4, "access2": 4}
            rig.plane.set_upstream("core1", rig.index("core1"))
            assert rig.stream(self.group, 4, upstream="core1") == {"access0": 4, "access2": 4}
            rig.plane.install([route(self.group, "p0")])
            assert rig.stream(self.group, 4, upstream="core1") == {}
            rig.plane.remove([RouteKey(self.group)])
            assert {held.route.key for held in rig.plane.dump()} == {
                RouteKey(self.other),
                RouteKey(self.other, first),
            }

    def test_a_port_that_makes_room_for_a_further_table_goes_on(self) -> None:
        with self.rig() as rig:
            few = {f"p{number}": None for number in range(MAXIMUM_PORTS - 1)} | {
                "access0": rig.index("access0")
            }
            rig.plane.configure(few)
            rig.plane.set_upstream("core0", rig.index("core0"))
            rig.plane.set_active("access0", active=True)
            rig.plane.install([route(self.group, "access0", "p1")])
            assert rig.stream(self.group, 3) == {"access0": 3}
            more = {**few, "access1": rig.index("access1")}
            rig.plane.configure(more)
            assert rig.plane.active_ports() == {"access0"}
            assert rig.stream(self.group, 3) == {"access0": 3}
            rig.plane.configure({"access0": rig.index("access0")})
            assert rig.stream(self.group, 3) == {"access0": 3}
            rig.plane.configure({name: rig.index(name) for name in PORTS})
            rig.plane.install([route(self.group, *PORTS)])
            assert rig.stream(self.group, 3) == {"access0": 3}
            assert rig.plane.passed("access0").packets_out == 12

    def test_an_audit_of_what_is_right_changes_nothing(self) -> None:
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(self.group, "access0"), route(self.other, "access1")])
            assert sum(rig.plane.audit(), Repairs()) == Repairs()
            assert rig.stream(self.group, 3) == {"access0": 3}

    def test_a_port_that_is_not_configured_cannot_become_active(self) -> None:
        with self.rig() as rig:
            start(rig)
            with pytest.raises(PlaneError, match="access2"):
                rig.plane.set_active("access2", active=True)

    def test_a_new_plane_has_nothing_to_adopt(self) -> None:
        with self.rig() as rig:
            adoption = rig.plane.adopt({name: rig.index(name) for name in PORTS[:2]})
            assert (adoption.active, adoption.kept, adoption.removed) == (frozenset(), 0, 0)
            rig.plane.set_upstream("core0", rig.index("core0"))
            rig.plane.set_active("access0", active=True)
            rig.plane.install([route(self.group, "access0")])
            assert rig.stream(self.group, 3) == {"access0": 3}
