"""Nothing of thousands of groups is done in one turn: adoption and the removal of a port go in parts."""

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from dataplane.config import Role
from dataplane.engine import effects, messages
from dataplane.engine.adoption import ADOPTED_AT_ONCE
from dataplane.engine.engine import SIDES_AT_ONCE
from dataplane.engine.leaving import FORGOTTEN_AT_ONCE
from dataplane.forwarding.desired import Install
from dataplane.forwarding.plane import RouteKey
from tests.support.routers import (
    CORE,
    MEMBERSHIP_INTERVAL,
    PORT,
    Pair,
    Router,
    access,
    profile,
    upstream,
)

FIRST = IPv4Address("239.2.0.0")
PARTS = 3
MANY = (PARTS - 1) * max(ADOPTED_AT_ONCE, FORGOTTEN_AT_ONCE) + 10
LAST = FIRST + MANY - 1
SECOND = "access1"


@pytest.fixture
def router() -> Iterator[Router]:
    """A master with two ports and members of many groups behind the first; its peer is away."""
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.cut_channel()
    pair.a.link(SECOND, 3)
    pair.a.configure(access(SECOND, access_id=2))
    for number in range(MANY):
        pair.a.join(FIRST + number)
    return pair.a


def begin_again(router: Router) -> None:
    """Another dataplane begins and is given the whole configuration."""
    router.restart()
    for index, name in ((1, PORT), (2, CORE), (3, SECOND)):
        router.link(name, index)
    router.order.clear()
    router.configure(
        router.service(), profile(Role.MASTER), access(), access(SECOND, access_id=2), upstream()
    )


def turns(router: Router, kind: str) -> int:
    """Tick until nothing is left of this kind; return how often it took."""
    world, count = router.engine.world, 0
    while world.former if kind == "adoption" else world.leaving:
        router.give(messages.Tick())
        count += 1
    return count


def routes_written(router: Router) -> list[effects.ChangeRoutes]:
    return [effect for effect in router.order if isinstance(effect, effects.ChangeRoutes)]


def test_rule_18_adoption_in_parts_stops_nothing_and_says_the_same(router: Router) -> None:
    begin_again(router)
    assert len(router.engine.world.former) == MANY - ADOPTED_AT_ONCE
    assert router.forwards(FIRST) == router.forwards(LAST) == {PORT}
    assert turns(router, "adoption") == PARTS - 1
    assert not routes_written(router)
    assert effects.SetActive(PORT, active=False) not in router.order
    assert router.forwards(FIRST) == router.forwards(LAST) == {PORT}
    router.clock.now += MEMBERSHIP_INTERVAL
    for _ in range(2 * PARTS):
        router.give(messages.Tick())
    assert not router.plane.installed()


def test_rule_18_a_member_heard_before_its_group_is_taken_over_costs_the_others_nothing(
    router: Router,
) -> None:
    begin_again(router)
    assert LAST in router.engine.world.former
    router.join(LAST, interface=SECOND)
    assert [change for effect in routes_written(router) for change in effect.changes] == [
        Install(router.plane.installed()[RouteKey(LAST)])
    ]
    assert router.forwards(LAST) == {PORT, SECOND}
    router.leave(LAST, interface=SECOND)
    router.clock.now += 3.0
    turns(router, "adoption")
    router.give(messages.Tick())
    assert router.forwards(LAST) == {PORT}


def test_rule_12_failback_waits_until_the_core_can_be_told_of_every_group(router: Router) -> None:
    begin_again(router)
    world = router.engine.world
    while world.joining:
        router.clock.now += 0.02
        router.give(messages.Tick())
    assert not world.former
    assert LAST in {record.group for report in router.reports for record in report.records}


def test_rule_13_a_port_removed_while_it_is_adopted_keeps_nothing(router: Router) -> None:
    begin_again(router)
    router.configure(removed_interfaces=(PORT,))
    router.configure(access())
    turns(router, "adoption")
    turns(router, "leaving")
    assert not router.plane.installed()
    assert router.engine.world.ports[PORT].active
    router.join(LAST)
    assert router.forwards(LAST) == {PORT}


def test_rule_13_a_removed_port_stops_at_once_and_is_forgotten_in_parts(router: Router) -> None:
    router.join(LAST, interface=SECOND)
    router.configure(removed_interfaces=(PORT,))
    assert len(router.plane.installed()) == MANY - FORGOTTEN_AT_ONCE
    assert router.forwards(FIRST) == router.forwards(LAST - 1) == frozenset()
    assert router.forwards(LAST) == {SECOND}
    assert router.plane.slot(PORT) is not None
    assert turns(router, "leaving") == PARTS - 1
    assert set(router.plane.installed()) == {RouteKey(LAST)}
    assert router.forwards(LAST) == {SECOND}
    assert router.plane.slot(PORT) is None


def test_rule_13_a_port_that_comes_again_gets_what_it_asks_for_and_nothing_else(router: Router) -> None:
    router.configure(removed_interfaces=(PORT,))
    router.configure(access())
    router.join(LAST)
    assert router.forwards(LAST - 1) == frozenset()
    turns(router, "leaving")
    assert set(router.plane.installed()) == {RouteKey(LAST)}
    assert router.forwards(LAST) == {PORT}
    assert set(router.groups()) == {f"02:00:00:00:00:01 {LAST}"}


def test_rule_13_a_port_removed_twice_leaves_nothing(router: Router) -> None:
    for _ in range(2):
        router.configure(removed_interfaces=(PORT,))
        router.configure(access())
        router.join(LAST)
    router.configure(removed_interfaces=(PORT,))
    turns(router, "leaving")
    assert not router.plane.installed()
    assert router.engine.world.ports_told.keys() == {SECOND}


def test_a_full_table_gives_a_removed_ports_slot_to_another_at_once(router: Router) -> None:
    router.configure(
        *(access(f"more{number}", access_id=number) for number in range(10, 40)),
        removed_interfaces=(PORT,),
    )
    assert PORT not in router.engine.world.ports_told
    turns(router, "leaving")
    assert not router.plane.installed()


@pytest.mark.parametrize("ports", [33, 60, 63, 120])
def test_rule_13_a_removed_port_is_forgotten_in_parts_where_further_tables_are_in_use(
    router: Router, ports: int
) -> None:
    router.configure(*(access(f"more{number}", access_id=number) for number in range(10, 8 + ports)))
    router.configure(removed_interfaces=(PORT,))
    assert PORT in router.engine.world.ports_told
    assert len(router.plane.installed()) == MANY - FORGOTTEN_AT_ONCE
    turns(router, "leaving")
    assert PORT not in router.engine.world.ports_told
    assert not router.plane.installed()


PORTS = 3 * SIDES_AT_ONCE
VLANS = 5


def crowded(role: Role) -> Router:
    """Many ports, and members behind some tags of each."""
    one = Pair().a
    ports = {f"access{number}": number for number in range(1, PORTS + 1)}
    for name, number in ports.items():
        one.link(name, 10 + number)
    one.configure(profile(role), *(access(name, access_id=number) for name, number in ports.items()))
    for name in ports:
        for vlan in range(1, VLANS + 1):
            one.join(tags=(vlan, 0, 0), interface=name)
    one.frames.clear()
    return one


def test_a_new_master_has_changed_all_ports_before_it_asks_behind_tags() -> None:
    one = crowded(Role.BACKUP)
    one.configure(profile(Role.MASTER))
    assert all(one.engine.world.ports[f"access{number}"].active for number in range(1, PORTS + 1))
    assert one.asked() == [("", None)] * PORTS
    while one.engine.next_deadline() == one.clock.now:
        one.give(messages.Tick())
    assert len(one.asked()) == PORTS * (1 + VLANS)


@pytest.mark.parametrize("what", ["queries", "expiry"])
def test_what_is_due_on_many_ports_at_once_leaves_room_for_hellos(what: str) -> None:
    one = crowded(Role.MASTER)
    one.clock.now += 100.0
    sides = [side for port in one.engine.world.ports.values() for side in port.sides.values()]
    done = []
    while one.engine.next_deadline() <= one.clock.now:  # type: ignore[operator]
        before = [len(side.table) if what == "expiry" else side.querier.next_deadline() for side in sides]
        one.give(messages.Tick())
        after = [len(side.table) if what == "expiry" else side.querier.next_deadline() for side in sides]
        done.append(sum(old != new for old, new in zip(before, after, strict=True)))
    assert sum(done) == PORTS
    assert max(done) <= SIDES_AT_ONCE
