"""twincast hash-password, by its command line."""

import io

import pytest

from cli.main import main
from server.access.users import CredentialsError, User, credentials, hash_text, hashed, parse_hash


def test_it_prints_a_hash_that_can_be_read_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a good one\n"))
    assert main(["hash-password"]) == 0
    printed = capsys.readouterr().out.strip()
    assert hash_text(parse_hash(printed)) == printed
    assert "a good one" not in printed


def test_an_empty_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["hash-password"]) == 1
    assert "a password has 1 to 1024 bytes" in capsys.readouterr().err


def test_clear_text_is_no_hash() -> None:
    with pytest.raises(CredentialsError, match="not a password hash"):
        parse_hash("a good one")


def test_equal_passwords_of_two_hashes_are_two_credentials() -> None:
    one, two = User(hashed("x")), User(hashed("x"))
    assert credentials(one) != credentials(two)
    assert credentials(one) == credentials(User(one.password))
