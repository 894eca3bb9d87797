"""edit-config against a model of plain dicts and lists that is slow and obviously right."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.schema.validator import Validator
from server.tree.diff import apply, diff
from server.tree.edit import DefaultOperation, ErrorOption, apply_edit
from server.tree.node import Branch, Container, Leaf, LeafList, ListNode, Node, empty_root
from tests.support import trees

LEAF, VALUES, QUEUE = "leaf", "leaf-list", "user leaf-list"
WATER = {"litres": LEAF, "day": VALUES}
GLASS = {"panes": LEAF, "frame": LEAF}
SOWING = {"seed": LEAF}
BED = {
    "row": LEAF,
    "code": LEAF,
    "water": ("container", WATER),
    "mulch": LEAF,
    "glass": ("container", GLASS),
    "mesh": LEAF,
    "peg": VALUES,
    "soil": ("presence", {"depth": LEAF}),
    "sowing": ("user list", "day", SOWING),
    "note": QUEUE,
}
GARDEN = {
    "owner": LEAF,
    "bed": ("list", "name", BED),
    "tag": VALUES,
    "queue": QUEUE,
}
CASES = {"mulch": "mulch", "glass": "glass", "mesh": "net", "peg": "net"}

Item = dict[str, Any]
Data = dict[str, Any]


class Refused(Exception):
    """An item of the payload fails."""


# --- the model ---------------------------------------------------------------------------------------------


def run(spec: dict[str, Any], data: Data, items: list[Item], above: str, errors: list[str]) -> None:
    for item in items:
        try:
            run_one(spec[item["name"]], data, item, item["op"] or above, errors)
        except Refused as refused:
            errors.append(str(refused))


def check(op: str, exists: bool) -> None:
    if op == "create" and exists:
        raise Refused("data-exists")
    if op in ("delete", "none") and not exists:
        raise Refused("data-missing")


def run_one(kind: Any, data: Data, item: Item, op: str, errors: list[str]) -> None:
    name = item["name"]
    if kind == LEAF:
        check(op, name in data)
        if op in ("delete", "remove"):
            data.pop(name, None)
        elif op != "none":
            settle(data, name)
            data[name] = item["value"]
    elif kind in (VALUES, QUEUE):
        run_value(kind, data, item, op)
    elif kind[0] in ("container", "presence"):
        run_container(kind, data, item, op, errors)
    else:
        run_entry(kind, data, item, op, errors)


def settle(data: Data, name: str) -> None:
    """What other cases hold goes."""
    if name in CASES:
        for other in [one for one in data if one in CASES and CASES[one] != CASES[name]]:
            del data[other]


def run_value(kind: str, data: Data, item: Item, op: str) -> None:
    name, value = item["name"], item["value"]
    present = list(data.get(name, []))
    check(op, value in present)
    if op in ("delete", "remove"):
        present = [one for one in present if one != value]
    elif op != "none":
        present = place(present, value, value, item, lambda one: one)
        settle(data, name)
    data[name] = present if kind == QUEUE else sorted(present)
    if not present:
        del data[name]


def place(present: list[Any], key: Any, member: Any, item: Item, key_of: Callable[[Any], Any]) -> list[Any]:
    keys = [key_of(one) for one in present]
    where, point = item.get("insert"), item.get("point")
    if where is None:
        if key in keys:
            present[keys.index(key)] = member
            return present
        return [*present, member]
    if where in ("before", "after") and point not in keys:
        raise Refused("bad-attribute")
    if where in ("before", "after") and point == key:
        return [member if key_of(one) == key else one for one in present]
    rest = [one for one in present if key_of(one) != key]
    keys = [key_of(one) for one in rest]
    at = {"first": 0, "last": len(rest)}.get(where)
    if at is None:
        at = keys.index(point) + (where == "after")
    return [*rest[:at], member, *rest[at:]]


def run_container(kind: Any, data: Data, item: Item, op: str, errors: list[str]) -> None:
    name, presence = item["name"], kind[0] == "presence"
    if op != "none" or presence or name in data:
        check(op, name in data)
    if op in ("delete", "remove"):
        data.pop(name, None)
        return
    inner: Data = {} if op == "replace" else dict(data.get(name, {}))
    run(kind[1], inner, item["items"], op, errors)
    if inner or presence:
        settle(data, name)
        data[name] = inner
    else:
        data.pop(name, None)


def run_entry(kind: Any, data: Data, item: Item, op: str, errors: list[str]) -> None:
    style, key_name, spec = kind
    name, key = item["name"], item["value"]
    present = list(data.get(name, []))
    found = next((entry for entry in present if entry[key_name] == key), None)
    check(op, found is not None)
    if op in ("delete", "remove"):
        present = [entry for entry in present if entry is not found]
    else:
        inner = {key_name: key} if found is None or op == "replace" else dict(found)
        run(spec, inner, item["items"], op, errors)
        present = place(present, key, inner, item, lambda entry: entry[key_name])
    if style == "list":
        present.sort(key=lambda entry: entry[key_name])
    data[name] = present
    if not present:
        del data[name]


# --- from trees and to XML ---------------------------------------------------------------------------------


def plain(node: Node | Branch) -> Any:
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, (LeafList, ListNode)):
        return [plain(member) if isinstance(member, Branch) else member for member in node.members]
    assert isinstance(node, Branch)
    return {child.schema.name: plain(child) for child in node}


def printed(spec: dict[str, Any], items: list[Item]) -> str:
    return "".join(printed_one(spec[item["name"]], item) for item in items)


def printed_one(kind: Any, item: Item) -> str:
    name = item["name"]
    attributes = f' nc:operation="{item["op"]}"' if item["op"] else ""
    if item.get("insert"):
        attributes += f' yang:insert="{item["insert"]}"'
        if item["insert"] in ("before", "after"):
            is_list = isinstance(kind, tuple)
            point = f"[g:{kind[1]}='{item['point']}']" if is_list else item["point"]
            attributes += f' yang:{"key" if is_list else "value"}="{point}"'
    if not isinstance(kind, tuple):
        return f"<{name}{attributes}>{item['value']}</{name}>"
    key = "" if kind[0] in ("container", "presence") else f"<{kind[1]}>{item['value']}</{kind[1]}>"
    return f"<{name}{attributes}>{key}{printed(kind[-1], item['items'])}</{name}>"


# --- strategies --------------------------------------------------------------------------------------------

OPERATIONS = [None, None, None, "merge", "create", "delete", "remove", "replace"]
NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.sampled_from(["1", "2", "3"])
TEXTS = {
    "tag": NAMES,
    "peg": NAMES,
    "note": NAMES,
    "owner": NAMES,
    "mulch": NAMES,
    "frame": NAMES,
    "seed": NAMES,
}


@st.composite
def payloads(draw: st.DrawFn, spec: dict[str, Any], free: bool = True) -> list[Item]:
    """Items for the children of `spec`, each node at most once; `free`: operations may appear."""
    items: dict[tuple[str, str], Item] = {}
    for name in draw(st.lists(st.sampled_from(sorted(spec)), max_size=4)):
        item = draw(one_item(name, spec[name], free))
        items.setdefault((name, item["value"] if spec[name] != LEAF else ""), item)
    return one_case_only(list(items.values()))


def one_case_only(items: list[Item]) -> list[Item]:
    chosen = {CASES[item["name"]] for item in items if item["name"] in CASES}
    return items if len(chosen) < 2 else [item for item in items if item["name"] not in CASES]


@st.composite
def one_item(draw: st.DrawFn, name: str, kind: Any, free: bool) -> Item:
    op = draw(st.sampled_from(OPERATIONS)) if free else None
    item: Item = {"name": name, "op": op, "value": "", "items": []}
    below = free and op in (None, "merge")
    user_ordered = kind == QUEUE or (isinstance(kind, tuple) and kind[0] == "user list")
    values = TEXTS.get(name, NAMES if name == "bed" else NUMBERS)
    if not isinstance(kind, tuple) or "list" in kind[0]:
        item["value"] = draw(values)
    if isinstance(kind, tuple) and op not in ("delete", "remove"):
        item["items"] = draw(payloads(kind[-1], below))
    if user_ordered and op not in ("delete", "remove") and draw(st.booleans()):
        item["insert"] = draw(st.sampled_from(["first", "last", "before", "after"]))
        item["point"] = draw(values)
    return item


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    with trees.validator(trees.garden_sources(), trees.garden(), tmp_path_factory.mktemp("v")) as client:
        yield client


def edits_of(default: str, free: bool) -> st.SearchStrategy[tuple[list[Item], str, str]]:
    options = st.sampled_from(["continue-on-error", "rollback-on-error", "stop-on-error"])
    return st.tuples(payloads(GARDEN, free), st.just(default), options)


EDITS = st.one_of(
    edits_of("merge", True), edits_of("merge", True), edits_of("none", True), edits_of("replace", False)
)


@given(st.lists(EDITS, min_size=1, max_size=6))
def test_edits_do_what_the_model_does(judge: Validator, edits: list[tuple[list[Item], str, str]]) -> None:
    schema = trees.garden()
    root = empty_root(schema.root)
    data: Data = {}
    for items, default, option in edits:
        errors: list[str] = []
        wanted = run_payload(data, items, default, errors)
        outcome = apply_edit(
            schema,
            root,
            trees.config(trees.bed(printed(GARDEN, items))),
            default_operation=DefaultOperation(default),
            error_option=ErrorOption(option),
            canonical=judge.canonical,
        )
        assert sorted(error.tag.value for error in outcome.errors) == sorted(errors)
        if errors and option != "continue-on-error":
            assert outcome.root is root
            continue
        assert plain(outcome.root).get("garden", {}) == wanted
        assert_difference_holds(root, outcome.root)
        root, data = outcome.root, wanted


def run_payload(data: Data, items: list[Item], default: str, errors: list[str]) -> Data:
    """The configuration after the payload."""
    item = {"name": "garden", "op": None, "value": "", "items": items}
    whole: Data = {"garden": deepcopy(data)} if data and default != "replace" else {}
    run(
        {"garden": ("container", GARDEN)}, whole, [item], "merge" if default == "replace" else default, errors
    )
    return dict(whole.get("garden", {}))


def assert_difference_holds(old: Container, new: Container) -> None:
    assert plain(apply(old, diff(old, new))) == plain(new)
    assert diff(new, new) == ()
