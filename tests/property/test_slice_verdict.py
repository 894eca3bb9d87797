"""The verdict on the slice is the verdict on the whole, whatever changes (with the real validator)."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocol.errors import RpcError, RpcErrors
from server.schema.validator import Validator
from server.tree.build import from_data
from server.tree.edit import share
from server.tree.node import Container
from server.tree.slice import Slicer
from tests.support import trees

Data = dict[str, Any]
Verdict = set[tuple[str, str, str]]

NAMES = st.sampled_from(["a", "b", "c", "d"])
SMALL = st.integers(1, 3)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def seldom(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly None, so that most configurations are valid and the next change starts from one."""
    return st.integers(0, 7).flatmap(lambda chance: strategy if chance == 7 else st.none())


BED = st.fixed_dictionaries(
    {
        "row": maybe(SMALL),
        "column": maybe(st.integers(1, 7)),
        "code": maybe(SMALL),
        "sunny": maybe(st.booleans()),
        "shade": seldom(SMALL),
        "next-to": maybe(NAMES),
        "soil": seldom(st.sampled_from([{"depth": 1}, {}])),
        "plant": seldom(
            st.lists(
                st.fixed_dictionaries({"kind": st.just("basil"), "number": SMALL, "label": maybe(NAMES)}),
                max_size=2,
            )
        ),
    }
)
PATH = st.fixed_dictionaries(
    {
        "by-code": maybe(SMALL),
        "width": maybe(SMALL),
        "of": st.one_of(st.none(), st.none(), NAMES),
        "crowded": seldom(st.just(True)),
    }
)
ENDS = st.tuples(NAMES, st.sampled_from(["x", "y"]))
CHANGE = st.one_of(
    st.tuples(st.just("bed"), NAMES, BED),
    st.tuples(st.just("bed-leaf"), NAMES, st.tuples(st.sampled_from(["sunny", "code", "row"]), SMALL)),
    st.tuples(st.just("drop-bed"), NAMES, st.none()),
    st.tuples(st.just("path"), ENDS, PATH),
    st.tuples(st.just("drop-path"), ENDS, st.none()),
    st.tuples(st.just("visit"), NAMES, maybe(NAMES)),
    st.tuples(st.just("leaf"), st.just("strict"), maybe(st.booleans())),
    st.tuples(st.just("leaf"), st.just("best-bed"), maybe(NAMES)),
    st.tuples(st.just("many"), st.integers(0, 10), st.none()),
)


def changed(data: Data, change: tuple[str, Any, Any]) -> Data:
    """The data after a change; it need not be valid."""
    kind, name, value = change
    data = deepcopy(data)
    if kind == "bed":
        data["bed"][name] = value
    elif kind == "bed-leaf" and name in data["bed"]:
        leaf, number = value
        data["bed"][name][leaf] = number > 1 if leaf == "sunny" else number
    elif kind == "drop-bed":
        data["bed"].pop(name, None)
    elif kind == "path":
        data["path"][name] = value
    elif kind == "drop-path":
        data["path"].pop(name, None)
    elif kind == "visit":
        data["visit"][name] = value
    elif kind == "leaf":
        data[name] = value
    elif kind == "many":
        data["bed"] = {key: bed for key, bed in data["bed"].items() if not key.startswith("n")}
        data["bed"].update({f"n{number}": {} for number in range(name)})
    return data


def built(data: Data) -> Container:
    paths = [{"from": start, "to": end, **path} for (start, end), path in data["path"].items()]
    inner = {
        "strict": data["strict"],
        "best-bed": data["best-bed"],
        "bed": [{"name": name, **bed} for name, bed in data["bed"].items()],
        "path": paths,
        "visit": [{"place": place, "bed": bed} for place, bed in data["visit"].items()],
    }
    return from_data(trees.garden(), {"garden:garden": inner})


def verdict(errors: list[RpcError] | tuple[RpcError, ...]) -> Verdict:
    """What is wrong and where; two entries that collide may be named in either order."""
    found: Verdict = set()
    for error in errors:
        unique = error.app_tag == "data-not-unique" and "plant" not in error.path
        found.add((error.tag.value, error.app_tag, "" if unique else error.path))
    return found


def whole(judge: Validator, root: Container) -> Verdict:
    try:
        judge.validate(trees.text(trees.garden(), root).encode())
    except RpcErrors as refused:
        return verdict(refused.errors)
    return set()


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    with trees.validator(trees.garden_sources(), trees.garden(), tmp_path_factory.mktemp("v")) as client:
        yield client


@given(st.lists(st.lists(CHANGE, min_size=1, max_size=3), min_size=1, max_size=12))
def test_slice_and_whole_agree(judge: Validator, changes: list[list[tuple[str, Any, Any]]]) -> None:
    slicer = Slicer(trees.garden())
    data: Data = {
        "strict": None,
        "best-bed": None,
        "bed": {name: {"code": number} for number, name in enumerate("abcd", 1)},
        "path": {("a", "x"): {"by-code": 2}},
        "visit": {"d": "c"},
    }
    old = built(data)
    assert whole(judge, old) == set()
    for together in changes:
        pending = data
        for change in together:
            pending = changed(pending, change)
        new = share(old, built(pending))
        expected = whole(judge, new)
        assert verdict(slicer.judge(old, new, judge.validate)) == expected
        if not expected:
            data, old = pending, new
