"""One subscriber that says more than it may: its messages are not read, and nobody else's wait."""

from ipaddress import IPv4Address

import msgspec
import pytest

from dataplane.config import IgmpConfig, Role
from dataplane.membership.policing import Policer
from dataplane.packets import frames, igmp
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.support.routers import GROUP, MLD_GROUP, TAIL, Pair, access, mac, profile

RATE = 20
LIMITED = msgspec.structs.replace(TAIL, max_record_rate=RATE)
FIRST = IPv4Address("239.2.0.0")


@pytest.fixture
def pair() -> Pair:
    both = Pair(ipv6=True)
    both.start(profile(Role.MASTER), profile(Role.BACKUP))
    both.a.configure(access(igmp=LIMITED, mld=LIMITED))
    both.run(1)
    return both


def flood(number: int) -> bytes:
    """The largest report of an Ethernet frame, for groups of its own."""
    records = [
        GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, FIRST + 183 * number + each) for each in range(183)
    ]
    (frame,) = report_frames(3, records, mac(66), IPv4Address("10.1.0.66"))
    return frame


def test_a_flood_is_not_read_and_others_are_heard(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    decode = igmp.decode
    monkeypatch.setattr(frames.igmp, "decode", lambda payload: read.append(len(payload)) or decode(payload))
    for number in range(300):
        pair.a.hear(flood(number))
    assert len(read) == 2  # 184 of the 200 records of ten seconds, and one message more
    assert len(pair.a.groups()) == 2 * 183
    pair.a.join()
    assert pair.a.has_entry(GROUP)
    dropped = pair.a.interface_state().dropped
    assert dropped["rate-limited"] == 298
    assert pair.a.statistics()[2]["refused"] == 298


def test_who_was_too_loud_is_heard_again_after_ten_seconds(pair: Pair) -> None:
    for number in range(3):
        pair.a.hear(flood(number))
    pair.a.join(stb=66)
    assert not pair.a.has_entry(GROUP)
    pair.run(10)
    pair.a.join(stb=66)
    assert pair.a.has_entry(GROUP)


def test_the_same_mac_in_another_place_is_somebody_else(pair: Pair) -> None:
    for number in range(3):
        pair.a.hear(flood(number))
    for tags in ((100, 0, 0), (100, 7, 0), (0, 0, 9)):
        pair.a.join(GROUP, stb=66, tags=tags)
    assert {member.subscriber for member in pair.a.groups(group=str(GROUP)).values()} == {
        "02:00:00:00:00:42@100",
        "02:00:00:00:00:42@100.7",
        "02:00:00:00:00:42/9",
    }


def test_each_protocol_counts_by_itself(pair: Pair) -> None:
    for number in range(3):
        pair.a.hear(flood(number))
    pair.a.join(MLD_GROUP, stb=66)
    assert pair.a.has_entry(MLD_GROUP)


def test_a_commit_takes_the_limit_away_at_once(pair: Pair) -> None:
    for number in range(3):
        pair.a.hear(flood(number))
    pair.a.configure(access())
    pair.a.join(stb=66)
    assert pair.a.has_entry(GROUP)


def test_a_queries_flood_is_bounded_too(pair: Pair) -> None:
    for _ in range(10 * RATE + 50):
        pair.a.query("10.1.0.0", GROUP)
    assert pair.a.interface_state().dropped["rate-limited"] == 50


def test_one_message_is_read_however_low_the_limit_is() -> None:
    policer = Policer(IgmpConfig(max_record_rate=1))
    box = Subscriber(0, 0, 0, mac(1))
    assert [policer.admits(box, 183, now) for now in (0.0, 1.0, 9.9, 10.0)] == [True, False, False, True]


def test_what_is_remembered_is_bounded() -> None:
    policer = Policer(IgmpConfig(max_record_rate=1))
    for number in range(200_000):
        assert policer.admits(Subscriber(0, 0, 0, number.to_bytes(6, "big")), 1, 0.0)
    assert len(policer._taken) <= (1 << 16) + 1
