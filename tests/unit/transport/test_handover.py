"""Descriptors that change hands, and what a session reads and writes through them."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.transport.descriptors import DescriptorStream
from server.transport.handover import HandedOver, HandOverError, Note, connect_unix, hand_over, take_over
from server.transport.local import Credentials as Who
from server.transport.local import login_of, source_of


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def pipes() -> Iterator[tuple[DescriptorStream, int, int]]:
    """A stream, the end that feeds it and the end that drains it."""
    reading, feeding = os.pipe()
    draining, writing = os.pipe()
    stream = DescriptorStream(HandedOver(reading, writing, Note()), write_stall=0.2)
    yield stream, feeding, draining
    for descriptor in (feeding, draining):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_both_descriptors_and_the_note_arrive(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    reading, feeding = os.pipe()
    hand_over(theirs, reading, feeding, Note("192.0.2.1 5000 192.0.2.2 830", "publickey ..."))
    handed = take_over(ours)
    assert handed.note.source == "192.0.2.1 5000 192.0.2.2 830"
    os.write(handed.writing, b"hello")
    assert os.read(reading, 10) == b"hello"
    for descriptor in (reading, feeding, handed.reading, handed.writing):
        os.close(descriptor)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_no_hand_over_is_refused_and_nothing_stays_open(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    reading, feeding = os.pipe()
    before = descriptors()
    theirs.send(b"{}")
    with pytest.raises(HandOverError):
        take_over(ours)
    socket.send_fds(theirs, [b"no json"], [reading, feeding])
    with pytest.raises(HandOverError):
        take_over(ours)
    socket.send_fds(theirs, [b"{}"], [reading])
    with pytest.raises(HandOverError):
        take_over(ours)
    socket.send_fds(theirs, [b"{}"], [reading, feeding, feeding, feeding])
    with pytest.raises(HandOverError):
        take_over(ours)
    theirs.close()
    with pytest.raises(HandOverError):
        take_over(ours)
    assert descriptors() == before - 1  # theirs
    os.close(reading)
    os.close(feeding)


def test_a_stream_reads_until_the_end(pipes: tuple[DescriptorStream, int, int]) -> None:
    stream, feeding, _ = pipes
    os.write(feeding, b"one")
    assert stream.read(None) == b"one"
    with pytest.raises(TimeoutError):
        stream.read(0.01)
    os.close(feeding)
    assert stream.read(None) == b""
    stream.close()


def test_a_large_message_is_written_in_pieces(pipes: tuple[DescriptorStream, int, int]) -> None:
    stream, _, draining = pipes
    message = os.urandom(300_000)
    writer = threading.Thread(target=stream.write, args=([message[:100_001], message[100_001:]],))
    writer.start()
    received = b""
    while len(received) < len(message):
        received += os.read(draining, 65_536)
    writer.join()
    assert received == message
    stream.close()


def test_a_client_that_takes_nothing_is_given_up(pipes: tuple[DescriptorStream, int, int]) -> None:
    stream, _, _ = pipes
    with pytest.raises(TimeoutError):
        stream.write([bytes(1_000_000)])
    stream.close()


def test_a_client_that_is_gone_is_an_error(pipes: tuple[DescriptorStream, int, int]) -> None:
    stream, _, draining = pipes
    os.close(draining)
    with pytest.raises(OSError):
        stream.write([b"x"])
    stream.close()


def test_abort_wakes_a_reader_in_another_thread(pipes: tuple[DescriptorStream, int, int]) -> None:
    stream, _, _ = pipes
    seen: list[BaseException] = []

    def read() -> None:
        try:
            stream.read(None)
        except OSError as error:
            seen.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    stream.abort()
    reader.join(5)
    assert isinstance(seen[0], ConnectionAbortedError)
    stream.close()
    stream.abort()


def test_a_user_is_named_by_the_system_and_only_owner_and_root_are_administrators() -> None:
    root = login_of(Who(0, 0), 1000, ("192.0.2.1", 5000))
    assert (root.username, root.source_host, root.administrator) == ("root", "192.0.2.1", True)
    assert "root" in root.groups
    owner = login_of(Who(54321, 54321), 54321, ("", 0))
    assert (owner.username, owner.groups, owner.administrator) == ("54321", frozenset({"54321"}), True)
    assert not login_of(Who(54322, 54322), 54321, ("", 0)).administrator


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("192.0.2.1 5000 192.0.2.2 830", ("192.0.2.1", 5000)),
        ("2001:db8::1 5000 2001:db8::2 830", ("2001:db8::1", 5000)),
        ("", ("", 0)),
        ("a b c d", ("", 0)),
        (f"{'x' * 65} 5 c d", ("", 0)),
    ],
)
def test_the_source_is_a_hint(note: str, expected: tuple[str, int]) -> None:
    assert source_of(note) == expected


def test_a_socket_with_a_long_path_is_reached(tmp_path) -> None:
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    handle = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{handle}/s")
        listener.listen()
        with connect_unix(folder / "s"):
            listener.accept()[0].close()
    os.close(handle)
