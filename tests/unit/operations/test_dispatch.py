"""The dispatcher: handlers are found by name, failures become replies, faults are logged and not told."""

import logging

import pytest
from lxml import etree

from server.operations.dispatch import Dispatcher
from server.protocol.errors import ErrorTag, RpcErrors, invalid_value
from server.protocol.messages import Errors, Ok, Rpc, RpcEnvelope
from server.protocol.session import Peer, TerminationReason
from server.telemetry.sessions import Counters, Sessions

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SECRET = "the text of an exception"


class EndedSessions(list):
    """Stands for the store, of which the dispatcher needs to know only that a session ended."""

    def session_ended(self, session_id):
        self.append(session_id)


def _fail_once(_session, _operation):
    raise invalid_value("one")


def _fail_twice(_session, _operation):
    raise RpcErrors([invalid_value("one"), invalid_value("two")])


def _fault(_session, _operation):
    raise ZeroDivisionError(SECRET)


class PermitAll:
    """Stands for access control, of which the dispatcher needs an answer only."""

    def check_operation(self, _peer, _tag):
        pass

    def censored(self, _peer, errors):
        return tuple(errors)


@pytest.fixture
def ended():
    return EndedSessions()


@pytest.fixture
def dispatcher(ended):
    handlers = {
        "good": lambda _session, _operation: Ok(),
        "bad": _fail_once,
        "worse": _fail_twice,
        "broken": _fault,
    }
    return Dispatcher(
        Sessions(("urn:cap",)), ended, PermitAll(), [{f"{{{NC}}}{name}": f for name, f in handlers.items()}]
    )


@pytest.fixture
def context(dispatcher):
    return dispatcher.opened(Peer("admin", "192.0.2.1", 50000, "netconf-ssh", lambda _reason: None))


def _rpc(name, namespace=NC):
    return Rpc("101", RpcEnvelope(), etree.fromstring(f'<{name} xmlns="{namespace}">private</{name}>'))


def test_an_operation_is_found_by_its_qualified_name(dispatcher, context):
    assert dispatcher.handle(context, _rpc("good")) == Ok()
    for unknown in (_rpc("unheard-of"), _rpc("good", "urn:other")):
        reply = dispatcher.handle(context, unknown)
        assert isinstance(reply, Errors)
        assert reply.errors[0].tag is ErrorTag.OPERATION_NOT_SUPPORTED


def test_every_error_is_in_the_reply(dispatcher, context):
    assert [error.message for error in dispatcher.handle(context, _rpc("bad")).errors] == ["one"]
    assert [error.message for error in dispatcher.handle(context, _rpc("worse")).errors] == ["one", "two"]


def test_a_fault_is_logged_once_with_its_traceback_and_not_told(dispatcher, context, caplog):
    with caplog.at_level(logging.INFO):
        reply = dispatcher.handle(context, _rpc("broken"))
    assert [error.tag for error in reply.errors] == [ErrorTag.OPERATION_FAILED]
    assert SECRET not in reply.errors[0].message
    faults = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in faults] == ["fault"]
    assert faults[0].exc_info[0] is ZeroDivisionError
    assert (faults[0].session, faults[0].operation) == (context.session_id, "broken")


def test_one_line_an_operation_with_who_and_what_but_not_the_request(dispatcher, context, caplog):
    with caplog.at_level(logging.INFO):
        for rpc in (_rpc("good"), _rpc("bad")):
            dispatcher.answered(context, rpc, dispatcher.handle(context, rpc), 0.001)
    lines = [record for record in caplog.records if record.getMessage() == "operation"]
    assert [(line.operation, line.result, line.user, line.source) for line in lines] == [
        ("good", "ok", "admin", "192.0.2.1"),
        ("bad", "invalid-value", "admin", "192.0.2.1"),
    ]
    assert not any("private" in str(vars(line)) for line in lines)


def test_counters(dispatcher, context):
    for name in ("good", "bad", "worse", "broken"):
        dispatcher.handle(context, _rpc(name))
    dispatcher.malformed(context, hello=False)
    assert context.counters == Counters(in_rpcs=4, in_bad_rpcs=1, out_rpc_errors=3)


def test_a_session_that_ends_gives_back_what_it_held(dispatcher, context, ended):
    dispatcher.closed(context, TerminationReason.DROPPED)
    assert ended == [context.session_id]
