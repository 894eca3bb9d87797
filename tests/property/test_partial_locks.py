"""Partial locks against a model that compares what is locked before and after, node by node."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.datastores.partial import PartialLocks, Selected
from server.protocol.errors import RpcErrors
from server.tree.diff import diff
from server.tree.location import Location, Place
from server.tree.node import Container
from server.xpath.functions import FUNCTIONS
from server.xpath.parser import parse
from server.xpath.select import locations
from tests.support.gardens import CONTAINERS, GARDENS, KEYS, Data, plain, tree
from tests.support.trees import GARDEN, garden

MISSING = object()
EVERYTHING = parse("//*", {}, known=frozenset(FUNCTIONS))

SESSIONS = st.integers(1, 3)


def content(data: Any, steps: Place) -> Any:
    """What is at the end of these steps; {} for a container without presence that nothing is in."""
    for tag, key in steps:
        name = tag.removeprefix(f"{{{GARDEN}}}")
        if data is MISSING:
            return MISSING
        found = data.get(name, {} if name in CONTAINERS else MISSING)
        if isinstance(key, tuple) and found is not MISSING:
            found = next((each for each in found if str(each[KEYS[name]]) == key[0]), MISSING)
        elif key is not None and found is not MISSING:
            found = key if key in map(str, found) else MISSING
        data = found
    return data if data is MISSING else plain(data)


@dataclass
class Model:
    """Who has which nodes."""

    locks: dict[int, tuple[int, set[Place]]] = field(default_factory=dict)

    def others(self, session: int) -> list[Place]:
        return [place for owner, places in self.locks.values() if owner != session for place in places]

    def may_lock(self, session: int, places: set[Place]) -> bool:
        return not any(
            other[: len(place)] == place or place[: len(other)] == other
            for place in places
            for other in self.others(session)
        )

    def may_change(self, session: int, old: Data, new: Data) -> bool:
        return all(content(old, place) == content(new, place) for place in self.others(session))

    def follow(self, new: Data) -> None:
        for number, (owner, places) in self.locks.items():
            self.locks[number] = owner, {place for place in places if content(new, place) is not MISSING}


def nodes(root: Container) -> list[Location]:
    return locations(garden(), root, EVERYTHING, {})


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("lock"), SESSIONS, st.lists(st.integers(0, 30), min_size=1, max_size=3)),
        st.tuples(st.just("change"), SESSIONS, GARDENS),
        st.tuples(st.just("unlock"), SESSIONS, st.none()),
    ),
    max_size=8,
)


@given(GARDENS, STEPS)
def test_locks_and_changes(data: Data, steps: list[tuple[str, int, Any]]) -> None:
    locks, model = PartialLocks(), Model()
    root = tree(data)
    for kind, session, what in steps:
        if kind == "lock":
            lock_some(
                locks, model, session, [nodes(root)[number] for number in what if number < len(nodes(root))]
            )
        elif kind == "unlock":
            locks.release_all(session)
            model.locks = {number: lock for number, lock in model.locks.items() if lock[0] != session}
        else:
            new = tree(what)
            changes = diff(root, new)
            expected = model.may_change(session, {"garden": data}, {"garden": what})
            assert passes(partial(locks.check_changes, session, changes)) is expected
            if expected:
                locks.follow(new, changes)
                model.follow({"garden": what})
                root, data = new, what
        held = {number: {at.place for at in lock.nodes} for number, lock in locks.held.items()}
        assert held == {number: places for number, (_, places) in model.locks.items()}


def lock_some(locks: PartialLocks, model: Model, session: int, found: list[Location]) -> None:
    selected = Selected.of(("x",), found)
    places = {at.place for at in selected.nodes}
    assert places == {
        at.place
        for at in found
        if not any(at.place != each.place and at.place[: len(each.place)] == each.place for each in found)
    }
    if passes(lambda: locks.acquire(session, selected, 0.0)):
        assert model.may_lock(session, places)
        model.locks[max(locks.held)] = session, places
    else:
        assert not model.may_lock(session, places)


def passes(call: Any) -> bool:
    try:
        call()
    except RpcErrors:
        return False
    return True
