"""Lists that come in parts: built, filtered, printed, and never held."""

from collections.abc import Iterator

import pytest
from lxml import etree

from server.schema.model import Schema, load_schema
from server.tree.build import Streamed, from_data, with_streams
from server.tree.filter import subtree
from server.tree.node import Container, Entry, ListNode, StreamedList
from server.tree.xml import merge, stream_xml, to_xml
from tests.support.schema import sources_of

BODY = """
  container top {
    leaf label { type string; }
    list shop { key name; leaf name { type string; } leaf open { type boolean; config false; }
      list visit { config false; key "who when"; leaf who { type string; } leaf when { type uint32; }
        leaf paid { type uint32; } } }
  }
"""
VISITS = [{"who": f"w{number % 3}", "when": number, "paid": number * 2} for number in range(10)]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    return load_schema(sources_of(tmp_path_factory.mktemp("yang"), st=BODY))


class Source:
    """Tells visits three at a time, and how often it was asked."""

    def __init__(self, visits: list[dict[str, object]]) -> None:
        self._visits = visits
        self.told = 0

    def parts(self) -> Iterator[list[dict[str, object]]]:
        for start in range(0, len(self._visits), 3):
            self.told += 1
            yield self._visits[start : start + 3]


def data(visits: object, name: str = "a", **leaves: object) -> dict[str, object]:
    return {"st:top": {"shop": [{"name": name, **leaves, "visit": visits}]}}


def printed(schema: Schema, source: Source, wanted: str = "", **leaves: object) -> str:
    root, above = with_streams(schema, data(Streamed(source.parts), **leaves))
    return "".join(piece.decode() for piece in stream_xml(schema, selected(schema, root, wanted), above))


def selected(schema: Schema, root: Container, wanted: str) -> Container:
    return subtree(schema, root, etree.fromstring(f"<filter>{wanted}</filter>")) if wanted else root


TOP = '<top xmlns="urn:st"><shop>{}</shop></top>'


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        TOP.format("<name>a</name>"),
        TOP.format("<visit/>"),
        TOP.format("<visit><who>w1</who></visit>"),
        TOP.format("<visit><who>w1</who><when>4</when></visit>"),
        TOP.format("<visit><who>w1</who><paid/></visit>"),
        TOP.format("<open/><visit><when>3</when></visit>"),
        TOP.format("<visit><who>nobody</who></visit>"),
        TOP.format("<name>b</name><visit/>"),
    ],
)
def test_it_reads_as_the_list_that_it_stands_for(schema: Schema, wanted: str) -> None:
    whole = selected(schema, from_data(schema, data(VISITS, open=True)), wanted)
    expected = b"".join(to_xml(schema, whole)).decode()
    got = printed(schema, Source(VISITS), wanted, open=True)
    assert by_entry(got) == by_entry(expected)


def by_entry(xml: str) -> list[str]:
    """The entries sorted: a stream is in the order of its source."""
    return sorted(xml.replace("<visit>", "\n<visit>").replace("</visit>", "</visit>\n").split("\n"))


def test_parts_are_made_when_they_are_printed(schema: Schema) -> None:
    source = Source(VISITS)
    root, above = with_streams(schema, data(Streamed(source.parts), open=True))
    pieces = stream_xml(schema, merge(root, root), above)
    assert source.told == 0
    while b"<visit>" not in next(pieces):
        pass
    assert source.told == 1
    assert b"".join(pieces).count(b"<visit>") == 7


def test_an_entry_of_which_nothing_came_is_not_there(schema: Schema) -> None:
    assert printed(schema, Source([]), TOP.format("<visit/>")) == ""
    text = printed(schema, Source([]), TOP.format("<name>a</name><open/>"), open=True)
    assert text == TOP.format("<name>a</name><open>true</open>")


def test_it_can_be_looked_at_as_a_list(schema: Schema) -> None:
    root, above = with_streams(schema, data(Streamed(Source(VISITS).parts)))
    assert {node.name for node in above} == {"", "top", "shop"}
    top = root.branch("{urn:st}top")
    assert top is not None
    (shop,) = top.entries("{urn:st}shop")
    visits = shop.get("{urn:st}visit")
    assert isinstance(visits, StreamedList)
    assert sorted(entry.key for entry in visits)[:2] == [("w0", "0"), ("w0", "3")]
    found = visits.get(("w1", "4"))
    assert isinstance(found, Entry)
    assert visits.get(("w1", "5")) is None
    none = visits.map(lambda part: None if isinstance(part, ListNode) else part)
    assert list(none.parts()) == []


def test_what_its_source_raises_is_raised(schema: Schema) -> None:
    def broken() -> Iterator[list[dict[str, object]]]:
        yield VISITS[:1]
        raise ConnectionAbortedError("gone")

    root, above = with_streams(schema, data(Streamed(broken)))
    with pytest.raises(ConnectionAbortedError):
        list(stream_xml(schema, root, above))
