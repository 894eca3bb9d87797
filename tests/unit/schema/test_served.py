"""The content-id of the last start, as it is kept in the state folder."""

from pathlib import Path

from server.schema.served import FILE, last_served, remember


def test_it_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / FILE
    assert last_served(path) is None
    remember(path, "abc")
    remember(path, "def")
    assert last_served(path) == "def"
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for content in (b"", b"\n", b"\xff\xfe"):
        path.write_bytes(content)
        assert last_served(path) is None
