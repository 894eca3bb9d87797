"""Records that a broken connection left unacknowledged, and leaves that come before the next (rules 4, 8)."""

import pytest

from dataplane.config import Role
from tests.support.routers import MEMBERSHIP_INTERVAL, Pair, profile


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    return pair


def reconnect(pair: Pair) -> None:
    """Let last member query times pass, then connect and exchange what there is."""
    pair.run(3)
    pair.mend_channel()
    pair.run(1)
    assert pair.a.copy_state() == pair.b.copy_state() == "active"


def test_an_update_is_sent_again_as_long_as_its_subscriber_stays(pair: Pair) -> None:
    pair.a.join()
    pair.cut_channel()
    reconnect(pair)
    assert pair.b.has_entry()


def test_an_update_is_not_sent_again_behind_the_leave_of_its_subscriber(pair: Pair) -> None:
    """The leave is not copied, for there is no channel: the peer never heard of him, and never will."""
    pair.a.join()
    pair.cut_channel()
    pair.a.leave()
    reconnect(pair)
    assert not pair.a.has_entry()
    assert not pair.b.has_entry()


def test_a_subscriber_of_both_routers_that_left_comes_back_to_none(pair: Pair) -> None:
    """Each would start the entry at the other, which had heard the leave itself."""
    for router in (pair.a, pair.b):
        router.join()
    pair.cut_channel()
    for router in (pair.a, pair.b):
        router.leave()
    reconnect(pair)
    assert not pair.a.has_entry()
    assert not pair.b.has_entry()


def test_a_leave_after_the_disable_is_not_copied_and_ends_what_waits_all_the_same(pair: Pair) -> None:
    pair.a.join()
    pair.cut_channel()
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.a.leave()
    pair.run(3)
    pair.mend_channel()
    pair.run(1)
    assert not pair.b.has_entry()


def test_what_the_peer_has_is_not_withdrawn(pair: Pair) -> None:
    """Rule 4: a leave that is not copied takes nothing from the peer; the entry's own timer ends it."""
    pair.a.join()
    pair.run(1)
    pair.a.join()
    pair.cut_channel()
    pair.a.leave()
    reconnect(pair)
    assert pair.b.has_entry()
    pair.run(MEMBERSHIP_INTERVAL)
    assert not pair.b.has_entry()


def test_a_leave_that_waits_is_sent_again_whatever_follows_it(pair: Pair) -> None:
    pair.a.join()
    pair.run(1)
    pair.a.leave()
    pair.cut_channel()
    pair.a.leave()
    pair.mend_channel()
    pair.run(4)
    assert not pair.b.has_entry()


def test_who_comes_back_before_the_connection_is_known_after_it(pair: Pair) -> None:
    pair.a.join()
    pair.cut_channel()
    pair.a.leave()
    pair.run(1)
    pair.a.join()
    reconnect(pair)
    assert pair.b.has_entry()
