"""The vectors of docs/channel.md against the code, in both directions."""

import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from dataplane.config import Role
from dataplane.packets.ethernet import Subscriber
from dataplane.replication.messages import (
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
from dataplane.replication.records import (
    FilterMode,
    Record,
    RecordBuffer,
    RecordKind,
    SourceLifetime,
    SubscriberType,
    pack,
)
from dataplane.replication.settings import ArbitrationKind, ArbitrationSettings, ProfileSettings
from dataplane.replication.trust import pin_of, pin_text
from dataplane.roles import hello

PAGE = Path(__file__).parents[3] / "docs" / "channel.md"
ONE = Subscriber(100, 0, 0, bytes.fromhex("02000000012a"))
TWO = Subscriber(200, 7, 0x1234, bytes.fromhex("02000000012b"))
STB, PPPOE = SubscriberType.DHCP_STB, SubscriberType.PPPOE_STB
GROUP, REPORTER = IPv4Address("239.1.1.1"), IPv4Address("10.20.0.101")
TRUNK = ArbitrationSettings(ArbitrationKind.E_TRUNK, 1, 10)
PROFILE = ProfileSettings(7, True, True, frozenset({1, 2}), Role.MASTER, arbitration=TRUNK)
SETTINGS = Announcement(PROFILE, pull=True)
SSM = SourceLifetime(IPv4Address("10.10.0.10"), 260_000)
SSM6 = SourceLifetime(IPv6Address("2001:db8::10"), 260_000)

BATCHED = Record(
    RecordKind.UPDATE,
    7,
    1,
    ONE,
    STB,
    GROUP,
    FilterMode.EXCLUDE,
    260_000,
    (),
    REPORTER,
    batch=True,
    sequence=1,
)
JOINED = Record(
    RecordKind.UPDATE,
    7,
    2,
    TWO,
    PPPOE,
    IPv4Address("232.1.1.1"),
    FilterMode.INCLUDE,
    sources=(SSM,),
    reporter=IPv4Address("10.20.0.102"),
    sequence=2,
)
LEFT = Record(RecordKind.LEAVE, 7, 1, ONE, STB, GROUP, reporter=REPORTER, sequence=3)
MLD = Record(
    RecordKind.UPDATE,
    7,
    1,
    ONE,
    STB,
    IPv6Address("ff3e::8000:1"),
    FilterMode.INCLUDE,
    sources=(SSM6,),
    reporter=IPv6Address("fe80::ff:fe00:12a"),
    sequence=4,
)
MESSAGES = {
    "open": Open(0x0123456789ABCDEF, 0, 1000, capabilities=1),
    "settings": SettingsPart((SETTINGS,), full=True),
    "batch-begin": BatchBegin(7, 1, 1),
    "record": Records((BATCHED,)),
    "batch-end": BatchEnd(7, 1, 2, 1),
    "ack": Ack(((7, 2),)),
    "records": Records((JOINED, LEFT)),
    "mld": Records((MLD,)),
    "batch-request": BatchRequest(7, returned=True),
    "heartbeat": Heartbeat(),
    "close": Close("stopped"),
}


def vectors() -> dict[str, str]:
    """What stands behind each name, without spaces."""
    found: dict[str, str] = {}
    name = ""
    for line in PAGE.read_text().partition("## Test vectors")[2].splitlines():
        begin = re.match(r"    ([a-z-]+) {2,}(\S.*)", line)
        if begin:
            name = begin[1]
            found[name] = ""
        if line.startswith("    ") and name:
            found[name] += "".join(line.split()[1:] if begin else line.split())
        else:
            name = ""
    return found


def encoded(message) -> bytes:
    if isinstance(message, SettingsPart):
        return encode_settings(message.announcements, full=message.full)
    if not isinstance(message, Records):
        return encode(message)
    buffer = RecordBuffer()
    for each in message.records:
        buffer.add(*pack(each, each.sequence, batch=each.batch))
    return encode_records(buffer.take())


@pytest.mark.parametrize("name", MESSAGES)
def test_the_code_writes_and_reads_what_the_page_says(name):
    octets = bytes.fromhex(vectors()[name])
    assert encoded(MESSAGES[name]).hex() == octets.hex()
    assert list(Deframer().feed(octets)) == [MESSAGES[name]]


def test_the_hello():
    said = hello.Hello(1, 7, Role.MASTER, 100, True, True, False, 300, hello.Stamp(0x1111111111111111, 1))
    sender = IPv4Address("10.30.0.1")
    octets = bytes.fromhex(vectors()["hello"])
    assert hello.encode(said, b"secret", sender).hex() == octets.hex()
    assert hello.decode(octets, b"secret", sender) == said


def test_the_pin():
    """Of the public key of RFC 8032 section 7.1, test 1."""
    octets = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert vectors()["pin"] == pin_text(pin_of(Ed25519PublicKey.from_public_bytes(octets)))


def test_every_vector_of_the_page_is_checked():
    assert vectors().keys() == {*MESSAGES, "hello", "pin"}
