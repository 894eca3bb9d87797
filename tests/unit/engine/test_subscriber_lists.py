"""Lists of subscribers in the engine: rule 14's last clause, parts, replacement, limits."""

import pytest

from dataplane.actions import (
    ActionRefused,
    ClearSubscribers,
    LoadSubscribers,
    Outcome,
    SubscribersCleared,
    SubscribersLoaded,
)
from dataplane.config import Role
from dataplane.engine import effects, subscribers
from tests.support.routers import GROUP, OTHER, PROFILE, SERVICE, THIRD, WALL, Pair, Router, mac, profile

MASTER, BACKUP = profile(Role.MASTER), profile(Role.BACKUP)
ONE, TWO = (f"{mac(number).hex(':')}@*/*" for number in (1, 2))


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.start(MASTER, BACKUP)
    return pair


def outcome(router: Router) -> Outcome:
    return [effect.outcome for effect in router.order if isinstance(effect, effects.Answer)][-1]


def load(router: Router, *patterns: str, name: str = "", number: int = 1, **part: bool) -> Outcome:
    ends = part or {"first": True, "last": True}
    router.give(LoadSubscribers(name, number, patterns, **ends))
    return outcome(router)


def test_rule_14_who_is_not_in_the_list_is_not_copied_and_counted(pair: Pair) -> None:
    assert load(pair.a, ONE) == SubscribersLoaded(1)
    pair.a.join(GROUP, stb=1)
    pair.a.join(OTHER, stb=2)
    pair.a.join(OTHER, stb=2, tags=(0, 0, 7))
    pair.run(0)
    assert [entry.group_address for entry in pair.b.groups().values()] == [str(GROUP)]
    assert pair.a.statistics()[2] == {"not-in-subscriber-list": 1}
    assert pair.a.statistics("pppoe-stb")[2] == {"not-in-subscriber-list": 1}
    assert len(pair.a.groups()) == 3  # they are members here all the same
    assert pair.a.has_entry(OTHER)


def test_rule_14_what_was_copied_before_the_list_is_not_withdrawn(pair: Pair) -> None:
    pair.a.join(GROUP, stb=2)
    pair.run(0)
    load(pair.a, ONE)
    pair.a.leave(GROUP, stb=2)
    pair.run(3.0)
    assert pair.a.groups() == {}
    assert len(pair.b.groups()) == 1
    pair.run(22.0)
    assert pair.b.groups() == {}


def test_rule_14_a_batch_leaves_them_out_too(pair: Pair) -> None:
    load(pair.a, ONE)
    pair.a.join(GROUP, stb=1)
    pair.a.join(OTHER, stb=2)
    pair.cut_channel()
    pair.b.restart()
    pair.b.link("access0", 1)
    pair.b.link("core0", 2)
    pair.mend_channel()
    from tests.support.routers import access, upstream

    pair.b.configure(pair.b.service(), BACKUP, access(), upstream())
    pair.run(1.0)
    assert [entry.group_address for entry in pair.b.groups().values()] == [str(GROUP)]


def test_a_list_takes_the_place_of_the_one_before_with_its_last_part(pair: Pair) -> None:
    load(pair.a, ONE)
    assert load(pair.a, TWO, number=2, first=True) == SubscribersLoaded(1)
    pair.a.join(GROUP, stb=2)
    assert pair.a.statistics()[2] == {"not-in-subscriber-list": 1}
    assert load(pair.a, f"{mac(3).hex(':')}", number=2, last=True) == SubscribersLoaded(2)
    pair.a.join(OTHER, stb=2)
    pair.a.join(THIRD, stb=1)
    assert pair.a.statistics()[2] == {"not-in-subscriber-list": 2}
    assert pair.a.profile_state().subscriber_list_entries == 2
    assert pair.a.profile_state().subscriber_list_loaded == WALL + pair.clock.now


def test_a_profile_with_a_list_of_its_own_does_not_ask_the_one_for_all(pair: Pair) -> None:
    load(pair.a, ONE)
    load(pair.a, TWO, name=PROFILE)
    pair.a.join(GROUP, stb=1)
    pair.a.join(GROUP, stb=2)
    assert pair.a.statistics()[2] == {"not-in-subscriber-list": 1}
    pair.a.give(ClearSubscribers(PROFILE))
    assert outcome(pair.a) == SubscribersCleared(1)
    pair.a.join(OTHER, stb=2)
    assert pair.a.statistics()[2] == {"not-in-subscriber-list": 2}
    pair.a.give(ClearSubscribers(""))
    pair.a.join(THIRD, stb=2)
    assert pair.a.statistics()[2] == {"not-in-subscriber-list": 2}
    assert pair.a.profile_state().subscriber_list_entries is None


def test_a_profile_that_comes_later_has_the_list_that_is_there(pair: Pair) -> None:
    load(pair.a, ONE, name="later")
    later = profile(Role.MASTER, name="later", backup_id=8)
    pair.a.configure(later)
    assert pair.a.profile_state("later").subscriber_list_entries == 1
    assert pair.a.profile_state().subscriber_list_entries is None
    assert later.service_name == SERVICE


def test_an_empty_list_is_a_list(pair: Pair) -> None:
    load(pair.a)
    pair.a.join(GROUP)
    pair.run(0)
    assert pair.b.groups() == {}


def test_a_list_that_cannot_be_taken_changes_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    load(pair.a, ONE)
    refused = load(pair.a, TWO, "nonsense", number=2)
    assert isinstance(refused, ActionRefused)
    assert refused.reason == "not-a-subscriber"
    monkeypatch.setattr(subscribers, "MAX_PATTERNS", 1)
    refused = load(pair.a, ONE, TWO, number=3)
    assert isinstance(refused, ActionRefused)
    assert refused.reason == "too-many-subscribers"
    monkeypatch.setattr(subscribers, "MAX_LISTS", 1)
    refused = load(pair.a, ONE, name="other")
    assert isinstance(refused, ActionRefused)
    assert refused.reason == "too-many-lists"
    assert pair.a.profile_state().subscriber_list_entries == 1


def test_of_two_who_load_at_once_the_later_wins_and_the_other_is_told(pair: Pair) -> None:
    load(pair.a, ONE, number=1, first=True)
    load(pair.a, TWO, number=2, first=True)
    refused = load(pair.a, ONE, number=1, last=True)
    assert isinstance(refused, ActionRefused)
    assert refused.reason == "superseded"
    assert load(pair.a, number=2, last=True) == SubscribersLoaded(1)
