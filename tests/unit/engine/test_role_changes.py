"""Roles in unlucky moments: another arbitration while a stream flows, stops, late queries, refused hellos."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import msgspec
import pytest

from dataplane.actions import Switchover
from dataplane.config import ETrunkArbitration, PeerConfig, ProfileConfig, Role, VrrpArbitration
from dataplane.engine import effects, messages
from dataplane.links import Link
from dataplane.state import DualMaster
from tests.support.routers import (
    CORE,
    GROUP,
    PORT,
    PROFILE,
    SERVICE,
    WALL,
    Pair,
    Router,
    access,
    profile,
    upstream,
)

HOLD = 0.3
TRUNK = ETrunkArbitration(1, hello_interval=0.1, revert_delay=1.0)
VLAN10 = Link(5, "vlan10", True, bytes(6), 1500, (IPv4Interface("192.0.2.254/24"),))
VRRP = VrrpArbitration(51, "vlan10", "192.0.2.254")


def trunk(priority: int, **changes: object) -> ProfileConfig:
    return profile(arbitration=msgspec.structs.replace(TRUNK, priority=priority, **changes))


def trunks(**changes: object) -> Pair:
    """Router a is the preferred one, and master; a member is known to both."""
    pair = Pair()
    pair.start(trunk(10, **changes), trunk(20, **changes))
    pair.run(2.0)
    pair.a.join()
    pair.run(0.1)
    assert roles(pair) == ("master", "backup")
    return pair


def roles(pair: Pair) -> tuple[str, str]:
    return pair.a.profile_state().local_role, pair.b.profile_state().local_role


def always_forwarded(pair: Pair, seconds: float) -> bool:
    """Play the time; says whether a packet would have reached the member at each moment of it."""
    for _ in range(round(seconds / 0.02)):
        pair.run(0.02)
        if not (pair.a.forwards() or pair.b.forwards()):
            return False
    return True


def renumbered(pair: Pair) -> None:
    peer = PeerConfig(IPv4Address("192.0.2.9"), pair.a.address, 2000)
    pair.a.configure(pair.a.service(peer=peer))


@pytest.mark.parametrize(
    "change",
    [
        lambda pair: pair.a.configure(trunk(10)),
        lambda pair: pair.a.configure(profile(arbitration=VRRP)),
        lambda pair: pair.a.configure(msgspec.structs.replace(trunk(10), backup_id=8)),
    ],
    ids=["static to e-trunk", "static to vrrp", "static to another e-trunk"],
)
def test_a_stream_flows_on_when_the_arbitration_of_the_master_changes(change: Callable[[Pair], None]) -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.give(messages.LinkUpdated(VLAN10))
    pair.a.join()
    pair.run(0.1)
    change(pair)
    assert pair.a.forwards() == {PORT}
    assert always_forwarded(pair, 4.0)
    assert roles(pair) == ("master", "backup")


def test_there_and_back_through_all_arbitrations_while_a_stream_flows() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.give(messages.LinkUpdated(VLAN10))
    pair.b.give(messages.LinkUpdated(replace(VLAN10, addresses=())))
    pair.a.join()
    pair.run(0.1)
    static = (profile(Role.MASTER), profile(Role.BACKUP))
    hellos = (trunk(10), trunk(20))
    vrrp = (profile(arbitration=VRRP), profile(arbitration=VRRP))
    for number, (first, second) in enumerate((hellos, vrrp, hellos, static, vrrp, static)):
        pair.a.join()
        pair.a.configure(first)
        assert always_forwarded(pair, 1.5), number
        pair.b.configure(second)
        assert always_forwarded(pair, 4.0), number
        assert roles(pair) == ("master", "backup"), number


@pytest.mark.parametrize(
    "settings", [profile(), profile(Role.BACKUP), profile(arbitration=VRRP)], ids=["none", "static", "vrrp"]
)
def test_an_election_that_is_called_off_leaves_nothing_forwarding(settings: ProfileConfig) -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.join()
    pair.run(0.1)
    pair.a.configure(trunk(10))
    pair.run(0.1)
    pair.a.configure(settings)
    assert pair.a.forwards() == frozenset()


@pytest.mark.parametrize(
    "change",
    [renumbered, lambda pair: pair.a.configure(msgspec.structs.replace(trunk(10), backup_id=8))],
    ids=["peer", "backup-id"],
)
def test_a_stream_flows_on_when_the_master_looks_for_another_peer(change: Callable[[Pair], None]) -> None:
    pair = trunks()
    change(pair)
    assert always_forwarded(pair, 4.0)


def test_rule_18_a_port_that_goes_on_is_stopped_when_the_peer_forwards() -> None:
    """Both would forward until the end of init, a minute with slow hellos."""
    pair = trunks()
    pair.a.restart()
    pair.a.link(PORT, 1)
    pair.a.link(CORE, 2)
    pair.a.configure(pair.a.service(), trunk(10), access(), upstream())
    assert pair.a.forwards() == {PORT}
    pair.run(0.15)
    assert roles(pair) == ("init", "master")
    assert (pair.a.forwards(), pair.b.forwards()) == (frozenset(), {PORT})


def test_rule_18_it_goes_on_while_the_peer_that_took_over_has_no_upstream() -> None:
    pair = trunks()
    pair.b.link(CORE, 2, up=False)
    pair.run(0.2)
    pair.a.restart()
    pair.a.link(PORT, 1)
    pair.a.link(CORE, 2)
    pair.a.configure(pair.a.service(), trunk(10), access(), upstream())
    pair.run(0.15)
    assert roles(pair) == ("init", "master")
    for _ in range(100):
        pair.run(0.02)
        assert pair.a.forwards() == {PORT}
    assert roles(pair) == ("master", "backup")


def test_rule_18_a_router_that_stops_goes_on_forwarding_whatever_its_peer_says() -> None:
    """The kernel forwards until the next dataplane is there: the peer may be without an upstream."""
    pair = trunks()
    pair.a.order.clear()
    pair.a.give(messages.Stopping())
    pair.run(1.0)
    assert roles(pair)[1] == "master"
    assert effects.SetActive(PORT, False) not in pair.a.order
    assert pair.a.forwards() == {PORT}


def failover(pair: Pair) -> None:
    pair.a.link(CORE, 2, up=False)
    pair.run(0.002)
    assert roles(pair) == ("backup", "master")


def test_rule_17_a_query_of_the_old_master_on_its_way_silences_nobody() -> None:
    pair = trunks()
    failover(pair)
    pair.b.query("10.1.0.1")  # a sent it just before
    pair.b.frames.clear()
    pair.run(15.0)
    assert pair.b.queries()


def test_rule_17_a_foreign_querier_is_heard_after_a_failover() -> None:
    pair = trunks()
    failover(pair)
    pair.run(1.0)
    pair.b.query("10.0.0.1")
    pair.b.frames.clear()
    pair.run(15.0)
    assert pair.b.queries() == []


def switch_over(router: Router) -> None:
    router.give(Switchover(PROFILE))


def test_rule_17_the_querier_is_taken_back_where_only_the_channel_tells_the_roles() -> None:
    """Both are master for a while, as the order of static roles wants it; a has the lower address."""
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.run(2.0)
    switch_over(pair.b)
    pair.run(0.5)
    pair.b.query("10.1.0.1")
    pair.b.frames.clear()
    pair.run(0.2)
    assert pair.b.queries() == []
    switch_over(pair.a)
    pair.run(0.1)
    assert [query.group for query in pair.b.queries()] == [None]
    pair.b.query("10.1.0.1")
    pair.run(15.0)
    assert len(pair.b.queries()) > 2


@pytest.mark.parametrize("other", [{"security_key": "another"}, {"id": 2}], ids=["key", "e-trunk id"])
def test_two_masters_that_do_not_take_each_others_hellos_are_told_by_the_channel(
    other: dict[str, object],
) -> None:
    pair = Pair()
    pair.start(trunk(10), trunk(20, **other))
    pair.run(5.0)
    assert roles(pair) == ("master", "master")
    assert [each.events.count(DualMaster(PROFILE)) for each in (pair.a, pair.b)] == [1, 1]
    told = pair.a.profile_state().hellos
    assert told is not None
    assert (told.received, sum(told.refused.values())) == (0, told.sent)
    assert set(told.refused) <= {"bad-authentication", "wrong-e-trunk"}
    pair.b.configure(trunk(20))
    pair.run(2.0)
    assert roles(pair) == ("master", "backup")


def test_two_masters_where_one_alone_has_an_election() -> None:
    pair = Pair()
    pair.start(trunk(10), profile(Role.MASTER))
    pair.run(5.0)
    assert [each.events.count(DualMaster(PROFILE)) for each in (pair.a, pair.b)] == [1, 1]


def test_hellos_are_counted_since_the_election_was_configured() -> None:
    pair = trunks()
    told = pair.b.profile_state().hellos
    assert told is not None
    assert told.sent > 20
    assert told.received > 20
    assert told.refused == {"unverified": 1}
    assert told.discontinuity_time == WALL + 100.0
    pair.b.configure(msgspec.structs.replace(trunk(20), backup_id=8))
    again = pair.b.profile_state().hellos
    assert again is not None
    assert again.sent == 1
    assert again.discontinuity_time == WALL + pair.clock.now
    pair.b.configure(profile(Role.BACKUP))
    assert pair.b.profile_state().hellos is None


def test_a_failover_tells_of_no_two_masters() -> None:
    pair = trunks()
    failover(pair)
    pair.run(5.0)
    pair.a.link(CORE, 2)
    pair.run(5.0)
    assert roles(pair) == ("master", "backup")
    assert DualMaster(PROFILE) not in [*pair.a.events, *pair.b.events]


def test_two_profiles_share_the_load_and_each_moves_by_itself() -> None:
    """Router a is preferred for one, router b for the other; a router that fails gives both to the other."""
    pair = Pair()
    second = ("second", SERVICE, 8)
    for router, mine, its in ((pair.a, 10, 20), (pair.b, 20, 10)):
        for number, name in enumerate((PORT, CORE, "access1"), 1):
            router.link(name, number)
        other = ProfileConfig(*second, arbitration=msgspec.structs.replace(TRUNK, priority=its))
        ports = access(), access("access1", profile="second")
        router.configure(router.service(), trunk(mine), other, *ports, upstream())
    pair.run(2.0)

    def masters() -> tuple[str, str]:
        named = {"a": pair.a, "b": pair.b}
        first, other = (
            "".join(name for name, each in named.items() if each.profile_state(of).local_role == "master")
            for of in (PROFILE, "second")
        )
        return first, other

    assert masters() == ("a", "b")
    pair.a.join()
    pair.b.join(interface="access1")
    pair.run(0.1)
    assert (pair.a.forwards(), pair.b.forwards()) == ({PORT}, {"access1"})
    for failing, rest in ((pair.a, "b"), (pair.b, "a")):
        failing.link(CORE, 2, up=False)
        pair.run(0.1)
        assert masters() == (rest, rest)
        failing.link(CORE, 2)
        pair.run(3.0)
        assert masters() == ("a", "b")
    assert (pair.a.forwards(), pair.b.forwards()) == ({PORT}, {"access1"})


@pytest.mark.parametrize("heard_by", ["a", "b"])
@pytest.mark.parametrize("back", [False, True], ids=["failover", "failback"])
def test_rule_10_a_leave_is_finished_over_a_change_in_either_direction(heard_by: str, back: bool) -> None:
    """Whoever of the two hears the member: behind a smart link that is not always the master."""
    pair = trunks(revertive=False)
    if back:
        failover(pair)
        pair.a.link(CORE, 2)
        pair.run(1.0)
    hearing = pair.a if heard_by == "a" else pair.b
    hearing.join(stb=2)
    pair.a.leave()
    pair.run(0.1)
    hearing.leave(stb=2)
    pair.run(0.5)
    for router in (pair.a, pair.b):
        router.frames.clear()
    new = pair.a if back else pair.b
    switch_over(new)
    pair.run(0.05)
    assert roles(pair) == (("master", "backup") if back else ("backup", "master"))
    pair.run(3.0)
    assert GROUP in [query.group for query in new.queries()]
    assert (pair.a.has_entry(), pair.b.has_entry()) == (False, False)


def groups(count: int) -> list[IPv4Address]:
    return [IPv4Address(f"239.2.{number // 250}.{number % 250 + 1}") for number in range(count)]


def test_rule_12_failback_waits_for_the_joins_on_a_spare_upstream_too() -> None:
    pair = Pair()
    for router, priority in ((pair.a, 10), (pair.b, 20)):
        for number, name in enumerate((PORT, CORE, "core1"), 1):
            router.link(name, number)
        settings = trunk(priority, revertive=priority == 20, revert_delay=0.0)
        router.configure(router.service(), settings, access(), upstream(), upstream("core1", 200))
    pair.run(2.0)
    for group in groups(1000):
        pair.b.join(group)
    pair.run(1.0)
    pair.a.configure(trunk(30, revert_delay=0.0))
    pair.b.order.clear()
    pair.b.link(CORE, 2, up=False)  # the spare is joined to now
    pair.run(1.0)
    assert roles(pair) == ("backup", "master")
    done = pair.b.order
    before = done[: done.index(effects.SetActive(PORT, True))]
    reports = [report for each in before if isinstance(each, effects.SendReports) for report in each.reports]
    assert len({record.group for report in reports for record in report.records}) == 1000


def test_rule_12_failback_waits_for_the_batch_of_a_profile_that_comes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = trunks(revert_delay=0.0)
    late = ProfileConfig("late", SERVICE, 8, arbitration=msgspec.structs.replace(TRUNK, revert_delay=0.0))
    for router in (pair.a, pair.b):
        router.link("access1", 3)
    pair.b.configure(late, access("access1", profile="late"))
    pair.run(1.0)
    assert pair.b.profile_state("late").local_role == "master"
    for group in groups(300):
        pair.b.join(group, interface="access1")
    pair.run(0.1)
    held: list[bytes] = []
    monkeypatch.setattr(pair.b, "outbox", Held(held))
    pair.a.configure(late, access("access1", profile="late"))
    pair.run(1.5)
    assert pair.a.profile_state("late").local_role == "backup"
    monkeypatch.undo()
    pair.b.outbox.extend(held)
    pair.run(0.5)
    assert pair.a.profile_state("late").local_role == "master"
    assert len(pair.a.groups(interface="access1")) == 300


class Held:
    """An outbox that nothing leaves: the octets wait in a slow channel."""

    def __init__(self, held: list[bytes]) -> None:
        self.append = held.append

    def __bool__(self) -> bool:
        return False


def test_the_reason_is_told_of_a_role_that_never_was_another() -> None:
    pair = Pair()
    pair.start(profile(arbitration=VRRP), profile())
    assert roles(pair) == ("init", "init")
    assert pair.a.profile_state().last_role_change_reason == "interface-missing"
    assert pair.b.profile_state().last_role_change_reason == "no-arbitration"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (profile(), "no-arbitration"),
        (profile(arbitration=VRRP), "interface-missing"),
        (profile(Role.BACKUP), "configured"),
        (trunk(10), "configured"),
    ],
)
def test_the_reason_is_that_of_the_new_arbitration(settings: ProfileConfig, reason: str) -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.configure(settings)
    assert pair.a.profile_state().last_role_change_reason == reason


def test_an_election_without_a_peer_to_have_it_with() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.configure(pair.a.service(peer=None), trunk(10))
    assert roles(pair)[0] == "init"
    assert pair.a.profile_state().last_role_change_reason == "no-peer"
