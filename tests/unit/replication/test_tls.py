"""TLS between two ends in memory: who is accepted, who is not, and with what words."""

import ssl
import tempfile
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding

from dataplane.replication import making
from dataplane.replication.tls import TlsClosed, TlsError, TlsSession
from dataplane.replication.trust import Credentials, TrustedCertificates, refusal
from tests.support.keys import (
    DAY,
    NOW,
    authority,
    couple,
    identity,
    pinned,
    signed_authority,
    signed_by,
    trusting,
)

CLIENT, SERVER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


class Ends:
    """Both ends of one connection; an end that fails keeps its reason and is not heard any more."""

    def __init__(self, client: Credentials, server: Credentials) -> None:
        self.client = TlsSession(client, SERVER, client=True)
        self.server = TlsSession(server, CLIENT, client=False)
        self.reasons = {}
        self.attempt(self.client, self.client.handshake)

    def attempt(self, end, work, *arguments):
        try:
            return work(*arguments)
        except TlsError as error:
            self.reasons.setdefault(end, error.reason)
            return b""

    def run(self):
        """Exchange what there is until both are silent."""
        moved = True
        while moved:
            moved = False
            for one, other in ((self.client, self.server), (self.server, self.client)):
                data = one.output()
                if data and other not in self.reasons:
                    moved = True
                    self.attempt(other, other.feed, data)
                    if other.established:
                        self.attempt(other, other.read, 4096)
        return self

    @property
    def reason(self):
        return self.reasons.get(self.client), self.reasons.get(self.server)


def meet(client, server):
    return Ends(client, server).run()


def test_two_ends_that_know_each_others_certificates():
    ends = meet(*couple())
    assert ends.reason == (None, None)
    for one, other in ((ends.client, ends.server), (ends.server, ends.client)):
        one.write(b"x" * 100_000)
        wire = one.output()
        assert b"xxxx" not in wire
        said = b""
        for start in range(0, len(wire), 1000):
            other.feed(wire[start : start + 1000])
            while part := other.read(4096):
                assert len(part) <= 4096
                said += part
        assert said == b"x" * 100_000


@pytest.mark.parametrize("algorithm", making.Algorithm)
def test_pinned_keys_serve_on_both_ends(algorithm):
    one, two = identity(algorithm), identity(algorithm)
    assert meet(trusting(one, pinned(two[1])), trusting(two, pinned(one[1]))).reason == (None, None)


def test_the_last_word_is_told():
    ends = meet(*couple())
    ends.client.write(b"bye")
    ends.client.close()
    ends.server.feed(ends.client.output())
    assert ends.server.read(100) == b"bye"
    with pytest.raises(TlsClosed):
        ends.server.read(100)


@pytest.mark.parametrize("pin", [True, False])
def test_another_certificate_is_refused_by_either_end(pin):
    one, two, stranger = identity(), identity(), identity()
    known = pinned if pin else lambda certificate: TrustedCertificates((certificate,))
    word = "peer-key-mismatch" if pin else "peer-certificate-not-trusted"
    forged_client = meet(trusting(stranger, known(two[1])), trusting(two, known(one[1])))
    assert forged_client.reason == ("peer-refused-certificate", word)
    forged_server = meet(trusting(one, known(two[1])), trusting(stranger, known(one[1])))
    assert forged_server.reason == (word, "peer-refused-certificate")


def test_a_copied_certificate_without_its_key_is_no_proof():
    one, two, thief = identity(), identity(), identity()
    known = TrustedCertificates((one[1],))
    stolen = (thief[0], one[1])
    ends = meet(trusting(stolen, TrustedCertificates((two[1],))), trusting(two, known))
    assert ends.reason[1] == "peer-certificate-absent"
    assert not trusting(stolen, known).fit
    same_name = making.make_certificate(thief[0], "test", (), NOW, 30)
    ends = meet(trusting((thief[0], same_name), TrustedCertificates((two[1],))), trusting(two, known))
    assert ends.reason[1] == "peer-certificate-not-trusted"


@pytest.mark.parametrize("pin", [True, False])
def test_a_certificate_that_has_ended_or_not_begun_is_refused(pin):
    server = identity()
    for when, word in ((NOW - 60 * DAY, "expired"), (NOW + 60 * DAY, "not-yet-valid")):
        client = identity(now=when)
        known = pinned(client[1]) if pin else TrustedCertificates((client[1],))
        ends = meet(trusting(client, TrustedCertificates((server[1],))), trusting(server, known))
        assert ends.reason == ("peer-refused-certificate", f"peer-certificate-{word}")


def test_an_authority_vouches_for_an_address():
    issuer = authority()
    by_authority = TrustedCertificates((issuer[1],))
    client, server = signed_by(issuer, [CLIENT]), signed_by(issuer, [SERVER])
    assert meet(trusting(client, by_authority), trusting(server, by_authority)).reason == (None, None)
    wrong = meet(trusting(server, by_authority), trusting(server, by_authority))
    assert wrong.reason[1] == "peer-certificate-for-another-address"
    other = signed_by(authority(), [CLIENT])
    assert meet(trusting(other, by_authority), trusting(server, by_authority)).reason[1] == (
        "peer-certificate-not-trusted"
    )


def test_of_several_certificates_each_counts():
    old, new, server = identity(), identity(), identity()
    either = TrustedCertificates((old[1], new[1]))
    for client in (old, new):
        ends = meet(trusting(client, TrustedCertificates((server[1],))), trusting(server, either))
        assert ends.reason == (None, None)


def test_who_is_no_authority_vouches_for_nobody():
    """The peer's certificate is trusted as such; what its key signs is not."""
    peer, server = identity(addresses=[CLIENT]), identity()
    second = signed_by(peer, [CLIENT])
    known = TrustedCertificates((peer[1],))
    ends = meet(trusting(second, TrustedCertificates((server[1],))), trusting(server, known))
    assert ends.reason[1] == "peer-certificate-not-trusted"
    assert not ends.server.established
    chained = Credentials(second[0], (second[1], peer[1]), TrustedCertificates((server[1],)))
    assert meet(chained, trusting(server, known)).reason[1] == "peer-certificate-not-trusted"


def test_a_chain_of_authorities_is_followed():
    root, middle = authority(), authority()
    between = signed_authority(root, middle[0])
    client, server = signed_by((middle[0], between), [CLIENT]), identity()
    shown = Credentials(client[0], (client[1], between), TrustedCertificates((server[1],)))
    by_root = TrustedCertificates((root[1],))
    assert meet(shown, trusting(server, by_root)).reason == (None, None)
    short = trusting(client, TrustedCertificates((server[1],)))
    assert meet(short, trusting(server, by_root)).reason[1] == "peer-certificate-not-trusted"


def test_a_certificate_that_an_authority_signed_may_be_trusted_alone():
    issuer = authority()
    client, server = signed_by(issuer, []), identity()
    ends = meet(
        trusting(client, TrustedCertificates((server[1],))),
        trusting(server, TrustedCertificates((client[1],))),
    )
    assert ends.reason == (None, None)


def test_garbage_and_plain_octets_end_the_connection():
    for data in (b"\0\0\0\x18\1\0\0\0" + bytes(24), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" * 40):
        session = TlsSession(couple()[0], CLIENT, client=False)
        with pytest.raises(TlsError):
            session.feed(data)


def standard_library(version, credentials, *, show=True):
    """A client of Python's own ssl: another implementation of the handshake, with its own rules."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["twincast"])
    if show:
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = Path(folder) / "key", Path(folder) / "crt"
            key.write_bytes(making.private_pem(credentials.key))
            certificate.write_bytes(making.certificate_pem(credentials.chain[0]))
            context.load_cert_chain(certificate, key)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return incoming, outgoing, context.wrap_bio(incoming, outgoing)


def play(server, incoming, outgoing, client):
    for _ in range(6):
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
        server.feed(outgoing.read())
        incoming.write(server.output())


def test_pythons_own_tls_is_understood():
    one, two = couple()
    server = TlsSession(two, CLIENT, client=False)
    incoming, outgoing, client = standard_library(ssl.TLSVersion.TLSv1_3, one)
    play(server, incoming, outgoing, client)
    assert server.established
    assert client.version() == "TLSv1.3"
    client.write(b"hello")
    server.feed(outgoing.read())
    assert server.read(100) == b"hello"


@pytest.mark.parametrize(
    ("version", "show", "reason"),
    [
        (ssl.TLSVersion.TLSv1_2, True, "tls-version-mismatch"),
        (ssl.TLSVersion.TLSv1_3, False, "peer-certificate-absent"),
    ],
)
def test_older_versions_and_clients_without_a_certificate_are_refused(version, show, reason):
    one, two = couple()
    server = TlsSession(two, CLIENT, client=False)
    with pytest.raises(TlsError) as refused:
        play(server, *standard_library(version, one, show=show))
    assert refused.value.reason == reason
    assert not server.established


def test_another_protocol_with_the_same_keys_is_refused():
    one, two = couple()
    server = TlsSession(two, CLIENT, client=False)
    incoming, outgoing, client = standard_library(ssl.TLSVersion.TLSv1_3, one)
    client.context.set_alpn_protocols(["http/1.1"])
    client = client.context.wrap_bio(incoming, outgoing)
    with pytest.raises(TlsError) as refused:
        play(server, incoming, outgoing, client)
    assert refused.value.reason == "peer-of-another-protocol"


def test_credentials_do_not_print_the_key():
    assert "key=" not in repr(couple()[0]).replace("PinnedKey", "")


def test_what_openssl_cannot_use_ends_one_attempt_with_a_word():
    """Every key that the store lets through serves; this is for what a later OpenSSL may refuse."""
    small = generate_private_key(65537, 1024)
    certificate = making.make_certificate(small, "small", (), NOW, 30)
    with pytest.raises(TlsError):
        TlsSession(trusting((small, certificate), couple()[0].peer), SERVER, client=True)


def odd_names():
    """A certificate whose alternative name is of a kind that nobody reads (an X.400 address)."""
    names = x509.UnrecognizedExtension(
        x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3003a30130")
    )
    key = identity()[0]
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - DAY, NOW + DAY)
    return builder.add_extension(names, critical=False).sign(key, None)


def odd_key():
    """A certificate with a key on a curve that is none."""
    curve = bytes.fromhex("06082a8648ce3d030107")
    octets = identity(making.Algorithm.P256)[1].public_bytes(Encoding.DER)
    return x509.load_der_x509_certificate(octets.replace(curve, curve[:-1] + b"\x77"))


def test_a_certificate_that_cannot_be_read_to_its_end_is_refused_with_a_word():
    """Whoever connects chooses what he shows: it must not be more than a refusal."""
    other = identity()[1]
    refused = [
        refusal(pinned(other), odd_key(), chain_ok=False, peer=CLIENT, now=NOW),
        refusal(TrustedCertificates((other,)), odd_key(), chain_ok=False, peer=CLIENT, now=NOW),
        refusal(TrustedCertificates((other,)), odd_names(), chain_ok=True, peer=CLIENT, now=NOW),
    ]
    assert refused == [
        "peer-key-mismatch",
        "peer-certificate-not-trusted",
        "peer-certificate-for-another-address",
    ]
