"""Keys and certificates for tests: stores of two routers that know each other, and odd certificates."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from dataplane.config import Address, TlsConfig
from dataplane.replication import making
from dataplane.replication.keys import OWN_NAME, PEER_SUFFIX, FileKind, KeyStore
from dataplane.replication.trust import (
    Credentials,
    PeerIdentity,
    PinnedKey,
    PrivateKey,
    TrustedCertificates,
    pin_of,
)

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def identity(
    algorithm: making.Algorithm = making.Algorithm.ED25519,
    addresses: Sequence[Address] = (),
    *,
    days: int = 30,
    now: datetime = NOW,
) -> tuple[PrivateKey, x509.Certificate]:
    """A key and its certificate."""
    key = making.make_key(algorithm)
    return key, making.make_certificate(key, "test", addresses, now, days)


def authority() -> tuple[Ed25519PrivateKey, x509.Certificate]:
    """An authority: its key and its own certificate."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return key, builder.sign(key, None)


def signed_authority(
    issuer: tuple[Ed25519PrivateKey, x509.Certificate], key: Ed25519PrivateKey
) -> x509.Certificate:
    """The certificate of an authority below another."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority below")])
    builder = _builder(name, issuer[1].subject, key)
    extension = x509.BasicConstraints(ca=True, path_length=0)
    return builder.add_extension(extension, critical=True).sign(issuer[0], None)


def signed_by(
    issuer: tuple[Ed25519PrivateKey, x509.Certificate], addresses: Sequence[Address]
) -> tuple[PrivateKey, x509.Certificate]:
    """A key and a certificate that an authority signed."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "router")])
    builder = _builder(name, issuer[1].subject, key)
    names = x509.SubjectAlternativeName([x509.IPAddress(address) for address in addresses])
    return key, builder.add_extension(names, critical=False).sign(issuer[0], None)


def _builder(subject: x509.Name, issuer: x509.Name, key: Ed25519PrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 30 * DAY)
    )


def pinned(certificate: x509.Certificate) -> PinnedKey:
    """The peer by the key of this certificate."""
    return PinnedKey(pin_of(certificate.public_key()))


def trusting(own: tuple[PrivateKey, x509.Certificate], peer: PeerIdentity) -> Credentials:
    """The credentials of one end."""
    return Credentials(own[0], (own[1],), peer)


def couple() -> tuple[Credentials, Credentials]:
    """Two ends that know each other's certificate."""
    one, two = identity(), identity()
    return trusting(one, TrustedCertificates((two[1],))), trusting(two, TrustedCertificates((one[1],)))


def store(
    folder: Path,
    own: tuple[PrivateKey, x509.Certificate],
    peer: x509.Certificate,
    service: str,
) -> KeyStore:
    """The key store of a router under the usual names."""
    found = KeyStore(folder)
    found.put(OWN_NAME, FileKind.KEY, making.private_pem(own[0]), replace=True)
    found.put(OWN_NAME, FileKind.CERTIFICATE, making.certificate_pem(own[1]), replace=True)
    found.put(f"{service}{PEER_SUFFIX}", FileKind.CERTIFICATE, making.certificate_pem(peer), replace=True)
    return found


USUAL = TlsConfig()
