from ipaddress import IPv4Address

from cli.lab.joins import SUBSCRIBERS, joins, zaps
from dataplane.packets.frames import decode
from dataplane.packets.messages import RecordType, Report


def records(frame: bytes) -> list[tuple[RecordType, str]]:
    message = decode(frame).message
    assert isinstance(message, Report)
    return [(record.type, str(record.group)) for record in message.records]


def test_each_join_is_of_another_group() -> None:
    found = list(joins(3, "239.1.0.254"))
    assert [group for group, _ in found] == ["239.1.0.254", "239.1.0.255", "239.1.1.0"]
    assert records(found[2][1]) == [(RecordType.CHANGE_TO_EXCLUDE_MODE, "239.1.1.0")]


def test_a_zap_leaves_the_group_that_its_subscriber_had() -> None:
    found = list(zaps(SUBSCRIBERS + 1, "239.1.0.1"))
    first, last = (decode(frame).subscriber for _, frame in (found[0], found[-1]))
    assert first == last
    assert records(found[-1][1]) == [
        (RecordType.CHANGE_TO_EXCLUDE_MODE, str(IPv4Address("239.1.0.1") + SUBSCRIBERS)),
        (RecordType.CHANGE_TO_INCLUDE_MODE, "239.1.0.1"),
    ]
