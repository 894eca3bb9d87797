"""Frames of every kind against scapy, a packet codec that is not ours: what it builds we read, and back."""

import pytest

from dataplane.packets import ethernet, frames
from dataplane.packets.messages import Query
from dataplane.packets.wire import checksum
from tests.support import scapy_runner
from tests.support.kinds import KINDS, OUTER_TYPES, STB_MAC, stripped
from tests.support.scapy_runner import described

CASES = {
    f"{kind} {name} {outer_type:#x}": (kind, message, outer_type)
    for kind in KINDS
    for outer_type in (OUTER_TYPES if kind.tags != "untagged" else OUTER_TYPES[:1])
    for name, message in kind.messages().items()
}


@pytest.fixture(scope="module")
def exchanged():
    """Everything through one run of scapy."""
    build = {name: described(*case) for name, case in CASES.items()}
    read = {name: kind.frame(message, outer_type=outer) for name, (kind, message, outer) in CASES.items()}
    spoiled = {f"spoiled {name}": octets[:-1] + bytes([octets[-1] ^ 1]) for name, octets in read.items()}
    return scapy_runner.run(build, read | spoiled)


def test_all_thirty_kinds_are_there():
    assert len({case[0] for case in CASES.values()}) == 30
    assert sum("leave" in name for name in CASES) >= 24
    assert sum("query" in name for name in CASES) >= 30


def test_what_scapy_builds_is_read_as_it_was_meant(exchanged):
    built, _ = exchanged
    for name, (kind, message, _) in CASES.items():
        found = frames.decode(*stripped(built[name]), require_router_alert=True)
        assert found.message == message, name
        if not isinstance(message, Query):
            assert found.subscriber == kind.subscriber, name
            assert found.subscriber.mac == STB_MAC


def test_what_we_build_is_read_by_scapy_as_it_was_meant(exchanged):
    _, read = exchanged
    for name, case in CASES.items():
        found = read[name]
        assert "differs" not in found, (name, found["differs"])
        assert (found["hops"], found["class"], found["alert"]) == (1, 0xC0, True), name
        expected = described(*case)
        if not case[0].subscriber.pppoe_session:
            del expected["destination_mac"]
        assert {key: found[key] for key in expected} == expected, name


def test_scapy_sees_a_wrong_checksum(exchanged):
    _, read = exchanged
    assert all("differs" in read[f"spoiled {name}"] for name in CASES)


def test_both_build_the_same_octets(exchanged):
    """But for what is a choice: scapy numbers its IPv4 packets and leaves Don't Fragment out."""
    built, _ = exchanged
    for name, (kind, message, outer_type) in CASES.items():
        ours = bytearray(kind.frame(message, outer_type=outer_type))
        if kind.family == 4:
            at = len(ours) - len(ethernet.decode(bytes(ours)).payload) - 24
            ours[at + 4 : at + 8] = b"\0\1\0\0"
            ours[at + 10 : at + 12] = b"\0\0"
            ours[at + 10 : at + 12] = checksum(bytes(ours[at : at + 24])).to_bytes(2, "big")
        assert built[name].hex() == ours.hex(), name
