"""Patterns of subscribers: what they match, how they are written, where they are kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.packets.ethernet import Subscriber
from dataplane.subscriber_files import PART, SubscriberFiles, parts
from dataplane.subscriber_list import PatternError, SubscriberList, normalized, pattern_of

MAC = "02:00:00:00:00:01"


def listed(*patterns: str) -> SubscriberList:
    found = SubscriberList()
    for pattern in patterns:
        found.add(pattern)
    return found


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (MAC, [MAC], [f"{MAC}@1", f"{MAC}/1", "02:00:00:00:00:02"]),
        (f"{MAC}@*/*", [MAC, f"{MAC}@1", f"{MAC}@1.2", f"{MAC}@1.2/3"], ["02:00:00:00:00:02@1"]),
        (f"{MAC}@100", [f"{MAC}@100"], [MAC, f"{MAC}@100.1", f"{MAC}@101"]),
        (f"{MAC}@100.*", [f"{MAC}@100", f"{MAC}@100.1"], [f"{MAC}@101.1", f"{MAC}@100.1/7"]),
        ("*@100.200", [f"{MAC}@100.200", "02:00:00:00:00:09@100.200"], [f"{MAC}@100.201"]),
        ("*@*.200/*", [f"{MAC}@100.200", f"{MAC}@7.200/9"], [f"{MAC}@200"]),
        (f"{MAC}/7", [f"{MAC}/7"], [MAC, f"{MAC}/8", f"{MAC}@1/7"]),
        ("*/7", ["02:00:00:00:00:09/7"], [MAC]),
        ("*@*/*", [MAC, f"{MAC}@1.2/3"], []),
        (MAC.upper(), [MAC], []),
    ],
)
def test_what_a_pattern_matches(pattern: str, inside: list[str], outside: list[str]) -> None:
    found = listed(pattern)
    assert [text for text in inside if Subscriber.parse(text) not in found] == []
    assert [text for text in outside if Subscriber.parse(text) in found] == []


tags = st.integers(0, 3)
macs = st.integers(1, 3).map(lambda number: f"02:00:00:00:00:0{number}")
patterns = st.tuples(
    st.one_of(st.none(), macs), *[st.one_of(st.none(), tags)] * 2, st.one_of(st.none(), tags)
)
subscribers = st.tuples(macs, tags, tags, tags)


@given(st.lists(patterns, max_size=8), subscribers)
def test_a_list_matches_what_one_of_its_patterns_does(
    wanted: list[tuple[str | None, int | None, int | None, int | None]], who: tuple[str, int, int, int]
) -> None:
    found = listed(*(pattern_of(*pattern) for pattern in wanted))
    subscriber = Subscriber(who[1], who[2], who[3], bytes.fromhex(who[0].replace(":", "")))
    expected = any(
        all(part is None or part == mine for part, mine in zip(pattern, who, strict=True))
        for pattern in wanted
    )
    assert (subscriber in found) == expected
    assert len(found) == len(set(wanted))


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{MAC}@\u0661",
        f"{MAC}/\u0661",
        "02:00",
        f"{MAC}@4096",
        f"{MAC}@1.4096",
        f"{MAC}/65536",
        f"{MAC}@",
        "*.1",
        "x" * 100,
        f"{MAC} 1",
    ],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        normalized(text)


def test_a_list_is_kept_in_one_step_and_read_again(tmp_path: Path) -> None:
    files = SubscriberFiles(tmp_path / "lists")
    assert files.profiles() == []
    files.write("", [MAC])
    files.write("..", [f"{MAC}@*"])
    assert files.profiles() == ["", ".."]
    assert (files.read(""), files.read("..")) == ([MAC], [f"{MAC}@*"])
    assert files.remove("")
    assert not files.remove("")
    assert sorted(path.name for path in files.folder.iterdir()) == ["profile-...list"]


def test_a_file_that_is_no_list_is_an_error(tmp_path: Path) -> None:
    files = SubscriberFiles(tmp_path)
    files.path("").write_bytes(b"\xff\n")
    with pytest.raises(ValueError):
        files.read("")


@pytest.mark.parametrize("count", [0, 1, PART, PART + 1, 3 * PART])
def test_the_parts_of_a_list(count: int) -> None:
    wanted = [f"*@{number}" for number in range(count)]
    found = list(parts("p", 7, wanted))
    assert [pattern for part in found for pattern in part.patterns] == wanted
    assert [part.first for part in found] == [True] + [False] * (len(found) - 1)
    assert [part.last for part in found] == [False] * (len(found) - 1) + [True]
