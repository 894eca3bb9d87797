"""Switchover by order with an e-trunk: two machines over a link in memory."""

import msgspec
import pytest

from dataplane.config import ETrunkArbitration, Role
from dataplane.roles import PeerRoleChanged, RoleChanged, RoleReason, SendHello, SwitchoverRefused
from tests.support.roles import Pair, Side

BACKUP, MASTER = Role.BACKUP, Role.MASTER
REVERTIVE = ETrunkArbitration(
    1, hello_interval=0.1, failure_multiplier=3, revert_delay=20.0, security_key="k"
)
CONFIG = msgspec.structs.replace(REVERTIVE, revertive=False)


def serving(config: ETrunkArbitration = CONFIG, *, ready: bool = True) -> Pair:
    """Side a is the better one, and master."""
    pair = Pair(config, config)
    pair.start()
    pair.run(1.0)
    assert pair.roles == (MASTER, BACKUP)
    for side in (pair.a, pair.b):
        side.perform(side.machine.ready(ready, pair.now))
    pair.run(0.2)
    return pair


def order(pair: Pair, side: Side) -> None:
    side.perform(side.machine.switchover(pair.now))


def reasons(side: Side) -> list[str]:
    return [reason for _, reason in side.changes]


def test_a_master_hands_over_and_forwards_until_the_peer_does() -> None:
    pair = serving()
    order(pair, pair.a)
    assert pair.roles == (MASTER, BACKUP)
    pair.deliver(pair.a)
    assert pair.roles == (MASTER, MASTER)
    pair.deliver(pair.b)
    assert pair.roles == (BACKUP, MASTER)
    assert reasons(pair.a)[-1] == reasons(pair.b)[-1] == RoleReason.SWITCHOVER


def test_a_backup_takes_the_role_and_the_better_master_yields_to_the_order() -> None:
    pair = serving()
    order(pair, pair.b)
    assert pair.roles == (MASTER, MASTER)
    pair.deliver(pair.b)
    assert pair.roles == (BACKUP, MASTER)
    assert reasons(pair.a)[-1] == RoleReason.SWITCHOVER


def test_the_new_master_acts_first_and_then_speaks() -> None:
    pair = serving()
    taken = [each for each in pair.b.machine.switchover(pair.now) if not isinstance(each, PeerRoleChanged)]
    assert [type(each) for each in taken] == [RoleChanged, SendHello]


@pytest.mark.parametrize("ordered", ["a", "b"])
def test_the_roles_stay_changed_whatever_the_priorities_say(ordered: str) -> None:
    pair = serving()
    order(pair, pair.a if ordered == "a" else pair.b)
    pair.run(1000.0)
    assert pair.roles == (BACKUP, MASTER)
    assert pair.a.machine.dual_masters == pair.b.machine.dual_masters == 0


def test_a_revertive_router_takes_its_role_back_after_its_delay() -> None:
    pair = serving(REVERTIVE)
    order(pair, pair.a)
    pair.run(19.5)
    assert pair.roles == (BACKUP, MASTER)
    pair.run(1.0)
    assert pair.roles == (MASTER, BACKUP)
    assert reasons(pair.a)[-1] == RoleReason.FAILBACK


def test_ten_switchovers_back_and_forth() -> None:
    pair = serving()
    for number in range(10):
        order(pair, (pair.a, pair.b)[number // 2 % 2])
        pair.run(0.05)
        assert pair.roles == ((BACKUP, MASTER) if number % 2 == 0 else (MASTER, BACKUP))


def test_a_failure_ends_what_the_order_did() -> None:
    pair = serving()
    order(pair, pair.a)
    pair.run(1.0)
    pair.b.perform(pair.b.machine.upstream(False, pair.now))
    pair.run(0.1)
    assert pair.roles == (MASTER, BACKUP)
    pair.b.perform(pair.b.machine.upstream(True, pair.now))
    pair.run(100.0)
    assert pair.roles == (MASTER, BACKUP)


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("lost", [1, 2])
def test_lost_hellos_delay_it_by_10_ms_each(side: str, lost: int) -> None:
    pair = serving()
    ordered = pair.a if side == "a" else pair.b
    order(pair, ordered)
    for number in range(lost):
        ordered.outbox.clear()
        pair.now += 0.0101
        ordered.perform(ordered.machine.tick(pair.now))
        assert len(ordered.outbox) == 1, number
    pair.exchange()
    assert pair.roles == (BACKUP, MASTER)


def test_a_hello_of_the_old_master_on_its_way_does_not_stop_the_new_one() -> None:
    pair = serving()
    pair.now += 0.1
    pair.a.perform(pair.a.machine.tick(pair.now))
    order(pair, pair.b)
    pair.deliver(pair.a)
    assert pair.roles == (MASTER, MASTER)
    pair.exchange()
    assert pair.roles == (BACKUP, MASTER)


def test_a_takeover_that_the_peer_never_hears_of_is_settled_as_two_masters_are() -> None:
    pair = serving()
    order(pair, pair.b)
    for _ in range(10):
        pair.b.outbox.clear()
        pair.now += 0.05
        for side in (pair.a, pair.b):
            side.perform(side.machine.tick(pair.now))
        pair.deliver(pair.a, len(pair.a.outbox))
    assert pair.b.machine.role is BACKUP
    assert reasons(pair.b)[-1] == RoleReason.DUAL_MASTER


def test_a_handover_that_the_peer_does_not_take_is_forgotten() -> None:
    pair = serving()
    pair.b.perform(pair.b.machine.ready(False, pair.now))
    pair.b.outbox.clear()  # a still takes it for ready
    order(pair, pair.a)
    pair.run(5.0)
    pair.b.perform(pair.b.machine.ready(True, pair.now))
    pair.run(5.0)
    assert pair.roles == (MASTER, BACKUP)


@pytest.mark.parametrize("side", ["a", "b"])
def test_it_is_refused_while_the_router_that_is_to_be_master_is_not_ready(side: str) -> None:
    pair = serving(ready=False)
    with pytest.raises(SwitchoverRefused, match="not ready"):
        order(pair, pair.a if side == "a" else pair.b)
    assert pair.roles == (MASTER, BACKUP)


@pytest.mark.parametrize(("side", "who"), [("a", "The peer has"), ("b", "This router has")])
def test_it_is_refused_without_an_upstream_that_works(side: str, who: str) -> None:
    pair = serving()
    pair.b.perform(pair.b.machine.upstream(False, pair.now))
    pair.run(0.2)
    with pytest.raises(SwitchoverRefused, match=f"{who} no upstream"):
        order(pair, pair.a if side == "a" else pair.b)


def test_it_is_refused_while_the_peer_is_not_heard() -> None:
    pair = serving()
    pair.cut = True
    pair.run(1.0)
    with pytest.raises(SwitchoverRefused, match="not heard"):
        order(pair, pair.a)


def test_it_is_refused_before_the_roles_are_decided() -> None:
    pair = Pair(CONFIG, CONFIG)
    pair.start()
    pair.run(0.1)
    with pytest.raises(SwitchoverRefused, match="not decided"):
        order(pair, pair.a)


def test_an_upstream_that_fails_during_the_order_gives_the_role_back() -> None:
    pair = serving()
    order(pair, pair.b)
    pair.b.perform(pair.b.machine.upstream(False, pair.now))
    pair.exchange()
    assert pair.roles == (MASTER, BACKUP)
