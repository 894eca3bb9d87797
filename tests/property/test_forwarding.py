"""Any order of events ends in the same table, and the table does what subscribers asked for."""

import random
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.engine.former import interests as interests_of
from dataplane.forwarding.desired import Desired, Install, combined, difference, routes_for
from dataplane.forwarding.memory import MemoryPlane
from dataplane.forwarding.upstream import REPEATED_AT_ONCE, UpstreamProxy
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets.messages import Query, RecordType

GROUPS = [IPv4Address(f"239.0.0.{number}") for number in (1, 2, 3)]
SOURCES = [IPv4Address(f"10.0.0.{number}") for number in (1, 2, 3)]
STRANGER = IPv4Address("10.0.0.9")
PORTS = ["a", "b", "c"]

sources = st.frozensets(st.sampled_from(SOURCES))
interests = st.one_of(
    st.none(),
    st.builds(Aggregate, st.just(FilterMode.EXCLUDE), sources),
    st.builds(Aggregate, st.just(FilterMode.INCLUDE), sources.filter(bool)),
)
events = st.lists(st.tuples(st.sampled_from(PORTS), st.sampled_from(GROUPS), interests), max_size=25)


def apply(plane, effects):
    for effect in effects:
        if isinstance(effect, Install):
            plane.install([effect.route])
        else:
            plane.remove([effect.key])


def last(changes):
    """What is wanted in the end, by group and port."""
    wanted = {}
    for port, group, interest in changes:
        wanted.setdefault(group, {})[port] = interest
    return {
        group: kept
        for group, ports in wanted.items()
        if (kept := {port: interest for port, interest in ports.items() if interest is not None})
    }


@given(events)
def test_one_group_at_a_time_ends_in_the_whole_table(changes):
    desired, plane = Desired(), MemoryPlane()
    for port, group, interest in changes:
        apply(plane, desired.set_interest(port, group, interest))
    wanted = last(changes)
    whole = {route.key: route for group, ports in wanted.items() for route in routes_for(group, ports)}
    assert plane.installed() == desired.routes() == whole
    assert set(desired.groups()) == set(wanted)
    for group in GROUPS:
        assert desired.interest(group) == combined(wanted.get(group, {}).values())


@given(events, st.randoms(use_true_random=False))
def test_the_order_of_final_interests_does_not_matter(changes, shuffler):
    wanted = [(port, group, i) for group, ports in last(changes).items() for port, i in ports.items()]
    tables = []
    for _ in range(2):
        desired = Desired()
        for port, group, interest in wanted:
            desired.set_interest(port, group, interest)
        tables.append(desired.routes())
        shuffler.shuffle(wanted)
    assert tables[0] == tables[1]


FAMILIES = {
    4: (GROUPS, SOURCES, STRANGER),
    6: (
        [IPv6Address(f"ff3e::{number}") for number in (1, 2, 3)],
        [IPv6Address(f"2001:db8::{number}") for number in (1, 2, 3)],
        IPv6Address("2001:db8::9"),
    ),
}


def of_family(version):
    """The same events in another family."""
    groups, addresses, _ = FAMILIES[version]
    other = dict(zip((*GROUPS, *SOURCES), (*groups, *addresses), strict=True))

    def translated(changes):
        return [
            (
                port,
                other[group],
                interest
                and Aggregate(interest.filter_mode, frozenset(other[each] for each in interest.sources)),
            )
            for port, group, interest in changes
        ]

    return events.map(translated)


def forwarding_plane():
    plane = MemoryPlane()
    plane.configure(dict.fromkeys(PORTS, 1))
    plane.set_upstream("core", 2)
    for port in PORTS:
        plane.set_active(port, active=True)
    return plane


@pytest.mark.parametrize("version", [4, 6])
@given(st.data())
def test_a_port_gets_exactly_the_sources_it_wants(version, data):
    plane, wanted = forwarding_plane(), last(data.draw(of_family(version)))
    plane.install(route for group, ports in wanted.items() for route in routes_for(group, ports))
    groups, addresses, stranger = FAMILIES[version]
    for group in groups:
        for source in (*addresses, stranger):
            ports = {port for port, i in wanted.get(group, {}).items() if i.wants(source)}
            assert plane.deliver("core", source, group, 100) == ports


@given(events)
def test_other_ports_notice_nothing_of_a_change(changes):
    """Packets between two system calls: each entry is installed by itself, installs before removals."""
    plane, desired, wanted = forwarding_plane(), Desired(), {}
    for port, group, interest in changes:
        before = dict(wanted.get(group, {}))
        wanted.setdefault(group, {})[port] = interest
        for effect in desired.set_interest(port, group, interest):
            apply(plane, [effect])
            for source in (*SOURCES, STRANGER):
                others = {name for name, i in before.items() if name != port and i and i.wants(source)}
                assert plane.deliver("core", source, group, 100) - {port} == others


@given(events)
def test_what_an_adopted_table_says_of_ports_is_what_they_wanted(changes):
    wanted = last(changes)
    for group, ports in wanted.items():
        table = routes_for(group, ports)
        assert routes_for(group, interests_of(table)) == table


@given(events, events)
def test_the_difference_leads_from_any_table_to_any_other(before, after):
    def table(changes):
        return {r.key: r for group, ports in last(changes).items() for r in routes_for(group, ports)}

    plane = MemoryPlane()
    plane.install(table(before).values())
    effects = difference(table(after), table(before))
    apply(plane, effects)
    assert plane.installed() == table(after)
    assert difference(table(after), plane.installed()) == []


class Core:
    """A router of RFC 3376 section 6.4 without timers: believes every state change at once."""

    def __init__(self):
        self.state = {}

    def hear(self, reports):
        for report in reports:
            assert report.version == 3
            for record in report.records:
                self._apply(record)

    def _apply(self, record):
        mode, listed = self.state.get(record.group, (FilterMode.INCLUDE, frozenset()))
        named = frozenset(record.sources)
        match record.type:
            case RecordType.CHANGE_TO_EXCLUDE_MODE | RecordType.MODE_IS_EXCLUDE:
                mode, listed = FilterMode.EXCLUDE, named
            case RecordType.CHANGE_TO_INCLUDE_MODE | RecordType.MODE_IS_INCLUDE:
                mode, listed = FilterMode.INCLUDE, named
            case RecordType.ALLOW_NEW_SOURCES:
                listed = listed - named if mode is FilterMode.EXCLUDE else listed | named
            case RecordType.BLOCK_OLD_SOURCES:
                listed = listed | named if mode is FilterMode.EXCLUDE else listed - named
        self.state[record.group] = (mode, listed)

    def wants(self):
        nothing = (FilterMode.INCLUDE, frozenset())
        return {group: state for group, state in self.state.items() if state != nothing}


@given(
    st.lists(
        st.tuples(st.sampled_from(GROUPS), interests, st.floats(0, 3), st.booleans(), st.booleans()),
        max_size=20,
    ),
    st.integers(0, 1_000),
)
def test_the_core_ends_up_knowing_what_is_wanted_however_late_the_proxy_is_called(changes, seed):
    proxy, core, now = UpstreamProxy(random.Random(seed)), Core(), 0.0
    wanted = {}
    for group, interest, pause, late, restarted in changes:
        wanted[group] = interest
        proxy.set_interest(group, interest, now)
        if restarted:
            proxy.restart(now)
            core = Core()
        if not late:
            core.hear(proxy.expire(now))
        now += pause
    heard_last = run_out(proxy, core, now)
    in_the_end = {
        group: (interest.filter_mode, interest.sources)
        for group, interest in wanted.items()
        if interest is not None
    }
    assert core.wants() == in_the_end
    assert proxy.next_deadline() is None
    assert heard_last <= now + 10


def run_out(proxy, core, now):
    """Let the proxy say all it has to say."""
    core.hear(proxy.expire(now))
    while (deadline := proxy.next_deadline()) is not None:
        now = max(now, deadline)
        core.hear(proxy.expire(now))
    return now


MANY = [IPv4Address("239.7.0.0") + number for number in range(3 * REPEATED_AT_ONCE)]
asked = st.tuples(
    st.one_of(st.none(), st.sampled_from([MANY[0], MANY[REPEATED_AT_ONCE], MANY[-1]])),
    st.booleans(),
    st.sampled_from([1.0, 3.0, 10.0]),
    st.sampled_from([0.0, 0.4, 2.0, 11.0]),
)
"""A group or all, whether sources are named, the response time, and a pause before."""


@pytest.mark.parametrize("version", [1, 2, 3])
@given(st.lists(asked, min_size=1, max_size=6), st.integers(0, 1_000))
def test_every_question_is_answered_within_its_response_time(version, questions, seed):
    proxy, now = UpstreamProxy(random.Random(seed)), 0.0
    for group in MANY:
        proxy.set_interest(group, Aggregate(FilterMode.EXCLUDE), now)
    proxy.query(Query(version, max_response=0.1), now)
    told = [*spoken(proxy, now, 15.0)]
    now, open_questions = 15.0, []
    for group, sources, maximum, pause in questions:
        told += spoken(proxy, now, now + pause)
        now += pause
        listed = (STRANGER,) if sources and group is not None and version == 3 else ()
        response = 10.0 if version == 1 else maximum
        proxy.query(Query(version, group, listed, response), now)
        open_questions.append((now, group, response))
    told += spoken(proxy, now, now + 30.0)
    heard = {}
    for when, group in told:
        heard.setdefault(group, []).append(when)
    for begin, group, response in open_questions:
        for each in MANY if group is None else [group]:
            assert any(begin <= when <= begin + response + 0.001 for when in heard[each]), (begin, each)


def spoken(proxy, now, end):
    """When which group was reported, until `end`."""
    while (due := proxy.next_deadline()) is not None and due <= end:
        now = max(now, due)
        for report in proxy.expire(now):
            for record in report.records:
                yield now, record.group
