"""Printing, parsing, building from data and merging."""

from typing import Any

import pytest
from lxml import etree

from server.schema.model import Schema
from server.tree.build import from_data
from server.tree.node import Container
from server.tree.xml import merge, parse_bytes, to_xml
from tests.support.trees import bed, text, tree


def test_what_is_printed_parses_to_the_same(schema: Schema) -> None:
    xml = bed(
        "<owner>a &lt;b&gt; &amp; c&#13;\n</owner><bed><name>x</name><soil><depth>3</depth></soil>"
        "<plant><kind>basil</kind><number>-1</number></plant><note>z</note><note>a</note></bed>"
        "<queue>9</queue><queue>1</queue>"
    )
    printed = text(schema, tree(schema, xml))
    assert "&#13;" in printed
    assert text(schema, parse_bytes(schema, printed.encode())) == printed
    assert "<note>z</note><note>a</note>" in printed
    assert "<queue>9</queue><queue>1</queue>" in printed


def test_children_come_in_schema_order_with_keys_first(schema: Schema) -> None:
    root = tree(schema, bed("<tag>t</tag><bed><row>1</row><name>x</name></bed><owner>o</owner>"))
    assert text(schema, root) == bed("<owner>o</owner><bed><name>x</name><row>1</row></bed><tag>t</tag>")


def test_empty_containers_do_not_exist(schema: Schema) -> None:
    assert text(schema, tree(schema, bed("<bed><name>x</name><water/><soil/></bed>"))) == bed(
        "<bed><name>x</name><soil/></bed>"
    )
    assert tree(schema, bed("")).children == {}


def test_containers_that_hold_only_empty_containers_do_not_exist(nest: Schema) -> None:
    assert tree(nest, "<a xmlns='urn:nest'><b><c/></b></a>").children == {}


def test_printed_identities_have_their_namespace(schema: Schema) -> None:
    data = {"garden:tool": [{"id": 1, "use": "garden:herb", "works": None}]}
    printed = text(schema, from_data(schema, data))
    use = etree.fromstring(printed).find("{urn:test:garden}use")
    assert use is not None
    assert use.text is not None
    prefix, _, name = use.text.rpartition(":")
    assert (use.nsmap[prefix or None], name) == ("urn:test:garden", "herb")
    assert "<works/>" in printed


def test_a_second_print_reuses_the_bytes(schema: Schema) -> None:
    root = tree(schema, bed("".join(f"<bed><name>{number}</name></bed>" for number in range(600))))
    first, second = to_xml(schema, root), to_xml(schema, root)
    assert max(first, key=len) is max(second, key=len)
    assert len(first) >= 4


def test_data_becomes_nodes(schema: Schema) -> None:
    data = {
        "garden:garden": {
            "owner": "me\x00",
            "bed": [
                {"name": "b", "sunny": False, "row": 3, "plant": [{"kind": "herb", "number": 1}], "soil": {}},
                {"name": "a", "harvest": 7, "water": {"litres": None}},
            ],
            "queue": [2, 1],
        }
    }
    assert text(schema, from_data(schema, data)) == bed(
        "<owner>me\ufffd</owner><bed><name>a</name><harvest>7</harvest></bed><bed><name>b</name><row>3</row>"
        "<sunny>false</sunny><soil/>"
        f"<plant>{KIND}<number>1</number></plant></bed><queue>2</queue><queue>1</queue>"
    )


KIND = '<kind xmlns:g="urn:test:garden">g:herb</kind>'


@pytest.mark.parametrize(
    ("data", "blamed"),
    [
        ({"garden": {}}, "/garden"),
        ({"other:garden": {}}, "other:garden"),
        ({"garden:garden": {"nothing": 1}}, "/garden:garden/nothing"),
        ({"garden:garden": {"bed": [{"row": 1}]}}, "name"),
        ({"garden:garden": {"owner": 1.5}}, "/garden:garden/owner"),
        ({"garden:garden": {"bed": "a"}}, "/garden:garden/bed"),
        ({"garden:garden": ["a"]}, "/garden:garden"),
        ({"garden:tool": [{"id": 1, "use": "oak"}]}, "/garden:tool/use"),
    ],
)
def test_data_that_does_not_fit_is_refused(data: dict[str, Any], blamed: str, schema: Schema) -> None:
    with pytest.raises(ValueError, match=blamed):
        from_data(schema, data)


def test_state_joins_configuration(schema: Schema) -> None:
    config = tree(schema, bed("<owner>o</owner><bed><name>a</name><row>1</row></bed><queue>2</queue>"))
    state = from_data(
        schema,
        {"garden:garden": {"bed": [{"name": "a", "harvest": 5}, {"name": "z", "harvest": 1}]}},
    )
    merged: Container = merge(config, state)
    assert text(schema, merged) == bed(
        "<owner>o</owner><bed><name>a</name><row>1</row><harvest>5</harvest></bed>"
        "<bed><name>z</name><harvest>1</harvest></bed><queue>2</queue>"
    )
    assert merge(config, from_data(schema, {})) is config
