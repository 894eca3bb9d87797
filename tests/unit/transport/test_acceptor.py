"""The thread that accepts: nothing that happens on it ends it."""

import socket
from collections.abc import Iterator

import pytest

from server.transport.acceptor import Acceptor, Address
from tests.support.wait import wait_for


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_fault_costs_one_connection(listener: socket.socket) -> None:
    spoken: list[bytes] = []
    swept: list[None] = []

    def sweep() -> None:
        swept.append(None)
        raise RuntimeError("a fault of the sweep")

    acceptor = Acceptor(sweep)

    def accepted(sock: socket.socket, _address: Address) -> None:
        acceptor.wait(sock, lambda: take(sock))

    def take(sock: socket.socket) -> None:
        with sock:
            spoken.append(sock.recv(1))
        if len(spoken) == 1:
            raise KeyError("a fault of the first")

    acceptor.add(listener, accepted)
    acceptor.start()
    try:
        wait_for(lambda: swept, what="the sweep")
        for said in (b"1", b"2"):
            with socket.create_connection(listener.getsockname(), timeout=10) as client:
                client.sendall(said)
                assert client.recv(1) == b""
        assert spoken == [b"1", b"2"]
    finally:
        acceptor.stop(5)
