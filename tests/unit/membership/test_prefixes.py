"""Rules that are looked up decide as if they were asked one after another."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.config import FilterRule
from dataplane.membership.admission import GroupFilter
from dataplane.membership.prefixes import PrefixIndex, prefix_of

GROUPS = [
    "0.0.0.0/0",
    "224.0.0.0/4",
    "232.0.0.0/8",
    "232.1.0.0/16",
    "232.1.1.0/24",
    "232.1.1.1/32",
    "239.1.1.1/32",
]
SOURCES = ["", "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.1/32", "192.0.2.0/24"]
RULES = st.builds(FilterRule, st.booleans(), st.sampled_from(GROUPS), st.sampled_from(SOURCES))
ASKED = [
    ip_address(text)
    for text in ("232.1.1.1", "232.1.1.2", "232.1.2.1", "232.2.0.1", "239.1.1.1", "239.1.1.2")
]
NAMED = [ip_address(text) for text in ("10.1.1.1", "10.1.1.2", "10.2.0.1", "192.0.2.1", "198.51.100.1")]


def first(rules, group, source):
    """The definition: in order, the first that matches; a source of None is any source."""
    for rule in rules:
        if group in ip_network(rule.group) and (
            not rule.source or (source is not None and source in ip_network(rule.source))
        ):
            return rule.permit
    return True


def in_ipv6(text):
    """The same prefix at the front of IPv6 addresses: ff00::/8 and 2000::/3 are as good as any."""
    address, length = text.split("/")
    return f"{ip_address(int(ip_address(address)) << 96)}/{length}" if int(address.split(".")[0]) else "::/0"


@given(st.lists(RULES, max_size=12))
def test_the_verdict_is_that_of_the_first_rule_that_matches(rules):
    found = GroupFilter(rules)
    for group in ASKED:
        assert found.permits_any_source(group) == first(rules, group, None)
        assert found.permitted(group, NAMED) == tuple(each for each in NAMED if first(rules, group, each))


@given(st.lists(RULES, max_size=12))
def test_the_same_of_ipv6(rules):
    twins = [
        FilterRule(rule.permit, in_ipv6(rule.group), in_ipv6(rule.source) if rule.source else "")
        for rule in rules
    ]
    one, other = GroupFilter(rules), GroupFilter(twins)
    for group in ASKED:
        twin = ip_address(int(group) << 96)
        assert other.permits_any_source(twin) == one.permits_any_source(group)
        named = [ip_address(int(each) << 96) for each in NAMED]
        assert [int(each) >> 96 for each in other.permitted(twin, named)] == [
            int(each) for each in one.permitted(group, NAMED)
        ]


def test_of_a_thousand_prefixes_only_those_that_match_are_seen():
    index = PrefixIndex(
        (prefix_of(f"232.{number // 256}.{number % 256}.0/24"), number) for number in range(1000)
    )
    assert list(index.matches(ip_address("232.1.5.9"))) == [261]
    assert list(index.matches(ip_address("233.0.0.1"))) == []
    assert list(index.matches(ip_address("ff3e::1"))) == []
    assert len(index._lengths) == 1


def test_groups_that_the_same_rules_are_about_share_a_verdict():
    rules = GroupFilter([FilterRule(True, "232.0.0.0/8", "10.0.0.0/8"), FilterRule(False, "232.0.0.0/8")])
    for number in range(1000):
        rules.permits_any_source(ip_address("232.0.0.0") + number)
    assert len(rules._verdicts) == 1


@pytest.mark.parametrize("text", ["", "nothing", "232.0.0.0/33", "10.0.0.1/x"])
def test_what_is_no_prefix_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        prefix_of(text)
