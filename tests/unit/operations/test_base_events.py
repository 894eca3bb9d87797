"""The base notifications of RFC 6470: what is told of each event, and that it is valid."""

from typing import Any

import pytest

from server.datastores.confirmed import CommitRequest, ConfirmedCommit, Step
from server.datastores.history import SERVER, Author, Cause, Changed, Entry
from server.operations.base_events import (
    CONFIG_CHANGE,
    CONFIRMED_COMMIT,
    PRIVATE,
    SESSION_END,
    SESSION_START,
    BaseEvents,
)
from server.protocol.session import Peer, TerminationReason
from server.provider import Notice
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.schema.validator_child import Engine
from server.schema.validator_wire import Request, Work
from server.telemetry.content import Contents
from server.telemetry.sessions import Session, Sessions

ANNA = Author(7, "anna", "192.0.2.7")


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(default_sources())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(default_sources())


@pytest.fixture
def told(schema: Schema, engine: Engine) -> Any:
    """What was told, each checked against the schema at the end."""
    notices: list[Notice] = []
    yield notices
    contents = Contents(schema)
    for notice in notices:
        content = contents.build(notice.path, notice.keys, notice.data)
        reply = engine.judge(Request(Work.OPERATION, content.xml))
        assert not reply.errors, (content.xml, reply.errors)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions(())


@pytest.fixture
def events(schema: Schema, sessions: Sessions, told: list[Notice]) -> BaseEvents:
    return BaseEvents(schema, sessions, told.append)


def opened(sessions: Sessions, user: str = "anna", source: str = "192.0.2.7") -> Session:
    return sessions.open(Peer(user, source, 50_000, "netconf-ssh", lambda _reason: None))


def test_sessions(events: BaseEvents, sessions: Sessions, told: list[Notice]) -> None:
    session, local = opened(sessions), opened(sessions, source="")
    events.opened(session)
    events.opened(local)
    events.closed(local, TerminationReason.CLOSED)
    sessions.kill(session, by=local)
    events.closed(session, TerminationReason.KILLED)
    sessions.close(session, TerminationReason.KILLED)
    assert sessions.killer_of(session) is None
    anna = {"username": "anna", "session-id": 1, "source-host": "192.0.2.7"}
    assert [(notice.path, dict(notice.data)) for notice in told] == [
        (SESSION_START, anna),
        (SESSION_START, {"username": "anna", "session-id": 2}),
        (SESSION_END, {"username": "anna", "session-id": 2, "termination-reason": "closed"}),
        (SESSION_END, {**anna, "termination-reason": "killed", "killed-by": 2}),
    ]


@pytest.mark.parametrize("reason", list(TerminationReason))
def test_every_reason_has_its_word(
    events: BaseEvents, sessions: Sessions, told: list[Notice], reason: TerminationReason
) -> None:
    events.closed(opened(sessions), reason)
    assert told[0].data["termination-reason"] == reason


PATH = "/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']/trb:dhcp-stb/trb:igmp-copy"


def test_a_change_of_running_names_who_and_what(events: BaseEvents, told: list[Notice]) -> None:
    changed = (Changed("replace", PATH), Changed("create", "/nobody:knows"), Changed("move", PATH))
    events.running_changed(Entry(1.0, Cause.COMMIT, 3, changed, 7, "anna", "192.0.2.7"))
    (notice,) = told
    path = PATH.replace("trb:", "twincast-remote-backup:")
    assert notice.path == CONFIG_CHANGE
    assert notice.data["changed-by"] == {"username": "anna", "session-id": 7, "source-host": "192.0.2.7"}
    edits = notice.data["edit"]
    assert isinstance(edits, list)
    assert [edit["operation"] for edit in edits] == ["replace", "create", "replace"]
    assert "target" not in edits[1]
    assert edits[0]["target"].count("[") == path.count("[") == 1


def test_what_the_server_does_by_itself_is_its_own(events: BaseEvents, told: list[Notice]) -> None:
    events.running_changed(Entry(1.0, Cause.TIMEOUT, 0))
    assert told[0].data["changed-by"] == {"server": None}


def test_startup(events: BaseEvents, sessions: Sessions, told: list[Notice]) -> None:
    events.startup_changed(opened(sessions).session_id)
    assert told[0].data["datastore"] == "startup"


def stepped(events: BaseEvents, machine: ConfirmedCommit, step: Step | None, author: Author = ANNA) -> None:
    assert step is not None
    machine.tell(step, 0.0)
    events.confirmed(step, author)


def test_a_confirmed_commit_from_its_start_to_its_end(events: BaseEvents, told: list[Notice]) -> None:
    machine = ConfirmedCommit()
    stepped(events, machine, machine.commit(CommitRequest(confirmed=True, timeout=30), 7))
    stepped(events, machine, machine.commit(CommitRequest(confirmed=True, timeout=60), 7))
    stepped(events, machine, machine.commit(CommitRequest(), 7))
    stepped(events, machine, machine.commit(CommitRequest(), 7))  # an ordinary one: nothing to tell
    assert [(notice.data["confirm-event"], notice.data.get("timeout")) for notice in told] == [
        ("start", 30),
        ("extend", 60),
        ("complete", None),
    ]
    assert {notice.path for notice in told} == {CONFIRMED_COMMIT}


def test_the_other_ends_of_a_confirmed_commit(
    events: BaseEvents, sessions: Sessions, told: list[Notice]
) -> None:
    session = opened(sessions)
    for end in ("cancel", "timeout", "session"):
        machine = ConfirmedCommit()
        own = session.session_id
        stepped(events, machine, machine.commit(CommitRequest(confirmed=True, timeout=30), own))
        if end == "cancel":
            stepped(events, machine, machine.cancel(own, None))
        elif end == "timeout":
            stepped(events, machine, machine.expired(1e9), SERVER)
        else:
            stepped(events, machine, machine.session_ended(own), SERVER)
    ends = [notice.data for notice in told if notice.data["confirm-event"] != "start"]
    assert [end["confirm-event"] for end in ends] == ["cancel", "timeout", "cancel"]
    assert "username" not in ends[1]
    assert ends[2]["username"] == "anna"


def test_paths_can_be_left_out(schema: Schema, events: BaseEvents, told: list[Notice]) -> None:
    events.running_changed(Entry(1.0, Cause.COMMIT, 1, (Changed("replace", PATH),), 7, "anna"))
    contents = Contents(schema)
    content = contents.build(CONFIG_CHANGE, (), told[0].data)
    assert b"rbp3" in content.xml
    less = contents.without(content, PRIVATE[CONFIG_CHANGE])
    assert b"rbp3" not in less.xml
    assert b"anna" in less.xml
