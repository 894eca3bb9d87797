"""Adopted entries that nobody claims are let go a part at a time (rule 18)."""

from ipaddress import IPv4Address
from itertools import pairwise

from dataplane.config import Role
from dataplane.engine import messages
from dataplane.engine.settle import RELEASED_AT_ONCE
from tests.support.routers import CORE, MEMBERSHIP_INTERVAL, PORT, Pair, access, profile, upstream

MANY = 2 * RELEASED_AT_ONCE + 10


def test_entries_of_a_former_dataplane_go_in_parts() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.cut_channel()
    for number in range(MANY):
        pair.a.join(IPv4Address("239.2.0.0") + number)
    pair.a.restart()
    for index, name in ((1, PORT), (2, CORE)):
        pair.a.link(name, index)
    pair.a.configure(pair.a.service(), profile(Role.MASTER), access(), upstream())
    pair.clock.now += MEMBERSHIP_INTERVAL + 1.0
    left = [MANY]
    while left[-1]:
        pair.a.give(messages.Tick())
        left.append(len(pair.a.plane.installed()))
    assert [before - after for before, after in pairwise(left)] == [
        RELEASED_AT_ONCE,
        RELEASED_AT_ONCE,
        10,
    ]
