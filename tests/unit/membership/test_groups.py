"""The merge of filters against the definition: forward a source when anyone wants it."""

import random
from ipaddress import IPv4Address

from dataplane.membership.groups import ANY_SOURCE, Aggregate, FilterMode, Merge

SOURCES = [IPv4Address(f"10.0.0.{number}") for number in range(1, 6)]
OTHER = IPv4Address("10.9.9.9")


def test_what_an_aggregate_wants():
    some = frozenset(SOURCES[:2])
    assert Aggregate(FilterMode.INCLUDE, some).wants(SOURCES[0])
    assert not Aggregate(FilterMode.INCLUDE, some).wants(OTHER)
    assert not Aggregate(FilterMode.EXCLUDE, some).wants(SOURCES[0])
    assert Aggregate(FilterMode.EXCLUDE, some).wants(OTHER)
    assert ANY_SOURCE.wants(OTHER)


def test_nobody_wants_nothing():
    merge = Merge()
    assert merge.result is None
    assert merge.replace(None, ANY_SOURCE)
    assert not merge.replace(None, ANY_SOURCE)
    assert not merge.replace(ANY_SOURCE, None)
    assert merge.replace(ANY_SOURCE, None)
    assert merge.result is None


def test_against_the_definition():
    dice, merge, filters = random.Random(11), Merge(), [None] * 4
    for _ in range(3000):
        slot = dice.randrange(4)
        mode = dice.choice(list(FilterMode))
        sources = frozenset(dice.sample(SOURCES, dice.randrange(mode is FilterMode.INCLUDE, 4)))
        new = dice.choice([None, Aggregate(mode, sources)])
        before = merge.result
        differs = merge.replace(filters[slot], new)
        filters[slot] = new
        assert differs == (before != merge.result)
        for source in [*SOURCES, OTHER]:
            expected = any(one.wants(source) for one in filters if one)
            assert expected == (merge.result is not None and merge.result.wants(source))
