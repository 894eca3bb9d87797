"""Memberships are told by key, in steps of bounded work, and what is not asked for is not built."""

from ipaddress import IPv4Address

import pytest

from dataplane.config import ProfileConfig, Role, StaticArbitration
from dataplane.engine import memberships
from dataplane.engine.memberships import COUNTED, LOOK, PIECE, told
from dataplane.packets.messages import RecordType
from dataplane.state import GroupKey
from tests.support.routers import CORE, GROUP, OTHER, PORT, PROFILE, SERVICE, Pair, Router, profile

GROUPS = 2 * PIECE + 10


def group(number: int) -> IPv4Address:
    return IPv4Address("239.0.0.0") + number


@pytest.fixture(scope="module")
def router() -> Router:
    pair = Pair()
    config = ProfileConfig(PROFILE, SERVICE, 3, arbitration=StaticArbitration(Role.MASTER))
    pair.start(config, config)
    for number in range(GROUPS):
        pair.a.join(group(number), stb=1)
    for number in range(5):
        pair.a.join(group(number), stb=2)
    pair.a.join(group(GROUPS), stb=3)
    return pair.a


def found(router: Router, *keys: GroupKey) -> list[tuple[str, str]]:
    pieces = told(router.engine.world, router.plane, keys, lambda: router.clock.now)
    return [(item.subscriber, item.group_address) for piece in pieces for item in piece.groups]


STB2, STB3 = "02:00:00:00:00:02", "02:00:00:00:00:03"


def test_all_of_them_once(router: Router) -> None:
    everything = found(router, GroupKey())
    assert len(everything) == len(set(everything)) == GROUPS + 6
    assert found(router, GroupKey(PROFILE)) == found(router, GroupKey("", PORT)) == everything


@pytest.mark.parametrize(
    ("key", "count"),
    [
        (GroupKey("", "", STB2), 5),
        (GroupKey("", "", "", "239.0.0.3"), 2),
        (GroupKey(PROFILE, PORT, STB2, "239.0.0.3"), 1),
        (GroupKey(PROFILE, PORT, STB2, "239.0.0.9"), 0),
        (GroupKey("other"), 0),
        (GroupKey("other", PORT), 0),
        (GroupKey("", "other"), 0),
        (GroupKey("", "", "", "no address"), 0),
        (GroupKey("", "", "nobody"), 0),
        (GroupKey("", "", "", "ff3e::1"), 0),
    ],
)
def test_keys(router: Router, key: GroupKey, count: int) -> None:
    assert len(found(router, key)) == count


def test_only_what_matches_is_built(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    real = memberships._group

    def counting(*arguments: object) -> object:
        built.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(memberships, "_group", counting)
    assert len(found(router, GroupKey("", "", "", "239.0.0.3"))) == len(built) == 2
    built.clear()
    assert len(found(router, GroupKey("", "", STB3))) == len(built) == 1


def test_a_step_is_bounded_whether_it_finds_or_not(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [
        len(piece.groups) for piece in told(router.engine.world, router.plane, [GroupKey()], lambda: 0.0)
    ]
    assert max(sizes) == PIECE
    monkeypatch.setattr(memberships, "LOOK", 10)
    pieces = list(told(router.engine.world, router.plane, [GroupKey("", "", STB3)], lambda: 0.0))
    assert len(pieces) == GROUPS // 10 + 1
    assert sum(len(piece.groups) for piece in pieces) == 1


def test_members_may_change_between_two_steps(router: Router) -> None:
    pieces = told(router.engine.world, router.plane, [GroupKey()], lambda: router.clock.now)
    seen = [item.group_address for item in next(pieces).groups]
    router.join(group(5000))
    router.leave(group(1), stb=2)
    seen += [item.group_address for piece in pieces for item in piece.groups]
    assert {str(group(number)) for number in range(2, GROUPS)} <= set(seen)


def test_a_reader_who_takes_his_time_is_told_what_holds_then() -> None:
    pair = Pair()
    config = ProfileConfig(PROFILE, SERVICE, 3, arbitration=StaticArbitration(Role.MASTER))
    pair.start(config, config)
    for number in range(PIECE + 1):
        pair.a.join(group(number), stb=1)
    pieces = told(pair.a.engine.world, pair.a.plane, [GroupKey()], lambda: pair.clock.now)
    next(pieces)
    pair.run(7)
    pair.a.join(group(PIECE), stb=2)
    later = {item.subscriber: item for piece in pieces for item in piece.groups}
    assert (later[STB2].up_time, later[STB2].expire) == (0, 22)
    assert (later["02:00:00:00:00:01"].up_time, later["02:00:00:00:00:01"].expire) == (7, 15)


def test_counts_come_in_steps_too(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "LOOK", 100)
    counting = memberships.counted(router.engine.world, router.engine.world.profiles[PROFILE])
    steps = 0
    try:
        while True:
            next(counting)
            steps += 1
    except StopIteration as done:
        groups, entries, retained = done.value
    assert steps > GROUPS * 2 // 100 - 2
    assert entries == len(found(router, GroupKey()))
    assert groups == len({address for _, address in found(router, GroupKey())})
    assert retained == 0
    assert LOOK > PIECE


def test_a_backup_tells_that_the_stream_is_at_hand() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.join(GROUP)
    pair.a.report(RecordType.ALLOW_NEW_SOURCES, OTHER, "10.9.9.8", stb=2)
    pair.run(1)
    for _ in range(3):
        assert pair.b.forwards(GROUP) == frozenset()
        assert pair.a.forwards(GROUP) == {PORT}
    for router, out in ((pair.a, 3), (pair.b, 0)):
        entries = {each.group_address: each.packets for each in router.groups().values()}
        assert entries == {str(GROUP): 3, str(OTHER): 0}
        assert router.interface_state(CORE).forwarded["in-packets"] == 3
        assert router.interface_state(PORT).forwarded["out-packets"] == out


def test_entries_are_not_counted_where_there_are_none_or_too_many() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.join(GROUP, tags=(100, 0, 0))
    for number in range(COUNTED + 1):
        pair.a.report(RecordType.ALLOW_NEW_SOURCES, OTHER, f"10.9.{number}.1", stb=2 + number % 3)
    assert {each.packets for each in pair.a.groups().values()} == {None}


def test_what_the_plane_refused_is_told_whatever_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    config = ProfileConfig(PROFILE, SERVICE, 3, arbitration=StaticArbitration(Role.BACKUP))
    pair.start(config, config)
    pair.a.join(group(1))
    pair.a.join(group(2))
    refused = {group(1): "Cannot allocate memory"}
    monkeypatch.setattr(pair.a.plane, "refusal", lambda _port, each: refused.get(each))
    told = {item.group_address: item for item in pair.a.groups().values()}
    first, second = told[str(group(1))], told[str(group(2))]
    assert (first.forwarding, first.forwarding_reason) == (False, "not-installed: Cannot allocate memory")
    assert (second.forwarding, second.forwarding_reason) == (False, "standby")
    pair.a.configure(ProfileConfig(PROFILE, SERVICE, 3, arbitration=StaticArbitration(Role.MASTER)))
    told = {item.group_address: item for item in pair.a.groups().values()}
    assert not told[str(group(1))].forwarding
    assert told[str(group(2))].forwarding
