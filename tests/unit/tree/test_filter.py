"""Subtree filters: what they select, and what a source of state is told to build (RFC 6241 section 6)."""

import pytest
from lxml import etree

from server.schema.model import Schema
from server.tree.filter import Selection, everything, subtree
from server.tree.node import ListNode
from tests.support.trees import GARDEN, bed, text, tree

A = "<bed><name>a</name><row>1</row><water><litres>5</litres><day>1</day><day>2</day></water></bed>"
B = "<bed><name>b</name><row>2</row><code>7</code></bed>"
DATA = bed(f"<owner>o</owner>{A}{B}<tag>t</tag>") + f'<open xmlns="{GARDEN}">true</open>'

# filter below <garden> → selected below <garden>
SELECTED = {
    "everything below": ("", f"<owner>o</owner>{A}{B}<tag>t</tag>"),
    "a leaf": ("<owner/>", "<owner>o</owner>"),
    "a list": ("<bed/>", A + B),
    "keys come along": (
        "<bed><row/></bed>",
        "<bed><name>a</name><row>1</row></bed><bed><name>b</name><row>2</row></bed>",
    ),
    "entries without the node do not": ("<bed><code/></bed>", "<bed><name>b</name><code>7</code></bed>"),
    "one entry by its key": ("<bed><name>b</name></bed>", B),
    "space around a value": ("<bed><name>\n b </name></bed>", B),
    "one entry by another leaf": ("<bed><row>1</row></bed>", A),
    "match and selection": ("<bed><name>a</name><row/></bed>", "<bed><name>a</name><row>1</row></bed>"),
    "match and a selection that is not there": (
        "<bed><name>a</name><code/></bed>",
        "<bed><name>a</name></bed>",
    ),
    "two entries": ("<bed><name>b</name></bed><bed><name>a</name></bed>", A + B),
    "union of two": (
        "<bed><name>a</name><row/></bed><bed><name>a</name><water/></bed><bed><name>b</name><code/></bed>",
        A + "<bed><name>b</name><code>7</code></bed>",
    ),
    "two matches, both have to hold": ("<bed><name>a</name><row>2</row></bed>", None),
    "no such entry": ("<bed><name>z</name></bed>", None),
    "match in a container": ("<bed><water><litres>5</litres></water></bed>", A.replace("<row>1</row>", "")),
    "one value of a leaf-list": (
        "<bed><name/><water><day>2</day><litres/></water></bed>",
        "<bed><name>a</name><water><litres>5</litres><day>2</day></water></bed><bed><name>b</name></bed>",
    ),
    "unknown node": ("<nothing/>", None),
    "unknown namespace": ('<owner xmlns="urn:other"/>', None),
    "any namespace": ('<owner xmlns=""/>', "<owner>o</owner>"),
    "an attribute matches nothing": ('<owner kind="x"/>', None),
    "match beside selection at the top": ("<owner>o</owner><tag/>", "<owner>o</owner><tag>t</tag>"),
    "failed match empties its siblings": ("<owner>x</owner><tag/>", None),
    "text for a container": ("<bed>x</bed>", None),
    "child of a leaf": ("<owner><x/></owner>", None),
}


def filter_of(inner: str) -> etree._Element:
    return etree.fromstring(f"<filter>{inner}</filter>")


@pytest.mark.parametrize("case", SELECTED)
def test_subtree(case: str, schema: Schema) -> None:
    inner, expected = SELECTED[case]
    selected = subtree(schema, tree(schema, DATA), filter_of(bed(inner)))
    assert text(schema, selected) == ("" if expected is None else bed(expected))


def test_an_empty_filter_selects_nothing(schema: Schema) -> None:
    assert text(schema, subtree(schema, tree(schema, DATA), filter_of(""))) == ""


def test_top_level_nodes_are_siblings(schema: Schema) -> None:
    selected = subtree(schema, tree(schema, DATA), filter_of(f'<open xmlns="{GARDEN}"/>{bed("<tag/>")}'))
    assert text(schema, selected) == bed("<tag>t</tag>") + f'<open xmlns="{GARDEN}">true</open>'


def test_the_filter_of_a_client_without_namespaces(schema: Schema) -> None:
    element = etree.fromstring(
        '<filter xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><garden><owner/></garden></filter>'
    )
    assert text(schema, subtree(schema, tree(schema, DATA), element)) == bed("<owner>o</owner>")


def test_an_identity_is_matched_by_namespace(schema: Schema) -> None:
    plant = "<bed><name>a</name><plant><kind>basil</kind><number>1</number></plant></bed>"
    selected = subtree(
        schema,
        tree(schema, bed(plant)),
        filter_of(bed(f'<bed><plant><kind xmlns:x="{GARDEN}">x:basil</kind></plant></bed>')),
    )
    assert "basil" in text(schema, selected)


def test_a_named_entry_is_looked_up_not_searched(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(schema, DATA)

    def refuse(_: ListNode) -> None:
        raise AssertionError("the list was searched")

    monkeypatch.setattr(ListNode, "__iter__", refuse)
    selected = subtree(schema, root, filter_of(bed("<bed><name>b</name></bed>")))
    monkeypatch.undo()
    assert text(schema, selected) == bed(B)


@pytest.mark.parametrize(
    ("inner", "path", "wanted"),
    [
        ("<bed><name>a</name></bed>", "/garden:garden/bed/row", True),
        ("<bed><name/></bed>", "/garden:garden/bed/row", False),
        ("<bed><name/></bed>", "/garden:garden", True),
        ("<bed><name/></bed>", "/garden:garden/owner", False),
        ("<bed><name/></bed>", "/garden:open", False),
        ("", "/garden:garden/bed/row", True),
        ("<owner>o</owner>", "/garden:garden/owner", True),
    ],
)
def test_wants(inner: str, path: str, wanted: bool, schema: Schema) -> None:
    selection = Selection(schema, (filter_of(bed(inner)),))
    assert selection.wants(path) is wanted
    assert selection.wants(schema.node(path)) is wanted


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<bed><name>a</name></bed><bed><name>b</name><row/></bed>", {("a",), ("b",)}),
        ("<bed><name>a</name></bed><bed/>", None),
        ("<bed><row>1</row></bed>", None),
        ("", None),
        ("<owner/>", set()),
    ],
)
def test_keys_asked_for(inner: str, expected: set[tuple[str, ...]] | None, schema: Schema) -> None:
    assert Selection(schema, (filter_of(bed(inner)),)).keys("/garden:garden/bed") == expected


def test_without_a_filter_everything_is_wanted(schema: Schema) -> None:
    assert everything(schema).wants("/garden:garden/bed/row")
    assert everything(schema).keys("/garden:garden/bed") is None
