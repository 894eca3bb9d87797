"""What a slice holds, and what is judged from indexes instead."""

import pytest

from server.protocol.errors import ErrorTag, RpcError, RpcErrors
from server.schema.model import Schema
from server.schema.validator import Validator
from server.tree.diff import diff
from server.tree.edit import share
from server.tree.node import Container, empty_root
from server.tree.slice import Slicer, slice_for
from tests.support.trees import bed, text, tree

MANY = "".join(f"<bed><name>m{number}</name></bed>" for number in range(10))


def changed(schema: Schema, before: str, after: str) -> tuple[Container, Container]:
    old = tree(schema, bed(before))
    return old, share(old, tree(schema, bed(after)))


# (before, after, names in the slice; None: the whole tree)
SLICES = {
    "the changed entry alone": (
        f"<bed><name>a</name></bed>{MANY}",
        f"<bed><name>a</name><code>1</code></bed>{MANY}",
        ["a"],
    ),
    "what it refers to, and so on": (
        "<bed><name>a</name></bed><bed><name>b</name><next-to>c</next-to></bed><bed><name>c</name></bed>"
        + MANY,
        "<bed><name>a</name><next-to>b</next-to></bed><bed><name>b</name><next-to>c</next-to></bed>"
        "<bed><name>c</name></bed>" + MANY,
        ["a", "b", "c"],
    ),
    "what refers to a deleted entry": (
        f"<bed><name>a</name></bed><bed><name>b</name><next-to>a</next-to></bed>{MANY}",
        f"<bed><name>b</name><next-to>a</next-to></bed>{MANY}",
        ["b"],
    ),
    "not what refers to an entry that keeps its name": (
        f"<bed><name>a</name></bed><bed><name>b</name><next-to>a</next-to></bed>{MANY}",
        f"<bed><name>a</name><code>1</code></bed><bed><name>b</name><next-to>a</next-to></bed>{MANY}",
        ["a"],
    ),
    "what a leaf outside all lists refers to": (
        f"<best-bed>m3</best-bed><bed><name>a</name></bed>{MANY}",
        f"<best-bed>m3</best-bed><bed><name>a</name><code>1</code></bed>{MANY}",
        ["a", "m3"],
    ),
    "as many as min-elements asks for": (
        f"<owner>x</owner>{MANY}",
        f"<owner>y</owner>{MANY}",
        ["m0"],
    ),
    "a leaf outside that a must in an entry reads": (
        f"{MANY}<path><from>m1</from><to>x</to><width>5</width></path>",
        f"<strict>true</strict>{MANY}<path><from>m1</from><to>x</to><width>5</width></path>",
        None,
    ),
    "a must that counts all entries": (
        f"<bed><name>a</name></bed>{MANY}<path><from>m1</from><to>x</to><crowded>true</crowded></path>",
        f"{MANY}<path><from>m1</from><to>x</to><crowded>true</crowded></path>",
        None,
    ),
    "an entry of the slice that has such a must": (
        f"{MANY}<path><from>m1</from><to>x</to></path>",
        f"{MANY}<path><from>m1</from><to>x</to><crowded>true</crowded></path>",
        None,
    ),
}


@pytest.mark.parametrize("case", SLICES)
def test_slice(case: str, schema: Schema) -> None:
    before, after, names = SLICES[case]
    old, new = changed(schema, before, after)
    part = slice_for(schema, old, new)
    if names is None:
        assert part.whole
        assert part.root is new
        return
    assert not part.whole
    garden = part.root.branch("{urn:test:garden}garden")
    assert garden is not None
    assert [entry.key[0] for entry in garden.entries("{urn:test:garden}bed")] == names


def test_a_leafref_to_a_leaf_that_is_no_key(schema: Schema) -> None:
    beds = "<bed><name>a</name><code>1</code></bed><bed><name>b</name>{}</bed>"
    path = "<path><from>a</from><to>x</to><by-code>2</by-code></path>"
    old, new = changed(schema, beds.format("<code>2</code>") + MANY + path, beds.format("") + MANY + path)
    part = slice_for(schema, old, new)
    assert "<by-code>2</by-code>" in text(schema, part.root)
    assert "<name>m1</name>" not in text(schema, part.root)


def test_with_nothing_known_everything_is_judged(schema: Schema) -> None:
    new = tree(schema, bed(MANY))
    assert slice_for(schema, empty_root(schema.root), new).whole


def judged(schema: Schema, judge: Validator, before: str, after: str) -> list[RpcError]:
    old, new = changed(schema, before, after)
    return Slicer(schema).judge(old, new, judge.validate, diff(old, new))


def test_unique_names_both_entries(schema: Schema, judge: Validator) -> None:
    first = "<bed><name>a</name><row>1</row><column>2</column></bed>"
    errors = judged(
        schema, judge, first + MANY, f"{first}<bed><name>z</name><row>1</row><column>2</column></bed>{MANY}"
    )
    assert len(errors) == 1
    error = errors[0]
    assert (error.tag, error.app_tag) == (ErrorTag.OPERATION_FAILED, "data-not-unique")
    assert error.message == "row '1', column '2' is used by bed 'a' and by bed 'z': it has to be unique"
    assert error.path == "/g:garden/g:bed[g:name='z']"
    assert [(info.name, info.text) for info in error.info] == [
        ("non-unique", "/g:garden/g:bed[g:name='a']/g:row"),
        ("non-unique", "/g:garden/g:bed[g:name='a']/g:column"),
        ("non-unique", "/g:garden/g:bed[g:name='z']/g:row"),
        ("non-unique", "/g:garden/g:bed[g:name='z']/g:column"),
    ]
    assert error.path_namespaces == {"g": "urn:test:garden"}


def test_unique_counts_a_default_in_use(schema: Schema, judge: Validator) -> None:
    first = "<bed><name>a</name><row>1</row></bed>"
    second = "<bed><name>z</name><row>1</row><column>7</column></bed>"
    assert [error.app_tag for error in judged(schema, judge, first, first + second)] == ["data-not-unique"]


def test_an_entry_without_one_of_the_leaves_collides_with_none(schema: Schema, judge: Validator) -> None:
    beds = "<bed><name>a</name><column>1</column></bed>"
    assert judged(schema, judge, beds, f"{beds}<bed><name>z</name><column>1</column></bed>") == []


def test_unique_in_a_nested_list_is_in_the_slice(schema: Schema, judge: Validator) -> None:
    plants = "".join(
        f"<plant><kind>basil</kind><number>{number}</number><label>x</label></plant>" for number in (1, 2)
    )
    errors = judged(schema, judge, MANY, f"<bed><name>a</name>{plants}</bed>{MANY}")
    assert [error.app_tag for error in errors] == ["data-not-unique"]
    assert errors[0].path.startswith("/g:garden/g:bed[g:name='a']/g:plant")


def test_too_many_elements(schema: Schema, judge: Validator) -> None:
    beds = "".join(f"<bed><name>n{number}</name></bed>" for number in range(3))
    errors = judged(schema, judge, MANY, MANY + beds)
    assert [(error.tag, error.app_tag, error.path) for error in errors] == [
        (ErrorTag.OPERATION_FAILED, "too-many-elements", "/g:garden/g:bed")
    ]


def test_too_few_elements(schema: Schema, judge: Validator) -> None:
    errors = judged(schema, judge, "<owner>x</owner><bed><name>a</name></bed>", "<owner>x</owner>")
    assert [(error.app_tag, error.path) for error in errors] == [("too-few-elements", "/g:garden/g:bed")]


def test_a_must_that_looks_elsewhere_sees_what_did_not_change(schema: Schema, judge: Validator) -> None:
    dark = f"{MANY}<bed><name>dark</name><sunny>false</sunny></bed><path><from>m1</from><to>x</to>"
    assert judged(schema, judge, f"{dark}</path>", f"{dark}<of>m1</of></path>") == []
    errors = judged(schema, judge, f"{dark}</path>", f"{dark}<of>dark</of></path>")
    assert [(error.app_tag, error.path) for error in errors] == [
        ("must-violation", "/g:garden/g:path[g:from='m1'][g:to='x']/g:of")
    ]


def test_every_error_once_from_both_judges(schema: Schema, judge: Validator) -> None:
    after = (
        "<bed><name>a</name><row>1</row></bed><bed><name>b</name><row>1</row></bed>"
        "<bed><name>c</name><next-to>gone</next-to></bed>"
    )
    errors = judged(schema, judge, "<bed><name>a</name></bed>", after)
    assert sorted(error.app_tag for error in errors) == ["data-not-unique", "instance-required"]


def test_what_the_validator_alone_finds_is_not_dropped(schema: Schema) -> None:
    old, new = changed(schema, MANY, f"{MANY}<owner>x</owner>")
    refusal = RpcError(ErrorTag.OPERATION_FAILED, "no", app_tag="data-not-unique", path="/g:garden/g:bed")
    refusal.path_namespaces = {"g": "urn:test:garden"}

    def refuse(_: bytes) -> None:
        raise RpcErrors([refusal])

    assert Slicer(schema).judge(old, new, refuse) == [refusal]
