"""`twincast keygen` and `twincast keys`: what two operators type until their routers know each other."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from cli.main import main
from dataplane.config import TlsConfig
from dataplane.replication.keys import KeyStore
from dataplane.replication.trust import PinnedKey, TrustedCertificates


def twincast(folder, *arguments):
    return main([*arguments, "--state-dir", str(folder)])


@pytest.mark.parametrize("algorithm", ["ed25519", "p-256"])
@pytest.mark.parametrize("pin", [True, False])
def test_two_operators_exchange_what_keygen_prints(tmp_path, capsys, algorithm, pin):
    folders = tmp_path / "a", tmp_path / "b"
    printed = []
    for folder in folders:
        assert twincast(folder, "keygen", "--algorithm", algorithm) == 0
        printed.append(capsys.readouterr().out)
    for folder, text in zip(folders, reversed(printed), strict=True):
        handed = tmp_path / "mail"
        begin, end = text.index("-----BEGIN CERT"), text.index("-----BEGIN PUBLIC")
        handed.write_text(text[end:].splitlines()[-1] if pin else text[begin:end])
        assert twincast(folder, "keys", "import", "rbs1-peer", str(handed)) == 0
    for folder in folders:
        found = KeyStore(folder / "keys").credentials("rbs1", TlsConfig(), datetime.now(UTC))
        assert isinstance(found.peer, PinnedKey if pin else TrustedCertificates)
        assert found.days_left(datetime.now(UTC)) >= 3649


def test_nothing_is_replaced_without_force(tmp_path, capsys):
    assert twincast(tmp_path, "keygen", "site") == 0
    key = tmp_path / "keys" / "site.key"
    before = key.read_bytes()
    assert twincast(tmp_path, "keygen", "site") == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert key.read_bytes() == before
    assert twincast(tmp_path, "keygen", "site", "--force") == 0
    assert key.read_bytes() != before


def test_a_private_key_is_never_printed(tmp_path, capsys):
    twincast(tmp_path, "keygen", "site", "--address", "192.0.2.1")
    twincast(tmp_path, "keys", "list")
    twincast(tmp_path, "keys", "show", "site")
    output = capsys.readouterr()
    assert "PRIVATE" not in output.out + output.err
    assert "site" in output.out
    assert "sha256:" in output.out


def test_a_private_key_that_stands_beside_a_certificate_is_not_handed_on(tmp_path, capsys):
    """Many tools keep both in one file: what `show` prints goes to the other router."""
    twincast(tmp_path, "keygen", "site")
    folder = tmp_path / "keys"
    both = tmp_path / "both.pem"
    both.write_bytes((folder / "site.crt").read_bytes() + (folder / "site.key").read_bytes())
    capsys.readouterr()
    assert twincast(tmp_path, "keys", "import", "other", str(both)) == 1
    assert "one by one" in capsys.readouterr().err
    assert not (folder / "other.crt").exists()
    (folder / "site.crt").write_bytes(both.read_bytes())
    assert twincast(tmp_path, "keys", "show", "site") == 1
    output = capsys.readouterr()
    assert "PRIVATE" not in output.out + output.err


def test_a_file_with_a_key_that_nobody_knows_is_named_as_not_usable(tmp_path, capsys):
    twincast(tmp_path, "keygen", "site", "--algorithm", "p-256")
    path = tmp_path / "keys" / "site.crt"
    curve = bytes.fromhex("06082a8648ce3d030107")
    octets = load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    odd = load_der_x509_certificate(octets.replace(curve, curve[:-1] + b"\x77"))
    path.write_bytes(odd.public_bytes(Encoding.PEM))
    assert twincast(tmp_path, "keys", "list") == 0
    assert "not usable" in capsys.readouterr().out


def test_the_folders_that_are_made_are_for_their_owner(tmp_path):
    twincast(tmp_path / "new" / "state", "keygen")
    for folder in (tmp_path / "new" / "state", tmp_path / "new" / "state" / "keys"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_pin_is_kept_of_a_certificate_when_asked(tmp_path):
    twincast(tmp_path, "keygen", "site")
    certificate = tmp_path / "keys" / "site.crt"
    assert twincast(tmp_path, "keys", "import", "rbs1-peer", str(certificate), "--pin") == 0
    assert (tmp_path / "keys" / "rbs1-peer.pub").read_text().startswith("sha256:")


@pytest.mark.parametrize(
    "arguments",
    [
        ("keygen", "../escape"),
        ("keys", "import", "peer", "/nowhere"),
        ("keys", "import", "peer", "/etc/hostname"),
        ("keys", "show", "nobody"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, capsys, arguments):
    assert twincast(tmp_path, *arguments) == 1
    assert capsys.readouterr().err.startswith("twincast: ")
    assert not (tmp_path / "escape.key").exists()


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    assert twincast(tmp_path, "keys", "import", "rbs1-peer", "/nowhere/other.pem") == 1
    assert capsys.readouterr().err == "twincast: /nowhere/other.pem: No such file or directory\n"
