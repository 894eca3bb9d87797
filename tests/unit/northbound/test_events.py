"""Events of the dataplane as notifications of our module: all of them, and valid."""

import typing

import pytest

from dataplane import state
from dataplane.control.client import (
    BatchCompleted,
    ChannelStateChanged,
    CopyStateChanged,
    DualMaster,
    Event,
    OutOfSync,
    RoleChanged,
)
from server.northbound import claims
from server.northbound.events import TELLERS, notice
from server.schema.model import Schema
from server.schema.sources import default_sources
from server.schema.validator_child import Engine
from server.schema.validator_wire import Request, Work
from server.telemetry.content import Contents

EVENTS: list[Event] = [
    RoleChanged("rbp3", "backup", "master", "peer-timeout"),
    CopyStateChanged("rbp3", "dhcp-stb", "active", "channel-down"),
    ChannelStateChanged("rbs1", "connected", "down", "heartbeat-timeout"),
    ChannelStateChanged("rbs1", "down", "connecting", ""),
    BatchCompleted("rbs1", "rbp3", 100_000, 2**63),
    BatchCompleted("rbs1", "", 0, 1),
    OutOfSync("rbs1", "rbp3", "sequence-gap"),
    OutOfSync("rbs1", "", "queue-overflow"),
    DualMaster("rbp3"),
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(default_sources())


def test_every_event_is_told_and_every_notification_is_claimed() -> None:
    assert set(TELLERS) == set(typing.get_args(state.Event))
    assert {type(event) for event in EVENTS} == set(TELLERS)
    told = {notice(event, 0).path for event in EVENTS}
    assert told == claims.claimed_operations(claims.NOTIFICATIONS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{type(event).__name__}")
def test_what_is_told_is_valid(schema: Schema, engine: Engine, event: Event) -> None:
    contents = Contents(schema)
    told = notice(event, 3)
    assert contents.has_leaf(told.path, "suppressed")
    content = contents.build(told.path, told.keys, {**told.data, "suppressed": told.suppressed})
    reply = engine.judge(Request(Work.OPERATION, content.xml))
    assert not reply.errors, reply.errors
    assert f"<{told.path.rpartition('/')[2]}>".encode() in reply.xml
    again = contents.parse(told.path, told.keys, content.xml)
    assert again is not None
    assert again.location == content.location
