"""Sessions with candidates of their own: none loses a change of another, whatever they do in which order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.datastores.candidates import Candidates, Resolution
from server.protocol.errors import RpcErrors
from tests.support.gardens import GARDENS, Data, data_of, tree
from tests.support.merging import Flat, expected_conflicts, flat, merged

SESSIONS = st.sampled_from([1, 2, 3])


def without_orders(data: Data) -> Data:
    """Orders have tests of their own."""
    beds = [
        {name: value for name, value in bed.items() if name not in ("sowing", "note")}
        for bed in data.get("bed", ())
    ]
    return {name: value for name, value in {**data, "bed": beds}.items() if name != "queue"}


PLAIN = GARDENS.map(without_orders)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), SESSIONS, PLAIN),
        st.tuples(st.just("commit"), SESSIONS, st.none()),
        st.tuples(st.just("update"), SESSIONS, st.sampled_from(Resolution)),
        st.tuples(st.just("discard"), SESSIONS, st.none()),
    ),
    max_size=12,
)


class Sessions:
    """The candidates, and beside them for each session what it began with and what it has, as plain data."""

    def __init__(self, running: Data) -> None:
        self.running = tree(running)
        self.candidates = Candidates(lambda: self.running)
        self.model: dict[int, tuple[Data, Data]] = {}

    def own(self, session: int) -> tuple[Data, Data]:
        self.candidates.begin_private(session)
        now = data_of(self.running)
        return self.model.setdefault(session, (now, now))

    def step(self, kind: str, session: int, what: Any) -> None:
        base, _ = self.own(session)
        candidate = self.candidates.private(session)
        assert candidate is not None
        if kind == "edit":
            candidate.root = tree(what)
            self.model[session] = base, what
        elif kind == "discard":
            candidate.discard()
            self.model[session] = base, base
        else:
            self.merge(kind, session, what or Resolution.REVERT_ON_CONFLICT)
        assert flat(data_of(candidate.root)) == flat(self.model[session][1])

    def merge(self, kind: str, session: int, mode: Resolution) -> None:
        base, mine = self.model[session]
        theirs = data_of(self.running)
        conflicts = expected_conflicts(base, mine, theirs)
        candidate = self.candidates.private(session)
        assert candidate is not None
        if conflicts and mode is Resolution.REVERT_ON_CONFLICT:
            with pytest.raises(RpcErrors) as refused:
                candidate.merged(self.running, mode)
            assert len(refused.value.errors) == len(conflicts)
            return
        root = candidate.merged(self.running, mode)
        found = flat(data_of(root))
        if not conflicts:
            assert found == merged(flat(base), flat(mine), flat(theirs))
        before = self.running
        if kind == "update":
            candidate.update(before, mode)
            self.model[session] = theirs, data_of(root)
        else:
            self.running = root
            candidate.committed(before, root, waits=False)
            self.model[session] = data_of(root), data_of(root)
            assert changed(flat(theirs), found) <= changed(flat(base), flat(mine))


def changed(old: Flat, new: Flat) -> set[Any]:
    return {path for path in {*old, *new} if old.get(path) != new.get(path)}


@given(PLAIN, STEPS)
def test_no_change_is_lost(running: Data, steps: list[tuple[str, int, Any]]) -> None:
    sessions = Sessions(running)
    for kind, session, what in steps:
        sessions.step(kind, session, what)
