"""Names with prefixes survive the way to XML and back, whatever the values hold."""

import socket
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.schema.model import Schema, load_schema
from server.schema.names import from_xml, instance_path, parse_identifier, quoted, to_xml
from server.schema.sources import default_sources
from server.schema.validator_paths import locate
from server.schema.validator_wire import Reply, Request, Work, encode, read_frame

SHOP_FILE = Path(__file__).parents[1] / "unit" / "schema" / "shop.yang"
SHOP: Schema = load_schema(default_sources([str(SHOP_FILE)]))
SH = "urn:test:shop"

text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
one_quote = text.filter(lambda value: not ("'" in value and '"' in value))


@given(text)
def test_quoted_is_the_value_in_xpath(value: str):
    assert etree.XML("<a/>").xpath(f"string({quoted(value)})") == value


@given(one_quote, one_quote, one_quote)
def test_instance_identifier_there_and_back(name: str, row: str, tag: str):
    info = SHOP.node("/shop:shop/shelf/shows").type
    value = f"/shop:shop/shelf[name={quoted(name)}]/box[row={quoted(row)}][column='1']/tag[.={quoted(tag)}]"
    printed, declared = to_xml(SHOP, info, value)
    assert from_xml(SHOP, info, printed, dict(declared)) == value
    assert [item.value for step in parse_identifier(printed) for item in step.predicates] == [
        name,
        row,
        "1",
        tag,
    ]


@given(st.sampled_from(sorted(SHOP.identities)), st.sampled_from(["a", "b", "sh", "if"]))
def test_identity_there_and_back(identity: str, prefix: str):
    info = SHOP.node("/shop:shop/shelf/drink").type
    module, _, name = identity.partition(":")
    namespace = SHOP.by_name[module].namespace
    assert from_xml(SHOP, info, f"{prefix}:{name}", {prefix: namespace}) == identity
    printed, declared = to_xml(SHOP, info, identity)
    assert from_xml(SHOP, info, printed, dict(declared)) == identity


@given(st.lists(text.filter(lambda value: not {"'", '"', "[", "]"} & set(value)), min_size=3, max_size=3))
def test_libyang_paths_are_located(values: list[str]):
    name, row, column = values
    path = f"/shop:shop/shelf[name='{name}']/box[row='{row}'][column='{column}']/load"
    located = locate(SHOP, path)
    assert located is not None
    assert located.keys == ((name,), (row, column))
    assert located.node.path == "/shop:shop/shelf/box/load"


@given(text, text)
def test_instance_path_finds_the_instance(name: str, row: str):
    """lxml evaluates our error path to exactly the element it was made for."""
    shop = etree.Element(f"{{{SH}}}shop", nsmap={None: SH})
    for shelf_name, box_row in ((name, row), (name, f"{row}x"), (f"{name}x", row)):
        shelf = etree.SubElement(shop, f"{{{SH}}}shelf")
        etree.SubElement(shelf, f"{{{SH}}}name").text = shelf_name
        box = etree.SubElement(shelf, f"{{{SH}}}box")
        for tag, value in (("row", box_row), ("column", "1"), ("load", "5")):
            etree.SubElement(box, f"{{{SH}}}{tag}").text = value
    path, namespaces = instance_path(SHOP.node("/shop:shop/shelf/box/load"), [(name,), (row, "1")])
    assert shop.getroottree().xpath(path, namespaces=namespaces) == [shop[0][1][2]]


@given(st.sampled_from(Work), st.binary(max_size=300), st.integers(1, 40))
def test_frames_arrive_in_any_pieces(work: Work, xml: bytes, piece: int):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frame = encode(Request(work, xml)) + encode(Reply(xml))
        for start in range(0, len(frame), piece):
            ours.sendall(frame[start : start + piece])
        deadline = time.monotonic() + 10
        assert encode(Request(work, xml))[4:] == read_frame(theirs, deadline)
        assert encode(Reply(xml))[4:] == read_frame(theirs, deadline)
