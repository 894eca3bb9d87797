"""What a backup is told of memberships that end in part, at once, or by time."""

from ipaddress import ip_address

import msgspec
import pytest

from dataplane.config import Role
from dataplane.packets.messages import RecordType
from tests.support.routers import CORE, GROUP, PORT, TAIL, Pair, Router, access, profile

MASTER, BACKUP = profile(Role.MASTER), profile(Role.BACKUP)
ALLOW, BLOCK = RecordType.ALLOW_NEW_SOURCES, RecordType.BLOCK_OLD_SOURCES
TO_IN = RecordType.CHANGE_TO_INCLUDE_MODE
WANTED, OTHER_SOURCE = "10.9.9.1", "10.9.9.2"


@pytest.fixture
def immediate() -> Pair:
    pair = Pair()
    pair.start(MASTER, BACKUP)
    for router in (pair.a, pair.b):
        router.configure(access(igmp=msgspec.structs.replace(TAIL, immediate_leave=True)))
    return pair


def forwards(router: Router, source: str) -> bool:
    return PORT in router.plane.deliver(CORE, ip_address(source), GROUP, 1000)


def fail_over(pair: Pair) -> Router:
    pair.a.configure(BACKUP)
    pair.b.configure(MASTER)
    return pair.b


def test_who_changes_to_one_source_at_once_is_not_sent_the_others_after_a_failover(immediate: Pair) -> None:
    immediate.a.join()
    immediate.a.report(TO_IN, GROUP, WANTED)
    immediate.run(0.1)
    new = fail_over(immediate)
    assert (forwards(new, WANTED), forwards(new, OTHER_SOURCE)) == (True, False)


def test_a_source_that_was_given_up_at_once_is_not_forwarded_after_a_failover(immediate: Pair) -> None:
    immediate.a.report(ALLOW, GROUP, WANTED, OTHER_SOURCE)
    immediate.a.report(BLOCK, GROUP, OTHER_SOURCE)
    assert not forwards(immediate.a, OTHER_SOURCE)
    immediate.run(0.1)
    new = fail_over(immediate)
    assert (forwards(new, WANTED), forwards(new, OTHER_SOURCE)) == (True, False)


def test_that_the_time_of_an_entry_was_over_is_not_copied() -> None:
    """The report comes before the tick that was due, as when thousands of entries end at once."""
    pair = Pair()
    pair.start(MASTER, BACKUP)
    pair.a.join()
    pair.run(0.1)
    copied, _, _ = pair.a.statistics()
    _, applied, _ = pair.b.statistics()
    pair.clock.now += 30
    pair.a.report(BLOCK, GROUP, WANTED)
    pair.run(0.1)
    assert pair.a.statistics()[0] == copied
    assert pair.a.statistics()[2] == {"no-change": 1}
    assert pair.b.statistics()[1] == applied
    pair.a.join()
    pair.run(0.1)
    assert pair.a.statistics()[0] == {"total": 2, "report": 2}
    assert pair.b.statistics()[1] == {"total": 2, "report": 2}
