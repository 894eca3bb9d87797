"""Which user a TLS client is: the mapping of RFC 7407 from certificates to names. Pure.

A chain begins with the client's own certificate; those that lead to a trusted one follow. Each is DER.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

LONGEST_NAME: Final = 64

_HASHES: Final = {4: "sha256", 5: "sha384", 6: "sha512"}
"""The TLS HashAlgorithm registry of RFC 5246, without those in which collisions are found or near."""


class MapType(StrEnum):
    """How a certificate gives a name: the identities of ietf-x509-cert-to-name."""

    SPECIFIED = "specified"
    SAN_RFC822_NAME = "san-rfc822-name"
    SAN_DNS_NAME = "san-dns-name"
    SAN_IP_ADDRESS = "san-ip-address"
    SAN_ANY = "san-any"
    COMMON_NAME = "common-name"


class FingerprintError(Exception):
    """A fingerprint cannot be compared with anything; the text says why."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A hash of a certificate, with its algorithm."""

    algorithm: str
    digest: bytes

    def matches(self, certificate: bytes) -> bool:
        """Whether it is the one of a certificate."""
        return hmac.compare_digest(hashlib.new(self.algorithm, certificate).digest(), self.digest)


@dataclass(frozen=True, slots=True)
class CertToName:
    """One entry of the mapping; `name` is that of the map type `specified`."""

    id: int
    fingerprint: Fingerprint
    map_type: MapType
    name: str = ""


def parse_fingerprint(text: str) -> Fingerprint:
    """Read a tls-fingerprint of ietf-x509-cert-to-name. Raises FingerprintError."""
    octets = bytes.fromhex(text.replace(":", ""))
    algorithm = _HASHES.get(octets[0])
    if algorithm is None:
        raise FingerprintError(
            f"the hash algorithm {octets[0]:02x} is not supported; 04 (SHA-256), 05 (SHA-384) and 06 "
            "(SHA-512) are"
        )
    expected = hashlib.new(algorithm).digest_size
    if len(octets) - 1 != expected:
        raise FingerprintError(f"{algorithm} has {expected} octets after the first, not {len(octets) - 1}")
    return Fingerprint(algorithm, octets[1:])


def name_of(chain: Sequence[bytes], entries: Sequence[CertToName]) -> str:
    """Return the user that the entries, by ascending id, make of a verified chain; empty for nobody."""
    for entry in sorted(entries, key=lambda entry: entry.id):
        if any(entry.fingerprint.matches(certificate) for certificate in chain):
            name = entry.name if entry.map_type is MapType.SPECIFIED else _derived(chain[0], entry.map_type)
            if 0 < len(name) <= LONGEST_NAME and name.isprintable() and " " not in name:
                return name
    return ""


def _derived(certificate: bytes, map_type: MapType) -> str:
    parsed = x509.load_der_x509_certificate(certificate)
    if map_type is MapType.COMMON_NAME:
        names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else ""
    return next(_alternative_names(parsed, map_type), "")


def _alternative_names(certificate: x509.Certificate, map_type: MapType) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in names:
        kind, text = _mapped(name)
        if kind is not None and map_type in (kind, MapType.SAN_ANY):
            yield text


def _mapped(name: x509.GeneralName) -> tuple[MapType | None, str]:
    match name:
        case x509.RFC822Name():
            local, _, host = name.value.rpartition("@")
            return MapType.SAN_RFC822_NAME, f"{local}@{host.lower()}"
        case x509.DNSName():
            return MapType.SAN_DNS_NAME, name.value.lower()
        case x509.IPAddress(value=IPv4Address() as address):
            return MapType.SAN_IP_ADDRESS, str(address)
        case x509.IPAddress(value=IPv6Address() as address):
            return MapType.SAN_IP_ADDRESS, address.packed.hex()
        case _:
            return None, ""
