"""The capture's BPF program on frames of every kind, and on what is not membership."""

import pytest

from dataplane.capture import filter as program
from dataplane.packets import frames
from dataplane.packets.wire import DecodeError, DropReason
from tests.support import bpf
from tests.support.kinds import KINDS, OUTER_TYPES, stripped

WHOLE = 0x40000


def takes(frame):
    return bpf.run(program.MEMBERSHIP_MESSAGES, frame)[0] == WHOLE


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_message_of_every_kind_passes_and_no_part_of_its_headers_does(kind):
    for message in kind.messages().values():
        for outer_type in OUTER_TYPES:
            frame, _ = stripped(kind.frame(message, outer_type=outer_type))
            assert takes(frame)
            assert not takes(frame[:22])


def changed(kind, at, value):
    frame, _ = stripped(kind.frame(next(iter(kind.messages().values()))))
    assert takes(frame)
    return frame[:at] + value + frame[at + len(value) :]


PLAIN = {str(kind): kind for kind in KINDS}


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        ("untagged-ipoe-igmpv2", 12, "0806"),
        ("untagged-ipoe-igmpv2", 23, "11"),
        ("dot1q-ipoe-igmpv2", 23, "11"),
        ("qinq-ipoe-igmpv2", 27, "11"),
        ("qinq-ipoe-igmpv2", 16, "8100"),
        ("untagged-pppoe-igmpv2", 12, "8863"),
        ("untagged-pppoe-igmpv2", 20, "c021"),
        ("untagged-pppoe-igmpv2", 31, "06"),
        ("qinq-pppoe-igmpv2", 35, "06"),
        ("untagged-ipoe-mldv2", 20, "11"),
        ("untagged-ipoe-mldv2", 54, "06"),
        ("untagged-ipoe-mldv2", 55, "01"),
        ("untagged-ipoe-mldv2", 62, "87"),
        ("qinq-pppoe-mldv1", 32, "3a"),
        ("qinq-pppoe-mldv1", 74, "88"),
    ],
)
def test_other_traffic_does_not_pass(kind, at, value):
    assert not takes(changed(PLAIN[kind], at, bytes.fromhex(value)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.tags == "qinq"], ids=str)
def test_a_third_tag_passes_and_a_fourth_does_not(kind):
    for message in kind.messages().values():
        frame, _ = stripped(kind.frame(message))
        once_more = frame[:12] + b"\x88\xa8\x00\x07" + frame[12:]
        assert takes(once_more)
        assert not takes(once_more[:12] + b"\x81\x00\x00\x07" + once_more[12:])
        other = frame[:16] + b"\x08\x06" + frame[18:]
        assert not takes(other[:12] + b"\x81\x00\x00\x07" + other[12:])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.family == 6], ids=str)
def test_mld_without_router_alert_passes_so_that_it_is_counted_and_other_icmpv6_does_not(kind):
    for message in kind.messages().values():
        frame, vlan = stripped(kind.frame(message))
        at = frame.index(b"\x3a\x00\x05\x02\x00\x00\x01\x00")  # the options, between header and message
        bare = frame[: at - 34] + b"\x3a" + frame[at - 33 : at] + frame[at + 8 :]
        assert takes(bare)
        assert not takes(bare[:at] + b"\x87" + bare[at + 1 :])
        with pytest.raises(DecodeError) as caught:
            frames.decode(_shorter(bare, at), vlan)
        assert caught.value.reason is DropReason.MISSING_ROUTER_ALERT


def _shorter(frame, at):
    """The lengths that say what is there now that the options are not."""
    frame = bytearray(frame)
    begin = at - 40
    frame[begin + 4 : begin + 6] = (len(frame) - at).to_bytes(2, "big")
    if frame[begin - 2 : begin] == b"\x00\x57":
        frame[begin - 4 : begin - 2] = (len(frame) - begin + 2).to_bytes(2, "big")
    return bytes(frame)


def test_a_longer_options_header_is_skipped():
    frame = PLAIN["dot1q-pppoe-mldv2"].frame(PLAIN["dot1q-pppoe-mldv2"].messages()["join"])
    frame, _ = stripped(frame)
    assert takes(frame[:63] + b"\x01" + frame[64:70] + bytes(8) + frame[70:])


def test_traffic_that_is_not_membership_costs_five_instructions():
    frame = changed(PLAIN["untagged-ipoe-igmpv3"], 23, b"\x11")
    assert bpf.run(program.MEMBERSHIP_MESSAGES, frame) == (0, 5)


def test_a_session_with_another_host_does_not_pass_but_one_with_a_virtual_router():
    kind = PLAIN["dot1q-pppoe-igmpv3"]
    frame, _ = stripped(kind.frame(kind.messages()["join"]))
    virtual = bytes.fromhex("00005e000133") + frame[6:]
    multicast = PLAIN["untagged-ipoe-igmpv3"].frame(kind.messages()["join"])
    passed = [
        bpf.run(program.MEMBERSHIP_MESSAGES, octets, program.OTHER_HOST)[0] == WHOLE
        for octets in (frame, virtual, multicast)
    ]
    assert passed == [False, True, True]


def test_no_jump_leaves_the_program():
    instructions = program.MEMBERSHIP_MESSAGES
    for place, one in enumerate(instructions[:-2]):
        assert min(one.if_true, one.if_false) >= 0
        assert place + 1 + max(one.if_true, one.if_false) < len(instructions)
    assert [one.code for one in instructions[-2:]] == [program.RETURN, program.RETURN]
