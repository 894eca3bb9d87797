"""Sessions and their counters."""

from dataclasses import replace

import pytest

from server.protocol.errors import ErrorTag, RpcError
from server.protocol.session import Peer, TerminationReason
from server.telemetry.sessions import Counters, SessionLimits, Sessions

PEER = Peer("admin", "192.0.2.1", 50000, "netconf-ssh", lambda _reason: None)


def _sessions(limit=10, per_user=10):
    return Sessions(("urn:cap",), SessionLimits(limit, per_user), wall_clock=lambda: 1000.0)


def test_session_ids_are_not_used_twice():
    sessions = _sessions()
    first = sessions.open(PEER)
    sessions.close(first, TerminationReason.CLOSED)
    second = sessions.open(PEER)
    assert (first.session_id, second.session_id) == (1, 2)
    assert [session.session_id for session in sessions] == [2]
    assert sessions.get(1) is None
    assert sessions.get(2) is second
    assert second.capabilities == ("urn:cap",)
    assert second.login_at == 1000.0


def test_too_many_sessions_are_refused_and_counted():
    sessions = _sessions(limit=2)
    first, _ = sessions.open(PEER), sessions.open(PEER)
    with pytest.raises(RpcError) as refused:
        sessions.open(PEER)
    assert refused.value.tag is ErrorTag.RESOURCE_DENIED
    assert sessions.statistics.refused_sessions == 1
    assert sessions.statistics.in_sessions == 2
    sessions.close(first, TerminationReason.CLOSED)
    sessions.open(PEER)


def test_a_user_has_so_many_sessions_and_no_more():
    sessions = _sessions(per_user=1)
    first = sessions.open(PEER)
    with pytest.raises(RpcError, match="the user has his 1 sessions already"):
        sessions.open(PEER)
    sessions.open(replace(PEER, username="other"))
    assert (sessions.statistics.refused_of_user, sessions.statistics.refused_sessions) == (1, 0)
    sessions.close(first, TerminationReason.CLOSED)
    sessions.open(PEER)


@pytest.mark.parametrize(
    ("reason", "dropped"),
    [
        (TerminationReason.CLOSED, 0),
        (TerminationReason.KILLED, 0),
        (TerminationReason.BAD_HELLO, 0),
        (TerminationReason.DROPPED, 1),
        (TerminationReason.TIMEOUT, 1),
        (TerminationReason.OTHER, 1),
    ],
)
def test_what_counts_as_dropped(reason, dropped):
    sessions = _sessions()
    sessions.close(sessions.open(PEER), reason)
    assert sessions.statistics.dropped_sessions == dropped


def test_counters_of_a_session_add_up_to_those_of_the_server():
    sessions = _sessions()
    first, second = sessions.open(PEER), sessions.open(PEER)
    for session in (first, first, second):
        sessions.count_rpc(session)
    sessions.count_error_reply(second)
    sessions.count_malformed(first, hello=False)
    sessions.count_malformed(second, hello=True)
    assert first.counters == Counters(in_rpcs=2, in_bad_rpcs=1)
    assert second.counters == Counters(in_rpcs=1, out_rpc_errors=1)
    assert sessions.statistics.total == Counters(in_rpcs=3, in_bad_rpcs=1, out_rpc_errors=1)
    assert sessions.statistics.in_bad_hellos == 1


def test_counters_wrap_as_32_bits():
    assert Counters(in_rpcs=2**32 + 3).data()["in-rpcs"] == 3
