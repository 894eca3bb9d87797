"""Capture of real IGMP: a host joins with the socket API, the router's side sees the frames."""

import select
import socket
import sys
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from msgspec.structs import replace

from cli.lab.namespaces import Namespace, veth
from dataplane.capture import ACCESS_RING_BYTES, Capture, CaptureError
from dataplane.packets.frames import decode, query_frames
from dataplane.packets.messages import Query, RecordType
from dataplane.packets.wire import DecodeError
from tests.support.kinds import GROUP as GROUPS
from tests.support.kinds import KINDS, OUTER_TYPES, SOURCE, STB_MAC, stripped
from tests.support.kinds import ROUTER as HOST
from tests.support.wait import wait_for

V2_REPORT, V2_LEAVE, V3_REPORT = 0x16, 0x17, 0x22
GROUP = "239.1.1.1"
HEADERS = bytes.fromhex("01005e010101020000000001")
MODES = pytest.mark.parametrize("ring_bytes", [ACCESS_RING_BYTES, 1 << 20, 0], ids=["ring", "small", "recv"])


def ipv4(payload, protocol=2):
    total = 24 + len(payload)
    header = bytes([0x46, 0xC0]) + total.to_bytes(2, "big") + bytes([0, 0, 0, 0, 1, protocol, 0, 0])
    return header + bytes([10, 0, 0, 2, 239, 1, 1, 1]) + bytes([0x94, 4, 0, 0]) + payload


def frame(payload=b"\x16\0\0\0\xef\1\1\1", tags=b"", protocol=2):
    return HEADERS + tags + b"\x08\x00" + ipv4(payload, protocol)


@contextmanager
def wire(ring_bytes=ACCESS_RING_BYTES):
    """A router (this namespace) and an STB, one link, a capture on the router's end."""
    with Namespace("router", new=False) as router, Namespace("stb") as stb:
        for end in (router, stb):
            end.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        veth(router, "access", stb, "eth0")
        stb.address("eth0", "10.0.0.2/24")
        stb.route("224.0.0.0/4", interface="eth0")
        capture = Capture(router.index("access"), ring_bytes=ring_bytes)
        try:
            yield router, stb, capture
        finally:
            capture.close()


def raw_sender(namespace, interface="eth0"):
    def opened():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind((interface, 0))
        return raw

    return namespace.run(opened)


def member(stb, group=GROUP):
    def joined():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = socket.inet_aton(group) + socket.inet_aton("10.0.0.2")
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        return receiver

    return stb.run(joined)


def igmp_types(frames):
    return [captured.frame[14 + 4 * (captured.frame[14] & 15)] for captured in frames]


def collect(capture, until, what):
    """Read, as an event loop would, until `until(frames)` holds."""
    frames = []

    def enough():
        readable, _, _ = select.select([capture], [], [], 0.05)
        if readable:
            frames.extend(capture.read())
        return until(frames)

    wait_for(enough, what=what)
    return frames


@MODES
def test_a_join_of_version_3_is_seen(ring_bytes):
    with wire(ring_bytes) as (_, stb, capture):
        assert capture.mode == ("ring" if ring_bytes else "recv")
        with member(stb):
            frames = collect(capture, lambda seen: V3_REPORT in igmp_types(seen), "an IGMPv3 report")
        assert frames[0].frame[:6] == bytes.fromhex("01005e000016")
        assert frames[0].outer_vlan == 0
        assert frames[0].timestamp > 0
        assert capture.statistics().dropped == 0
        assert capture.statistics().received == len(frames)


def test_join_and_leave_of_version_2_are_seen():
    with wire() as (_, stb, capture):
        stb.sysctl("net/ipv4/conf/all/force_igmp_version", 2)
        with member(stb):
            collect(capture, lambda seen: V2_REPORT in igmp_types(seen), "an IGMPv2 report")
        collect(capture, lambda seen: V2_LEAVE in igmp_types(seen), "an IGMPv2 leave")


@MODES
def test_the_outer_tag_comes_beside_the_frame(ring_bytes):
    with wire(ring_bytes) as (_, stb, capture), raw_sender(stb) as raw:
        raw.send(frame(tags=bytes.fromhex("8100 6064")))
        (captured,) = collect(capture, bool, "a tagged report")
        assert captured.outer_vlan == 100
        assert captured.frame == frame()


@MODES
def test_an_inner_tag_stays_in_the_frame(ring_bytes):
    with wire(ring_bytes) as (_, stb, capture), raw_sender(stb) as raw:
        raw.send(frame(tags=bytes.fromhex("88a8 0064 8100 00c8")))
        (captured,) = collect(capture, bool, "a double-tagged report")
        assert captured.outer_vlan == 100
        assert captured.frame == frame(tags=bytes.fromhex("8100 00c8"))


@MODES
def test_three_tags_are_refused_where_all_can_see_it_unless_one_is_a_priority(ring_bytes):
    join = KINDS[0].frame(KINDS[0].messages()["join"])
    with wire(ring_bytes) as (_, stb, capture), raw_sender(stb) as raw:
        for tags in ("88a8 0064 8100 00c8 8100 0007", "88a8 0064 8100 00c8 8100 e000", "8100 e000 8100 0064"):
            raw.send(join[:12] + bytes.fromhex(tags) + join[12:])
        heard = collect(capture, lambda seen: len(seen) == 3, "all three")
    with pytest.raises(DecodeError, match="too-many-tags"):
        decode(heard[0].frame, heard[0].outer_vlan)
    found = [decode(captured.frame, captured.outer_vlan).subscriber for captured in heard[1:]]
    assert [(each.outer_vlan, each.inner_vlan) for each in found] == [(100, 200), (100, 0)]


@MODES
def test_every_kind_of_frame_passes_the_filter_in_the_kernel_and_is_read(ring_bytes):
    sent = [
        (kind, message, kind.frame(message, outer_type=outer_type))
        for kind in KINDS
        for outer_type in OUTER_TYPES
        for message in kind.messages().values()
    ]
    with wire(ring_bytes) as (router, stb, capture), raw_sender(stb) as raw:
        own = router.mac("access")
        sent = [
            (kind, message, own + octets[6:] if kind.access == "pppoe" else octets)
            for kind, message, octets in sent
        ]
        for _, _, octets in sent:
            raw.send(octets[:12] + b"\x08\x06" + octets[14:])
            raw.send(octets)
        heard = collect(capture, lambda seen: len(seen) >= len(sent), "all frames")
    assert [captured.frame for captured in heard] == [stripped(octets)[0] for _, _, octets in sent]
    found = [decode(captured.frame, captured.outer_vlan) for captured in heard]
    assert [each.message for each in found] == [message for _, message, _ in sent]
    where = [replace(each.subscriber, mac=STB_MAC) for each in found]
    assert where == [kind.subscriber for kind, _, _ in sent]


@MODES
def test_a_session_with_another_router_is_not_heard(ring_bytes):
    """The access switch floods a frame whose destination it has not learned."""
    kind = next(kind for kind in KINDS if str(kind) == "dot1q-pppoe-igmpv2")
    octets = kind.frame(kind.messages()["join"])
    with wire(ring_bytes) as (router, stb, capture), raw_sender(stb) as raw:
        raw.send(octets)
        raw.send(router.mac("access") + octets[6:])
        (captured,) = collect(capture, bool, "the frame to this router")
        assert captured.frame[:6] == router.mac("access")


@pytest.mark.parametrize("version", [1, 2])
def test_join_and_leave_of_a_linux_host_with_mld(version):
    """The kernel's own octets: MLDv1 report and done, MLDv2 state changes."""
    group = IPv6Address("ff3e::8001:203")
    with wire() as (_, stb, capture):
        stb.sysctl("net/ipv6/conf/eth0/force_mld_version", version)
        stb.sysctl("net/ipv6/conf/eth0/accept_dad", 0)
        stb.sysctl("net/ipv6/conf/eth0/disable_ipv6", 0)
        wait_for(lambda: stb.run(_link_local, "eth0"), what="an address")
        with stb.run(_member6, group, stb.index("eth0")):
            collect(capture, lambda seen: _said(seen, version + 1, group, leave=False), "a report")
        heard = collect(capture, lambda seen: _said(seen, version + 1, group, leave=True), "a leave")
        assert all(captured.frame[12:14] == b"\x86\xdd" for captured in heard)


def _link_local(interface):
    lines = Path("/proc/thread-self/net/if_inet6").read_text().splitlines()
    return any(line.split()[3] == "20" and line.split()[5] == interface for line in lines)


def _member6(group, index):
    receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    request = group.packed + index.to_bytes(4, sys.byteorder)
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    return receiver


LEAVES = frozenset({RecordType.CHANGE_TO_INCLUDE_MODE})
JOINS = frozenset({RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE})


def _said(seen, version, group, *, leave):
    for captured in seen:
        with suppress(DecodeError):  # its groups of the link are refused
            message = decode(captured.frame).message
            records = [record for record in message.records if record.group == group]
            if message.version == version and any(
                record.type in (LEAVES if leave else JOINS) for record in records
            ):
                return True
    return False


@MODES
def test_other_traffic_is_filtered_out(ring_bytes):
    with wire(ring_bytes) as (_, stb, capture), raw_sender(stb) as raw:
        raw.send(frame(protocol=17))
        raw.send(HEADERS + b"\x08\x06" + b"\0" * 46)
        raw.send(frame(tags=bytes.fromhex("81000064"), protocol=17))
        raw.send(frame())
        assert [c.frame for c in collect(capture, bool, "the report")] == [frame()]


@MODES
def test_a_frame_larger_than_a_slot_arrives_whole_and_in_order(ring_bytes):
    large = [frame(bytes([V3_REPORT, number]) + b"\x55" * 1_400) for number in range(20)]
    sent = [piece for big in large for piece in (frame(), big)]
    with wire(ring_bytes) as (_, stb, capture), raw_sender(stb) as raw:
        for piece in sent:
            raw.send(piece)
        frames = collect(capture, lambda seen: len(seen) >= len(sent), "all frames")
        assert [captured.frame for captured in frames] == sent


def test_the_ring_goes_round():
    with wire(1 << 18) as (_, stb, capture), raw_sender(stb) as raw:
        for number in range(2_000):
            raw.send(frame(bytes([0x16, 0]) + number.to_bytes(6, "big")))
            (captured,) = collect(capture, bool, f"frame {number}")
            assert captured.frame[-6:] == number.to_bytes(6, "big")


@MODES
def test_what_does_not_fit_is_counted(ring_bytes):
    with wire(min(ring_bytes, 1 << 18)) as (_, stb, capture), raw_sender(stb) as raw:
        sent = 40_000
        for _ in range(sent):
            raw.send(frame())
        received = 0
        while frames := capture.read(10_000):
            received += len(frames)
        assert 0 < received < sent
        assert received + capture.statistics().dropped == sent


@MODES
def test_sending_and_not_hearing_oneself(ring_bytes):
    with wire(ring_bytes) as (_, stb, capture):
        listener = stb.run(Capture, stb.index("eth0"))
        assert capture.send(frame())
        assert capture.send(frame(tags=bytes.fromhex("81000007")))
        heard = collect(listener, lambda seen: len(seen) == 2, "both frames")
        assert [(h.frame, h.outer_vlan) for h in heard] == [(frame(), 0), (frame(), 7)]
        assert capture.read() == []
        listener.close()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.version == 3], ids=str)
def test_a_query_of_many_sources_is_sent_to_every_circuit(kind):
    """The kernel sends no longer frame than an untagged one, but for one tag of type 0x8100."""
    sources = tuple(SOURCE[kind.family] + number for number in range(1_000))
    query = Query(3, GROUPS[kind.family], sources, 1.0, robustness=2, query_interval=125)
    with wire(0) as (router, _, capture):
        for outer_type in OUTER_TYPES:
            made = query_frames(
                query, router.mac("access"), HOST[kind.family], 1500, kind.subscriber, outer_type
            )
            assert len(made) > 1
            assert all(capture.send(octets) for octets in made)


@MODES
def test_a_link_that_goes_down_and_up_keeps_its_capture(ring_bytes):
    with wire(ring_bytes) as (router, stb, capture), raw_sender(stb) as raw:
        router.down("access")
        assert capture.read() == []
        assert not capture.send(frame())
        assert capture.statistics().send_failures == 1
        assert capture.alive
        assert select.select([capture], [], [], 0)[0] == []
        router.up("access")
        # Until the carrier is back the kernel takes frames and drops them.
        wait_for(lambda: _sent(raw) and capture.read(), what="a report after the link is back")


def _sent(raw):
    with suppress(OSError):
        raw.send(frame())
    return True


@MODES
def test_a_removed_interface_ends_its_capture(ring_bytes):
    with wire(ring_bytes) as (router, _, capture):
        router.delete("access")
        assert capture.read() == []
        assert not capture.alive
        assert not capture.send(frame())


def test_an_interface_that_is_not_there_is_refused():
    with pytest.raises(CaptureError, match="interface 4711"):
        Capture(4711)


def test_an_interface_without_ethernet_addresses_is_refused():
    """As a tunnel or a PPP device: what is sent there would begin with addresses in place of an IP packet."""
    with Namespace("router", new=False) as router, pytest.raises(CaptureError, match="no Ethernet interface"):
        Capture(router.index("lo"))


@MODES
def test_large_frames_are_handed_out_a_few_at_a_time(ring_bytes):
    """One of 1,500 octets may hold 183 records: many at once would keep everything else waiting."""
    with wire(ring_bytes) as (_, stb, capture), raw_sender(stb) as sender:
        for _ in range(20):
            sender.send(frame(bytes(1400)))
        parts = []
        collect(_Parts(capture, parts), lambda frames: len(frames) == 20, "all of them")
        assert max(parts) <= 3


class _Parts:
    """A capture that notes how many frames each reading gave."""

    def __init__(self, capture, parts):
        self.capture, self.parts = capture, parts

    def fileno(self):
        return self.capture.fileno()

    def read(self):
        frames = self.capture.read()
        self.parts.append(len(frames))
        return frames
