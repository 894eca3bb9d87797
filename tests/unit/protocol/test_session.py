"""The session machine: hello, negotiation, requests, and what ends it."""

import pytest
from lxml import etree

from server.protocol.framing import Framer, Framing, FramingLimits, encode
from server.protocol.messages import BASE_1_0, BASE_1_1, BASE_NAMESPACE, Data, Ok, encode_hello
from server.protocol.session import (
    Failed,
    Opened,
    Rejected,
    Requested,
    Session,
    SessionState,
    TerminationReason,
)

CAPABILITIES = (BASE_1_0, BASE_1_1, "urn:extra")
NC = {"nc": BASE_NAMESPACE}


def hello(*capabilities: str, session_id: str = "") -> bytes:
    listed = "".join(f"<capability>{uri}</capability>" for uri in capabilities)
    text = f'<hello xmlns="{BASE_NAMESPACE}"><capabilities>{listed}</capabilities>{session_id}</hello>'
    return text.encode() + b"]]>]]>"


def rpc(body: str = "<get/>", message_id: str = "1") -> bytes:
    return f'<rpc xmlns="{BASE_NAMESPACE}" message-id="{message_id}">{body}</rpc>'.encode()


def framed(framing: Framing, *documents: bytes) -> bytes:
    return b"".join(b"".join(encode(framing, [document])) for document in documents)


def open_session(base: str = BASE_1_1, limits: FramingLimits | None = None) -> Session:
    session = Session(4, CAPABILITIES, limits)
    (event,) = session.receive(hello(base))
    assert isinstance(event, Opened)
    return session


def documents(framing: Framing, pieces: list[bytes]) -> list[etree._Element]:
    framer = Framer()
    framer.switch(framing)
    return [etree.fromstring(message) for message in framer.receive(b"".join(pieces))]


def test_own_hello_is_delimited_and_complete():
    wire = b"".join(Session(4, CAPABILITIES).hello())
    assert wire == b"".join(encode_hello(CAPABILITIES, 4)) + b"]]>]]>"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [((BASE_1_0,), BASE_1_0), ((BASE_1_1,), BASE_1_1), ((BASE_1_0, "urn:x", BASE_1_1), BASE_1_1)],
)
def test_the_highest_common_base_is_chosen(offered, chosen):
    session = Session(4, CAPABILITIES)
    assert session.receive(hello(*offered)) == [Opened(chosen, offered)]
    assert session.state is SessionState.OPEN


@pytest.mark.parametrize(
    "first",
    [
        hello(),
        hello("urn:ietf:params:netconf:base:2.0"),
        hello(BASE_1_1, session_id="<session-id>4</session-id>"),
        hello(BASE_1_1, session_id="<session-id/>"),
        rpc() + b"]]>]]>",
        b"<hello/>]]>]]>",
        b"not xml]]>]]>",
        b"<!DOCTYPE x><hello/>]]>]]>",
        framed(Framing.END_OF_MESSAGE, f'<rpc xmlns="{BASE_NAMESPACE}"/>'.encode()),
        b"x" * 400,
    ],
)
def test_anything_but_a_good_hello_ends_the_session(first):
    session = Session(4, CAPABILITIES, FramingLimits(hello=300))
    (event,) = session.receive(first)
    assert isinstance(event, Failed)
    assert event.reason is TerminationReason.BAD_HELLO
    assert session.receive(hello(BASE_1_1)) == []


def test_hello_and_requests_in_one_read():
    session = Session(4, CAPABILITIES)
    wire = hello(BASE_1_1) + framed(Framing.CHUNKED, rpc(message_id="a"), rpc(message_id="b"))
    opened, first, second = session.receive(wire)
    assert isinstance(opened, Opened)
    assert isinstance(first, Requested)
    assert isinstance(second, Requested)
    assert (first.rpc.message_id, second.rpc.message_id) == ("a", "b")


def test_replies_use_the_framing_that_was_negotiated():
    for base, framing in ((BASE_1_0, Framing.END_OF_MESSAGE), (BASE_1_1, Framing.CHUNKED)):
        session = open_session(base)
        (event,) = session.receive(framed(framing, rpc()))
        assert isinstance(event, Requested)
        (reply,) = documents(framing, session.reply(event.rpc.envelope, Data.data([b"x"])))
        assert reply.get("message-id") == "1"


def test_close_takes_nothing_more():
    session = open_session()
    (event,) = session.receive(framed(Framing.CHUNKED, rpc("<close-session/>")))
    assert isinstance(event, Requested)
    assert b"<ok/>" in b"".join(session.reply(event.rpc.envelope, Ok(close=True)))
    assert session.state is SessionState.CLOSED
    assert session.receive(framed(Framing.CHUNKED, rpc())) == []


def test_missing_message_id_is_answered_in_both_versions():
    bad = f'<rpc xmlns="{BASE_NAMESPACE}" a="b"><get/></rpc>'.encode()
    for base, framing in ((BASE_1_0, Framing.END_OF_MESSAGE), (BASE_1_1, Framing.CHUNKED)):
        session = open_session(base)
        (event,) = session.receive(framed(framing, bad))
        assert isinstance(event, Rejected)
        (reply,) = documents(framing, event.answer)
        assert reply.get("a") == "b"
        assert reply.findtext("nc:rpc-error/nc:error-tag", None, NC) == "missing-attribute"
        assert session.state is SessionState.OPEN


@pytest.mark.parametrize("bad", [b"<rpc", b"<a/>", b"<!DOCTYPE a><a/>", hello(BASE_1_1)[:-6], b"\x00"])
def test_malformed_message_is_for_base_1_1_only(bad):
    session = open_session(BASE_1_1)
    (event, after) = session.receive(framed(Framing.CHUNKED, bad, rpc()))
    assert isinstance(event, Rejected)
    (reply,) = documents(Framing.CHUNKED, event.answer)
    assert reply.findtext("nc:rpc-error/nc:error-tag", None, NC) == "malformed-message"
    assert reply.findtext("nc:rpc-error/nc:error-type", None, NC) == "rpc"
    assert reply.get("message-id") is None
    assert isinstance(after, Requested)

    session = open_session(BASE_1_0)
    (event,) = session.receive(framed(Framing.END_OF_MESSAGE, bad, rpc()))
    assert isinstance(event, Failed)
    assert event.reason is TerminationReason.OTHER


def test_broken_framing_ends_the_session_after_what_came_before():
    session = open_session()
    requested, failed = session.receive(framed(Framing.CHUNKED, rpc()) + b"garbage")
    assert isinstance(requested, Requested)
    assert isinstance(failed, Failed)
    assert failed.reason is TerminationReason.OTHER
    assert session.receive(framed(Framing.CHUNKED, rpc())) == []


def test_too_large_a_message_ends_the_session():
    session = open_session(limits=FramingLimits(message=100))
    (event,) = session.receive(framed(Framing.CHUNKED, rpc("<x/>" * 100)))
    assert isinstance(event, Failed)
    assert "100 bytes" in event.message
    assert b"<error-tag>too-big</error-tag>" in b"".join(event.answer)


def test_white_space_between_messages_of_base_1_0():
    session = open_session(BASE_1_0)
    events = session.receive(b"\n" + rpc() + b"]]>]]>\r\n" + rpc() + b"]]>]]>\n")
    assert [type(event) for event in events] == [Requested, Requested]
