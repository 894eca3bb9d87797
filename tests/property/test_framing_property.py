"""Any split of the bytes gives the same messages; hostile bytes included."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from server.protocol.errors import ProtocolError
from server.protocol.framing import Framer, Framing, FramingLimits, encode

FRAGMENTS = (b"\n#", b"#", b"\n", b"\n##\n", b"1", b"12", b"0", b"abc", b"]]>", b"]]>]]>", b"\n#3\nabc")
CONTENT = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5)


def split(wire: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({min(cut, len(wire)) for cut in cuts} | {0, len(wire)})
    return [wire[begin:end] for begin, end in itertools.pairwise(edges)]


def framer_for(framing: Framing, limits: FramingLimits | None = None) -> Framer:
    framer = Framer(limits)
    framer.switch(framing)
    return framer


@given(st.lists(CONTENT, max_size=5), st.lists(st.integers(0, 1200)), st.integers(1, 50))
def test_chunked_survives_any_split(contents, cuts, chunk):
    wire = b"".join(b"".join(encode(Framing.CHUNKED, pieces, chunk)) for pieces in contents)
    framer = framer_for(Framing.CHUNKED)
    received = [message for part in split(wire, cuts) for message in framer.receive(part)]
    assert received == [b"".join(pieces) for pieces in contents]


@given(st.lists(CONTENT, max_size=5), st.lists(st.integers(0, 1200)))
def test_end_of_message_survives_any_split(contents, cuts):
    texts = [b"".join(pieces).replace(b">", b"]]") for pieces in contents]
    wire = b"".join(b"".join(encode(Framing.END_OF_MESSAGE, [text])) for text in texts)
    framer = framer_for(Framing.END_OF_MESSAGE)
    received = [message for part in split(wire, cuts) for message in framer.receive(part)]
    assert received == texts


@given(
    st.sampled_from(Framing),
    st.lists(
        st.sampled_from(
            [b"\n#", b"#", b"\n", b"\n##\n", b"1", b"12", b"0", b"abc", b"]]>", b"]]>]]>", b"\n#3\nabc"]
        )
    ),
    st.lists(st.integers(0, 80)),
)
def test_hostile_bytes_mean_the_same_however_they_are_split(framing, parts, cuts):
    limits = FramingLimits(message=30, chunk=20)
    wire = b"".join(parts)
    assert outcome(framer_for(framing, limits), [wire]) == outcome(
        framer_for(framing, limits), split(wire, cuts)
    )


def outcome(framer: Framer, parts: list[bytes]) -> tuple[list[bytes], bool]:
    """The messages up to the first violation, and whether there was one."""
    messages: list[bytes] = []
    try:
        for part in parts:
            framer.feed(part)
            messages += iter(framer.next_message, None)
    except ProtocolError:
        return messages, True
    return messages, False
