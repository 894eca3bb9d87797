"""Clients that say nothing, or stop in the middle of a message, beside one that works."""

import socket
import threading
from contextlib import ExitStack

import pytest

from server.protocol.session import TerminationReason
from server.transport.arrival import Arrival
from server.transport.limits import TransportLimits
from server.transport.lobby import Silent
from server.transport.refusals import Refusal
from server.transport.ssh_wire import GREETING
from tests.interop.test_ssh_transport import by_ncclient, echo, serve, texts
from tests.support.wait import wait_for

SILENT, STUCK = 200, 50
LIMITS = TransportLimits(unauthenticated=SILENT + 10, unauthenticated_per_source=SILENT + 10)


@pytest.fixture
def crowd():
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))


def greeted(client):
    """All that a server says to a client that says nothing."""
    said = b""
    while len(said) < len(GREETING):
        said += client.recv(len(GREETING) - len(said))
    return said


def test_a_silent_client_is_greeted_and_has_no_thread(tmp_path, crowd):
    with serve(tmp_path, LIMITS) as served:
        before = threading.active_count()
        silent = [crowd(served.port) for _ in range(SILENT)]
        assert {greeted(client) for client in silent} == {GREETING}
        assert threading.active_count() == before
        wait_for(lambda: served.server.admission.counts() == (SILENT, SILENT), what="all are counted")
        for client in silent:
            client.close()
        wait_for(lambda: served.refused(Refusal.HANDSHAKE) == SILENT, what="all are gone")
        assert served.server.admission.counts() == (0, 0)


def test_one_works_beside_all_the_others(tmp_path, crowd):
    with serve(tmp_path, LIMITS) as served:
        stuck = [served.raw() for _ in range(STUCK)]
        for client in stuck:
            client.write(b"\n#100000\n<rpc")
        for _ in range(SILENT):
            crowd(served.port)
        with by_ncclient(served, password="correct horse") as working:
            for number in range(100):
                assert str(number) in texts(working.dispatch(echo(str(number))))
        assert [served.reasons(number) for number in range(1, STUCK + 1)] == [[]] * STUCK


def test_the_first_line_is_said_once(tmp_path, crowd):
    with serve(tmp_path) as served:
        client = crowd(served.port)
        said = greeted(client)
        client.sendall(b"SSH-2.0-test\r\n")
        while b"ssh-ed25519" not in said:  # it is in the key exchange that follows
            said += client.recv(65536)
        assert said.count(b"SSH-2.0-") == 1


def test_who_speaks_late_has_the_same_time_to_log_in(tmp_path, crowd):
    with serve(tmp_path, TransportLimits(login_grace=0.4)) as served:
        client = crowd(served.port)
        greeted(client)
        client.sendall(b"SSH-2.0-test\r\n")
        wait_for(lambda: served.refused(Refusal.LOGIN_GRACE) == 1, what="it is cut")
        wait_for(lambda: served.server.admission.counts() == (0, 0), what="it is gone")


def test_the_time_to_log_in_counts_from_the_beginning():
    here, there = socket.socketpair()
    with here, there:
        guest = Silent(here, Arrival(("192.0.2.1", 1), began=100.0), TransportLimits(login_grace=30.0))
        assert guest.overdue(129.9) is None
        assert guest.overdue(130.0) is Refusal.LOGIN_GRACE
        assert guest.terminate(TerminationReason.TIMEOUT) == []
        assert guest.ended
        assert there.recv(1) == b""


def test_stop_ends_silent_clients(tmp_path, crowd):
    with serve(tmp_path) as served:
        client = crowd(served.port)
        greeted(client)
    assert client.recv(1) == b""
