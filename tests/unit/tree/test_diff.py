"""Changes between two trees and the rows that storage gets."""

import pytest

from server.schema.model import Schema
from server.tree.diff import apply, decode, diff, encode_delta
from server.tree.members import Insert
from server.tree.node import empty_root
from tests.support.trees import bed, text, tree

# (before, after, [(kind, path, point)])
CASES = {
    "nothing": ("<owner>x</owner>", "<owner>x</owner>", []),
    "leaf": ("<owner>x</owner>", "<owner>y</owner>", [("replace", "/g:garden/g:owner", None)]),
    "subtree created": (
        "",
        "<bed><name>a</name><row>1</row></bed>",
        [("create", "/g:garden", None)],
    ),
    "deletions first": (
        "<bed><name>b</name></bed><tag>t</tag>",
        "<owner>o</owner><bed><name>a</name></bed><bed><name>c</name></bed>",
        [
            ("delete", "/g:garden/g:tag[.='t']", None),
            ("create", "/g:garden/g:owner", None),
            ("delete", "/g:garden/g:bed[g:name='b']", None),
            ("create", "/g:garden/g:bed[g:name='a']", None),
            ("create", "/g:garden/g:bed[g:name='c']", None),
        ],
    ),
    "inside an entry": (
        "<bed><name>a</name><water><litres>1</litres></water></bed>",
        "<bed><name>a</name><water><day>1</day></water></bed>",
        [
            ("delete", "/g:garden/g:bed[g:name='a']/g:water/g:litres", None),
            ("create", "/g:garden/g:bed[g:name='a']/g:water/g:day[.='1']", None),
        ],
    ),
    "moved": (
        "<queue>1</queue><queue>2</queue><queue>3</queue>",
        "<queue>3</queue><queue>1</queue><queue>2</queue>",
        [("move", "/g:garden/g:queue[.='3']", None)],
    ),
    "last moved before the first": (
        "<queue>2</queue><queue>1</queue>",
        "<queue>1</queue><queue>2</queue>",
        [("move", "/g:garden/g:queue[.='1']", None)],
    ),
    "moved and changed": (
        "<visit><place>p</place></visit><visit><place>q</place></visit><visit><place>r</place></visit>",
        "<visit><place>q</place></visit><visit><place>r</place></visit><visit><place>p</place><bed>a</bed></visit>",
        [
            ("move", "/g:garden/g:visit[g:place='p']", ("r",)),
            ("create", "/g:garden/g:visit[g:place='p']/g:bed", None),
        ],
    ),
    "created in user order": (
        "<queue>1</queue><queue>2</queue>",
        "<queue>1</queue><queue>9</queue><queue>2</queue>",
        [("create", "/g:garden/g:queue[.='9']", ("1",))],
    ),
    "anydata": (
        "<remarks><a xmlns='urn:a'/></remarks>",
        "<remarks><b xmlns='urn:a'/></remarks>",
        [("replace", "/g:garden/g:remarks", None)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_changes(case: str, schema: Schema) -> None:
    before, after, expected = CASES[case]
    old = tree(schema, bed(before) if before else "")
    new = tree(schema, bed(after))
    changes = diff(old, new)
    assert [(change.kind, change.path, change.point) for change in changes] == expected
    assert text(schema, apply(old, changes)) == text(schema, new)


@pytest.mark.parametrize("case", CASES)
def test_rows_rebuild_the_tree(case: str, schema: Schema) -> None:
    before, after, _ = CASES[case]
    old = tree(schema, bed(before) if before else "")
    new = apply(old, diff(old, tree(schema, bed(after))))
    rows: dict[bytes, bytes] = {}
    for key, body in [*encode_delta(schema, empty_root(schema.root), old), *encode_delta(schema, old, new)]:
        if body is None:
            del rows[key]
        else:
            rows[key] = body
    assert text(schema, decode(schema, reversed(rows.items()))) == text(schema, new)


def test_a_member_put_last_is_a_move(schema: Schema) -> None:
    old = tree(schema, bed("<queue>2</queue><queue>1</queue>"))
    garden = old.branch("{urn:test:garden}garden")
    queue = garden.get("{urn:test:garden}queue")
    moved = queue.members.insert("2", "2", Insert.LAST)
    new = old.put(garden.put(type(queue)(queue.schema, moved)))
    assert text(schema, apply(old, diff(old, new))) == text(schema, new)


def test_one_changed_leaf_is_one_row(schema: Schema) -> None:
    entries = "".join(f"<bed><name>{number}</name></bed>" for number in range(2_000))
    old = tree(schema, bed("<owner>o</owner>" + entries))
    new = apply(
        old,
        diff(
            old,
            tree(
                schema,
                bed(
                    "<owner>o</owner>"
                    + entries.replace("<name>7<", "<name>7</name><row>1</row><name>7<", 1).replace(
                        "<name>7</name><row>1</row><name>7</name>", "<name>7</name><row>1</row>", 1
                    )
                ),
            ),
        ),
    )
    assert encode_delta(schema, old, new) == [
        (b'["/garden:garden/bed","7"]', b"<bed><name>7</name><row>1</row></bed>")
    ]


def test_an_insertion_writes_one_row(schema: Schema) -> None:
    old = tree(schema, bed("".join(f"<visit><place>{number}</place></visit>" for number in range(500))))
    first = tree(schema, bed("<visit><place>new</place></visit>"))
    garden = old.branch("{urn:test:garden}garden")
    added = next(first.branch("{urn:test:garden}garden").entries("{urn:test:garden}visit"))
    visits = garden.get("{urn:test:garden}visit")
    members = visits.members.insert(added.key, added, Insert.AFTER, ("7",))
    new = old.put(garden.put(type(visits)(visits.schema, members)))
    rows = encode_delta(schema, old, new)
    assert [key for key, _ in rows] == [b'["/garden:garden/visit","new"]']
    everything = encode_delta(schema, empty_root(schema.root), new)
    assert text(schema, decode(schema, everything)) == text(schema, new)


@pytest.mark.parametrize(
    ("key", "body"),
    [
        (b'["/garden:garden/gone","1"]', b"<gone/>"),
        (b'["/garden:garden"]', b"<garden xmlns='urn:test:garden'><gone/></garden>"),
        (b'["/garden:garden"]', b"<garden"),
        (b"nonsense", b"<garden/>"),
    ],
)
def test_rows_that_do_not_fit_are_refused(key: bytes, body: bytes, schema: Schema) -> None:
    with pytest.raises(ValueError):
        decode(schema, [(key, body)])
