"""What protects a channel, over real sockets: keys that are wrong, missing, late, replaced; strangers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dataplane.config import Secret, Security
from dataplane.engine.effects import OpenChannel
from dataplane.protection import protection
from dataplane.replication import making
from dataplane.replication.channel import Protection
from dataplane.replication.keys import KeyStore
from dataplane.replication.outputs import ChannelState, Limits, OutOfSync, SyncState
from dataplane.replication.sockets import md5_supported
from dataplane.replication.tls import TlsError
from tests.support.eventually import eventually
from tests.support.keys import couple, identity, store, trusting
from tests.support.nodes import HIGH, LOW, peer, protections, run
from tests.support.pairs import key_of, record


async def both(low, high):
    await low.start()
    await high.start()


def test_a_wrong_certificate_of_the_connecting_end_keeps_both_down():
    one, two = couple()
    stranger = trusting(identity(), one.peer)
    guards = Protection(lambda: stranger), Protection(lambda: two)

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.told.count("peer-refused-certificate") >= 2, "refused and tried again")
        assert high.told[-1] == "peer-certificate-not-trusted"
        assert high.channel.refused >= 2
        for node in (low, high):
            assert "connected" not in node.told
            assert node.machine.state is ChannelState.CONNECTING
        low.protection = Protection(lambda: one)
        await low.channel.stop()
        low.channel._protection = low.protection
        await low.channel.start()
        await eventually(lambda: low.connected and high.connected, "the right one gets in")

    run(scenario, guards=guards)


def test_a_wrong_certificate_of_the_listening_end_is_refused_too():
    one, two = couple()
    stranger = trusting(identity(), two.peer)
    guards = Protection(lambda: one), Protection(lambda: stranger)

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.told.count("peer-certificate-not-trusted") >= 2, "refused")
        await eventually(lambda: "peer-refused-certificate" in high.told, "told to the other end")
        assert "connected" not in low.told + high.told

    run(scenario, guards=guards)


@pytest.mark.parametrize("secured", ["low", "high"])
def test_one_end_in_clear_and_one_protected_do_not_connect(secured):
    one, two = protections("tls")
    guards = (one, Protection()) if secured == "low" else (Protection(), two)

    async def scenario(low, high):
        await both(low, high)
        node, other = (low, high) if secured == "low" else (high, low)
        await eventually(lambda: "peer-without-tls" in node.told, "the protected end says so")
        assert "connected" not in node.told
        await eventually(lambda: other.machine.down_reason, "the other end has a reason")

    run(scenario, guards=guards)


def test_who_cannot_show_that_he_is_the_peer_does_not_disturb_the_connection():
    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.connected and high.connected, "connected")
        port = high.channel._peer.port
        silent = [await asyncio.open_connection(HIGH, port, local_addr=(LOW, 0)) for _ in range(6)]
        await eventually(lambda: high.channel.refused >= 2, "no more than four at once")
        _, chatter = silent[0]
        chatter.write(b"hello, I am the peer" * 100)
        await eventually(lambda: high.channel.refused >= 3, "the talkative one")
        for _, writer in silent:
            writer.close()
        low.join(record(1))
        await eventually(lambda: key_of(record(1)) in high.router.copies, "the connection works on")
        assert high.told.count("connected") == 1

    run(scenario, "tls")


def test_a_flood_meets_the_write_limit_under_tls():
    """Rule 11 and acceptance: overflow ends the connection once, a batch makes it good."""

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.connected and high.connected, "connected")
        low.channel._write_limit = 50_000
        high.channel._current._transport.pause_reading()
        sent = 0
        while "overflow" not in low.told:
            for _ in range(100):
                low.join(record(sent))
                sent += 1
            await asyncio.sleep(0)
            assert sent < 200_000
        assert low.machine.down_reason == "queue-overflow"
        assert low.machine.sent.queue_dropped > 0
        assert low.told.count("overflow") == 1
        low.channel._write_limit = 10_000_000
        await eventually(
            lambda: low.connected and high.connected and low.router.local.keys() <= high.router.copies.keys(),
            "the batch makes it good",
        )

    run(scenario, "tls", Limits(unacknowledged=300_000, batch_window=2_000))


def test_a_peer_that_does_not_keep_up_gets_a_batch_when_it_does():
    """Rule 11: the queue is bounded; what it had no room for is counted, told, and made good by a batch."""

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.connected and high.connected, "connected")
        high.channel._current._transport.pause_reading()
        sent = 0
        while not any(isinstance(event, OutOfSync) for event in low.router.events):
            for _ in range(50):
                low.join(record(sent))
                sent += 1
            await asyncio.sleep(0)
            assert sent < 10_000
        assert low.machine.sync_state is SyncState.OUT_OF_SYNC
        assert low.machine.sent.queue_dropped > 0
        high.channel._current._transport.resume_reading()
        await eventually(
            lambda: (
                low.machine.sync_state is SyncState.IN_SYNC
                and low.router.local.keys() <= high.router.copies.keys()
            ),
            "the batch",
        )
        assert low.told.count("connected") == 1

    run(scenario, "tls", Limits(unacknowledged=500, batch_window=100))


def opened(folder, own, other, service="rbs1"):
    """The protection of a service from a key store, as the dataplane makes it."""
    keys = store(folder, own, other[1], service)
    return protection(OpenChannel(service, peer(LOW, HIGH, 2000), Security.TLS), keys)


def test_missing_keys_are_told_and_taken_when_they_come(tmp_path, caplog):
    one, two = identity(), identity()
    keys = store(tmp_path / "one", one, two[1], "rbs1")
    (tmp_path / "one" / "channel.key").rename(tmp_path / "later")
    low_guard = protection(OpenChannel("rbs1", peer(LOW, HIGH, 2000), Security.TLS), keys)
    guards = low_guard, opened(tmp_path / "two", two, one)

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.told.count("key-missing") >= 2, "missing")
        assert low.machine.state is ChannelState.DOWN
        assert low.machine.down_reason == "key-missing"
        (tmp_path / "later").rename(tmp_path / "one" / "channel.key")
        await eventually(lambda: low.connected and high.connected, "connected")

    run(scenario, guards=guards)
    said = [line for line in caplog.records if line.message == "channel-keys"]
    assert len(said) == 1
    assert str(tmp_path / "one" / "channel.key") in said[0].problem


def test_a_certificate_that_was_replaced_counts_from_the_next_connection_on(tmp_path):
    one, two, new = identity(), identity(), identity()
    guards = opened(tmp_path / "one", one, two), opened(tmp_path / "two", two, one)

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.connected and high.connected, "connected")
        store(tmp_path / "one", new, two[1], "rbs1")
        low.join(record(1))
        await eventually(lambda: key_of(record(1)) in high.router.copies, "nothing happens to this one")
        high.channel._current.abort()
        await eventually(lambda: "peer-refused-certificate" in low.told, "the new one is not known yet")
        store(tmp_path / "two", two, new[1], "rbs1")
        await eventually(lambda: low.connected and high.connected, "connected again")

    run(scenario, guards=guards)


def test_a_connection_outlives_a_certificate_and_the_next_one_does_not_begin(tmp_path):
    """Two seconds are left of it; a new one under the same name is enough to go on."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    one, two = identity(days=1, now=soon - timedelta(days=1)), identity()
    guards = opened(tmp_path / "one", one, two), opened(tmp_path / "two", two, one)

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: low.connected and high.connected, "connected")
        await eventually(lambda: datetime.now(UTC) > soon, "the end of the certificate")
        low.join(record(1))
        await eventually(lambda: key_of(record(1)) in high.router.copies, "the connection goes on")
        assert low.told.count("connected") == 1
        high.channel._current.abort()
        await eventually(lambda: "certificate-expired" in low.told, "nothing is shown that has ended")
        new = one[0], making.make_certificate(one[0], "new", (), datetime.now(UTC), 30)
        store(tmp_path / "one", new, two[1], "rbs1")
        store(tmp_path / "two", two, new[1], "rbs1")
        await eventually(lambda: low.connected and high.connected, "connected with the new one")

    run(scenario, guards=guards)


def test_the_end_of_a_certificate_is_warned_of_before(tmp_path, caplog):
    one, two = identity(days=20), identity()
    guard = opened(tmp_path, one, two)
    guard.credentials()
    guard.credentials()
    warned = [line for line in caplog.records if line.message == "certificate-expires"]
    assert [line.days for line in warned] == [19]


def test_another_md5_key_is_a_peer_that_does_not_answer():
    if not md5_supported():
        pytest.skip("no TCP MD5 signatures in this kernel")
    one, two = protections("tcp-md5")
    other = replace(two, md5_key=Secret("another"))

    async def scenario(low, high):
        await both(low, high)
        await eventually(lambda: "connection-timeout" in low.told, "no answer")
        assert "connected" not in low.told + high.told

    run(scenario, guards=(one, other))


def test_a_certificate_for_later_is_not_shown(tmp_path):
    one, two = identity(now=datetime(2100, 1, 1, tzinfo=UTC)), identity()
    guard = opened(tmp_path, one, two)
    with pytest.raises(TlsError, match="certificate-not-yet-valid"):
        guard.credentials()


def test_a_channel_in_clear_is_warned_of(tmp_path, caplog):
    effect = OpenChannel("rbs1", peer(LOW, HIGH, 2000), Security.NONE)
    assert protection(effect, KeyStore(tmp_path)) == Protection()
    assert [line.message for line in caplog.records] == ["channel-unprotected"]
