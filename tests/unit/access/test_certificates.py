"""Which user a TLS client is (RFC 7407), and who has failed too often."""

import hashlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from server.access.certificates import (
    CertToName,
    FingerprintError,
    MapType,
    name_of,
    parse_fingerprint,
)


def certificate(names: list[x509.GeneralName], common_name: str = "Someone") -> bytes:
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, None).public_bytes(Encoding.DER)


def entry(shown: bytes, map_type: MapType, name: str = "", number: int = 1) -> CertToName:
    text = "04:" + hashlib.sha256(shown).digest().hex(":")
    return CertToName(number, parse_fingerprint(text), map_type, name)


NAMES: list[x509.GeneralName] = [
    x509.UniformResourceIdentifier("urn:x"),
    x509.DNSName("NMS.Example.COM"),
    x509.RFC822Name("FooBar@Example.COM"),
    x509.IPAddress(ip_address("192.0.2.1")),
    x509.IPAddress(ip_address("2001:db8::1")),
]


@pytest.mark.parametrize(
    ("map_type", "expected"),
    [
        (MapType.SPECIFIED, "zoe"),
        (MapType.SAN_DNS_NAME, "nms.example.com"),
        (MapType.SAN_RFC822_NAME, "FooBar@example.com"),
        (MapType.SAN_IP_ADDRESS, "192.0.2.1"),
        (MapType.SAN_ANY, "nms.example.com"),
        (MapType.COMMON_NAME, "Someone"),
    ],
)
def test_map_types(map_type: MapType, expected: str) -> None:
    shown = certificate(NAMES)
    assert name_of([shown], [entry(shown, map_type, "zoe")]) == expected


def test_an_ipv6_address_is_its_digits() -> None:
    shown = certificate(NAMES[4:])
    assert name_of([shown], [entry(shown, MapType.SAN_IP_ADDRESS)]) == "20010db8" + "0" * 23 + "1"


def test_an_authority_maps_all_that_it_signed() -> None:
    own, authority = certificate(NAMES), certificate([])
    assert name_of([own, authority], [entry(authority, MapType.SAN_DNS_NAME)]) == "nms.example.com"


def test_entries_are_tried_by_id_until_one_gives_a_name() -> None:
    shown = certificate([], common_name="")
    entries = [
        entry(shown, MapType.SPECIFIED, "third", 3),
        entry(shown, MapType.SPECIFIED, "second", 2),
        entry(shown, MapType.SAN_ANY, number=1),
        entry(certificate([]), MapType.SPECIFIED, "other", 0),
    ]
    assert name_of([shown], entries) == "second"
    assert name_of([shown], entries[2:]) == ""


@pytest.mark.parametrize("name", ["with space", "x" * 65, "tab\t"])
def test_what_cannot_be_a_user_is_none(name: str) -> None:
    shown = certificate([], common_name=name.ljust(1)[:64] if len(name) <= 64 else "x")
    assert name_of([shown], [entry(shown, MapType.SPECIFIED, name)]) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("02:" + "00:" * 19 + "00", "the hash algorithm 02 is not supported"),
        ("04:00", "sha256 has 32 octets after the first, not 1"),
    ],
)
def test_fingerprints_that_compare_with_nothing(text: str, message: str) -> None:
    with pytest.raises(FingerprintError, match=message):
        parse_fingerprint(text)
