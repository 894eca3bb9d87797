"""The queue of one session: order, bounds, and who writes."""

import threading

import pytest

from server.transport.outbox import Outbox, OutboxLimits
from tests.support.wait import wait_for


class Wire:
    """Takes messages; blocks while the gate is closed, fails once broken."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()
        self.broken = False

    def write(self, pieces) -> None:
        self.waiting.set()
        self.gate.wait(10)
        if self.broken:
            raise ConnectionResetError
        self.threads.add(threading.current_thread().name)
        self.messages.append(b"".join(pieces))


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def failures():
    return []


@pytest.fixture
def outbox(wire, failures):
    box = Outbox(wire.write, lambda: failures.append(1), OutboxLimits(messages=3, octets=100))
    yield box
    wire.gate.set()
    box.close()


def test_replies_are_written_by_the_caller(outbox, wire):
    outbox.send([b"a", b"b"])
    outbox.send([b"c"])
    assert wire.messages == [b"ab", b"c"]
    assert wire.threads == {threading.current_thread().name}


def test_what_was_offered_before_a_reply_leaves_before_it(outbox, wire):
    wire.gate.clear()
    assert outbox.offer([b"1"])
    wait_for(wire.waiting.is_set, what="the outbox's thread writes")
    assert outbox.offer([b"2"])
    sender = threading.Thread(target=outbox.send, args=([b"3"],))
    sender.start()
    wire.gate.set()
    sender.join(10)
    assert wire.messages == [b"1", b"2", b"3"]


def test_an_offer_never_waits_for_a_reply_under_way(outbox, wire):
    wire.gate.clear()
    sender = threading.Thread(target=outbox.send, args=([b"reply"],))
    sender.start()
    wait_for(wire.waiting.is_set, what="the reply is being written")
    assert outbox.offer([b"later"])
    wire.gate.set()
    sender.join(10)
    wait_for(lambda: wire.messages == [b"reply", b"later"], what="both are written")


def test_too_many_offers_are_dropped_and_counted(outbox, wire):
    wire.gate.clear()
    outbox.offer([b"0"])
    wait_for(wire.waiting.is_set, what="the first has left the queue")
    assert [outbox.offer([b"%d" % number]) for number in range(1, 6)] == [True, True, True, False, False]
    assert outbox.dropped == 2
    wire.gate.set()
    wait_for(lambda: wire.messages == [b"0", b"1", b"2", b"3"], what="the queue is written")


def test_too_many_octets_are_dropped_unless_the_queue_is_empty(outbox, wire):
    wire.gate.clear()
    outbox.offer([b"0"])
    wait_for(wire.waiting.is_set, what="the first has left the queue")
    assert outbox.offer([b"x" * 1000])
    assert not outbox.offer([b"y"])
    assert outbox.dropped == 1


def test_one_large_message_may_follow_a_short_one(outbox, wire):
    """The one that says that updates come again, and the update."""
    wire.gate.clear()
    outbox.offer([b"0"])
    wait_for(wire.waiting.is_set, what="the first has left the queue")
    assert outbox.offer([b"short"])
    assert outbox.offer([b"x" * 1000])
    assert not outbox.offer([b"y"])


def test_there_is_room_for_messages_about_dropped_ones(outbox, wire):
    wire.gate.clear()
    outbox.offer([b"0"])
    wait_for(wire.waiting.is_set, what="the first has left the queue")
    while outbox.offer([b"x"]):
        pass
    kept = 0
    while outbox.offer([b"about"], spare=True):
        kept += 1
    assert kept == OutboxLimits().spare


def test_closing_lets_a_waiting_reply_go(outbox, wire):
    wire.gate.clear()
    outbox.offer([b"1"])
    wait_for(wire.waiting.is_set, what="the outbox's thread writes")
    raised = []

    def send() -> None:
        try:
            outbox.send([b"2"])
        except OSError as error:
            raised.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    outbox.close()
    sender.join(10)
    assert len(raised) == 1
    assert not outbox.offer([b"3"])
    with pytest.raises(OSError, match="ended"):
        outbox.send([b"4"])


def test_a_client_that_is_gone_is_reported_once(outbox, wire, failures):
    wire.broken = True
    assert outbox.offer([b"1"])
    wait_for(lambda: failures == [1], what="the failure is reported")
    assert not outbox.offer([b"2"])
    assert failures == [1]


def test_blocks_of_writers_do_not_mix(wire):
    box = Outbox(wire.write, lambda: None, OutboxLimits(messages=10_000))
    offers = threading.Thread(target=lambda: [box.offer([b"n", b"%d" % n]) for n in range(300)])
    offers.start()
    for number in range(300):
        box.send([b"r", b"%d" % number])
    offers.join(10)
    wait_for(lambda: len(wire.messages) == 600, what="everything is written")
    assert [m for m in wire.messages if m.startswith(b"n")] == [b"n%d" % n for n in range(300)]
    assert [m for m in wire.messages if m.startswith(b"r")] == [b"r%d" % n for n in range(300)]
    box.close()


def test_a_reply_behind_what_another_thread_sends_is_written_too(outbox, wire):
    """A replay sends, and waits, on a thread of its own; nothing has been offered yet."""
    wire.gate.clear()
    replay = threading.Thread(target=outbox.send, args=([b"past"],))
    replay.start()
    wait_for(wire.waiting.is_set, what="the replay writes")
    reply = threading.Thread(target=outbox.send, args=([b"reply"],))
    reply.start()
    wire.gate.set()
    for thread in (replay, reply):
        thread.join(10)
        assert not thread.is_alive()
    assert wire.messages == [b"past", b"reply"]


def test_pieces_may_be_made_while_they_are_written(outbox, wire):
    outbox.send(iter([b"a", b"b"]))
    wire.gate.clear()
    assert outbox.offer([b"1"])
    sender = threading.Thread(target=outbox.send, args=(iter([b"c", b"d"]),))
    sender.start()
    wire.gate.set()
    sender.join(10)
    assert wire.messages == [b"ab", b"1", b"cd"]


def test_whoever_waits_is_let_go_when_pieces_cannot_be_made(outbox, wire, failures):
    def broken():
        yield b"a"
        raise ZeroDivisionError

    wire.gate.clear()
    assert outbox.offer([b"1"])
    wait_for(wire.waiting.is_set, what="the outbox's thread writes")
    outcome = []

    def send():
        try:
            outbox.send(broken())
        except OSError:
            outcome.append("over")

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: outbox._queue, what="the reply is queued")
    wire.gate.set()
    sender.join(10)
    wait_for(lambda: (outcome, failures) == (["over"], [1]), what="the end of the session")
