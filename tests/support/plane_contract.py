"""What every forwarding plane must do, as checks that run on a rig around the plane.

`PlaneContract` is a base class of test classes: the unit tests give it the memory plane, the kernel tests the
kernel's with real links, sources and receivers.
"""

from contextlib import AbstractContextManager
from ipaddress import IPv4Address
from typing import Protocol

import pytest

from dataplane.forwarding.plane import MAXIMUM_PORTS, Plane, PlaneError, Route, RouteCounters, RouteKey

GROUP = IPv4Address("239.1.1.1")
OTHER_GROUP = IPv4Address("239.1.1.2")
UPSTREAMS = ("core0", "core1")
SOURCES = {
    "core0": (IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")),
    "core1": (IPv4Address("10.0.1.2"), IPv4Address("10.0.1.3")),
}
PORTS = ("access0", "access1", "access2")


class Rig(Protocol):
    """A plane with two upstream interfaces and three access ports around it."""

    plane: Plane

    def index(self, name: str) -> int:
        """The interface index of a port or upstream."""
        ...

    def stream(
        self, group: IPv4Address, count: int, *, upstream: str = "core0", source: int = 0
    ) -> dict[str, int]:
        """Send packets into an upstream interface, from one of its `SOURCES`; how many each port got."""
        ...


def route(group: IPv4Address, *ports: str, source: IPv4Address | None = None) -> Route:
    """A route in few words."""
    return Route(RouteKey(group, source), frozenset(ports))


def start(rig: Rig, *ports: str) -> None:
    """Configure two ports, the first upstream, and make these ports active."""
    rig.plane.configure({name: rig.index(name) for name in PORTS[:2]})
    rig.plane.set_upstream("core0", rig.index("core0"))
    for port in ports:
        rig.plane.set_active(port, active=True)


def packets(rig: Rig, group: IPv4Address, source: IPv4Address | None = None) -> int | None:
    """How many packets an entry has counted, None when it is not there."""
    counters = rig.plane.counters(RouteKey(group, source))
    return None if counters is None else counters.packets


class PlaneContract:
    """Subclass it with an own `rig` context manager."""

    def rig(self) -> AbstractContextManager[Rig]:
        """Return a context manager that yields a Rig."""
        raise NotImplementedError

    def test_a_standby_port_gets_nothing_and_the_entry_counts(self) -> None:
        with self.rig() as rig:
            start(rig)
            rig.plane.install([route(GROUP, "access0")])
            assert rig.stream(GROUP, 5) == {}
            assert rig.plane.counters(RouteKey(GROUP)) == RouteCounters(5, 5 * 128, 0)
            assert rig.plane.active_ports() == frozenset()

    def test_only_active_ports_of_the_entry_get_the_group(self) -> None:
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(GROUP, "access0", "access1"), route(OTHER_GROUP, "access1")])
            assert rig.stream(GROUP, 5) == {"access0": 5}
            assert rig.stream(OTHER_GROUP, 5) == {}
            rig.plane.set_active("access1", active=True)
            assert rig.stream(GROUP, 5) == {"access0": 5, "access1": 5}
            assert rig.stream(OTHER_GROUP, 5) == {"access1": 5}
            assert rig.plane.active_ports() == {"access0", "access1"}

    def test_a_switchover_and_back_keeps_entries_and_counters(self) -> None:
        with self.rig() as rig:
            start(rig)
            rig.plane.install([route(GROUP, "access0")])
            for _ in range(2):
                rig.plane.set_active("access0", active=True)
                rig.plane.set_active("access0", active=True)
                assert rig.stream(GROUP, 3) == {"access0": 3}
                rig.plane.set_active("access0", active=False)
                assert rig.stream(GROUP, 3) == {}
            assert packets(rig, GROUP) == 12
            assert rig.plane.port_counters()["access0"].packets_out == 6
            assert rig.plane.port_counters()["access0"].bytes_out == 6 * 128

    def test_a_source_entry_comes_before_the_group_entry(self) -> None:
        first, second = SOURCES["core0"]
        with self.rig() as rig:
            start(rig, "access0", "access1")
            rig.plane.install([route(GROUP, "access0"), route(GROUP, "access1", source=first)])
            assert rig.stream(GROUP, 4, source=0) == {"access1": 4}
            assert rig.stream(GROUP, 4, source=1) == {"access0": 4}
            assert packets(rig, GROUP, first) == 4
            assert rig.plane.counters(RouteKey(GROUP, second)) is None

    def test_a_source_entry_without_ports_drops_the_source(self) -> None:
        first, _ = SOURCES["core0"]
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(GROUP, "access0"), route(GROUP, source=first)])
            assert rig.stream(GROUP, 4, source=0) == {}
            assert rig.stream(GROUP, 4, source=1) == {"access0": 4}

    def test_replacing_an_entry_keeps_its_counters_and_removing_it_ends_them(self) -> None:
        with self.rig() as rig:
            start(rig, "access0", "access1")
            rig.plane.install([route(GROUP, "access0")])
            assert rig.stream(GROUP, 2) == {"access0": 2}
            rig.plane.install([route(GROUP, "access1")])
            assert rig.stream(GROUP, 2) == {"access1": 2}
            assert packets(rig, GROUP) == 4
            rig.plane.remove([RouteKey(GROUP), RouteKey(OTHER_GROUP)])
            rig.plane.remove([RouteKey(GROUP)])
            assert rig.stream(GROUP, 2) == {}
            assert rig.plane.counters(RouteKey(GROUP)) is None
            assert rig.plane.installed() == {}

    def test_the_dump_is_what_was_installed(self) -> None:
        first, _ = SOURCES["core0"]
        routes = [
            route(GROUP, "access0", "access1"),
            route(OTHER_GROUP, "access1"),
            route(GROUP, "access0", source=first),
            route(OTHER_GROUP, source=first),
        ]
        with self.rig() as rig:
            start(rig, "access1")
            rig.plane.install(routes)
            rig.stream(GROUP, 3)
            dumped = {held.route.key: held for held in rig.plane.dump()}
            assert {key: held.route for key, held in dumped.items()} == {r.key: r for r in routes}
            assert rig.plane.installed() == {r.key: r for r in routes}
            assert dumped[RouteKey(GROUP, first)].counters.packets == 3
            assert dumped[RouteKey(GROUP)].counters.packets == 0

    def test_entries_follow_a_change_of_upstream(self) -> None:
        with self.rig() as rig:
            start(rig, "access0")
            rig.plane.install([route(GROUP, "access0")])
            assert rig.plane.slot("core0") == 0
            rig.plane.set_upstream("core1", rig.index("core1"))
            assert rig.stream(GROUP, 3, upstream="core1") == {"access0": 3}
            assert rig.stream(GROUP, 3, upstream="core0") == {}
            rig.plane.set_upstream(None, None)
            assert rig.stream(GROUP, 3, upstream="core1") == {}
            rig.plane.set_upstream("core0", rig.index("core0"))
            assert rig.stream(GROUP, 3, upstream="core0") == {"access0": 3}

    def test_entries_may_come_before_the_upstream(self) -> None:
        with self.rig() as rig:
            rig.plane.configure({"access0": rig.index("access0")})
            rig.plane.set_active("access0", active=True)
            rig.plane.install([route(GROUP, "access0")])
            rig.plane.set_upstream("core0", rig.index("core0"))
            assert rig.stream(GROUP, 3) == {"access0": 3}

    def test_a_port_whose_link_is_missing_comes_later(self) -> None:
        with self.rig() as rig:
            start(rig)
            rig.plane.configure({"access0": None, "access1": rig.index("access1")})
            rig.plane.set_active("access0", active=True)
            rig.plane.install([route(GROUP, "access0")])
            assert rig.stream(GROUP, 3) == {}
            rig.plane.configure({"access0": rig.index("access0"), "access1": rig.index("access1")})
            assert rig.stream(GROUP, 3) == {"access0": 3}

    def test_the_slot_of_a_removed_port_brings_nothing_to_its_next_owner(self) -> None:
        with self.rig() as rig:
            start(rig, "access0", "access1")
            rig.plane.install([route(GROUP, "access0", "access1")])
            slot = rig.plane.slot("access0")
            rig.plane.configure({"access1": rig.index("access1")})
            assert rig.plane.slot("access0") is None
            rig.plane.configure({name: rig.index(name) for name in ("access1", "access2")})
            rig.plane.set_active("access2", active=True)
            assert rig.plane.slot("access2") == slot
            assert rig.stream(GROUP, 3) == {"access1": 3}
            assert rig.plane.installed() == {RouteKey(GROUP): route(GROUP, "access1")}

    def test_ports_that_stay_keep_their_slot(self) -> None:
        with self.rig() as rig:
            start(rig)
            slots = {name: rig.plane.slot(name) for name in PORTS[:2]}
            rig.plane.configure({name: rig.index(name) for name in reversed(PORTS)})
            assert {name: rig.plane.slot(name) for name in PORTS[:2]} == slots

    def test_as_many_ports_as_fit_and_no_more(self) -> None:
        with self.rig() as rig:
            ports = {f"p{number}": None for number in range(MAXIMUM_PORTS)}
            rig.plane.configure(ports)
            rig.plane.install([route(GROUP, *ports)])
            with pytest.raises(PlaneError, match="holds 31"):
                rig.plane.configure({**ports, "one-more": None})
            assert rig.plane.installed() == {RouteKey(GROUP): route(GROUP, *ports)}

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
            rig.plane.install([route(GROUP, "access0")])
            assert rig.stream(GROUP, 3) == {"access0": 3}
