"""Several providers as one: all prepare before any applies, and what was done is undone backwards."""

from typing import Any

import pytest

from server.protocol.errors import RpcErrors, operation_failed
from server.providers import Providers


class Part:
    """Notes what it is asked for, and fails where it is told to."""

    def __init__(self, name: str, calls: list[str], fails: str = "") -> None:
        self.name, self.calls, self.fails = name, calls, fails

    def note(self, step: str) -> None:
        self.calls.append(f"{step} {self.name}")
        if step == self.fails:
            raise RpcErrors([operation_failed("no")])

    def prepare(self, _old: Any, _new: Any, _changes: Any) -> "Part":
        self.note("prepare")
        return self

    def apply(self) -> None:
        self.note("apply")

    def abort(self) -> None:
        self.note("abort")

    def revert(self) -> None:
        self.note("revert")


def parts(calls: list[str], **fails: str) -> Any:
    made: list[Any] = [Part(name, calls, fails.get(name, "")) for name in "abc"]
    return Providers(made)


def prepared(providers: Any) -> Any:
    nothing: Any = None
    return providers.prepare(nothing, nothing, ())


def test_all_prepare_before_any_applies_and_all_revert_backwards() -> None:
    calls: list[str] = []
    change = prepared(parts(calls))
    change.apply()
    change.revert()
    steps = ("prepare a", "prepare b", "prepare c", "apply a", "apply b", "apply c")
    assert calls == [*steps, "revert c", "revert b", "revert a"]


def test_a_refusal_is_undone_where_it_was_prepared() -> None:
    calls: list[str] = []
    with pytest.raises(RpcErrors):
        prepared(parts(calls, c="prepare"))
    assert calls[3:] == ["abort b", "abort a"]


def test_an_apply_that_fails_is_undone_once() -> None:
    calls: list[str] = []
    change = prepared(parts(calls, b="apply"))
    with pytest.raises(RpcErrors):
        change.apply()
    change.revert()
    assert calls[5:] == ["abort c", "revert b", "revert a"]


def test_an_undoing_that_fails_is_told_to_who_asked_for_it() -> None:
    """The client is then told that the rollback has failed."""
    calls: list[str] = []
    made: list[Any] = [Part("a", calls, "revert"), Part("b", calls, "apply")]
    change = prepared(Providers(made))
    for step in (change.apply, change.revert):
        with pytest.raises(RpcErrors):
            step()
    assert calls[2:] == ["apply a", "apply b", "revert b", "revert a"]
