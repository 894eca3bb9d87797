"""The key store: names, files, permissions, and what is said about a file that cannot be used."""

import os

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from dataplane.config import Security, ServiceConfig, TlsConfig
from dataplane.replication import making
from dataplane.replication.keys import MAX_OCTETS, FileKind, KeyProblem, KeyStore, check_owner
from dataplane.replication.trust import PinnedKey, TrustedCertificates, pin_of, pin_text
from tests.support.keys import NOW, identity, pinned, store

SERVICE = "rbs1"


@pytest.fixture
def parties():
    return identity(), identity()


@pytest.fixture
def keys(tmp_path, parties):
    return store(tmp_path / "keys", parties[0], parties[1][1], SERVICE)


def problem(keys, tls=TlsConfig()):  # noqa: B008 - frozen
    with pytest.raises(KeyProblem) as refused:
        keys.credentials(SERVICE, tls, NOW)
    return refused.value


def test_the_usual_names(keys, parties):
    credentials = keys.credentials(SERVICE, TlsConfig(), NOW)
    assert credentials.chain == (parties[0][1],)
    assert credentials.peer == TrustedCertificates((parties[1][1],))
    assert credentials.fit
    assert credentials.days_left(NOW) == 29


def test_named_ones_and_a_pin_in_every_form(keys, parties):
    key, certificate = identity()
    keys.put("mine", FileKind.KEY, making.private_pem(key))
    keys.put("mine", FileKind.CERTIFICATE, making.certificate_pem(certificate))
    peer = parties[1][1]
    forms = (
        making.public_pem(parties[1][0]),
        f"{pin_text(pin_of(peer.public_key()))}\n".encode(),
        making.certificate_pem(peer),
    )
    for form in forms:
        keys.put("theirs", FileKind.PUBLIC_KEY, form, replace=True)
        found = keys.credentials(SERVICE, TlsConfig(key="mine", peer_key="theirs"), NOW)
        assert found.chain == (certificate,)
        assert found.peer == pinned(peer)


def test_a_pin_under_the_usual_name_is_found_when_there_is_no_certificate(keys, parties):
    keys.path("rbs1-peer", FileKind.CERTIFICATE).unlink()
    assert problem(keys).reason == "peer-certificate-missing"
    keys.put("rbs1-peer", FileKind.PUBLIC_KEY, making.public_pem(parties[1][0]))
    assert isinstance(keys.credentials(SERVICE, TlsConfig(), NOW).peer, PinnedKey)


@pytest.mark.parametrize(
    ("name", "kind", "leaf"),
    [
        ("channel", FileKind.KEY, "key"),
        ("channel", FileKind.CERTIFICATE, "certificate"),
        ("rbs1-peer", FileKind.CERTIFICATE, "peer-certificate"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_path(keys, name, kind, leaf):
    path = keys.path(name, kind)
    path.chmod(0o640)
    found = problem(keys)
    assert (found.reason, found.leaf) == (f"{leaf}-permissions", leaf)
    assert f"{path} has mode 0640" in str(found)
    path.chmod(0o600)
    path.write_bytes(b"nonsense")
    assert problem(keys).reason == f"{leaf}-unreadable"
    path.write_bytes(b"x" * (MAX_OCTETS + 1))
    assert "larger than" in str(problem(keys))
    path.unlink()
    assert (problem(keys).reason, str(problem(keys))) == (f"{leaf}-missing", f"{path} does not exist")
    path.mkdir()
    assert problem(keys).reason == f"{leaf}-unreadable"


def test_a_file_of_another_user_is_refused(keys):
    path = keys.path("channel", FileKind.KEY)
    status = list(path.stat())
    status[4] = os.geteuid() + 1
    with pytest.raises(KeyProblem, match="belongs to another user"):
        check_owner(os.stat_result(status), path, "key")


def test_a_certificate_of_another_key_is_refused(keys, parties):
    keys.put("channel", FileKind.KEY, making.private_pem(parties[1][0]), replace=True)
    assert problem(keys).reason == "key-mismatch"


def test_an_encrypted_key_and_one_of_an_unknown_kind_are_refused(keys, parties):
    locked = parties[0][0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    odd = Ed448PrivateKey.generate()
    unknown = making.private_pem(odd)
    for content, reason in ((locked, "key-unreadable"), (unknown, "key-not-supported")):
        keys.put("channel", FileKind.KEY, content, replace=True)
        found = problem(keys)
        assert found.reason == reason
        assert "BEGIN" not in str(found)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (rsa.generate_private_key(65537, 1024), "key-not-supported"),
        (rsa.generate_private_key(65537, 2048), "key-mismatch"),
        (ec.generate_private_key(ec.SECP224R1()), "key-not-supported"),
        (ec.generate_private_key(ec.SECP256K1()), "key-not-supported"),
        (ec.generate_private_key(ec.SECP384R1()), "key-mismatch"),
    ],
    ids=["rsa-1024", "rsa-2048", "p-224", "secp256k1", "p-384"],
)
def test_a_key_that_tls_cannot_sign_with_is_refused_when_it_is_read(keys, key, reason):
    keys.put("channel", FileKind.KEY, making.private_pem(key), replace=True)
    assert problem(keys).reason == reason


def test_a_certificate_with_a_key_that_nobody_knows_does_not_belong_to_ours(keys):
    """P-256 under the identifier of a curve that is none."""
    _, certificate = identity(making.Algorithm.P256)
    curve = bytes.fromhex("06082a8648ce3d030107")
    octets = certificate.public_bytes(Encoding.DER).replace(curve, curve[:-1] + b"\x77")
    odd = x509.load_der_x509_certificate(octets)
    with pytest.raises(UnsupportedAlgorithm):
        odd.public_key()
    keys.put("channel", FileKind.CERTIFICATE, making.certificate_pem(odd), replace=True)
    assert problem(keys).reason == "key-mismatch"


def test_our_own_certificate_that_has_ended_is_refused(keys, parties):
    key, old = identity(days=3, now=NOW.replace(year=NOW.year - 1))
    keys.put("channel", FileKind.KEY, making.private_pem(key), replace=True)
    keys.put("channel", FileKind.CERTIFICATE, making.certificate_pem(old), replace=True)
    assert problem(keys).reason == "certificate-expired"


def test_what_root_puts_belongs_to_whom_the_folder_belongs_to(tmp_path, parties, monkeypatch):
    """`sudo twincast keys import`, where the services run as a user of their own."""
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda made, *owner: given.append((isinstance(made, int), owner)))
    made = KeyStore(tmp_path / "keys")
    made.put("channel", FileKind.KEY, making.private_pem(parties[0][0]))
    owner = tmp_path.stat().st_uid, tmp_path.stat().st_gid
    assert given == [(False, owner), (True, owner)]
    made.put("channel", FileKind.CERTIFICATE, making.certificate_pem(parties[0][1]))
    assert given[2:] == [(True, owner)]


def test_only_what_is_named_is_foreseen(tmp_path):
    empty = KeyStore(tmp_path / "nothing")
    usual = ServiceConfig(SERVICE, security=Security.TLS)
    assert list(empty.problems(usual)) == []
    named = ServiceConfig(SERVICE, tls=TlsConfig("a", "b", "c", "d"))
    leaves = [found.leaf for found in empty.problems(named)]
    assert leaves == ["key", "certificate", "peer-certificate", "peer-key"]


def test_nothing_is_overwritten_without_being_told(keys):
    before = keys.path("channel", FileKind.KEY).read_bytes()
    with pytest.raises(FileExistsError):
        keys.put("channel", FileKind.KEY, b"other")
    assert keys.path("channel", FileKind.KEY).read_bytes() == before
    assert sorted(keys.files()) == [
        ("channel", FileKind.CERTIFICATE),
        ("channel", FileKind.KEY),
        ("rbs1-peer", FileKind.CERTIFICATE),
    ]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys.folder.iterdir())
    assert keys.folder.stat().st_mode & 0o777 == 0o700
