"""An etag changes exactly when something at or below its node changed, and outlives the server."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.schema.validator import Validator
from server.tree.diff import decode, encode_delta
from server.tree.edit import DefaultOperation, ErrorOption, apply_edit
from server.tree.etag import ETAG, TXID_NAMESPACE, etag, versioned
from server.tree.filter import read_filter, subtree
from server.tree.location import Location
from server.tree.node import Branch, Container, ListNode, empty_root
from server.tree.tagged import Asked, TaggedPrinter
from tests.property.test_edit_model import EDITS, GARDEN, Item, plain, printed
from tests.support import trees


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    with trees.validator(trees.garden_sources(), trees.garden(), tmp_path_factory.mktemp("v")) as client:
        yield client


def branches(branch: Branch, at: Location) -> Iterator[tuple[Location, Branch]]:
    """Every node with an etag."""
    yield at, branch
    for child in branch:
        if isinstance(child, Container):
            yield from branches(child, at.child(child.schema))
        elif isinstance(child, ListNode):
            for entry in child:
                yield from branches(entry, at.child(child.schema).entry(entry.key))


def all_of(root: Container) -> dict[Location, Branch]:
    return dict(branches(root, Location(root.schema)))


def edited(judge: Validator, root: Container, items: list[Item], default: str) -> Container:
    return apply_edit(
        trees.garden(),
        root,
        trees.config(trees.bed(printed(GARDEN, items))),
        default_operation=DefaultOperation(default),
        error_option=ErrorOption.CONTINUE_ON_ERROR,
        canonical=judge.canonical,
    ).root


@given(st.lists(EDITS, min_size=1, max_size=6))
def test_an_etag_changes_when_something_below_does(
    judge: Validator, edits: list[tuple[list[Item], str, Any]]
) -> None:
    root = empty_root(trees.garden().root)
    for items, default, _ in edits:
        changed = edited(judge, root, items, default)
        before, after = all_of(root), all_of(changed)
        for at in before.keys() & after.keys():
            same = plain(before[at]) == plain(after[at])
            assert (etag(before[at]) == etag(after[at])) is same, at
        root = changed


@given(st.lists(EDITS, min_size=1, max_size=4))
def test_etags_are_the_same_after_a_restart(
    judge: Validator, edits: list[tuple[list[Item], str, Any]]
) -> None:
    schema = trees.garden()
    root = empty_root(schema.root)
    for items, default, _ in edits:
        root = edited(judge, root, items, default)
    rows = encode_delta(schema, empty_root(schema.root), root)
    loaded = decode(schema, [(key, body) for key, body in rows if body is not None])
    before, after = all_of(root), all_of(loaded)
    assert {at: etag(node) for at, node in before.items()} == {at: etag(node) for at, node in after.items()}


@given(st.lists(EDITS, min_size=1, max_size=4))
def test_nodes_that_differ_have_different_etags(
    judge: Validator, edits: list[tuple[list[Item], str, Any]]
) -> None:
    root = empty_root(trees.garden().root)
    for items, default, _ in edits:
        root = edited(judge, root, items, default)
    found: dict[str, tuple[str, Any]] = {}
    for at, node in all_of(root).items():
        assert versioned(root, at) is node
        content = (at.schema.path, plain(node))
        assert found.setdefault(etag(node), content) == content


@given(st.lists(EDITS, min_size=1, max_size=4), st.lists(EDITS, min_size=1, max_size=3))
def test_a_client_that_keeps_etags_has_what_the_server_has(
    judge: Validator, first: list[tuple[list[Item], str, Any]], later: list[tuple[list[Item], str, Any]]
) -> None:
    """It asks with what it has, puts what is marked as unchanged in its place, and has it all."""
    schema = trees.garden()
    had = empty_root(schema.root)
    for items, default, _ in first:
        had = edited(judge, had, items, default)
    root = had
    for items, default, _ in later:
        root = edited(judge, root, items, default)
    element = etree.fromstring(f'<filter xmlns:txid="{TXID_NAMESPACE}">{asking(had)}</filter>')
    asked = Asked.of("", read_filter(schema, element))
    assert asked is not None
    pieces = TaggedPrinter(schema, root).pieces(subtree(schema, root, element), asked)
    answer = b"".join(pieces).decode()
    now = resolved(etree.fromstring(f'<data xmlns:txid="{TXID_NAMESPACE}">{answer}</data>'), had)
    assert plain(trees.tree(schema, now)) == plain(root)


def asking(had: Container) -> str:
    """A filter for all of the garden, with the etags of it and of its beds."""
    garden = had.branch(f"{{{trees.GARDEN}}}garden")
    if garden is None:
        return f'<garden xmlns="{trees.GARDEN}" txid:etag="?"/>'
    beds = "".join(
        f'<bed txid:etag="{etag(entry)}"><name>{entry.key[0]}</name></bed>'
        for entry in garden.entries(f"{{{trees.GARDEN}}}bed")
    )
    rest = "".join(f"<{name}/>" for name in GARDEN if name != "bed")
    return (
        f'<garden xmlns="{trees.GARDEN}" txid:etag="{etag(garden)}">{rest}<bed txid:etag="?"/>{beds}</garden>'
    )


def resolved(data: etree._Element, had: Container) -> str:
    """The content of an answer, with what the client had in the place of what is marked as unchanged."""
    known = etree.fromstring(f"<data>{trees.text(trees.garden(), had)}</data>")
    for element in list(data.iter(f"{{{trees.GARDEN}}}garden", f"{{{trees.GARDEN}}}bed")):
        if element.get(ETAG) == "=":
            name = element.findtext(f"{{{trees.GARDEN}}}name")
            same = next(each for each in known.iter(element.tag) if name in (None, each[0].text))
            element.getparent().replace(element, same)
    for element in data.iter():
        element.attrib.pop(ETAG, None)
    return "".join(etree.tostring(child).decode() for child in data)
