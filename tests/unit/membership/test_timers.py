"""Derived intervals and the lazy queue of deadlines."""

import random
from math import inf

from dataplane.config import IgmpConfig
from dataplane.membership.timers import DeadlineQueue, Timing


class Item:
    def __init__(self):
        self.scheduled = inf


def test_the_intervals_of_rfc_3376_section_8():
    timing = Timing.of(IgmpConfig())
    assert timing.group_membership_interval == 260
    assert timing.other_querier_present_interval == 255
    assert timing.startup_query_interval == 31.25
    assert timing.startup_query_count == 2
    assert timing.last_member_query_time == 2
    assert timing.older_host_present_interval == 260


def test_items_come_up_in_order_and_once():
    queue, first, second = DeadlineQueue(), Item(), Item()
    queue.schedule(first, 2.0)
    queue.schedule(second, 1.0)
    assert queue.next() == 1.0
    assert list(queue.due(0.5)) == []
    assert list(queue.due(3.0)) == [second, first]
    assert list(queue.due(3.0)) == []
    assert queue.next() is None


def test_an_earlier_deadline_wins_and_a_later_one_is_not_kept():
    queue, item = DeadlineQueue(), Item()
    queue.schedule(item, 5.0)
    queue.schedule(item, 9.0)
    queue.schedule(item, 2.0)
    assert queue.next() == 2.0
    assert list(queue.due(9.0)) == [item]


def test_a_forgotten_item_never_comes_up():
    queue, item = DeadlineQueue(), Item()
    queue.schedule(item, 1.0)
    queue.forget(item)
    queue.forget(item)
    assert queue.next() is None
    queue.schedule(item, 2.0)
    assert list(queue.due(5.0)) == [item]


def test_an_item_may_be_scheduled_again_while_it_is_due():
    queue, item, seen = DeadlineQueue(), Item(), []
    queue.schedule(item, 1.0)
    for found in queue.due(3.0):
        seen.append(found)
        if len(seen) < 3:
            queue.schedule(found, 1.0 + len(seen))
    assert seen == [item] * 3


def test_members_that_come_and_go_do_not_pile_up():
    queue = DeadlineQueue()
    keep = Item()
    queue.schedule(keep, 1e6)
    for _ in range(10_000):
        item = Item()
        queue.schedule(item, 260.0)
        queue.forget(item)
    assert len(queue) < 200
    for step in range(10_000):
        queue.schedule(keep, 1e6 - step)
    assert len(queue) < 200
    assert list(queue.due(1e6)) == [keep]


def test_against_a_plain_dictionary():
    queue, plain, dice = DeadlineQueue(), {}, random.Random(7)
    items = [Item() for _ in range(20)]
    for step in range(3000):
        now, item = step / 10, dice.choice(items)
        if dice.random() < 0.3:
            queue.forget(item)
            plain.pop(item, None)
        else:
            at = now + dice.randrange(1, 50)
            queue.schedule(item, at)
            plain[item] = min(at, plain.get(item, inf))
        assert queue.next() == min(plain.values(), default=None)
        due = set(queue.due(now))
        assert due == {found for found, at in plain.items() if at <= now}
        plain = {found: at for found, at in plain.items() if at > now}
