"""Group filters: which records and copies a table takes."""

from ipaddress import ip_address

import pytest

from dataplane.config import FilterRule, IgmpConfig
from dataplane.membership.admission import Admission, GroupFilter
from dataplane.membership.groups import ChangeKind, EntryState, FilterMode, SourceState
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report
from dataplane.packets.wire import DropReason

A = Subscriber(0, 0, 0, bytes.fromhex("020000000001"))
HOST = ip_address("10.0.0.1")
G, OTHER = ip_address("232.1.1.1"), ip_address("239.1.1.1")
GOOD, BAD = ip_address("10.9.9.9"), ip_address("192.0.2.9")
RULES = (FilterRule(True, "232.0.0.0/8", "10.0.0.0/8"), FilterRule(False, "232.0.0.0/8"))


def report(kind, group=G, *sources, version=3):
    return Report(version, (GroupRecord(kind, group, sources),))


@pytest.fixture
def table():
    return MembershipTable(IgmpConfig(group_filter=RULES))


def test_the_first_rule_that_matches_decides_and_none_permits():
    rules = GroupFilter((FilterRule(True, "239.1.1.0/24"), FilterRule(False, "239.0.0.0/8")))
    assert rules.permits_any_source(OTHER)
    assert not rules.permits_any_source(ip_address("239.1.2.1"))
    assert rules.permits_any_source(G)


def test_a_rule_with_sources_says_nothing_of_any_source():
    rules = GroupFilter(RULES)
    assert not rules.permits_any_source(G)
    assert rules.permitted(G, (GOOD, BAD)) == (GOOD,)
    only_deny = GroupFilter((FilterRule(False, "232.0.0.0/8", "192.0.2.0/24"),))
    assert only_deny.permits_any_source(G)
    assert only_deny.permitted(G, (GOOD, BAD)) == (GOOD,)


def test_host_bits_of_a_prefix_do_not_matter():
    assert not GroupFilter((FilterRule(False, "232.1.2.3/8"),)).permits_any_source(G)


def test_rules_of_ipv6():
    rules = GroupFilter((FilterRule(True, "ff3e::/32", "2001:db8::/32"), FilterRule(False, "::/0")))
    group = ip_address("ff3e::1")
    sources = (ip_address("2001:db8::1"), ip_address("2001:db9::1"))
    assert rules.permitted(group, sources) == sources[:1]
    assert not rules.permits_any_source(ip_address("ff0e::1"))


def test_what_is_known_of_groups_is_bounded():
    rules = GroupFilter(RULES)
    for number in range(10_000):
        rules.permits_any_source(ip_address(int(G) + number))
    assert len(rules._about) <= 4096


@pytest.mark.parametrize("kind", [RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE])
def test_a_group_that_is_denied_is_refused_and_counted(table, kind):
    changes = table.report(A, report(kind), HOST, 0.0)
    assert (changes.entries, changes.refused) == ((), (DropReason.GROUP_DENIED,))
    assert table.report(A, report(kind, OTHER), HOST, 0.0).refused == ()


def test_a_version_2_report_is_for_any_source(table):
    changes = table.report(A, report(RecordType.MODE_IS_EXCLUDE, version=2), HOST, 0.0)
    assert changes.refused == (DropReason.GROUP_DENIED,)


@pytest.mark.parametrize(
    ("group", "everywhere", "source"),
    [("232.0.0.0/8", "0.0.0.0/0", "10.9.9.9"), ("ff3e::/32", "::/0", "2001:db8::9")],
)
@pytest.mark.parametrize("version", [2, 3])
def test_a_router_that_is_aware_of_ssm_ignores_memberships_for_any_source(group, everywhere, source, version):
    """RFC 4604 section 2.2, by two rules: in the range of SSM only memberships that name sources count."""
    rules = (FilterRule(True, group, everywhere), FilterRule(False, group))
    table = MembershipTable(IgmpConfig(group_filter=rules))
    address, other = (
        ip_address(group.split("/")[0]) + 1,
        ip_address("239.1.1.1" if "." in group else "ff1e::1"),
    )
    assert table.report(A, report(RecordType.MODE_IS_EXCLUDE, address, version=version), HOST, 0.0).refused
    assert not table.report(A, report(RecordType.MODE_IS_EXCLUDE, other, version=version), HOST, 0.0).refused
    named = report(RecordType.ALLOW_NEW_SOURCES, address, ip_address(source))
    assert not table.report(A, named, HOST, 0.0).refused
    assert sorted(table.groups(), key=int) == sorted([address, other], key=int)


def test_denied_sources_are_taken_out_of_a_report(table):
    changes = table.report(A, report(RecordType.ALLOW_NEW_SOURCES, G, GOOD, BAD), HOST, 0.0)
    assert changes.refused == (DropReason.SOURCE_DENIED,)
    assert table.entry(A, G).sources.keys() == {GOOD}
    changes = table.report(A, report(RecordType.ALLOW_NEW_SOURCES, G, BAD), HOST, 1.0)
    assert (changes.entries, changes.refused) == ((), (DropReason.GROUP_DENIED,))


def test_a_change_to_denied_sources_takes_back_what_was_wanted(table):
    table.report(A, report(RecordType.ALLOW_NEW_SOURCES, G, GOOD), HOST, 0.0)
    changes = table.report(A, report(RecordType.CHANGE_TO_INCLUDE_MODE, G, BAD), HOST, 1.0)
    assert [change.kind for change in changes.entries] == [ChangeKind.LEAVING]


def test_a_changed_filter_withdraws_nothing_and_a_leave_is_never_refused():
    table = MembershipTable(IgmpConfig())
    table.report(A, report(RecordType.CHANGE_TO_EXCLUDE_MODE), HOST, 0.0)
    table.reconfigure(IgmpConfig(group_filter=RULES))
    assert table.entry(A, G) is not None
    changes = table.report(A, report(RecordType.CHANGE_TO_INCLUDE_MODE), HOST, 1.0)
    assert ([change.kind for change in changes.entries], changes.refused) == ([ChangeKind.LEAVING], ())


def test_copies_are_filtered_too(table):
    everything = EntryState(A, G, FilterMode.EXCLUDE, 100.0)
    assert table.apply_update(everything, 0.0).refused == (DropReason.GROUP_DENIED,)
    sources = (SourceState(GOOD, 50.0), SourceState(BAD, 100.0))
    mixed = EntryState(A, G, FilterMode.INCLUDE, 100.0, sources)
    assert table.apply_update(mixed, 0.0).refused == (DropReason.SOURCE_DENIED,)
    assert table.entry(A, G).sources.keys() == {GOOD}
    denied = EntryState(A, G, FilterMode.INCLUDE, 100.0, sources[1:])
    changes = table.apply_update(denied, 0.0, batch=True)
    assert (changes.entries, changes.refused) == ((), (DropReason.GROUP_DENIED,))


def test_without_rules_everything_passes():
    admission = Admission(IgmpConfig())
    record = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, G)
    state = EntryState(A, G, FilterMode.EXCLUDE, 1.0)
    assert not admission.filtering
    assert admission.record(record) == (record, None)
    assert admission.copy(state) == (state, None)
