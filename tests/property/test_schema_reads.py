"""What constraints are said to read, against libyang: a change of anything else never changes a verdict."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from server.schema.model import Constraint, Read, SchemaNode, load_schema
from server.schema.validator_child import Engine
from server.schema.validator_wire import Request, Work
from tests.support.schema import sources_of

BODY = """
  container top {
    leaf flag { type string; }
    list item {
      key name;
      leaf name { type string; }
      leaf size { type string; }
      leaf partner { type string; }
      leaf friend { type leafref { path ../../item/name; require-instance false; } }
      container inner { leaf x { type string; } }
      leaf probe { type string; must "PROBE"; }
    }
  }
"""
LEAVES = ("size", "partner", "friend", "x")
VALUES = ("a", "b", "1", "")

steps = st.sampled_from(
    [
        "../size",
        "../partner",
        "../inner/x",
        "../friend",
        "../../flag",
        "/m:top/m:flag",
        "../../item/size",
        "../../item/inner/*",
        "../../item[name = current()/../partner]/size",
        "../../item[name = current()/../friend]/inner/x",
        "../../item[size = current()/../size]/partner",
        "../../item[partner = '1'][inner]/size",
        "../../item[name = 'b']/partner",
        "deref(../friend)/../size",
        "current()",
        ".",
        "../../item/name",
    ]
)
operands = st.one_of(
    steps,
    st.sampled_from(["'a'", "'1'", "1"]),
    steps.map(lambda path: f"count({path})"),
    steps.map(lambda path: f"string({path})"),
)
comparisons = st.builds(
    lambda left, operator, right: f"{left} {operator} {right}",
    operands,
    st.sampled_from(["=", "!=", "<"]),
    operands,
)
expressions = st.recursive(
    st.one_of(comparisons, steps),
    lambda inner: st.one_of(
        st.builds(
            lambda left, word, right: f"({left}) {word} ({right})",
            inner,
            st.sampled_from(["and", "or"]),
            inner,
        ),
        inner.map(lambda one: f"not({one})"),
    ),
    max_leaves=3,
)


@dataclass(frozen=True)
class Data:
    """Two entries, a and b, and what is outside; a leaf that is None is absent."""

    flag: str | None
    a: tuple[str | None, ...]
    b: tuple[str | None, ...]

    def xml(self) -> bytes:
        flag = "" if self.flag is None else f"<flag>{self.flag}</flag>"
        entries = entry("a", self.a, probe=True) + entry("b", self.b, probe=False)
        return f'<top xmlns="urn:m">{flag}{entries}</top>'.encode()


def entry(name: str, values: tuple[str | None, ...], *, probe: bool) -> str:
    size, partner, friend, inner = (
        "" if value is None else f"<{leaf}>{value}</{leaf}>"
        for leaf, value in zip(LEAVES, values, strict=True)
    )
    tail = "<probe>a</probe>" if probe else ""
    return f"<item><name>{name}</name>{size}{partner}{friend}<inner>{inner}</inner>{tail}</item>"


value = st.one_of(st.none(), st.sampled_from(VALUES))
values = st.tuples(value, value, value, value)
datas = st.builds(Data, value, values, values)


def covers(read: Read, node: SchemaNode) -> bool:
    return read.target in node.ancestors_or_self()


def may_change(constraint: Constraint, data: Data, where: str, node: SchemaNode) -> bool:
    """Whether the reads allow the verdict on entry a to change when `node` changes in `where`."""
    reads = [read for read in constraint.reads if covers(read, node)]
    if where == "a":
        return bool(reads)
    if where == "top":
        return any(read.leaves_entry for read in reads)
    return any(read.leaves_entry and names_b(read, data) for read in reads)


def names_b(read: Read, data: Data) -> bool:
    """Whether the entry that is looked up may be b: its key has to equal the pinning leaf of entry a."""
    own = dict(zip(LEAVES, data.a, strict=True)) | {"probe": "a", "name": "a"}
    return all(own[leaf.name] == "b" for leaf in read.lookups.values())


@settings(max_examples=40)
@given(expressions, st.lists(st.tuples(datas, st.integers(0, 8), value), min_size=12, max_size=12))
def test_only_what_is_read_changes_a_verdict(expression: str, changes: list[tuple[Data, int, str | None]]):
    with tempfile.TemporaryDirectory() as folder:
        sources = sources_of(Path(folder), m=BODY.replace("PROBE", expression.replace('"', "'")))
        schema, engine = load_schema(sources), Engine(sources)
    (constraint,) = schema.node("/m:top/item/probe").musts
    assume(not constraint.unbounded)
    item = schema.node("/m:top/item")
    for data, index, new in changes:
        if index == 8:
            changed, where, node = replace(data, flag=new), "top", schema.node("/m:top/flag")
        else:
            where, position = ("a", "b")[index // 4], index % 4
            old = getattr(data, where)
            changed = replace(data, **{where: (*old[:position], new, *old[position + 1 :])})
            path = "inner/x" if LEAVES[position] == "x" else LEAVES[position]
            node = schema.node(f"{item.path}/{path}")
        before, after = (engine.judge(Request(Work.VALIDATE, one.xml())).errors for one in (data, changed))
        if bool(before) != bool(after):
            assert may_change(constraint, data, where, node), (expression, data, changed, constraint.reads)
