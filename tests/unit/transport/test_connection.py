"""One session over a socket pair: whatever way it ends, its end is told once and with its reason."""

import logging
import socket
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocol.framing import Framer, Framing, FramingLimits, encode
from server.protocol.messages import BASE_1_1, BASE_NAMESPACE
from server.protocol.session import TerminationReason
from server.transport.connection import Connection, ConnectionLimits, Login, blocks
from tests.support.operations import RecordingOperations
from tests.support.wait import wait_for

CAPABILITIES = f"<capabilities><capability>{BASE_1_1}</capability></capabilities>"
HELLO = f'<hello xmlns="{BASE_NAMESPACE}">{CAPABILITIES}</hello>'.encode()


class SocketStream:
    """A stream socket as the `Stream` of a session."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def read(self, timeout: float | None) -> bytes:
        self._socket.settimeout(timeout)
        return self._socket.recv(65536)

    def write(self, pieces: Sequence[bytes]) -> None:
        self._socket.settimeout(None)
        self._socket.sendall(b"".join(pieces))

    def close(self) -> None:
        self._socket.close()

    def abort(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)


class Client:
    """The other end, speaking base:1.1."""

    def __init__(self, operations: RecordingOperations, limits: ConnectionLimits | None = None) -> None:
        self.socket, served = socket.socketpair()
        self.socket.settimeout(10)
        login = Login("admin", "192.0.2.1", 1234, "netconf-ssh")
        self.connection = Connection(SocketStream(served), login, operations, limits)
        self.thread = threading.Thread(target=self.connection.run)
        self.thread.start()
        self._framer = Framer()
        self._messages: list[bytes] = []

    def hello(self) -> bytes:
        self.socket.sendall(HELLO + b"]]>]]>")
        answer = self.receive()
        self._framer.switch(Framing.CHUNKED)
        return answer

    def send(self, body: str, message_id: str = "1") -> None:
        text = f'<rpc xmlns="{BASE_NAMESPACE}" message-id="{message_id}">{body}</rpc>'.encode()
        self.socket.sendall(b"".join(encode(Framing.CHUNKED, [text])))

    def receive(self) -> bytes:
        while not self._messages:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._messages += self._framer.receive(data)
        return self._messages.pop(0)

    def rpc(self, body: str) -> bytes:
        self.send(body)
        return self.receive()


@pytest.fixture
def operations():
    return RecordingOperations()


@pytest.fixture
def connect(operations):
    clients = []

    def make(**limits) -> Client:
        clients.append(Client(operations, ConnectionLimits(**limits)))
        return clients[-1]

    yield make
    operations.release.set()
    for client in clients:
        client.socket.close()
        client.thread.join(10)
        assert not client.thread.is_alive()


def reasons(operations: RecordingOperations) -> list[TerminationReason]:
    return [reason for session in operations.sessions for reason in session.reasons]


def test_a_session_from_hello_to_close(connect, operations):
    client = connect()
    assert b"<session-id>1</session-id>" in client.hello()
    assert b'<x xmlns="urn:x"' in client.rpc('<echo><x xmlns="urn:x"/></echo>')
    assert b"<ok/>" in client.rpc("<close-session/>")
    assert reasons(operations) == [TerminationReason.CLOSED]
    with pytest.raises(EOFError):
        client.receive()
    assert operations.sessions[0].peer.username == "admin"


def test_requests_sent_at_once_are_answered_in_order(connect):
    client = connect()
    client.hello()
    for number in range(50):
        client.send("<get/>", str(number))
    assert all(b'message-id="%d"' % number in client.receive() for number in range(50))


def test_the_client_leaves(connect, operations):
    client = connect()
    client.hello()
    client.socket.close()
    wait_for(lambda: reasons(operations) == [TerminationReason.DROPPED], what="the end is told")


def test_the_client_leaves_in_the_middle_of_a_chunk(connect, operations):
    client = connect()
    client.hello()
    client.socket.sendall(b"\n#1000\n<rpc")
    client.socket.close()
    wait_for(lambda: reasons(operations) == [TerminationReason.DROPPED], what="the end is told")


def test_no_hello_in_time(connect, operations):
    client = connect(hello_timeout=0.05)
    wait_for(lambda: reasons(operations) == [TerminationReason.TIMEOUT], what="the end is told")
    client.receive()
    with pytest.raises(EOFError):
        client.receive()


def test_a_bad_hello(connect, operations):
    client = connect()
    client.socket.sendall(b"<hello/>]]>]]>")
    wait_for(lambda: reasons(operations) == [TerminationReason.BAD_HELLO], what="the end is told")
    assert (operations.sessions[0].bad_hellos, operations.sessions[0].bad_rpcs) == (1, 0)


def test_a_malformed_message_is_counted_and_answered(connect, operations):
    client = connect()
    client.hello()
    client.socket.sendall(b"\n#4\n<rpc\n##\n")
    assert b"malformed-message" in client.receive()
    assert b"<ok/>" in client.rpc("<lock/>")
    assert operations.sessions[0].bad_rpcs == 1


def test_broken_framing(connect, operations):
    client = connect()
    client.hello()
    client.socket.sendall(b"garbage")
    wait_for(lambda: reasons(operations) == [TerminationReason.OTHER], what="the end is told")


def test_too_large_a_request(connect, operations):
    client = connect(framing=FramingLimits(message=1000))
    client.hello()
    client.socket.sendall(b"\n#1001\n")
    wait_for(lambda: reasons(operations) == [TerminationReason.OTHER], what="the end is told")


def test_terminate_while_reading(connect, operations):
    client = connect()
    client.hello()
    client.connection.terminate(TerminationReason.KILLED)
    client.connection.terminate(TerminationReason.OTHER)
    wait_for(lambda: reasons(operations) == [TerminationReason.KILLED], what="the end is told")


def test_terminate_while_a_reply_is_written_to_a_client_that_does_not_read(connect, operations):
    client = connect()
    client.hello()
    client.send('<get size="20000000"/>')
    wait_for(lambda: client.socket.recv(1, socket.MSG_PEEK), what="the reply has begun")
    client.connection.terminate(TerminationReason.KILLED)
    wait_for(lambda: reasons(operations) == [TerminationReason.KILLED], what="the end is told")


def test_terminate_while_a_request_is_carried_out(connect, operations):
    client = connect()
    client.hello()
    client.send("<wait/>")
    client.send("<fail/>")
    assert operations.waiting.wait(10)
    client.connection.terminate(TerminationReason.KILLED)
    assert reasons(operations) == []
    operations.release.set()
    wait_for(
        lambda: reasons(operations) == [TerminationReason.KILLED], what="the end is told after the request"
    )


def test_errors_become_replies(connect):
    client = connect()
    client.hello()
    assert b"<error-tag>operation-not-supported</error-tag>" in client.rpc("<nonsense/>")


def test_a_fault_of_ours_is_logged_once_and_not_shown(connect, caplog):
    client = connect()
    client.hello()
    with caplog.at_level(logging.ERROR):
        reply = client.rpc("<fail/>")
    assert b"<error-tag>operation-failed</error-tag>" in reply
    assert b"secret" not in reply
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]
    assert b"<ok/>" in client.rpc("<lock/>")


def test_a_refused_session_gets_no_hello():
    operations = RecordingOperations(capacity=0)
    client = Client(operations)
    with pytest.raises(EOFError):
        client.receive()
    client.thread.join(10)
    client.socket.close()
    assert operations.sessions == []


def test_notifications_from_another_thread(connect):
    client = connect()
    assert not client.connection.notify([b"<too-early/>"])
    client.hello()
    client.rpc("<lock/>")
    notifier = threading.Thread(target=client.connection.notify, args=([b"<notification/>"],))
    notifier.start()
    assert client.receive() == b"<notification/>"
    notifier.join(10)
    assert b"<ok/>" in client.rpc("<unlock/>")


@given(st.lists(st.binary(max_size=40)), st.integers(1, 20))
def test_blocks_are_full_and_in_order(pieces, size):
    regrouped = list(blocks(pieces, size))
    assert b"".join(regrouped) == b"".join(pieces)
    assert all(len(block) == size for block in regrouped[:-1])
    assert all(0 < len(block) <= size for block in regrouped)
