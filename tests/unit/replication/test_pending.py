"""Records that the peer may not have: which of an entry's are sent again."""

from ipaddress import IPv4Address

import pytest

from dataplane.packets.ethernet import Subscriber
from dataplane.replication.pending import Pending, Waiting
from dataplane.replication.records import Record, RecordKind, SubscriberType

KEY = b"an entry"


def record(kind: RecordKind, lifetime_ms: int = 60_000) -> Record:
    subscriber = Subscriber(0, 0, 0, b"\x02\0\0\0\0\x01")
    group = IPv4Address("239.1.1.1")
    return Record(kind, 3, 1, subscriber, SubscriberType.DHCP_STB, group, lifetime_ms=lifetime_ms)


UPDATE, LATER, LEAVE = record(RecordKind.UPDATE), record(RecordKind.UPDATE, 50_000), record(RecordKind.LEAVE)


def sent(*records: Record) -> Pending:
    """A profile that sent these of one entry, none of which was acknowledged, and lost its connection."""
    pending = Pending()
    for each in records:
        pending.remember(KEY, Waiting(each, pending.next_sequence(), 0.0))
    pending.interrupt()
    return pending


def left(pending: Pending) -> list[Record]:
    return [waiting.record for waiting in pending.held(10)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((UPDATE,), []),
        ((LEAVE,), [LEAVE]),
        ((UPDATE, LEAVE), [LEAVE]),
        ((LEAVE, UPDATE), [LEAVE]),
        ((LEAVE, UPDATE, LATER), [LEAVE]),
        ((UPDATE, LEAVE, UPDATE), [LEAVE]),
    ],
)
def test_an_update_is_taken_back_to_the_leave_before_it(
    records: tuple[Record, ...], expected: list[Record]
) -> None:
    pending = sent(*records)
    pending.withdraw(KEY)
    assert left(pending) == expected


def test_without_a_departure_the_newest_is_sent_again() -> None:
    assert left(sent(LEAVE, UPDATE, LATER)) == [LATER]


def test_what_was_held_back_counts_as_well() -> None:
    pending = Pending()
    for each in (LEAVE, UPDATE):
        pending.hold(KEY, Waiting(each, 0, 0.0))
    pending.withdraw(KEY)
    assert left(pending) == [LEAVE]


def test_what_was_acknowledged_is_not_sent_again() -> None:
    pending = Pending()
    pending.remember(KEY, Waiting(LEAVE, pending.next_sequence(), 0.0))
    pending.acknowledge(1)
    pending.remember(KEY, Waiting(UPDATE, pending.next_sequence(), 0.0))
    pending.withdraw(KEY)
    assert not pending.waiting
