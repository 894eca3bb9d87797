"""One router with two services: what is said to one peer is not said to the other."""

import random
from ipaddress import IPv4Address, ip_address

import pytest

from dataplane.config import (
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Role,
    Security,
    ServiceConfig,
    StaticArbitration,
)
from dataplane.engine import Engine, effects, messages
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from dataplane.replication.outputs import ChannelState
from tests.support.pairs import Router as Peer
from tests.support.pairs import frames
from tests.support.routers import GROUP, OTHER, PORT, WALL, access, mac

HERE = IPv4Address("192.0.2.9")


def service(name: str, peer: str, port: int = 2000) -> ServiceConfig:
    there = PeerConfig(ip_address(peer), HERE, port)
    return ServiceConfig(name, peer=there, security=Security.NONE)


def profile(name: str, service_name: str, backup_id: int) -> ProfileConfig:
    return ProfileConfig(name, service_name, backup_id, arbitration=StaticArbitration(Role.MASTER))


class Hub:
    """An engine between two peers, each reduced to what it holds."""

    def __init__(self) -> None:
        self.engine = Engine(random.Random(1), WALL)
        self.now = 100.0
        self.peers: dict[str, Peer] = {}
        self.opened: list[str] = []
        self.closed: list[str] = []

    def commit(
        self, *items: ServiceConfig | ProfileConfig | InterfaceConfig, **gone: tuple[str, ...]
    ) -> None:
        kinds = {"services": ServiceConfig, "profiles": ProfileConfig, "interfaces": InterfaceConfig}
        parts = {name: tuple(i for i in items if isinstance(i, kind)) for name, kind in kinds.items()}
        self.give(messages.Reconfigure(**parts))  # type: ignore[arg-type]

    def meet(self, name: str, epoch: int, *backup_ids: int) -> None:
        """Connect a service with a peer that has these profiles."""
        self.peers[name] = peer = Peer(epoch, backup_ids)
        peer.now = self.now
        peer.perform(peer.machine.connected(self.now))
        self.give(messages.ChannelConnected(name))
        self.settle()

    def give(self, message: messages.Message) -> None:
        for each in (message, messages.BurstEnded()):
            for effect in self.engine.handle(each, self.now):
                if isinstance(effect, effects.AdoptPlane):
                    self.give(messages.Adopted(frozenset(), ()))
                elif isinstance(effect, effects.OpenChannel):
                    self.opened.append(effect.service)
                elif isinstance(effect, effects.CloseChannel):
                    self.closed.append(effect.service)
                elif isinstance(effect, effects.SendChannel) and effect.service in self.peers:
                    peer = self.peers[effect.service]
                    peer.perform(peer.machine.receive(effect.data, self.now))

    def settle(self) -> None:
        """Exchange until everything is said; time passes."""
        for _ in range(40):
            self.now += 0.02
            for name, peer in self.peers.items():
                peer.now = self.now
                peer.perform(peer.machine.tick(self.now))
                said, peer.outbox = b"".join(peer.outbox), []
                for frame in frames(said):
                    self.give(messages.ChannelReceived(name, frame))
            self.give(messages.Tick())

    def join(self, group: IPv4Address, interface: str = PORT) -> None:
        record = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, group)
        frame = report_frames(3, [record], mac(1), IPv4Address("10.1.0.1"))[0]
        self.give(messages.FrameCaptured(interface, frame, 0))
        self.settle()

    def copies(self, name: str) -> set[tuple[int, str]]:
        return {(number, str(group)) for number, _, _, group in self.peers[name].copies}


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    hub.commit(
        service("one", "192.0.2.1"),
        service("two", "192.0.2.2", 2001),
        profile("rbp1", "one", 1),
        profile("rbp2", "two", 1),
        access(profile="rbp1"),
        access("access1", profile="rbp2"),
    )
    hub.meet("one", 11, 1, 2)
    hub.meet("two", 22, 1, 2)
    return hub


def states(hub: Hub) -> set[ChannelState]:
    return {peer.machine.state for peer in hub.peers.values()}


def test_the_same_backup_id_means_another_profile_on_another_service(hub: Hub) -> None:
    hub.join(GROUP)
    hub.join(OTHER, "access1")
    assert hub.copies("one") == {(1, str(GROUP))}
    assert hub.copies("two") == {(1, str(OTHER))}
    assert states(hub) == {ChannelState.CONNECTED}


def test_a_profile_that_moves_leaves_one_peer_and_is_brought_to_the_other(hub: Hub) -> None:
    hub.join(GROUP)
    hub.commit(profile("rbp1", "two", 2))
    hub.settle()
    assert not hub.peers["one"].machine.peer_settings(1)
    assert hub.copies("two") == {(2, str(GROUP))}
    hub.join(OTHER)
    assert (2, str(OTHER)) in hub.copies("two")
    assert hub.copies("one") == {(1, str(GROUP))}, "what it has ages there"
    assert states(hub) == {ChannelState.CONNECTED}


def test_profiles_that_change_places_are_filled_at_both_peers(hub: Hub) -> None:
    hub.join(GROUP)
    hub.join(OTHER, "access1")
    for peer in hub.peers.values():
        peer.copies.clear()
    hub.commit(profile("rbp1", "two", 1), profile("rbp2", "one", 1))
    hub.settle()
    assert hub.copies("one") == {(1, str(OTHER))}
    assert hub.copies("two") == {(1, str(GROUP))}


def test_a_service_that_gets_another_peer_begins_anew_with_it(hub: Hub) -> None:
    hub.join(GROUP)
    hub.opened.clear()
    hub.commit(service("one", "192.0.2.3"))
    assert (hub.closed, hub.opened) == (["one"], ["one"])
    assert hub.peers["one"].machine.down_reason == "peer-configuration-changed"
    hub.meet("one", 33, 1)
    assert hub.copies("one") == {(1, str(GROUP))}
    assert hub.engine.world.services["two"].last_down is None
    asked = [each for each in hub.peers["one"].events if getattr(each, "returned", False)]
    assert asked == [], "a peer that had nothing of ours is not asked for it"
