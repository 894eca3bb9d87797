"""Messages on a stream of octets."""

import pytest

from dataplane.config import Role
from dataplane.packets.wire import DecodeError, DropReason
from dataplane.replication.messages import (
    MAX_BODY,
    Ack,
    Announcement,
    BatchBegin,
    BatchEnd,
    BatchRequest,
    Close,
    Deframer,
    Heartbeat,
    Open,
    Records,
    SettingsPart,
    encode,
    encode_records,
    encode_settings,
)
from dataplane.replication.records import RecordBuffer, pack
from dataplane.replication.settings import (
    ProfileSettings,
)
from tests.support.pairs import record

CONTROL = [
    Open(2**64 - 1, 5, 1000),
    Ack(((1, 2**64 - 1), (4095, 7))),
    Ack(()),
    BatchBegin(3, 9, 2**40),
    BatchEnd(3, 9, 2**40, 100_000),
    BatchRequest(3, returned=True),
    BatchRequest(4),
    Heartbeat(),
    Close("disabled"),
]


def decoded(octets):
    return list(Deframer().feed(octets))


@pytest.mark.parametrize("message", CONTROL, ids=repr)
def test_control_messages_cross(message):
    assert decoded(encode(message)) == [message]


def test_records_cross():
    buffer = RecordBuffer()
    buffer.add(*pack(record(1), 0))
    assert decoded(encode_records(buffer.take())) == [Records((record(1),))]


def test_settings_cross():
    announcements = (
        Announcement(ProfileSettings(1, False, True, frozenset({1, 65_535}), Role.MASTER), 2**63, pull=True),
        Announcement(ProfileSettings(4095, True, False, frozenset(), Role.BACKUP), removed=True),
    )
    assert decoded(encode_settings(announcements, full=True)) == [SettingsPart(announcements, full=True)]


def test_many_settings_cross_in_parts():
    announcements = tuple(Announcement(ProfileSettings(each)) for each in range(1, 4096))
    parts = decoded(encode_settings(announcements, full=True))
    assert len(parts) > 1
    assert [part.full for part in parts] == [True] + [False] * (len(parts) - 1)
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert tuple(each for part in parts for each in part.announcements) == announcements


def test_no_settings_are_one_empty_part():
    assert decoded(encode_settings((), full=True)) == [SettingsPart((), full=True)]


def test_unknown_types_and_trailing_octets_are_skipped():
    unknown = (4).to_bytes(4, "big") + b"\xc8\0\0\0" + b"what"
    longer = bytearray(encode(BatchBegin(1, 2, 3)) + b"later")
    longer[3] += 5
    assert decoded(unknown + bytes(longer) + encode(Heartbeat())) == [BatchBegin(1, 2, 3), Heartbeat()]


def test_a_message_that_is_too_long_is_refused_by_its_header():
    header = (MAX_BODY + 1).to_bytes(4, "big") + b"\x03\0\0\0"
    with pytest.raises(DecodeError) as caught:
        decoded(header)
    assert caught.value.reason is DropReason.MALFORMED


@pytest.mark.parametrize("message", [message for message in CONTROL[:6] if encode(message)[8:-1]], ids=repr)
def test_bodies_that_are_too_short_are_refused(message):
    octets = encode(message)[8:-1]
    kind = encode(message)[4:8]
    with pytest.raises(DecodeError):
        decoded(len(octets).to_bytes(4, "big") + kind + octets)


def test_a_close_that_is_no_text_is_refused():
    with pytest.raises(DecodeError):
        decoded((1).to_bytes(4, "big") + b"\x09\0\0\0" + b"\xff")
