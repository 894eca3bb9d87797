"""The hello datagram and whose hellos count."""

from contextlib import nullcontext
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.config import Role
from dataplane.roles.hello import (
    MIN_OCTETS,
    Hello,
    HelloDrop,
    HelloError,
    Stamp,
    decode,
    encode,
    profile_of,
)
from dataplane.roles.peering import Peering

A, B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
KEY = b"secret"
HELLO = Hello(7, 4095, Role.MASTER, 100, True, False, True, 300, Stamp(2**64 - 1, 5), Stamp(9, 8))


def refusal(datagram, key=KEY, sender=A):
    with pytest.raises(HelloError) as caught:
        decode(datagram, key, sender)
    return caught.value.reason


def test_what_is_encoded_is_decoded():
    datagram = encode(HELLO, KEY, A)
    assert len(datagram) == MIN_OCTETS == 64
    assert decode(datagram, KEY, A) == HELLO
    assert profile_of(datagram) == 4095


def test_ipv6_routers_and_no_key():
    sender = IPv6Address("2001:db8::1")
    assert decode(encode(HELLO, b"", sender), b"", sender) == HELLO


def test_another_key_or_sender_is_refused():
    datagram = encode(HELLO, KEY, A)
    assert refusal(datagram, key=b"other") is HelloDrop.BAD_AUTHENTICATION
    assert refusal(datagram, sender=B) is HelloDrop.BAD_AUTHENTICATION


def test_every_changed_octet_is_refused():
    datagram = encode(HELLO, KEY, A)
    for position in range(len(datagram)):
        changed = bytearray(datagram)
        changed[position] ^= 1
        with pytest.raises(HelloError):
            decode(bytes(changed), KEY, A)


def test_what_is_no_hello_is_refused():
    assert refusal(b"") is HelloDrop.MALFORMED
    assert refusal(b"x" * 64) is HelloDrop.MALFORMED
    assert refusal(encode(HELLO, KEY, A) + bytes(600)) is HelloDrop.MALFORMED
    assert profile_of(b"x" * 64) is None
    assert profile_of(b"TCEH") is None


def test_octets_of_a_later_version_are_authenticated_and_skipped():
    import hmac

    signed = encode(HELLO, KEY, A)[:48] + b"more"
    datagram = signed + hmac.digest(KEY, A.packed + signed, "sha256")[:16]
    assert decode(datagram, KEY, A) == HELLO
    assert refusal(signed + bytes(16)) is HelloDrop.BAD_AUTHENTICATION


def peering():
    ours = Peering(KEY, 7, 1, B, boot=10)
    for _ in range(20):
        ours.next_stamp()
    return ours


def theirs(stamp, echo=Stamp(10, 20)):  # noqa: B008 (a frozen value)
    return replace(HELLO, backup_id=1, stamp=stamp, echo=echo)


def test_a_new_start_counts_when_it_echoes_a_recent_hello():
    ours = peering()
    ours.accept(encode(theirs(Stamp(5, 1)), KEY, B))
    assert ours.newcomer
    ours.accept(encode(theirs(Stamp(5, 2)), KEY, B))
    assert not ours.newcomer
    assert ours.echo == Stamp(5, 2)


@pytest.mark.parametrize(
    ("stamp", "echo", "reason"),
    [
        (Stamp(5, 3), Stamp(10, 20), HelloDrop.REPLAYED),
        (Stamp(5, 2), Stamp(10, 20), HelloDrop.REPLAYED),
        (Stamp(6, 9), Stamp(0, 0), HelloDrop.UNVERIFIED),
        (Stamp(6, 9), Stamp(10, 4), HelloDrop.UNVERIFIED),
        (Stamp(6, 9), Stamp(10, 21), HelloDrop.UNVERIFIED),
        (Stamp(6, 9), Stamp(11, 20), HelloDrop.UNVERIFIED),
        (Stamp(10, 9), Stamp(10, 20), HelloDrop.REFLECTED),
    ],
)
def test_replays_and_reflections_do_not_count(stamp, echo, reason):
    ours = peering()
    ours.accept(encode(theirs(Stamp(5, 3)), KEY, B))
    with pytest.raises(HelloError):
        ours.accept(encode(theirs(stamp, echo), KEY, B))
    assert ours.refused == {reason: 1}


def test_a_kept_hello_of_the_former_start_does_not_count():
    """It repeats one of our last hellos, as the peer did before it restarted."""
    ours = peering()
    ours.accept(encode(theirs(Stamp(5, 3)), KEY, B))
    kept = encode(theirs(Stamp(5, 4)), KEY, B)
    ours.next_stamp()
    ours.accept(encode(theirs(Stamp(6, 1), Stamp(10, 21)), KEY, B))
    with pytest.raises(HelloError):
        ours.accept(kept)
    assert ours.refused == {HelloDrop.UNVERIFIED: 1}
    ours.accept(encode(theirs(Stamp(6, 2), Stamp(10, 21)), KEY, B))
    assert not ours.newcomer


@pytest.mark.parametrize(("behind", "counts"), [(15, True), (16, False)])
def test_a_new_start_counts_while_what_it_heard_is_one_of_the_last_hellos(behind, counts):
    ours = peering()
    ours.accept(encode(theirs(Stamp(5, 3)), KEY, B))
    for _ in range(16):
        ours.next_stamp()
    datagram = encode(theirs(Stamp(6, 9), Stamp(10, 36 - behind)), KEY, B)
    with nullcontext() if counts else pytest.raises(HelloError):
        ours.accept(datagram)
    assert ours.echo == Stamp(6, 9)


def test_a_newcomer_is_echoed_until_it_counts():
    ours = peering()
    with pytest.raises(HelloError):
        ours.accept(encode(theirs(Stamp(6, 9), Stamp(0, 0)), KEY, B))
    assert ours.echo == Stamp(6, 9)
    ours.accept(encode(theirs(Stamp(6, 10)), KEY, B))
    assert ours.echo == Stamp(6, 10)


def test_another_e_trunk_does_not_count():
    ours = peering()
    with pytest.raises(HelloError):
        ours.accept(encode(replace(theirs(Stamp(5, 1)), etrunk_id=8), KEY, B))
    assert ours.refused == {HelloDrop.WRONG_E_TRUNK: 1}
