"""tshark dissects what we send: every kind of frame, without an expert warning and with right checksums."""

import json
import shutil
import subprocess
from ipaddress import IPv4Address
from struct import Struct

import pytest

from dataplane.packets import frames
from dataplane.packets.ethernet import ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN
from dataplane.packets.messages import GroupRecord, Query, RecordType
from tests.support.kinds import GROUP, KINDS, ROUTER, ROUTER_MAC, SOURCE

PROGRAM = shutil.which("tshark")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="tshark is not installed")

PCAP = Struct("IHHiIII")
RECORD = Struct("IIII")
FIELDS = (
    "frame.number",
    "_ws.expert.severity",
    "_ws.expert.message",
    "_ws.malformed",
    "ip.checksum.status",
    "igmp.checksum.status",
    "icmpv6.checksum.status",
    "vlan.id",
    "ieee8021ad.id",
    "pppoe.session_id",
    "ip.opt.ra",
    "ipv6.opt.router_alert",
    "igmp.type",
    "icmpv6.type",
)
GOOD = "1"


def sent():
    """Everything of every kind, and what goes toward the core for many groups and many sources."""
    named = {
        f"{kind} {name} {outer_type:#x}": kind.frame(message, outer_type=outer_type)
        for kind in KINDS
        for outer_type in (
            (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN) if kind.tags != "untagged" else (ETHERTYPE_VLAN,)
        )
        for name, message in kind.messages().items()
    }
    for family, group in GROUP.items():
        groups = [type(group)(int(group) + number) for number in range(400)]
        sources = tuple(type(group)(int(SOURCE[family]) + number) for number in range(400))
        records = [GroupRecord(RecordType.MODE_IS_EXCLUDE, each) for each in groups]
        records.append(GroupRecord(RecordType.ALLOW_NEW_SOURCES, group, sources))
        many = frames.report_frames(3, records, ROUTER_MAC, ROUTER[family])
        named |= {f"upstream {family} {number}": octets for number, octets in enumerate(many)}
        slow = Query(3, group, sources[:50], 100.0, robustness=7, query_interval=31744)
        named[f"slow query {family}"] = frames.query_frame(slow, ROUTER_MAC, ROUTER[family])
    return named | toward_the_core()


def toward_the_core():
    """Reports and leaves of every version, from an address and from none; IGMP asks from none as well."""
    named = {}
    for family, group in GROUP.items():
        records = [GroupRecord(kind, group, some) for kind in RecordType for some in ((), (SOURCE[family],))]
        for source in (ROUTER[family], type(group)(0)):
            for version in (1, 2, 3) if family == 4 else (2, 3):
                for number, record in enumerate(records):
                    made = frames.report_frames(version, [record], ROUTER_MAC, source)
                    named |= {f"report of version {version} from {source} {number}": each for each in made}
    named["query from no address"] = frames.query_frame(Query(3, robustness=2), ROUTER_MAC, IPv4Address(0))
    return named


def dissected(octets, folder):
    """One row of fields for every frame, each a list of what tshark found."""
    capture = folder / "sent.pcap"
    packets = [RECORD.pack(0, 0, len(frame), len(frame)) + frame for frame in octets]
    capture.write_bytes(PCAP.pack(0xA1B2C3D4, 2, 4, 0, 0, 1 << 16, 1) + b"".join(packets))
    fields = [part for name in FIELDS for part in ("-e", name)]
    done = subprocess.run(
        [PROGRAM, "-n", "-r", capture, "-o", "ip.check_checksum:TRUE", "-T", "json", *fields],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [row["_source"]["layers"] for row in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    named = sent()
    spoiled = {f"spoiled {name}": octets[:-1] + bytes([octets[-1] ^ 1]) for name, octets in named.items()}
    both = named | spoiled
    found = dissected(both.values(), tmp_path_factory.mktemp("tshark"))
    return dict(zip(both, found, strict=True))


def complaints(row):
    wrong = [row[name] for name in FIELDS[1:4] if name in row]
    return wrong + [row[name] for name in FIELDS[4:7] if row.get(name, [GOOD]) != [GOOD]]


def test_not_a_word_of_complaint(rows):
    found = {name: complaints(row) for name, row in rows.items() if not name.startswith("spoiled")}
    assert {name: said for name, said in found.items() if said} == {}


def test_every_checksum_was_looked_at(rows):
    for name, row in rows.items():
        if "icmpv6.type" in row:
            assert "icmpv6.checksum.status" in row, name
        else:
            assert "igmp.checksum.status" in row, name
            assert "ip.checksum.status" in row, name
        if name.startswith("spoiled"):
            assert complaints(row), name


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_tags_session_and_alert_are_where_tshark_looks(rows, kind):
    for name, row in rows.items():
        if not name.startswith(f"{kind} "):
            continue
        subscriber = kind.subscriber
        tags = [int(value) for field in ("ieee8021ad.id", "vlan.id") for value in row.get(field, [])]
        assert tags == [vlan for vlan in (subscriber.outer_vlan, subscriber.inner_vlan) if vlan], name
        session = row.get("pppoe.session_id", ["0"])
        assert int(session[0], 0) == subscriber.pppoe_session, name
        assert ("igmp.type" in row) is (kind.family == 4), name
        assert ("icmpv6.type" in row) is (kind.family == 6), name
        assert "ip.opt.ra" in row or "ipv6.opt.router_alert" in row, name
