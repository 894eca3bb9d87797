"""What constraints read: the ground that slices stand on."""

from collections.abc import Callable

import pytest

from server.schema.model import Constraint, Schema
from server.schema.xpath import parse

BODY = """
  container top {
    leaf flag { type boolean; }
    list item {
      key name;
      leaf name { type string; }
      leaf size { type uint8; }
      leaf partner { type leafref { path ../../item/name; } }
      leaf other { type string; }
      leaf-list many { type string; }
      container inner { leaf x { type string; } leaf y { type string; } }
      list part { key id; leaf id { type string; } leaf v { type uint8; } }
      leaf probe { type string; must "PROBE"; }
    }
    list pair { key "a b"; leaf a { type string; } leaf b { type string; } leaf v { type uint8; } }
    leaf global { type string; must "GLOBAL"; }
  }
"""


@pytest.fixture
def probe(load: Callable[..., Schema]) -> Callable[[str], Constraint]:
    def run(expression: str, at: str = "item/probe") -> Constraint:
        other = "true()"
        first, second = (expression, other) if at == "item/probe" else (other, expression)
        schema = load(m=BODY.replace("PROBE", first).replace("GLOBAL", second))
        (constraint,) = schema.node(f"/m:top/{at}").musts
        return constraint

    return run


def reads(constraint: Constraint) -> dict[str, bool]:
    """Path below top → whether it leaves the entry."""
    return {item.target.path.removeprefix("/m:top/"): item.leaves_entry for item in constraint.reads}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("../size > 3", {"item/size": False}),
        (". = ../other or not(../size)", {"item/other": False, "item/size": False}),
        ("../inner/x", {"item/inner/x": False}),
        ("../inner/*", {"item/inner/x": False, "item/inner/y": False}),
        ("../inner/m:*", {"item/inner/x": False, "item/inner/y": False}),
        ("count(../part) < 3", {"item/part": False}),
        ("../part[v > 3]/id", {"item/part/v": False, "item/part/id": False}),
        ("sum(../part/v) + number(../size) < 9", {"item/part/v": False, "item/size": False}),
        ("../../flag = 'true'", {"flag": True}),
        ("/m:top/m:flag", {"flag": True}),
        ("/top/flag", {"flag": True}),
        ("../../item/size", {"item/size": True}),
        ("count(/m:top/m:item)", {"item": True}),
        ("../size | ../../flag", {"item/size": False, "flag": True}),
        ("current()/../size", {"item/size": False}),
        ("starts-with(../other, string(.))", {"item/other": False}),
        ("../self::node()/size", {"item/size": False}),
        ("parent::node()/size", {"item/size": False}),
        ("../size/text()", {"item/size": False}),
        ("true()", {}),
        ("-(../size) < 0", {"item/size": False}),
        ("../no-such-node", {}),
        ("../@attribute", {}),
    ],
)
def test_what_is_read(probe: Callable[[str], Constraint], expression: str, expected: dict[str, bool]):
    constraint = probe(expression)
    assert not constraint.unbounded
    assert reads(constraint) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "//m:size",
        "..//m:x",
        "../following-sibling::m:other",
        "ancestor::m:item/m:size",
        "../../item[1]/size",
        "../../item[position() = 1]/size",
        "../../item[last()]/size",
        "../../item[1 + 1]/size",
        "../../item[(-1)]/size",
        "../../item[count(current()/../part)]/size",
        "../a | ../b | ../c",
        "deref(../other)/../size",
    ],
)
def test_what_cannot_be_bounded(probe: Callable[[str], Constraint], expression: str):
    assert probe(expression).unbounded


@pytest.mark.parametrize(
    ("expression", "lookups"),
    [
        ("/m:top/m:item[m:name = current()/../m:partner]/m:size", {"name": "partner"}),
        ("/m:top/m:item[current()/../m:partner = m:name]/m:size", {"name": "partner"}),
        ("../../item[name = current()]/inner/x", {"name": "probe"}),
        ("deref(../partner)/../size", {"name": "partner"}),
        ("../../pair[a = current()/../other][b = current()]/v", {"a": "other", "b": "probe"}),
        ("../../pair[a = current()/../other and b = current()]/v", {"a": "other", "b": "probe"}),
        ("../../pair[(a = current()/../other) and (b = current())]/v", {"a": "other", "b": "probe"}),
        ("../../pair[a = current()/../other]/v", {}),
        ("../../pair[a = current()/../other or b = current()]/v", {}),
        ("../../item[name = current()/../many]/size", {}),
        ("../../item[name != current()/../partner]/size", {}),
        ("../../item[size = current()/../size]/other", {}),
        ("../../item[name = 'x']/size", {}),
        ("../../item[name = ../../item/partner]/size", {}),
        ("../../item/size", {}),
    ],
)
def test_which_entry_outside_is_read(
    probe: Callable[[str], Constraint], expression: str, lookups: dict[str, str]
):
    constraint = probe(expression)
    read = next(
        item
        for item in constraint.reads
        if item.target.name in {"size", "v", "x", "other"} and item.leaves_entry
    )
    assert read.lookup_list is not None
    assert read.lookup_list.name in {"item", "pair"}
    names = {read.lookup_list.children[key].name: leaf.name for key, leaf in read.lookups.items()}
    assert names == lookups


def test_predicate_reads_are_reads(probe: Callable[[str], Constraint]):
    constraint = probe("/m:top/m:item[m:name = current()/../m:partner]/m:size")
    assert reads(constraint) == {"item/name": True, "item/partner": False, "item/size": True}


def test_nothing_is_left_when_the_context_is_in_no_list(probe: Callable[..., Constraint]):
    assert reads(probe("../flag", "global")) == {"flag": False}
    assert reads(probe("../item/size", "global")) == {"item/size": True}


def test_leafref_reads_its_target_first(load: Callable[..., Schema]):
    schema = load(m=BODY.replace("PROBE", "1").replace("GLOBAL", "1"))
    constraint = schema.node("/m:top/item/partner").leafref
    assert constraint.target is schema.node("/m:top/item/name")
    assert constraint.target_is_top_key
    assert constraint.reads[0].leaves_entry


def test_leafref_with_predicate_and_deref(load: Callable[..., Schema]):
    schema = load(
        m="""list a { key k; leaf k { type string; } list b { key j; leaf j { type string; } } }
             leaf x { type leafref { path /m:a/m:k; } }
             leaf y { type leafref { path "/m:a[m:k = current()/../m:x]/m:b/m:j"; } }
             leaf z { type leafref { path "deref(../x)/../b/j"; } }"""
    )
    for name in ("y", "z"):
        constraint = schema.node(f"/m:{name}").leafref
        assert constraint.target is schema.node("/m:a/b/j")
        assert not constraint.target_is_top_key
        assert not constraint.unbounded
        assert list(constraint.reads[0].lookups.values()) == [schema.node("/m:x")]


def test_leafref_in_union_is_a_constraint_but_not_the_type(load: Callable[..., Schema]):
    schema = load(
        m="leaf a { type string; } leaf b { type union { type uint8; type leafref { path /m:a; } } }"
    )
    assert schema.node("/m:b").leafref is None
    assert [item.node.name for item in schema.constraints] == ["b"]


def test_names_without_prefix_are_in_the_module_of_the_node(load: Callable[..., Schema]):
    schema = load(
        "user",
        lib="grouping g { leaf x { type string; } leaf y { type string; must '../x'; } }",
        user="import lib { prefix lib; } container c { uses lib:g; }",
    )
    (constraint,) = schema.node("/user:c/y").musts
    assert [item.target.path for item in constraint.reads] == ["/user:c/x"]


@pytest.mark.parametrize("expression", ["a =", "(", "a b", "'open", "[x]"])
def test_bad_xpath(expression: str):
    with pytest.raises(ValueError, match="XPath"):
        parse(expression)
