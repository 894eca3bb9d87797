"""Who the peer of a channel is: by its certificate, by an authority, or by a pinned public key. Pure.

A certificate that is trusted as such needs no name in it. One that an authority signed has to carry the
peer's address, because the authority signs for others too. A pin is the SHA-256 of the SubjectPublicKeyInfo,
as in RFC 7469 section 2.4; the certificate around the key only has to be valid now.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from dataplane.config import Address

_NO_NAMES: Final = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
PIN_PREFIX: Final = "sha256:"
_SMALLEST_RSA: Final = 2048
"""Bits: OpenSSL refuses smaller ones."""
_CURVES: Final = frozenset(
    {"secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"}
)
"""RFC 8446 section 4.2.3 and RFC 8734; TLS 1.3 signs with no other curve."""


@dataclass(frozen=True, slots=True)
class TrustedCertificates:
    """The peer shows one of these certificates, or one that one of these signed."""

    certificates: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """The peer has this public key: 32 octets, see `pin_of`."""

    pin: bytes


PeerIdentity = TrustedCertificates | PinnedKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one end works with: its key, its certificate first of `chain`, and who the peer is."""

    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    peer: PeerIdentity

    @property
    def fit(self) -> bool:
        """True when the certificate holds the public half of the key."""
        try:
            held = self.chain[0].public_key()
        except (ValueError, UnsupportedAlgorithm):
            return False
        return spki(self.key.public_key()) == spki(held)

    def validity_problem(self, now: datetime) -> str:
        """Return `certificate-expired` or `certificate-not-yet-valid` for our own, "" when it is valid."""
        return validity_problem(self.chain[0], now)

    def days_left(self, now: datetime) -> int:
        """Return the whole days until our own certificate ends."""
        return (self.chain[0].not_valid_after_utc - now).days


def serves(key: PrivateKey) -> bool:
    """Return whether an end can prove itself in TLS 1.3 with a key of this kind and size."""
    if isinstance(key, RSAPrivateKey):
        return key.key_size >= _SMALLEST_RSA
    return not isinstance(key, EllipticCurvePrivateKey) or key.curve.name in _CURVES


def validity_problem(certificate: x509.Certificate, now: datetime) -> str:
    """Return what is wrong with a certificate at `now`, a time with a zone; "" when it is valid."""
    if now > certificate.not_valid_after_utc:
        return "certificate-expired"
    return "certificate-not-yet-valid" if now < certificate.not_valid_before_utc else ""


def refusal(
    identity: PeerIdentity, shown: x509.Certificate, *, chain_ok: bool, peer: Address, now: datetime
) -> str:
    """Return why `shown` does not prove that the other end is the peer, "" when it does.

    `chain_ok`: the TLS library found a valid chain from it to one of the trusted certificates.
    """
    problem = validity_problem(shown, now)
    if problem:
        return f"peer-{problem}"
    if isinstance(identity, PinnedKey):
        return "" if _holds(shown, identity.pin) else "peer-key-mismatch"
    if shown in identity.certificates:
        return ""
    if not chain_ok:
        return "peer-certificate-not-trusted"
    return "" if peer in _addresses(shown) else "peer-certificate-for-another-address"


def _holds(certificate: x509.Certificate, pin: bytes) -> bool:
    try:
        return pin_of(certificate.public_key()) == pin
    except (ValueError, UnsupportedAlgorithm):
        return False


def _addresses(certificate: x509.Certificate) -> list[object]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (*_NO_NAMES, ValueError):
        return []
    return list(names.get_values_for_type(x509.IPAddress))


def spki(key: PublicKeyTypes) -> bytes:
    """Return the SubjectPublicKeyInfo of a key in DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pin_of(key: PublicKeyTypes) -> bytes:
    """Return the pin of a public key."""
    return sha256(spki(key)).digest()


def pin_text(pin: bytes) -> str:
    """Return a pin as people pass it on: sha256: and Base64."""
    return PIN_PREFIX + b64encode(pin).decode()


def read_pin(content: bytes) -> bytes:
    """Return the pin in a file: of a public key, of a certificate's key, or as `pin_text` writes it.

    Raises ValueError or UnsupportedAlgorithm.
    """
    text = content.strip()
    if text.startswith(PIN_PREFIX.encode()):
        pin = b64decode(text.removeprefix(PIN_PREFIX.encode()), validate=True)
        if len(pin) != sha256().digest_size:
            raise ValueError("a pin has 32 octets")
        return pin
    if b"BEGIN CERTIFICATE" in text:
        return pin_of(x509.load_pem_x509_certificate(text).public_key())
    return pin_of(load_pem_public_key(text))
