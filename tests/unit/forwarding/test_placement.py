"""Every port has a place of its own, keeps it, and there is a link to every further table in use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.forwarding.placement import (
    FIRST_TABLE,
    MAXIMUM_PORTS,
    MAXIMUM_TABLES,
    Place,
    Placement,
    capacity,
    capacity_problem,
    link_vif,
)


def names(count):
    return [f"p{number}" for number in range(count)]


@pytest.mark.parametrize(("tables", "ports"), [(1, 31), (2, 61), (3, 91), (4, 121)])
def test_each_further_table_costs_a_vif_of_the_first(tables, ports):
    assert capacity(tables) == ports
    assert capacity_problem(ports, tables) is None
    assert str(ports) in capacity_problem(ports + 1, tables)


def test_capacity_is_said_in_words():
    assert capacity_problem(MAXIMUM_PORTS + 1, 1) == (
        "32 access interfaces do not fit: one multicast routing table holds 31"
    )
    assert capacity_problem(122) == ("122 access interfaces do not fit: 4 multicast routing tables hold 121")


def arranged(placement, wanted):
    for name in placement.moving(len(wanted)):
        placement.release(name)
    placement.arrange(wanted)


def test_the_port_on_the_vif_of_a_link_moves_and_no_other():
    placement = Placement()
    arranged(placement, names(MAXIMUM_PORTS))
    before = {name: placement.get(name) for name in names(MAXIMUM_PORTS)}
    assert placement.moving(MAXIMUM_PORTS + 1) == {"p30"}
    arranged(placement, names(MAXIMUM_PORTS + 1))
    assert placement.further == 1
    assert placement.get("p30") == Place(1, 1)
    assert {name for name, place in before.items() if placement.get(name) != place} == {"p30"}


def test_a_further_table_is_in_use_while_it_has_ports():
    placement = Placement()
    arranged(placement, names(40))
    for name in names(40)[:-1]:
        placement.release(name)
    arranged(placement, ["p39"])
    assert (placement.further, placement.get("p39").table) == (1, 1)
    placement.release("p39")
    arranged(placement, ["other"])
    assert (placement.further, placement.get("other")) == (0, Place(FIRST_TABLE, 1))


@given(st.lists(st.sets(st.integers(0, 200), max_size=capacity(MAXIMUM_TABLES)), max_size=6))
def test_any_sequence_of_configurations_gives_everyone_a_place(sets):
    placement, present = Placement(), set()
    for numbers in sets:
        wanted = {f"p{number}" for number in numbers}
        for name in present - wanted:
            placement.release(name)
        stayed = {name: placement.get(name) for name in present & wanted}
        moving = placement.moving(len(wanted))
        arranged(placement, sorted(wanted))
        places = [placement.get(name) for name in wanted]
        links = {Place(FIRST_TABLE, link_vif(table)) for table in range(1, placement.further + 1)}
        assert len(set(places)) == len(wanted)
        assert not links & set(places)
        assert {place.table for place in places} <= set(range(placement.further + 1))
        assert all(1 <= place.vif < 32 for place in places)
        assert all(placement.get(name) == place for name, place in stayed.items() if name not in moving)
        present = wanted
