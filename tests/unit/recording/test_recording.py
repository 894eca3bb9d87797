"""Recordings: a router's run written down, read, and played again."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane import config
from dataplane.config import ETrunkArbitration, Role
from dataplane.engine import messages
from dataplane.engine.effects import Effect, SendHelloTo
from dataplane.engine.messages import Message
from dataplane.forwarding.plane import Route, RouteKey
from dataplane.links import Link
from dataplane.recording.journal import Begin, RecordingError, Writer, read
from dataplane.recording.plain import PlainError, plain, revived
from dataplane.recording.recorder import Recorder
from dataplane.recording.replay import replay, shown, state
from tests.support.routers import GROUP, OTHER, SERVICE, Pair, profile

KEY = "a key that nobody may read"
LINK = Link(
    3,
    "access0",
    True,
    b"\x02\x00\x00\x00\x00\x01",
    1500,
    (IPv4Interface("10.0.0.1/16"),),
    (IPv6Interface("fe80::1/64"),),
    kind="vlan",
    parent=2,
)
MESSAGES = [
    messages.Adopted(
        frozenset({"b", "a"}),
        (
            Route(RouteKey(GROUP), frozenset({"a"})),
            Route(RouteKey(IPv6Address("ff3e::1"), IPv6Address("2001:db8::1")), frozenset()),
        ),
    ),
    messages.LinkUpdated(LINK),
    messages.LinkRemoved("access0"),
    messages.FrameCaptured("access0", b"\x00\xff", 7),
    messages.ChannelReceived(SERVICE, b"abc"),
    messages.ChannelDisconnected(SERVICE, "reset"),
    messages.Tick(),
    messages.Reconfigure(
        profiles=(profile(Role.MASTER), profile(mld_copy=False)), removed_interfaces=("access0",)
    ),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    line = Writer().line(1.25, message)
    assert list(read([line])) == [(1.25, message)]


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
routes = st.builds(
    Route,
    st.builds(RouteKey, addresses, st.none() | addresses),
    st.frozensets(st.text("abc0", min_size=1, max_size=4), max_size=3),
)


@given(st.frozensets(st.text(max_size=8), max_size=4), st.lists(routes, max_size=4), st.floats(0, 1e9))
def test_any_plane_is_read_as_it_was_written(active: frozenset[str], found: list[Route], at: float) -> None:
    message = messages.Adopted(active, tuple(found))
    assert list(read([Writer().line(at, message)])) == [(at, message)]


@given(st.binary(max_size=200))
def test_what_is_no_recording_is_refused_in_words(octets: bytes) -> None:
    with pytest.raises(RecordingError, match="line 1"):
        list(read([octets + b"\n"]))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"at": 1.0, "type": "Nothing"}, "no message 'Nothing'"),
        ({"at": 1, "type": "Tick"}, "no time or no type"),
        ({"at": 1.0, "type": "LinkRemoved"}, "LinkRemoved lacks 'name'"),
        ({"at": 1.0, "type": "LinkRemoved", "name": 3}, "name: '3' is not str"),
        ({"at": 1.0, "type": "LinkRemoved", "name": "a", "x": 3}, "LinkRemoved has no 'x'"),
        ({"at": 1.0, "type": "FrameCaptured", "interface": "a", "frame": "0g", "outer_vlan": 0}, "frame: "),
        ({"at": 1.0, "type": "Adopted", "active": 3, "routes": []}, "active: '3' is not a list"),
        ({"at": 1.0, "type": "Begin", "seed": "1", "wall_offset": 0.0, "version": 9}, "version 9"),
    ],
)
def test_a_line_that_is_wrong_is_named(line: dict[str, object], complaint: str) -> None:
    with pytest.raises(RecordingError, match=r"^line 1: ") as error:
        list(read([msgspec.json.encode(line) + b"\n"]))
    assert complaint in str(error.value)


def test_what_the_process_could_not_finish_writing_is_left_out() -> None:
    line = Writer().line(1.0, messages.Tick())
    assert list(read([line, line[:-4]])) == [(1.0, messages.Tick())]


def test_a_run_has_a_beginning() -> None:
    with pytest.raises(RecordingError, match="Tick comes before the beginning"):
        list(replay([(1.0, messages.Tick())]))


def elected(priority: int, key: str = KEY) -> config.ProfileConfig:
    return profile(arbitration=ETrunkArbitration(7, priority, key, hello_interval=0.1, revert_delay=1.0))


def a_day(recorded: str) -> Pair:
    """Two routers with hellos, copies, a cut and a restart; one of them is recorded."""
    pair = Pair()
    router = pair.a if recorded == "a" else pair.b
    router.record()
    pair.start(elected(50), elected(100))
    pair.a.join(GROUP)
    pair.b.join(OTHER, stb=2)
    pair.run(3.0)
    pair.cut_channel()
    pair.a.leave(GROUP)
    pair.run(3.0)
    pair.mend_channel()
    pair.run(3.0)
    pair.a.link("core0", 2, up=False)
    pair.run(1.0)
    return pair


def told(wanted: Iterable[Effect]) -> list[object]:
    """All effects but hellos, which are signed with another key in a replay."""
    return [plain(effect) for effect in wanted if not isinstance(effect, SendHelloTo)]


@pytest.mark.parametrize("recorded", ["a", "b"])
def test_a_replay_does_what_the_router_did(recorded: str) -> None:
    router = getattr(a_day(recorded), recorded)
    steps = list(replay(read(router.recording)))
    assert told(effect for step in steps for effect in step.effects) == told(router.order)
    last = steps[-1]
    assert last.engine.world.profiles["rbp1"].role is router.engine.world.profiles["rbp1"].role
    groups = state(last.engine, last.at)["groups"]
    assert [each["group_address"] for each in groups] == [
        each.group_address for each in router.groups().values()
    ]
    assert msgspec.json.encode([shown(effect) for step in steps for effect in step.effects])


def test_no_key_is_written_and_hellos_are_good_all_the_same() -> None:
    pair = a_day("b")
    assert pair.b.engine.world.profiles["rbp1"].role is Role.MASTER
    assert pair.b.recording is not None
    assert KEY.encode() not in b"".join(pair.b.recording)


def test_a_hello_that_was_bad_is_bad_in_the_replay_too() -> None:
    pair = Pair()
    pair.b.record()
    pair.start(elected(50, "one key"), elected(100, "another key"))
    pair.run(2.0)
    assert pair.b.recording is not None
    *_, last = replay(read(pair.b.recording))
    assert last.engine.world.profiles["rbp1"].role is pair.b.engine.world.profiles["rbp1"].role is Role.MASTER


def test_every_key_in_the_configuration_is_left_out() -> None:
    """A new field with a key in it has to be considered here and in the journal."""
    kinds = [
        kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    ]
    named = {
        f"{kind.__name__}.{name}"
        for kind in kinds
        for name in kind.__struct_fields__
        if any(word in name for word in ("key", "secret", "password"))
    }
    left_out = {"ETrunkArbitration.security_key", "ServiceConfig.md5_key"}
    names_of_files = {"TlsConfig.key", "TlsConfig.peer_key"}
    assert named <= left_out | names_of_files


BEGIN = Begin("2a", 0.0)


def test_a_recorder_writes_at_the_end_of_each_burst(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    recorder = Recorder(path, BEGIN, 0.0, 10_000)
    assert path.stat().st_mode & 0o077 == 0
    recorder.put(messages.Tick(), 1.0)
    assert len(path.read_bytes().splitlines()) == 1
    recorder.put(messages.BurstEnded(), 1.0)
    assert [entry for _, entry in read(path.open("rb"))] == [BEGIN, messages.Tick(), messages.BurstEnded()]
    recorder.close()


def test_a_recorder_goes_on_in_the_same_file_and_stops_when_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for _ in range(2):
        Recorder(path, BEGIN, 0.0, 1_000).close()
    assert [entry for _, entry in read(path.open("rb"))] == [BEGIN, BEGIN]
    recorder = Recorder(path, BEGIN, 0.0, 1_000)
    for _ in range(100):
        recorder.put(messages.Tick(), 1.0)
        recorder.put(messages.BurstEnded(), 1.0)
    assert 900 < path.stat().st_size <= 1_000
    assert list(read(path.open("rb")))
    recorder.close()


def test_a_recorder_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"run\.jsonl"):
        Recorder(tmp_path / "run.jsonl", BEGIN, 0.0, 1_000)


def test_plain_values_know_their_types() -> None:
    assert revived(float, 3) == 3.0
    assert plain({IPv4Address("10.0.0.2"): "b", IPv4Address("10.0.0.1"): "a"}) == ["a", "b"]
    with pytest.raises(PlainError):
        revived(config.Address, "10.0.0.256")
