"""The two framings of RFC 6242, from known bytes."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocol.errors import ProtocolError
from server.protocol.framing import Framer, Framing, FramingLimits, encode, encode_lazily


def chunked(limits: FramingLimits | None = None) -> Framer:
    framer = Framer(limits)
    framer.switch(Framing.CHUNKED)
    return framer


def test_end_of_message_splits_at_the_delimiter():
    assert Framer().receive(b"<a/>]]>]]><b/>]]>]]><c") == [b"<a/>", b"<b/>"]


def test_delimiter_may_arrive_in_two_reads():
    framer = Framer()
    assert framer.receive(b"<a/>]]>") == []
    assert framer.receive(b"]]>") == [b"<a/>"]


def test_almost_a_delimiter_is_content():
    assert Framer().receive(b"]]>]]]]>]]>") == [b"]]>]]"]


def test_chunked_example_of_rfc_6242():
    wire = b'\n#4\n<rpc\n#18\n message-id="102"\n\n#79\n' + b"x" * 79 + b"\n##\n"
    assert chunked().receive(wire) == [b'<rpc message-id="102"\n' + b"x" * 79]


def test_bytes_after_the_hello_are_read_by_the_new_framing():
    framer = Framer()
    framer.feed(b"<hello/>]]>]]>\n#2\nab\n##\n\n#1\nc\n##\n")
    assert framer.next_message() == b"<hello/>"
    framer.switch(Framing.CHUNKED)
    assert framer.receive(b"") == [b"ab", b"c"]


@pytest.mark.parametrize(
    "wire",
    [
        b"<rpc/>]]>]]>",
        b"#4\nabcd",
        b"\n\n#4\nabcd",
        b"\n#0\n",
        b"\n#04\nabcd",
        b"\n#-1\n",
        b"\n#+1\n",
        b"\n#4 \nabcd",
        b"\n#\n",
        b"\n#x\n",
        b"\n##\n",
        b"\n#1\na\n###\n",
        b"\n#1\na##\n",
        b"\n#1\nab\n##\n",
        b"\n#4294967296\n",
        b"\n#99999999999999",
        "\n#٣\n".encode(),
    ],
)
def test_malformed_chunks_end_the_session(wire):
    with pytest.raises(ProtocolError):
        chunked().receive(wire)


def test_an_incomplete_header_is_waited_for():
    framer = chunked()
    for octet in b"\n#12":
        assert framer.receive(bytes([octet])) == []
    assert framer.receive(b"\n" + b"x" * 12 + b"\n##\n") == [b"x" * 12]


def test_chunk_limit():
    framer = chunked(FramingLimits(chunk=10))
    assert framer.receive(b"\n#10\n" + b"x" * 10 + b"\n##\n") == [b"x" * 10]
    with pytest.raises(ProtocolError, match="chunk is larger"):
        framer.receive(b"\n#11\n")


def test_message_limit_counts_all_chunks():
    framer = chunked(FramingLimits(message=10))
    with pytest.raises(ProtocolError, match="message is larger"):
        framer.receive(b"\n#6\nabcdef\n#5\n")


def test_message_limit_without_delimiter():
    framer = Framer(FramingLimits(message=10))
    framer.switch(Framing.END_OF_MESSAGE)
    assert framer.receive(b"x" * 10 + b"]]>]]>") == [b"x" * 10]
    assert framer.receive(b"x" * 16) == []
    with pytest.raises(ProtocolError, match="message is larger"):
        framer.receive(b"x")


def test_first_message_has_a_limit_of_its_own():
    framer = Framer(FramingLimits(hello=5, message=100))
    with pytest.raises(ProtocolError):
        framer.receive(b"<hello/>]]>]]>")


def test_encode_passes_large_pieces_on():
    large = b"x" * 100_000
    framed = encode(Framing.CHUNKED, [b"<a>", large, b"</a>"])
    assert framed == [b"\n#100003\n", b"<a>", large, b"\n#4\n", b"</a>", b"\n##\n"]
    assert framed[2] is large
    assert encode(Framing.END_OF_MESSAGE, [b"<a>", large])[1] is large


def test_encode_gathers_small_pieces_and_splits_none():
    framed = encode(Framing.CHUNKED, [b"a", b"bc", b"defgh", b"", b"i"], chunk=3)
    assert b"".join(framed) == b"\n#3\nabc\n#5\ndefgh\n#1\ni\n##\n"


def test_encode_refuses_a_message_without_bytes():
    with pytest.raises(ValueError, match="at least one byte"):
        encode(Framing.CHUNKED, [b"", b""])


@given(st.lists(st.binary(max_size=40), min_size=1).filter(any), st.sampled_from(list(Framing)))
def test_pieces_that_are_still_to_be_made_are_framed_alike(pieces: list[bytes], framing: Framing) -> None:
    lazily = b"".join(encode_lazily(framing, iter(pieces), chunk=16))
    assert lazily == b"".join(encode(framing, pieces, chunk=16))


def test_nothing_is_made_before_it_is_sent() -> None:
    made: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(5):
            made.append(number)
            yield b"x" * 10

    framed = encode_lazily(Framing.CHUNKED, source(), chunk=10)
    assert (next(framed), made) == (b"\n#10\n", [0])
