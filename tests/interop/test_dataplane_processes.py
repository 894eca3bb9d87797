"""Two real dataplane processes over loopback, told what to do over their control sockets."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from dataplane.config import (
    AccessConfig,
    DataplaneConfig,
    ETrunkArbitration,
    InterfaceConfig,
    ProfileConfig,
    Role,
    Secret,
    Security,
    ServiceConfig,
    StaticArbitration,
    TlsConfig,
)
from dataplane.control.client import (
    Accepted,
    ConfigDelta,
    ControlClient,
    Event,
    Generation,
    NotInStep,
    Refused,
    RequestFailed,
    ServiceOnWire,
    StateSelection,
    Unavailable,
    Welcome,
    whole,
)
from dataplane.control.messages import (
    LENGTH_SIZE,
    WINDOW,
    Answer,
    Done,
    Ping,
    decode_answer,
    encode,
    length_of,
)
from dataplane.control.service import MAXIMUM_CLIENTS
from dataplane.state import RoleChanged
from tests.support.dataplane import DataplaneProcess, service
from tests.support.ports import free_port
from tests.support.wait import wait_for

HERE, THERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[DataplaneProcess]:
    process = DataplaneProcess(tmp_path / "one")
    process.start()
    yield process
    process.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[DataplaneProcess]:
    process = DataplaneProcess(tmp_path / "two")
    process.start()
    yield process
    process.close()


def config(channel: ServiceConfig, arbitration: StaticArbitration | ETrunkArbitration) -> DataplaneConfig:
    profile = ProfileConfig("rbp1", channel.name, 7, arbitration=arbitration)
    access = InterfaceConfig("no-such-link", access=AccessConfig("rbp1"))
    return DataplaneConfig((channel,), (profile,), (access,))


def connect(one: DataplaneProcess, two: DataplaneProcess, *, trunk: bool = False) -> DataplaneConfig:
    port = free_port()
    left: StaticArbitration | ETrunkArbitration = StaticArbitration(Role.MASTER)
    right: StaticArbitration | ETrunkArbitration = StaticArbitration(Role.BACKUP)
    if trunk:
        left = ETrunkArbitration(1, 10, "secret", 0.05, 3)
        right = ETrunkArbitration(1, 20, "secret", 0.05, 3)
    settings = config(service("to-two", HERE, THERE, port), left)
    one.restore(settings)
    two.restore(config(service("to-one", THERE, HERE, port), right))
    return settings


def channel_state(process: DataplaneProcess) -> str:
    services = process.state().services
    return services[0].channel_state if services else ""


def roles(*processes: DataplaneProcess) -> list[str]:
    return [profile.local_role for process in processes for profile in process.state().profiles]


def test_the_channel_connects_and_survives_a_kill(one: DataplaneProcess, two: DataplaneProcess) -> None:
    settings = connect(one, two)
    both = (one, two)
    wait_for(lambda: {channel_state(each) for each in both} == {"connected"}, what="connected")
    assert roles(*both) == ["master", "backup"]
    assert one.state().profiles[0].peer_role == "backup"
    one.kill()
    wait_for(lambda: channel_state(two) != "connected", what="the other side notices")
    one.start()
    assert one.state().profiles == ()
    one.restore(settings)
    wait_for(lambda: {channel_state(each) for each in both} == {"connected"}, what="connected again")


def test_an_e_trunk_agrees_on_a_master(one: DataplaneProcess, two: DataplaneProcess) -> None:
    connect(one, two, trunk=True)
    # neither has an upstream: the better priority decides
    wait_for(lambda: roles(one, two) == ["master", "backup"], what="one master")
    assert one.terminate() == 0
    wait_for(lambda: roles(two) == ["master"], what="the other takes over on the goodbye")


def test_a_change_is_prepared_applied_and_reverted(one: DataplaneProcess) -> None:
    start = one.client.restore(ConfigDelta())
    added = ConfigDelta(profiles=(ProfileConfig("rbp1"),))
    answer = one.client.prepare(start, added)
    assert isinstance(answer, Accepted)
    assert one.state().profiles == ()
    applied = one.client.apply(answer.token)
    assert applied != start
    assert [profile.name for profile in one.state().profiles] == ["rbp1"]
    one.client.revert(answer.token)
    assert one.state().profiles == ()
    with pytest.raises(RequestFailed):
        one.client.revert(answer.token)


def test_a_change_from_another_generation_is_not_in_step(one: DataplaneProcess) -> None:
    assert isinstance(one.client.prepare(Generation("another", 1), ConfigDelta()), NotInStep)


def test_what_the_means_do_not_allow_is_refused(one: DataplaneProcess) -> None:
    usual = ConfigDelta(services=(ServiceOnWire("rbs1"),))
    assert isinstance(one.client.prepare(None, usual), Accepted)
    named = ConfigDelta(services=(ServiceOnWire("rbs1", tls=TlsConfig(peer_key="nobody")),))
    refused = one.client.prepare(None, named)
    assert isinstance(refused, Refused)
    assert [(item.name, item.leaf) for item in refused.refusals] == [("rbs1", "tls/peer-key")]
    assert str(one.folder / "keys" / "nobody.pub") in refused.refusals[0].message
    long_key = ConfigDelta(
        services=(ServiceOnWire("rbs1", security=Security.TCP_MD5, md5_key=Secret("ü" * 41)),)
    )
    refused = one.client.prepare(None, long_key)
    assert isinstance(refused, Refused)
    assert "key-too-long" in [item.app_tag for item in refused.refusals]
    assert "ü" not in repr(refused)
    ports = tuple(
        InterfaceConfig(f"access{number}", access=AccessConfig("", number)) for number in range(1, 124)
    )
    crowded = one.client.prepare(None, ConfigDelta(interfaces=ports))
    assert isinstance(crowded, Refused)
    assert [item.name for item in crowded.refusals] == ["access122", "access123"]


def test_a_large_configuration_and_state_cross_in_pieces(one: DataplaneProcess) -> None:
    profiles = tuple(ProfileConfig(f"rbp{number}") for number in range(20_000))
    one.client.restore(ConfigDelta(profiles=profiles))
    pieces = list(one.client.state(StateSelection()))
    assert len(pieces) > 10
    assert sum(len(piece.profiles) for piece in pieces) == 20_000
    single = list(one.client.state(StateSelection((), ("rbp7",), (), ())))
    assert [profile.name for piece in single for profile in piece.profiles] == ["rbp7"]


def test_a_client_without_a_dataplane_says_so(one: DataplaneProcess) -> None:
    one.kill()
    with pytest.raises(Unavailable):
        one.client.ping()
    one.start()
    assert one.client.restore(whole(DataplaneConfig()))


def test_sigterm_ends_it_with_status_0(one: DataplaneProcess) -> None:
    assert one.terminate() == 0


def test_who_breaks_the_rules_is_disconnected_and_nobody_else(one: DataplaneProcess) -> None:
    too_long = (2**31).to_bytes(4, "big")
    for garbage in (too_long, (4).to_bytes(4, "big") + b"\xff\xff\xff\xff"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as intruder:
            intruder.settimeout(10)
            intruder.connect(str(one.path))
            intruder.sendall(garbage)
            while intruder.recv(4096):
                continue
    assert one.client.ping()


def test_clients_are_limited(one: DataplaneProcess) -> None:
    with ExitStack() as stack:
        ended = []
        for _ in range(MAXIMUM_CLIENTS + 1):
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.settimeout(10)
            client.connect(str(one.path))
            ended.append(client.recv(4096) == b"")
        assert any(ended)
        assert not all(ended)
        assert one.client.ping()


def test_events_are_announced_to_who_listens(one: DataplaneProcess) -> None:
    seen: list[Event] = []
    listener = ControlClient(one.path, lambda event, _: seen.append(event))
    listener.start()
    assert listener.wait_connected(timeout=10)
    profile = ProfileConfig("rbp1", arbitration=StaticArbitration(Role.MASTER))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(10)
        other.connect(str(one.path))
        assert isinstance(next_answer(other), Welcome)
        one.client.restore(ConfigDelta(profiles=(profile,)))
        wait_for(lambda: RoleChanged("rbp1", "init", "master", "configured") in seen, what="the event")
        other.sendall(encode(Ping(1)))
        assert isinstance(next_answer(other), Done)
    listener.close()


def next_answer(client: socket.socket) -> Answer:
    size = length_of(client.recv(LENGTH_SIZE, socket.MSG_WAITALL))
    return decode_answer(client.recv(size, socket.MSG_WAITALL))


def many_profiles(count: int) -> DataplaneConfig:
    return DataplaneConfig(profiles=tuple(ProfileConfig(f"rbp{number}") for number in range(count)))


def test_state_comes_as_fast_as_it_is_taken(one: DataplaneProcess) -> None:
    """More pieces than are sent unasked; what is not taken to its end costs the others nothing."""
    one.restore(many_profiles(256 * (WINDOW + 8)))
    wanted = StateSelection((), None, (), (), counts=False)
    with closing(one.client.state(wanted)) as abandoned:
        next(abandoned)
        waiting = [one.client.state(wanted) for _ in range(20)]
        for pieces in waiting:
            next(pieces)
        names = [item.name for piece in one.client.state(wanted) for item in piece.profiles]
        assert len(names) == len(set(names)) == 256 * (WINDOW + 8)
        one.client.ping()
        for pieces in waiting:
            pieces.close()
    assert sum(len(piece.profiles) for piece in one.client.state(wanted)) == len(names)
