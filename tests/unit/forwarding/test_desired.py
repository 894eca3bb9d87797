"""Which entries follow from what subscribers want."""

from ipaddress import IPv4Address

from dataplane.forwarding.desired import Desired, Install, Remove, combined, difference, routes_for
from dataplane.forwarding.plane import Route, RouteKey
from dataplane.membership.groups import Aggregate, FilterMode

GROUP = IPv4Address("239.1.1.1")
ONE, TWO, THREE = (IPv4Address(f"10.0.0.{number}") for number in (1, 2, 3))
ANY = Aggregate(FilterMode.EXCLUDE)


def include(*sources):
    return Aggregate(FilterMode.INCLUDE, frozenset(sources))


def exclude(*sources):
    return Aggregate(FilterMode.EXCLUDE, frozenset(sources))


def route(*ports, source=None):
    return Route(RouteKey(GROUP, source), frozenset(ports))


def test_any_source_is_one_group_entry():
    assert routes_for(GROUP, {"a": ANY, "b": ANY}) == (route("a", "b"),)


def test_included_sources_are_source_entries_and_no_group_entry():
    assert routes_for(GROUP, {"a": include(ONE, TWO), "b": include(TWO)}) == (
        route("a", source=ONE),
        route("a", "b", source=TWO),
    )


def test_a_source_that_one_port_excludes_still_reaches_the_others():
    assert routes_for(GROUP, {"a": exclude(ONE), "b": ANY}) == (route("a", "b"), route("b", source=ONE))


def test_a_source_that_everybody_excludes_has_an_entry_without_ports():
    assert routes_for(GROUP, {"a": exclude(ONE)}) == (route("a"), route(source=ONE))


def test_a_source_entry_names_the_ports_that_want_every_source():
    assert routes_for(GROUP, {"a": include(ONE), "b": ANY}) == (route("b"), route("a", "b", source=ONE))


def test_nobody_wants_nothing():
    assert routes_for(GROUP, {}) == ()


def test_the_union_of_interests():
    assert combined([]) is None
    assert combined([include(ONE), include(TWO)]) == include(ONE, TWO)
    assert combined([include(ONE), ANY]) == ANY
    assert combined([exclude(ONE, TWO), exclude(TWO, THREE)]) == exclude(TWO)
    assert combined([exclude(ONE, TWO), include(ONE)]) == exclude(TWO)


def test_the_difference_installs_before_it_removes():
    kept, changed, gone = route("a"), route("a", source=ONE), route("a", source=TWO)
    new = route("a", "b", source=ONE)
    effects = difference(
        {each.key: each for each in (kept, new)}, {each.key: each for each in (kept, changed, gone)}
    )
    assert effects == [Install(new), Remove(gone.key)]


def test_the_same_interest_again_changes_nothing():
    desired = Desired()
    assert desired.set_interest("a", GROUP, ANY) == (Install(route("a")),)
    assert desired.set_interest("a", GROUP, ANY) == ()
    assert desired.set_interest("b", GROUP, None) == ()


def test_the_last_port_takes_the_entry_along():
    desired = Desired()
    desired.set_interest("a", GROUP, ANY)
    assert desired.set_interest("b", GROUP, ANY) == (Install(route("a", "b")),)
    assert desired.set_interest("a", GROUP, None) == (Install(route("b")),)
    assert desired.set_interest("b", GROUP, None) == (Remove(RouteKey(GROUP)),)
    assert desired.routes() == {}
    assert list(desired.groups()) == []
    assert desired.interest(GROUP) is None


def test_going_from_any_source_to_one_swaps_the_entries():
    desired = Desired()
    desired.set_interest("a", GROUP, ANY)
    effects = desired.set_interest("a", GROUP, include(ONE))
    assert effects == (Install(route("a", source=ONE)), Remove(RouteKey(GROUP)))
    assert desired.interest(GROUP) == include(ONE)


def test_the_entries_of_one_group():
    desired = Desired()
    desired.set_interest("a", GROUP, ANY)
    desired.set_interest("a", GROUP + 1, ANY)
    assert desired.routes_of(GROUP) == {RouteKey(GROUP): route("a")}
    assert desired.routes_of(GROUP + 2) == {}


def test_of_many_sources_only_those_that_differ_are_looked_at(monkeypatch):
    """A member behind each of two ports wants hundreds of sources; one of them changes one."""
    many = [IPv4Address(0x0A000000 + number) for number in range(300)]
    desired = Desired()
    for port in ("a", "b"):
        desired.set_interest(port, GROUP, Aggregate(FilterMode.INCLUDE, frozenset(many[:200])))
    before = desired.routes_of(GROUP)
    monkeypatch.setattr("dataplane.forwarding.desired.routes_for", None)
    effects = desired.set_interest("a", GROUP, Aggregate(FilterMode.INCLUDE, frozenset(many[1:201])))
    assert effects == (
        Install(Route(RouteKey(GROUP, many[0]), frozenset("b"))),
        Install(Route(RouteKey(GROUP, many[200]), frozenset("a"))),
    )
    effects = desired.set_interest("a", GROUP, Aggregate(FilterMode.INCLUDE, frozenset(many[1:200])))
    assert effects == (Remove(RouteKey(GROUP, many[200])),)
    after = desired.routes_of(GROUP)
    assert all(after[key] is before[key] for key in before if key.source != many[0])
