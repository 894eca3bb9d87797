"""Nodes under a `when` that has become false: which of them the server deletes."""

import pytest

from server.datastores.settle import settle
from server.protocol.errors import RpcError, operation_failed, unknown_element
from server.schema.model import Schema
from server.tree.node import Container
from server.tree.whens import without_false_whens
from tests.support.trees import bed, text, tree

SPACES = {"g": "urn:test:garden"}
BED = "/g:garden/g:bed[g:name='a']"


def error(path: str) -> RpcError:
    return unknown_element("shade").at(path, SPACES)


def bed_a(inner: str) -> str:
    return bed(f"<bed><name>a</name>{inner}</bed>")


DELETED = {
    "a leaf": (f"{BED}/g:shade", "<shade>1</shade>", "<sunny>true</sunny>", ""),
    "a leaf-list": (f"{BED}/g:water/g:day[.='2']", "<water><day>2</day></water>", "<sunny>true</sunny>", ""),
    "a container": (f"{BED}/g:water", "<water><day>2</day></water>", "<sunny>true</sunny>", ""),
    "an entry": (
        f"{BED}/g:sowing[g:day='2']",
        "<sowing><day>2</day></sowing><sowing><day>1</day></sowing>",
        "",
        "<sowing><day>1</day></sowing>",
    ),
    "a leaf of an entry": (
        f"{BED}/g:sowing[g:day='2']/g:seed",
        "<sowing><day>2</day><seed>x</seed></sowing>",
        "",
        "<sowing><day>2</day></sowing>",
    ),
}


@pytest.mark.parametrize(("path", "inner", "changed", "left"), DELETED.values(), ids=DELETED)
def test_what_is_as_it_was_is_deleted(schema: Schema, path: str, inner: str, changed: str, left: str) -> None:
    old, new = tree(schema, bed_a(inner)), tree(schema, bed_a(changed + inner))
    pruned = without_false_whens(schema, old, new, [error(path)])
    assert pruned is not None
    assert text(schema, pruned) == text(schema, tree(schema, bed_a(changed + left)))


KEPT = {
    "what is new": (f"{BED}/g:shade", "", "<shade>1</shade>"),
    "what was changed": (f"{BED}/g:shade", "<shade>2</shade>", "<shade>1</shade>"),
    "what is not there": (f"{BED}/g:shade", "<shade>1</shade>", ""),
    "an entry that was changed": (
        f"{BED}/g:sowing[g:day='2']",
        "<sowing><day>2</day></sowing>",
        "<sowing><day>2</day><seed>x</seed></sowing>",
    ),
    "what cannot be told": (
        "/g:garden/g:bed[g:name=concat('a', \"'\", '\"b')]/g:shade",
        "",
        "<shade>1</shade>",
    ),
}


@pytest.mark.parametrize(("path", "before", "after"), KEPT.values(), ids=KEPT)
def test_what_the_client_has_written_is_not(schema: Schema, path: str, before: str, after: str) -> None:
    old, new = tree(schema, bed_a(before)), tree(schema, bed_a(after))
    assert without_false_whens(schema, old, new, [error(path)]) is None


def test_other_errors_delete_nothing(schema: Schema) -> None:
    old, new = tree(schema, bed_a("<shade>1</shade>")), tree(schema, bed_a("<code>1</code><shade>1</shade>"))
    other = operation_failed("no").at(f"{BED}/g:shade", SPACES)
    assert without_false_whens(schema, old, new, [other]) is None


def test_one_deletion_leads_to_the_next(schema: Schema) -> None:
    """What is judged is what is left; the judge finds the second `when` once the first node is gone."""
    old = tree(schema, bed_a("<sunny>false</sunny><shade>1</shade><code>1</code>"))
    new = tree(schema, bed_a("<shade>1</shade><code>1</code>"))

    def judge(_old: Container, root: Container, _changes: object) -> list[RpcError]:
        left = text(schema, root)
        if "<shade>" in left:
            return [error(f"{BED}/g:shade")]
        return [error(f"{BED}/g:code")] if "<code>" in left else []

    settled = settle(schema, judge, old, new)
    assert settled.errors == ()
    assert text(schema, settled.root) == text(schema, tree(schema, bed_a("")))
    assert settled.changes
