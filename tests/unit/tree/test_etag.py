"""Etags: what they depend on, and what a change costs."""

import random
import re
from collections.abc import Callable

import pytest

from server.schema.model import Schema
from server.tree import etag as tags
from server.tree.edit import share
from server.tree.etag import along, etag, versioned
from server.tree.location import Location
from server.tree.node import AnyData, Container, Entry, Leaf, LeafList, ListNode, empty_root
from server.tree.sorted_map import CHUNK_SIZE
from server.tree.xml import merge
from tests.support.trees import GARDEN, bed, text, tree

MANY = 5 * CHUNK_SIZE


def tool(schema: Schema, number: int, **leaves: str) -> Entry:
    node = schema.node("/garden:tool")
    values = {"id": f"{number:05}", **leaves}
    tagged = {f"{{{GARDEN}}}{name}": value for name, value in values.items()}
    return Entry.of(node, {tag: Leaf(node.children[tag], value) for tag, value in tagged.items()})


def tools(schema: Schema, numbers: list[int]) -> Container:
    """A root with these tools, put one by one, so that the chunks come as they will."""
    node = ListNode.of(schema.node("/garden:tool"), [])
    for number in numbers:
        node = node.put(tool(schema, number))
    return empty_root(schema.root).put(node)


def test_what_an_etag_looks_like(schema: Schema) -> None:
    for inner in ("", "<owner>x</owner>"):
        assert re.fullmatch(r"[A-Za-z0-9_-]{20}", etag(tree(schema, bed(inner))))


def test_etags_stay_the_same_from_release_to_release(schema: Schema) -> None:
    """Clients keep them: another way to make them makes all of them read everything again."""
    root = tree(schema, bed("<owner>x</owner><tag>a</tag><tag>b</tag><bed><name>a</name></bed>"))
    assert etag(root) == "PCC0ZMAjBfaaMGoB9Fjn"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<tag>ab</tag><tag>c</tag>", "<tag>a</tag><tag>bc</tag>"),
        ("<queue>1</queue><queue>2</queue>", "<queue>2</queue><queue>1</queue>"),
        (
            "<visit><place>a</place></visit><visit><place>b</place></visit>",
            "<visit><place>b</place></visit><visit><place>a</place></visit>",
        ),
        ("<bed><name>a</name></bed>", "<bed><name>a</name><soil/></bed>"),
        ("<bed><name>a</name><mulch>x</mulch></bed>", "<bed><name>a</name><peg>x</peg></bed>"),
        ('<remarks><a xmlns="urn:a"/></remarks>', '<remarks><b xmlns="urn:a"/></remarks>'),
        ("<strict>false</strict>", ""),
    ],
)
def test_what_differs_has_another_etag(schema: Schema, one: str, other: str) -> None:
    assert etag(tree(schema, bed(one))) != etag(tree(schema, bed(other)))


def test_the_order_of_making_and_the_chunks_do_not_matter(schema: Schema) -> None:
    numbers = list(range(MANY))
    shuffled = numbers.copy()
    random.Random(7).shuffle(shuffled)
    whole = tools(schema, shuffled)
    larger = tools(schema, [*shuffled, *range(MANY, 2 * MANY)])
    node = larger.get(f"{{{GARDEN}}}tool")
    assert isinstance(node, ListNode)
    for number in range(MANY, 2 * MANY):
        node = node.remove((f"{number:05}",))
    built = empty_root(schema.root).put(
        ListNode.of(schema.node("/garden:tool"), [tool(schema, number) for number in numbers])
    )
    assert len({etag(whole), etag(larger.put(node)), etag(built)}) == 1


def test_a_change_hashes_what_is_above_it_alone(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tools(schema, list(range(MANY)))
    etag(root)
    hashed: list[bytes] = []
    plain: Callable[[bytes], bytes] = tags._hash
    monkeypatch.setattr(tags, "_hash", lambda content: hashed.append(content) or plain(content))
    node = root.get(f"{{{GARDEN}}}tool")
    assert isinstance(node, ListNode)
    etag(root.put(node.put(tool(schema, 3, works=""))))
    assert len(hashed) == 2  # the entry and the root


def test_what_is_equal_but_made_anew_is_equal(schema: Schema) -> None:
    one, two = (tree(schema, bed("<owner>x</owner>")) for _ in range(2))
    assert one is not two
    assert etag(one) == etag(two) == etag(share(one, two))


def test_state_does_not_count(schema: Schema) -> None:
    config = tree(schema, bed("<bed><name>a</name></bed>"))
    state = tree(schema, bed("<bed><name>a</name><harvest>3</harvest></bed>"))
    merged = merge(config, state)
    assert etag(merged) == etag(config)


def test_the_same_content_in_another_place_has_another_etag(schema: Schema) -> None:
    root = tree(schema, bed("<bed><name>a</name><soil/></bed>"))
    soil = schema.node("/garden:garden/bed/soil")
    assert etag(Container(soil, {})) != etag(empty_root(schema.root))
    assert etag(root) != etag(empty_root(schema.root))


def test_a_leaf_has_the_etag_of_the_node_it_is_in(schema: Schema) -> None:
    root = tree(schema, bed("<owner>x</owner><tag>t</tag><bed><name>a</name><row>1</row></bed>"))
    garden = root.branch(f"{{{GARDEN}}}garden")
    owner = Location(schema.node("/garden:garden/owner"))
    assert versioned(root, owner) is garden
    assert versioned(root, Location(schema.node("/garden:garden/tag"), (), "t")) is garden
    assert versioned(root, Location(schema.root)) is root
    row = versioned(root, Location(schema.node("/garden:garden/bed/row"), (("a",),)))
    assert isinstance(row, Entry)
    assert row.key == ("a",)


@pytest.mark.parametrize(
    ("path", "keys", "value"),
    [
        ("/garden:garden/best-bed", (), None),
        ("/garden:garden/tag", (), "u"),
        ("/garden:garden/bed/row", (("b",),), None),
        ("/garden:garden/bed", (("b",),), None),
        ("/garden:garden/bed/soil", (("a",),), None),
    ],
)
def test_what_is_not_there_has_none(
    schema: Schema, path: str, keys: tuple[tuple[str, ...], ...], value: str | None
) -> None:
    root = tree(schema, bed("<owner>x</owner><tag>t</tag><bed><name>a</name><row>1</row></bed>"))
    assert versioned(root, Location(schema.node(path), keys, value)) is None


@pytest.mark.parametrize(
    ("path", "keys", "value"),
    [
        ("", (), None),
        ("/garden:garden", (), None),
        ("/garden:garden/owner", (), None),
        ("/garden:garden/tag", (), "t"),
        ("/garden:garden/tag", (), "u"),
        ("/garden:garden/bed", (("a",),), None),
        ("/garden:garden/bed", (("c",),), None),
        ("/garden:garden/bed/soil", (("a",),), None),
        ("/garden:garden/bed/soil", (("b",),), None),
        ("/garden:garden/bed/soil/depth", (("a",),), None),
        ("/garden:garden/visit", (("p",),), None),
        ("/garden:tool", (("1",),), None),
    ],
)
def test_the_way_to_a_node_leads_to_the_same_node(
    schema: Schema, path: str, keys: tuple[tuple[str, ...], ...], value: str | None
) -> None:
    beds = "<bed><name>a</name><soil><depth>1</depth></soil></bed><bed><name>b</name></bed>"
    root = tree(schema, bed(f"<owner>x</owner><tag>t</tag>{beds}<visit><place>p</place></visit>"))
    at = Location(schema.node(path) if path else schema.root, keys, value)
    narrow = along(root, at)
    assert versioned(narrow, at) is versioned(root, at)


def test_the_way_to_an_entry_has_nothing_else(schema: Schema) -> None:
    root = tree(schema, bed("<owner>x</owner><bed><name>a</name><row>1</row></bed><bed><name>b</name></bed>"))
    narrow = along(root, Location(schema.node("/garden:garden/bed"), (("a",),)))
    assert text(schema, narrow) == bed("<bed><name>a</name><row>1</row></bed>")


def test_kinds_of_nodes_are_all_hashed(schema: Schema) -> None:
    """A kind that is forgotten would make every change of it invisible."""
    garden = schema.node("/garden:garden")
    for child in (
        AnyData(garden.children[f"{{{GARDEN}}}remarks"], b"<remarks/>"),
        LeafList.of(garden.children[f"{{{GARDEN}}}tag"], ["a"]),
        Leaf(garden.children[f"{{{GARDEN}}}owner"], "a"),
        tree(schema, bed("<bed><name>a</name></bed>")).branch(garden.tag).get(f"{{{GARDEN}}}bed"),  # type: ignore[union-attr]
    ):
        assert child is not None
        assert etag(Container(garden, {child.schema.tag: child})) != etag(Container(garden, {}))
