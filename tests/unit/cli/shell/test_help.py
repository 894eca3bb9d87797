"""`?`, Tab, and what the history may keep."""

import pytest

from cli.shell.help import asks_for_help, awaited_secret, listing, place, suggestions, tells_a_secret
from tests.support.shell import Typist, shell_model

NAMES = {
    "/twincast-remote-backup:remote-backup/remote-backup-profile/name": ["rbp3", "rbp30", "x"],
    "/ietf-interfaces:interfaces/interface/name": ["access0"],
}


def names(target: str) -> list[str]:
    return NAMES.get(target, [])


@pytest.fixture
def profile() -> Typist:
    typist = Typist(shell_model())
    typist.type("system-view")
    typist.type("remote-backup-profile rbp3")
    return typist


def completions(typist: Typist, text: str) -> list[str]:
    return [item.text for item in suggestions(place(typist.language, typist.views, text), names)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("undo dhcp-stb ", ["igmp-copy", "mld-copy"]),
        ("undo dh", ["dhcp-stb"]),
        ("static-role ", ["master", "backup"]),
        ("static-role m", ["master"]),
        ("remote-backup-profile rbp", ["rbp3", "rbp30"]),
        ("display remote-backup-profile ", ["slot", "rbp3", "rbp30", "x"]),
        ("clear-copied-groups interface ", ["access0"]),
        ("display this | ", ["include", "exclude", "begin", "count", "json", "xml"]),
        ("display this | include x | c", ["count"]),
        ("commit trial 60 ", ["persist", "persist-id", "description"]),
    ],
)
def test_tab(profile: Typist, text: str, expected: list[str]) -> None:
    assert completions(profile, text) == expected


def test_help_has_descriptions_values_and_the_end(profile: Typist) -> None:
    text = listing(profile.language, profile.views, "e-trunk 1 ", names)
    assert "  priority                     The lower value becomes master" in text
    assert text.endswith("  <cr>                         Carry it out")
    assert "INTEGER<1-4095>" in listing(profile.language, profile.views, "backup-id ", names)
    assert "    rbp30" in listing(profile.language, profile.views, "remote-backup-profile ", names)


def test_help_behind_a_mistake_marks_it(profile: Typist) -> None:
    assert listing(profile.language, profile.views, "undo nonsense ", names).splitlines()[0] == "     ^"


@pytest.mark.parametrize(
    ("text", "asks"), [("display ?", True), ("display?", True), ('description "why?"', False), ("x", False)]
)
def test_where_a_question_mark_asks(text: str, asks: bool) -> None:
    assert asks_for_help(text) is asks


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("e-trunk 1 security-key hush", True),
        ("e-trunk security-key hush", True),
        ("e-trnk 1 security-key hush", True),
        ('e-trunk 1 security-key "hush', True),
        ("remote-backup-profile rbp4", False),
        ("undo dhcp-stb igmp-copy", False),
        ("display current-configuration | include key", False),
    ],
)
def test_lines_with_secrets(profile: Typist, text: str, secret: bool) -> None:
    assert tells_a_secret(profile.language, profile.views, text) is secret


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("e-trunk 1 security-key", "security-key"),
        ("e-trunk 1 security-key ", "security-key"),
        ("e-trunk 1 security-key hush", ""),
        ("e-trunk 1", ""),
        ("undo e-trunk security-key", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_lines_that_lack_a_secret(profile: Typist, text: str, word: str) -> None:
    assert awaited_secret(profile.language, profile.views, text) == word
