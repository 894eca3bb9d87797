import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.shell.tokens import LineError, commands, quote, split


def words(text: str) -> list[str]:
    return [token.text for token in split(text).words]


def test_words_have_their_places() -> None:
    tokens = split("undo  dhcp-stb igmp-copy ").words
    assert [(token.text, token.start, token.end) for token in tokens] == [
        ("undo", 0, 4),
        ("dhcp-stb", 6, 14),
        ("igmp-copy", 15, 24),
    ]


def test_a_blank_at_the_end_begins_a_new_word() -> None:
    assert split("display ").open_end
    assert not split("display").open_end


def test_pipes_divide_a_line_but_not_within_quotes() -> None:
    line = split('display this | include "a | b"|count')
    assert [token.text for token in line.words] == ["display", "this"]
    assert [[token.text for token in pipe] for pipe in line.pipes] == [["include", "a | b"], ["count"]]


def test_backslashes_in_quotes() -> None:
    assert words(r'x "a\"b\\c\d"') == ["x", r'a"b\c\d']


def test_an_open_quotation_is_marked_where_it_begins() -> None:
    with pytest.raises(LineError) as caught:
        split('peer "10.0.0.1')
    assert caught.value.position == 5


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(LineError):
        split("x" * 9000)


def test_a_script_is_split_at_semicolons_and_lines() -> None:
    script = 'system-view; interface e0\n# comment\n\n description "a; b" ;commit\n#\n! the end'
    assert list(commands(script)) == [
        (1, "system-view"),
        (1, "interface e0"),
        (4, 'description "a; b"'),
        (4, "commit"),
        (5, "#"),
    ]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=40))
def test_whatever_is_quoted_is_one_word_again(value: str) -> None:
    assert words(f"x {quote(value)} y") == ["x", value, "y"]
