"""The life of a subscription."""

import pytest

from server.push.machine import TRANSITIONS, Event, Machine, State


def test_every_state_is_reached_and_only_the_last_has_no_exit() -> None:
    assert {*TRANSITIONS.values(), State.ESTABLISHED} == set(State)
    assert set(State) - {state for state, _ in TRANSITIONS} == {State.TERMINATED}


@pytest.mark.parametrize("state", [State.ESTABLISHED, State.ACTIVE, State.SUSPENDED])
def test_it_can_end_wherever_it_is(state: State) -> None:
    assert TRANSITIONS[state, Event.TERMINATE] is State.TERMINATED


def test_what_comes_too_late_changes_nothing() -> None:
    machine = Machine()
    assert machine.on(Event.REPLIED)
    assert not machine.on(Event.RESUME)
    assert machine.on(Event.SUSPEND)
    assert not machine.on(Event.SUSPEND)
    assert machine.on(Event.TERMINATE)
    assert not any(machine.on(event) for event in Event)
    assert machine.state is State.TERMINATED


def test_a_modification_ends_a_suspension() -> None:
    """RFC 8639 section 2.4.3."""
    machine = Machine()
    for event in (Event.REPLIED, Event.SUSPEND, Event.MODIFY):
        assert machine.on(event)
    assert machine.state is State.ACTIVE
