"""The confirmed commit as a machine (RFC 6241 section 8.4): what a commit means while another waits.

Pure; owns who may confirm, until when, and what the store has to do. It is asked before anything changes
and answers with a `Step`, or refuses; it is told after the step was carried out. What was asked and never
told has not happened, so a commit that fails leaves the timer and the rollback point as they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.protocol.errors import (
    ErrorType,
    RpcError,
    in_use,
    invalid_value,
    lock_denied,
    operation_failed,
)

DEFAULT_TIMEOUT: Final = 600
"""Seconds until a confirmed commit without `<confirm-timeout>` is undone (RFC 6241 section 8.4.1)."""

PENDING: Final = "confirmed-commit-pending"
"""error-app-tag of what is refused while a confirmed commit waits that is not the caller's."""

OUTSTANDING: Final = "outstanding-confirmed-commit"
"""error-app-tag of a partial lock that is asked for while a confirmed commit waits."""

_NAMESPACES: Final = MappingProxyType({"nc": "urn:ietf:params:xml:ns:netconf:base:1.0"})


class State(StrEnum):
    """Whether a confirmed commit waits, and who may confirm it."""

    IDLE = "idle"
    BOUND = "bound-to-its-session"
    PERSISTENT = "persistent"


class Event(StrEnum):
    """What can happen to it. CONFIRM_LATER is a commit with `<confirmed/>`, PERSIST one with a token."""

    COMMIT = "commit"
    CONFIRM_LATER = "confirmed-commit"
    PERSIST = "persistent-confirmed-commit"
    CANCEL = "cancel-commit"
    TIMEOUT = "timeout"
    SESSION_END = "end-of-its-session"


class Action(StrEnum):
    """What the store does with the rollback point, the configuration before the first of a chain.

    SAVE makes running the rollback point before the commit; KEEP leaves it; FORGET drops it once the commit
    is done; RESTORE makes it running again; NOTHING has to do with none.
    """

    NOTHING = "nothing"
    SAVE = "save"
    KEEP = "keep"
    FORGET = "forget"
    RESTORE = "restore"


TRANSITIONS: Final[Mapping[tuple[State, Event], tuple[State, Action]]] = MappingProxyType(
    {
        (State.IDLE, Event.COMMIT): (State.IDLE, Action.NOTHING),
        (State.IDLE, Event.CONFIRM_LATER): (State.BOUND, Action.SAVE),
        (State.IDLE, Event.PERSIST): (State.PERSISTENT, Action.SAVE),
        (State.BOUND, Event.COMMIT): (State.IDLE, Action.FORGET),
        (State.BOUND, Event.CONFIRM_LATER): (State.BOUND, Action.KEEP),
        (State.BOUND, Event.PERSIST): (State.PERSISTENT, Action.KEEP),
        (State.BOUND, Event.CANCEL): (State.IDLE, Action.RESTORE),
        (State.BOUND, Event.TIMEOUT): (State.IDLE, Action.RESTORE),
        (State.BOUND, Event.SESSION_END): (State.IDLE, Action.RESTORE),
        (State.PERSISTENT, Event.COMMIT): (State.IDLE, Action.FORGET),
        (State.PERSISTENT, Event.CONFIRM_LATER): (State.BOUND, Action.KEEP),
        (State.PERSISTENT, Event.PERSIST): (State.PERSISTENT, Action.KEEP),
        (State.PERSISTENT, Event.CANCEL): (State.IDLE, Action.RESTORE),
        (State.PERSISTENT, Event.TIMEOUT): (State.IDLE, Action.RESTORE),
        (State.PERSISTENT, Event.SESSION_END): (State.PERSISTENT, Action.KEEP),
    }
)
"""Every move there is; what is not here is refused."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """The parameters of commit (RFC 6241 section 8.4.5.1). `timeout` is in seconds."""

    confirmed: bool = False
    timeout: int = DEFAULT_TIMEOUT
    persist: str | None = None
    persist_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A confirmed commit that waits: whose it is, its token, and when it is undone (monotonic seconds).

    `session_id` is 0 once the session of a persistent one has ended.
    """

    session_id: int
    persist: str | None
    deadline: float


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done. `pending` is what waits afterwards, its deadline counted from when it is told."""

    event: Event
    action: Action
    before: Pending | None
    pending: Pending | None = None
    timeout: float = 0.0


class ConfirmedCommit:
    """At most one confirmed commit waits. A session is its session-id. Not safe for several threads."""

    def __init__(self) -> None:
        self.pending: Pending | None = None

    @property
    def state(self) -> State:
        """Where the machine is."""
        return _state(self.pending)

    def commit(self, request: CommitRequest, session_id: int) -> Step:
        """Ask for a commit. Raises RpcError: invalid-value for a token that is not the one of what waits,
        in-use when something waits that is not the caller's to confirm.
        """
        self._check_token("commit", request.persist_id)
        if request.persist_id is None:
            self._check_owner("commit", session_id)
        if not request.confirmed:
            return self._step(Event.COMMIT)
        event = Event.CONFIRM_LATER if request.persist is None else Event.PERSIST
        pending = Pending(session_id, request.persist, 0.0)
        return self._step(event, pending, float(request.timeout))

    def cancel(self, session_id: int, persist_id: str | None) -> Step:
        """Ask for a cancel-commit. Raises RpcError as `commit`, and operation-failed when nothing waits."""
        self._check_token("cancel-commit", persist_id)
        if persist_id is None:
            self._check_owner("cancel-commit", session_id)
        if self.pending is None:
            message = "there is no confirmed commit that waits for its confirmation"
            raise operation_failed(message, type=ErrorType.PROTOCOL, app_tag="no-confirmed-commit")
        return self._step(Event.CANCEL)

    def session_ended(self, session_id: int) -> Step | None:
        """Tell what the end of a session means: None when nothing waits that was its own."""
        if self.pending is None or self.pending.session_id != session_id:
            return None
        left = replace(self.pending, session_id=0) if self.state is State.PERSISTENT else None
        return self._step(Event.SESSION_END, left)

    def expired(self, now: float) -> Step | None:
        """Tell whether the time of what waits is over; None when it is not, or nothing waits."""
        if self.pending is None or now < self.pending.deadline:
            return None
        return self._step(Event.TIMEOUT)

    def tell(self, step: Step, now: float) -> None:
        """A step was carried out, with nothing else in between."""
        if step.before is not self.pending:
            raise ValueError("another step came between asking and telling")
        if step.pending is not None and step.timeout:
            self.pending = replace(step.pending, deadline=now + step.timeout)
        else:
            self.pending = step.pending

    def hasten(self, now: float) -> None:
        """Let the time of what waits be over: its undoing was due and failed, and is tried again."""
        if self.pending is not None:
            self.pending = replace(self.pending, deadline=min(now, self.pending.deadline))

    def edit(self, session_id: int) -> Action:
        """Ask for a change of running that is no commit; it is undone with what waits.

        Raises RpcError in-use when that is another session's, or a persistent one: who confirms it would
        confirm the change as well.
        """
        if self.pending is None:
            return Action.NOTHING
        if self.pending.persist is not None or self.pending.session_id != session_id:
            raise _waiting("running cannot be edited before a confirmed commit is confirmed or cancelled")
        return Action.KEEP

    def check_lock(self, session_id: int) -> None:
        """Raise RpcError lock-denied: running is not locked while another's waits (section 7.5)."""
        if self.pending is not None and self.pending.session_id != session_id:
            message = "running holds a confirmed commit of another session that is not confirmed yet"
            raise lock_denied(message, self.pending.session_id)

    def check_partial_lock(self) -> None:
        """Raise RpcError in-use: nothing of running is locked that may have to be rolled back, whoever asks
        (RFC 5717 section 2.6.2).
        """
        if self.pending is not None:
            error = in_use("running holds a confirmed commit that is not confirmed yet")
            error.app_tag = OUTSTANDING
            raise error

    def _check_owner(self, operation: str, session_id: int) -> None:
        if self.pending is None:
            return
        if self.pending.persist is not None:
            raise _waiting(f"a persistent confirmed commit waits: <{operation}> needs its <persist-id>")
        if self.pending.session_id != session_id:
            owner = self.pending.session_id
            raise _waiting(
                f"a confirmed commit of session {owner} waits: <{operation}> is for that session alone"
            )

    def _check_token(self, operation: str, persist_id: str | None) -> None:
        """Compare with the token that was given as `<persist>`; no message tells it."""
        if persist_id is None or (self.pending is not None and self.pending.persist == persist_id):
            return
        waits = "is not that of the confirmed commit that waits"
        if self.state is not State.PERSISTENT:
            waits = "is of no confirmed commit: none waits that has a <persist>"
        error = invalid_value(f"the <persist-id> {waits}", type=ErrorType.PROTOCOL)
        raise error.at(f"/nc:rpc/nc:{operation}/nc:persist-id", _NAMESPACES)

    def _step(self, event: Event, pending: Pending | None = None, timeout: float = 0.0) -> Step:
        state, action = TRANSITIONS[self.state, event]
        if state is not _state(pending):
            raise ValueError(f"{event} does not lead from {self.state} to {_state(pending)}")
        return Step(event, action, self.pending, pending, timeout)


def _state(pending: Pending | None) -> State:
    if pending is None:
        return State.IDLE
    return State.BOUND if pending.persist is None else State.PERSISTENT


def _waiting(message: str) -> RpcError:
    error = in_use(message)
    error.app_tag = PENDING
    return error
