"""The machine of the confirmed commit: its table, the whole matrix, and a model that it has to agree with."""

from dataclasses import dataclass, field
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.datastores.confirmed import (
    PENDING,
    TRANSITIONS,
    Action,
    CommitRequest,
    ConfirmedCommit,
    Event,
    State,
)
from server.protocol.errors import ErrorTag, RpcError

OWNER, OTHER = 4, 5
TOKEN = "a token"


@dataclass
class Datastore:
    """Running as a number, with the actions carried out as a store does; `now` is the test's clock."""

    machine: ConfirmedCommit = field(default_factory=ConfirmedCommit)
    running: int = 0
    point: int | None = None
    now: float = 1000.0

    def carry_out(self, step, new=None):
        if step is None:
            return
        if step.action is Action.SAVE:
            self.point = self.running
        elif step.action is Action.RESTORE:
            new = self.point
        if step.action in (Action.FORGET, Action.RESTORE):
            self.point = None
        self.running = self.running if new is None else new
        self.machine.tell(step, self.now)

    def commit(self, session, new=None, **request):
        self.carry_out(self.machine.commit(CommitRequest(**request), session), new)

    def cancel(self, session, persist_id=None):
        self.carry_out(self.machine.cancel(session, persist_id))

    def end(self, session):
        self.carry_out(self.machine.session_ended(session))

    def wait(self, seconds):
        self.now += seconds
        self.carry_out(self.machine.expired(self.now))


def test_every_state_is_reached_and_left():
    reached = {state for (state, _), (target, _) in TRANSITIONS.items() if target is not state}
    assert {target for target, _ in TRANSITIONS.values()} == set(State)
    assert reached == set(State)


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_the_table_is_whole(state, event):
    """Only what nobody can ask while nothing waits is missing."""
    asked = (state, event) in TRANSITIONS
    assert asked or (state is State.IDLE and event in (Event.CANCEL, Event.TIMEOUT, Event.SESSION_END))


def test_what_the_table_says_of_the_rollback_point():
    for (state, event), (target, action) in TRANSITIONS.items():
        waits, will_wait = state is not State.IDLE, target is not State.IDLE
        assert (action in (Action.FORGET, Action.RESTORE)) == (waits and not will_wait), event
        assert (action is Action.SAVE) == (not waits and will_wait), event
        assert (action is Action.KEEP) == (waits and will_wait), event


CHANGE = {"with-change": 2, "without-change": None}
SESSIONS = {"same-session": OWNER, "other-session": OTHER}
TOKENS = {"persist": TOKEN, "none": None}
ENDS = ("confirm", "cancel", "timeout", "session-loss", "kill")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("change", CHANGE)
def test_the_matrix(change, session, token, end):
    store = Datastore()
    store.commit(OWNER, 1, confirmed=True, timeout=10, persist=TOKENS[token])
    who, persist_id = SESSIONS[session], TOKENS[token]
    mine = persist_id is not None or who == OWNER
    if end in ("confirm", "cancel") and not mine:
        ask = store.commit if end == "confirm" else store.cancel
        with pytest.raises(RpcError) as refused:
            ask(who)
        assert (refused.value.tag, refused.value.app_tag) == (ErrorTag.IN_USE, PENDING)
        assert f"session {OWNER}" in refused.value.message
        waits, running = True, 1
    elif end == "confirm":
        store.commit(who, CHANGE[change], persist_id=persist_id)
        waits, running = False, CHANGE[change] or 1
    elif end == "cancel":
        store.cancel(who, persist_id)
        waits, running = False, 0
    elif end == "timeout":
        store.commit(
            OWNER, CHANGE[change], confirmed=True, timeout=5, persist=persist_id, persist_id=persist_id
        )
        store.wait(4.9)
        assert store.running == (CHANGE[change] or 1)
        store.wait(0.1)
        waits, running = False, 0
    elif end == "session-loss":
        store.end(who)
        waits = persist_id is not None or who == OTHER
        running = 1 if waits else 0
    else:  # the machine is gone with the server: the rollback point is what is left, and is gone back to
        waits, running = False, store.point
        store.machine, store.running = ConfirmedCommit(), store.point
    assert (store.machine.state is not State.IDLE, store.running) == (waits, running)
    store.wait(3600)
    assert store.running == (running if not waits else 0)


def test_a_follow_up_moves_the_deadline_and_keeps_the_first_rollback_point():
    store = Datastore()
    store.commit(OWNER, 1, confirmed=True, timeout=10)
    store.wait(9)
    store.commit(OWNER, 2, confirmed=True, timeout=100)
    store.wait(99)
    assert store.running == 2
    store.wait(1)
    assert store.running == 0


def test_without_a_timeout_it_is_600_seconds():
    store = Datastore()
    store.commit(OWNER, 1, confirmed=True)
    store.wait(599)
    assert store.running == 1
    store.wait(1)
    assert store.running == 0


def test_a_follow_up_says_anew_who_may_confirm():
    store = Datastore()
    store.commit(OWNER, 1, confirmed=True)
    store.commit(OWNER, 2, confirmed=True, persist=TOKEN)
    store.end(OWNER)
    store.commit(OTHER, 3, confirmed=True, persist="another", persist_id=TOKEN)
    with pytest.raises(RpcError):
        store.commit(OTHER, persist_id=TOKEN)
    store.commit(OTHER, 4, confirmed=True, persist_id="another")
    assert store.machine.state is State.BOUND
    store.end(OTHER)
    assert (store.running, store.machine.state) == (0, State.IDLE)


def test_what_was_asked_and_never_told_has_not_happened():
    machine = ConfirmedCommit()
    machine.commit(CommitRequest(confirmed=True, timeout=1), OWNER)
    assert (machine.state, machine.expired(1e9)) == (State.IDLE, None)
    machine.tell(machine.commit(CommitRequest(confirmed=True, timeout=10), OWNER), 0.0)
    machine.commit(CommitRequest(), OWNER)
    assert machine.state is State.BOUND
    assert machine.expired(10.0) is not None


def test_a_step_that_another_overtook_is_refused():
    machine = ConfirmedCommit()
    first, second = (machine.commit(CommitRequest(confirmed=True), session) for session in (OWNER, OTHER))
    machine.tell(first, 0.0)
    with pytest.raises(ValueError, match="another step"):
        machine.tell(second, 0.0)


@pytest.mark.parametrize("waits", ["nothing", "bound", "persistent"])
@pytest.mark.parametrize("operation", ["commit", "cancel-commit"])
def test_a_token_that_is_not_the_one(operation, waits):
    store = Datastore()
    if waits != "nothing":
        store.commit(OWNER, 1, confirmed=True, persist=TOKEN if waits == "persistent" else None)
    ask = store.commit if operation == "commit" else store.cancel
    with pytest.raises(RpcError) as refused:
        ask(OWNER, persist_id="wrong")
    error = refused.value
    assert (error.tag, error.type, error.path) == (
        ErrorTag.INVALID_VALUE,
        "protocol",
        f"/nc:rpc/nc:{operation}/nc:persist-id",
    )
    assert TOKEN not in error.message


def test_a_persistent_one_needs_its_token_even_from_its_own_session():
    store = Datastore()
    store.commit(OWNER, 1, confirmed=True, persist=TOKEN)
    for ask in (lambda: store.commit(OWNER), lambda: store.cancel(OWNER)):
        with pytest.raises(RpcError, match="persist-id") as refused:
            ask()
        assert refused.value.tag is ErrorTag.IN_USE


def test_nothing_to_cancel():
    with pytest.raises(RpcError) as refused:
        Datastore().cancel(OWNER)
    assert (refused.value.tag, refused.value.app_tag) == (ErrorTag.OPERATION_FAILED, "no-confirmed-commit")


@pytest.mark.parametrize("token", TOKENS)
def test_running_is_not_locked_by_another(token):
    store = Datastore()
    store.machine.check_lock(OTHER)
    store.commit(OWNER, 1, confirmed=True, persist=TOKENS[token])
    store.machine.check_lock(OWNER)
    with pytest.raises(RpcError) as refused:
        store.machine.check_lock(OTHER)
    assert refused.value.tag is ErrorTag.LOCK_DENIED
    assert refused.value.info[0].text == str(OWNER)


def test_an_edit_of_running_is_undone_with_what_waits():
    store = Datastore()
    assert store.machine.edit(OTHER) is Action.NOTHING
    store.commit(OWNER, 1, confirmed=True)
    assert store.machine.edit(OWNER) is Action.KEEP
    with pytest.raises(RpcError):
        store.machine.edit(OTHER)
    store.commit(OWNER, 1, confirmed=True, persist=TOKEN)
    with pytest.raises(RpcError):
        store.machine.edit(OWNER)


def test_what_could_not_be_undone_is_due_at_once():
    store = Datastore()
    store.commit(OWNER, 1, confirmed=True, timeout=1000)
    assert store.machine.expired(store.now + 1) is None
    store.machine.hasten(store.now)
    assert store.machine.expired(store.now + 1) is not None


SESSION_IDS = st.sampled_from((OWNER, OTHER))
MAYBE_TOKEN = st.none() | st.sampled_from((TOKEN, "another"))
STEPS = st.one_of(
    st.tuples(st.just("commit"), SESSION_IDS, st.booleans(), st.integers(1, 20), MAYBE_TOKEN, MAYBE_TOKEN),
    st.tuples(st.just("cancel"), SESSION_IDS, MAYBE_TOKEN),
    st.tuples(st.just("end"), SESSION_IDS),
    st.tuples(st.just("wait"), st.integers(1, 15)),
)


@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_running_is_what_was_confirmed_last_or_waits(steps):
    """The model: a confirmed value, and a value that waits with its owner, token and deadline."""
    store, confirmed, waits = Datastore(), 0, None
    for number, (name, *arguments) in enumerate(steps, start=1):
        if name == "commit":
            session, later, timeout, persist, persist_id = arguments
            may = persist_id is None if waits is None else _may(waits, session, persist_id)
            with _expecting(may):
                store.commit(
                    session, number, confirmed=later, timeout=timeout, persist=persist, persist_id=persist_id
                )
            if may and later:
                waits = (session, persist, store.now + timeout, number)
            elif may:
                confirmed, waits = number, None
        elif name == "cancel":
            may = waits is not None and _may(waits, *arguments)
            with _expecting(may):
                store.cancel(*arguments)
            waits = None if may else waits
        elif name == "end":
            store.end(*arguments)
            if waits is not None and waits[:2] == (arguments[0], None):
                waits = None
            elif waits is not None and waits[0] == arguments[0]:
                waits = (0, *waits[1:])
        else:
            store.wait(*arguments)
            waits = None if waits is not None and waits[2] <= store.now else waits
        assert store.running == (confirmed if waits is None else waits[3])
        assert store.point == (None if waits is None else confirmed)


def _may(waits, session, persist_id):
    owner, persist, *_ = waits
    return persist_id == persist if persist is not None else persist_id is None and owner == session


def _expecting(may):
    return _Nothing() if may else pytest.raises(RpcError)


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None
