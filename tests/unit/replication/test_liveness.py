"""How long a peer may take: to say anything, to introduce itself, with whatever interval it has told."""

import pytest

from dataplane.replication.messages import Announcement, Heartbeat, Open, encode, encode_settings
from dataplane.replication.outputs import ChannelState, Disconnect, Send
from dataplane.replication.peer import PeerMachine
from dataplane.replication.settings import ProfileSettings

SETTINGS = encode_settings([Announcement(ProfileSettings(1))], full=True)
UNENDING = bytearray(SETTINGS)
UNENDING[5] |= 2


def opened(*said, heartbeat_ms=1000):
    machine = PeerMachine(1)
    machine.connected(0.0)
    machine.receive(encode(Open(7, 0, heartbeat_ms)) + b"".join(said), 0.0)
    return machine


@pytest.mark.parametrize("said", [[], [bytes(UNENDING)]], ids=["nothing", "a list without end"])
def test_a_peer_that_lives_and_does_not_introduce_itself_is_given_up(said):
    machine = opened(*said)
    for second in range(1, 4):
        machine.receive(encode(Heartbeat()), float(second))
        machine.tick(float(second))
        assert machine.state is ChannelState.HANDSHAKE
    machine.receive(encode(Heartbeat()), 3.9)
    assert machine.next_deadline() == 4.0
    assert Disconnect("handshake-timeout") in machine.tick(4.0)


@pytest.mark.parametrize(
    ("heartbeat_ms", "dead_after"), [(0, 4.0), (10, 4.0), (2_500, 10.0), (10_000, 40.0), (2**32 - 1, 40.0)]
)
def test_the_longer_interval_of_the_two_counts_and_ten_seconds_at_most(heartbeat_ms, dead_after):
    machine = opened(SETTINGS, heartbeat_ms=heartbeat_ms)
    now, beats = 0.0, 0
    while machine.state is not ChannelState.DOWN:
        now = machine.next_deadline()
        beats += sum(isinstance(output, Send) for output in machine.tick(now))
    assert now == dead_after
    assert machine.down_reason == "heartbeat-timeout"
    assert beats == dead_after, "our own interval is what it was; the last word is CLOSE"
