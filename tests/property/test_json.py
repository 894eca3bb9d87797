"""JSON of RFC 7951: what is printed is read as the same tree, whatever the types; any JSON has an answer."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.schema.model import Schema, load_schema
from server.tree import json as json_form
from server.tree.build import from_data
from server.tree.json import Fault, JsonError, read, to_json
from server.tree.xml import parse_config, to_xml
from tests.support.schema import sources_of

OTHER = "identity colour; identity red { base colour; } container far { leaf x { type string; } }"
KINDS = """
import other { prefix o; }
identity blue { base o:colour; }
augment "/o:far" { leaf near { type int8; } }
container kinds {
  leaf i8 { type int8; } leaf u32 { type uint32; } leaf i64 { type int64; } leaf u64 { type uint64; }
  leaf dec { type decimal64 { fraction-digits 2; } }
  leaf flag { type boolean; } leaf nothing { type empty; } leaf word { type string; }
  leaf choice { type enumeration { enum a; enum b; } }
  leaf hue { type identityref { base o:colour; } }
  leaf place { type instance-identifier { require-instance false; } }
  leaf mixed { type union { type uint8; type boolean; type enumeration { enum unbounded; } type string; } }
  leaf alike { type leafref { path "../u32"; } }
  container there { presence "It is there."; }
  leaf-list numbers { type uint16; ordered-by user; }
  list row {
    key "a b"; ordered-by user;
    leaf a { type string; } leaf b { type uint8; } leaf c { type int64; }
  }
}
"""


def load() -> Schema:
    with TemporaryDirectory() as folder:
        return load_schema(sources_of(Path(folder), "kinds", "other", kinds=KINDS, other=OTHER))


SCHEMA = load()
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=6)


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


ROW = st.fixed_dictionaries({"a": TEXT, "b": whole(0, 255)}, optional={"c": whole(-(2**63), 2**63 - 1)})
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "i8": whole(-128, 127),
    "u32": whole(0, 2**32 - 1),
    "i64": whole(-(2**63), 2**63 - 1),
    "u64": whole(0, 2**64 - 1),
    "dec": st.sampled_from(["1.0", "-3.14", "0.05"]),
    "flag": st.booleans(),
    "nothing": st.none(),
    "word": TEXT,
    "choice": st.sampled_from(["a", "b"]),
    "hue": st.sampled_from(["other:red", "kinds:blue"]),
    "place": st.sampled_from(["/kinds:kinds/row[a='x'][b='1']", "/other:far/kinds:near"]),
    "mixed": st.one_of(whole(0, 255), st.booleans(), st.just("unbounded"), TEXT),
    "alike": whole(0, 2**32 - 1),
    "there": st.just({}),
    "numbers": st.lists(whole(0, 65535), unique=True),
    "row": st.lists(ROW, max_size=3, unique_by=lambda row: (row["a"], row["b"])),
}
TREES = st.fixed_dictionaries(
    {},
    optional={
        "kinds:kinds": st.fixed_dictionaries({}, optional=LEAVES),
        "other:far": st.fixed_dictionaries({}, optional={"x": TEXT, "kinds:near": whole(-128, 127)}),
    },
)


@given(TREES)
def test_what_is_printed_is_read_as_the_same_tree(data: dict[str, Any]) -> None:
    tree = from_data(SCHEMA, data)
    text = json.dumps(to_json(tree))
    again = parse_config(SCHEMA, list(read(SCHEMA, text)))
    assert b"".join(to_xml(SCHEMA, again)) == b"".join(to_xml(SCHEMA, tree))
    assert to_json(again) == to_json(tree)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*LEAVES, "kinds:kinds", "x", "@word", "other:far", ":", ""]), inner),
    ),
    max_leaves=12,
)


def answer(text: str | bytes) -> tuple[Any, tuple[Fault, ...]]:
    """What is read, or the faults."""
    try:
        return read(SCHEMA, text), ()
    except JsonError as error:
        return None, error.faults


@given(JSON)
def test_any_json_is_read_or_refused_with_a_place(value: Any) -> None:
    config, faults = answer(json.dumps({"kinds:kinds": value}))
    assert all(fault.path.startswith("/") and fault.message for fault in faults)
    assert bool(faults) == (config is None)
    assert config is None or [child.tag for child in config] == ["{urn:kinds}kinds"]


@given(st.binary(max_size=40))
def test_any_bytes_have_an_answer(content: bytes) -> None:
    config, faults = answer(content)
    assert bool(faults) == (config is None)


def test_the_limit_of_faults_is_not_exceeded() -> None:
    rows = [{"a": 1} for _ in range(json_form.MAX_FAULTS * 2)]
    _, faults = answer(json.dumps({"kinds:kinds": {"row": rows}}))
    assert len(faults) == json_form.MAX_FAULTS
