"""The forms of RFC 7951, value by value, and what is said of a form that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.schema.model import Schema, load_schema
from server.tree.build import from_data
from server.tree.json import JsonError, read, to_json
from server.tree.xml import parse_config
from tests.property.test_json import KINDS, OTHER
from tests.support.schema import sources_of


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    folder: Path = tmp_path_factory.mktemp("modules")
    extra = "container any { anydata what; anyxml ever; }"
    return load_schema(sources_of(folder, "kinds", "other", kinds=KINDS + extra, other=OTHER))


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        ("i8", -5, -5),
        ("u32", 7, 7),
        ("i64", 7, "7"),
        ("u64", 7, "7"),
        ("dec", "1.5", "1.5"),
        ("flag", True, True),
        ("nothing", None, [None]),
        ("word", "5", "5"),
        ("hue", "other:red", "other:red"),
        ("mixed", 5, 5),
        ("mixed", True, True),
        ("mixed", "unbounded", "unbounded"),
        ("alike", 9, 9),
        ("there", {}, {}),
        ("numbers", [2, 1], [2, 1]),
        ("place", "/other:far/kinds:near", "/other:far/kinds:near"),
    ],
)
def test_a_value_has_the_form_of_its_type(schema: Schema, name: str, value: Any, printed: Any) -> None:
    assert to_json(from_data(schema, {"kinds:kinds": {name: value}})) == {"kinds:kinds": {name: printed}}


def test_a_name_has_its_module_where_that_changes(schema: Schema) -> None:
    tree = from_data(schema, {"other:far": {"x": "y", "kinds:near": 1}})
    assert to_json(tree) == {"other:far": {"x": "y", "kinds:near": 1}}


def test_an_identity_of_the_leafs_module_needs_no_module(schema: Schema) -> None:
    [kinds] = read(schema, '{"kinds:kinds": {"hue": "blue"}}')
    assert to_json(parse_config(schema, [kinds])) == {"kinds:kinds": {"hue": "kinds:blue"}}


def test_anydata_goes_both_ways(schema: Schema) -> None:
    text = json.dumps({"kinds:any": {"what": {"other:a": {"b": ["1", "2"]}}}})
    tree = parse_config(schema, list(read(schema, text)))
    assert to_json(tree) == {"kinds:any": {"what": {"a": {"b": ["1", "2"]}}}}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("[]", "/", "expected an object, got an array"),
        ("{", "/", "not JSON: Expecting property name"),
        ('{"a:b": 1, "a:b": 2}', "/", "the member a:b is there twice"),
        ('{"kinds": {}}', "/kinds", "a name at the top has its module in front"),
        ('{"none:kinds": {}}', "/none:kinds", "no module none is served here"),
        ('{"kinds:kinds": {"hat": 1}}', "/kinds:kinds/hat", "kinds has no node hat at /kinds:kinds"),
        ('{"kinds:kinds": []}', "/kinds:kinds", "expected an object, got an array"),
        ('{"kinds:kinds": {"i8": "5"}}', "/kinds:kinds/i8", "expected a whole number, got a string"),
        ('{"kinds:kinds": {"i8": true}}', "/kinds:kinds/i8", "expected a whole number, got a boolean"),
        ('{"kinds:kinds": {"i64": 5}}', "/kinds:kinds/i64", "expected a string, got a number"),
        ('{"kinds:kinds": {"flag": "true"}}', "/kinds:kinds/flag", "expected a boolean, got a string"),
        ('{"kinds:kinds": {"nothing": null}}', "/kinds:kinds/nothing", "expected [null], got null"),
        ('{"kinds:kinds": {"hue": "nix:red"}}', "/kinds:kinds/hue", "'nix' is not a module"),
        ('{"kinds:kinds": {"word": "\\u0001"}}', "/kinds:kinds/word", "a character that XML cannot carry"),
        ('{"kinds:kinds": {"row": {}}}', "/kinds:kinds/row", "expected an array, got an object"),
        ('{"kinds:kinds": {"row": [{}, {"b": "1"}]}}', "/kinds:kinds/row[2]/b", "expected a whole number"),
        ('{"kinds:kinds": {"@word": {}}}', "/kinds:kinds/@word", "metadata is not taken"),
        ("[" * 100_000, "/", "nested more than"),
    ],
)
def test_a_fault_is_told_with_its_place(schema: Schema, text: str, path: str, message: str) -> None:
    with pytest.raises(JsonError) as caught:
        read(schema, text)
    [fault] = caught.value.faults
    assert fault.path == path
    assert fault.message.startswith(message)


def test_every_fault_is_told(schema: Schema) -> None:
    with pytest.raises(JsonError) as caught:
        read(schema, '{"kinds:kinds": {"i8": "5", "flag": 1}, "none:a": 1}')
    assert [fault.path for fault in caught.value.faults] == [
        "/kinds:kinds/i8",
        "/kinds:kinds/flag",
        "/none:a",
    ]
