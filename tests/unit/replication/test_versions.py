"""Versions: a peer of a later minor version works, one of another major version is told."""

from dataplane.replication.outputs import ChannelState, SyncState
from tests.support.later_peer import LaterPeer
from tests.support.pairs import Router, record


def meet(peer: LaterPeer, piece: int = 10_000) -> Router:
    """Connect a router with the peer and let them talk until both are silent."""
    router = Router(1)
    router.join(record(1))
    router.perform(router.machine.connected(0.0))
    says = peer.begin()
    while says or router.outbox:
        for start in range(0, len(says), piece):
            router.perform(router.machine.receive(says[start : start + piece], 0.0))
        router.perform(router.machine.tick(0.0))
        heard, router.outbox = b"".join(router.outbox), []
        says = peer.hear(heard)
    return router


def test_a_peer_of_a_later_minor_version_is_understood_as_far_as_it_goes() -> None:
    for piece in (1, 7, 10_000):
        peer = LaterPeer()
        router = meet(peer, piece)
        assert router.machine.state is ChannelState.CONNECTED
        assert router.machine.sync_state is SyncState.IN_SYNC
        assert [str(key[-1]) for key in router.copies] == ["239.9.9.1"]
        received = router.machine.received
        assert (received.total, received.success, received.fail) == (3, 1, 2)
        assert (received.sequence_gap, received.decode_error) == (0, 0)
        assert len(peer.heard) == 1


def test_a_peer_of_another_major_version_is_told_and_left() -> None:
    for major in (0, 2, 65_535):
        peer = LaterPeer(major=major)
        router = meet(peer)
        assert peer.closed == "version-mismatch"
        assert router.hung_up
        assert router.machine.down_reason == "version-mismatch"
        assert router.copies == {}
