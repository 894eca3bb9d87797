"""E-trunk arbitration: two machines over a link in memory."""

import msgspec
import pytest

from dataplane.config import ETrunkArbitration, Role
from dataplane.roles import DualMaster, PeerRoleChanged, RoleChanged, RoleReason, SendHello
from dataplane.roles.etrunk import TRANSITIONS
from tests.support.roles import Pair

INIT, BACKUP, MASTER = Role.INIT, Role.BACKUP, Role.MASTER
CONFIG = ETrunkArbitration(1, hello_interval=0.1, failure_multiplier=3, revert_delay=20.0, security_key="k")
HOLD = 0.3


@pytest.fixture
def pair():
    """Side a is the better one: the same priority, the lower address."""
    return Pair(CONFIG, CONFIG)


def serving(pair):
    pair.start()
    pair.run(1.0)
    assert pair.roles == (MASTER, BACKUP)
    return pair


def ready(pair):
    for side in (pair.a, pair.b):
        side.perform(side.machine.ready(True, pair.now))


def test_every_role_is_reached_and_left():
    assert set().union(*TRANSITIONS.values()) == set(Role)
    assert all(TRANSITIONS[role] for role in Role)


def test_a_router_stays_init_for_two_hello_timeouts_even_when_it_hears_a_peer(pair):
    pair.start()
    pair.run(2 * HOLD - 0.001)
    assert pair.roles == (INIT, INIT)
    assert pair.a.machine.peer_role is INIT
    pair.run(0.2)
    assert pair.roles == (MASTER, BACKUP)


def test_a_router_alone_becomes_master_after_init(pair):
    pair.a.perform(pair.a.machine.start(0.0))
    pair.run(2 * HOLD + 0.1)
    assert pair.a.changes == [(MASTER, RoleReason.NO_PEER)]


def test_the_lower_priority_value_wins_over_the_lower_address():
    pair = Pair(CONFIG, msgspec.structs.replace(CONFIG, priority=50))
    pair.start()
    pair.run(1.0)
    assert pair.roles == (BACKUP, MASTER)


def test_a_lost_upstream_moves_the_role_with_one_datagram(pair):
    serving(pair)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    assert pair.a.machine.role is BACKUP
    pair.deliver(pair.a)
    assert pair.b.machine.role is MASTER
    assert pair.b.changes[-1] == (MASTER, RoleReason.PEER_UPSTREAM_DOWN)


def test_the_router_that_gives_up_speaks_first_and_the_one_that_takes_acts_first(pair):
    serving(pair)
    given = pair.a.machine.upstream(False, pair.now)
    assert [type(each) for each in given] == [SendHello, RoleChanged]
    taken = pair.b.machine.receive(given[0].datagram, pair.now)
    assert [type(each) for each in taken if not isinstance(each, PeerRoleChanged)] == [RoleChanged, SendHello]


def test_a_change_is_said_three_times_within_20_ms(pair):
    serving(pair)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    pair.deliver(pair.a, 0)
    said = len(pair.a.outbox)
    for step in (0.01, 0.02):
        pair.a.perform(pair.a.machine.tick(pair.now + step))
    assert (said, len(pair.a.outbox)) == (1, 3)
    assert pair.a.machine.next_deadline() == pytest.approx(pair.now + 0.02 + 0.1)


def test_the_takeover_survives_the_loss_of_a_hello(pair):
    serving(pair)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    pair.a.outbox.clear()
    pair.run(0.011)
    assert pair.roles == (BACKUP, MASTER)


def test_a_master_keeps_its_role_when_the_peers_upstream_is_down_too(pair):
    serving(pair)
    pair.b.perform(pair.b.machine.upstream(False, pair.now))
    pair.run(0.5)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    pair.run(0.5)
    assert pair.roles == (MASTER, BACKUP)


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_two_routers_without_upstream_the_first_that_has_one_is_master(pair, first):
    serving(pair)
    ready(pair)
    for side in (pair.b, pair.a):
        side.perform(side.machine.upstream(False, pair.now))
        pair.run(0.5)
    assert pair.roles == (MASTER, BACKUP)
    one, other = (pair.a, pair.b) if first == "a" else (pair.b, pair.a)
    one.perform(one.machine.upstream(True, pair.now))
    pair.run(0.01)
    assert (one.machine.role, other.machine.role) == (MASTER, BACKUP)
    other.perform(other.machine.upstream(True, pair.now))
    pair.run(19.0)
    assert (one.machine.role, other.machine.role) == (MASTER, BACKUP)
    pair.run(2.0)
    assert pair.roles == (MASTER, BACKUP)


def test_an_upstream_that_flaps_every_second_moves_the_role_once(pair):
    serving(pair)
    ready(pair)
    for _ in range(60):
        for up in (False, True):
            pair.a.perform(pair.a.machine.upstream(up, pair.now))
            pair.run(0.5)
            assert pair.roles == (BACKUP, MASTER)
    assert len(pair.b.changes) == 2
    pair.run(20.0)
    assert pair.roles == (MASTER, BACKUP)
    assert pair.a.machine.dual_masters == pair.b.machine.dual_masters == 0


def test_hellos_that_come_twice_late_or_out_of_order_move_nothing(pair):
    serving(pair)
    for _ in range(50):
        for _ in range(2):
            pair.now += 0.1
            for side in (pair.a, pair.b):
                side.perform(side.machine.tick(pair.now))
        for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
            for datagram in [each for each in reversed(side.outbox) for _ in range(2)]:
                other.perform(other.machine.receive(datagram, pair.now))
            side.outbox.clear()
    assert pair.roles == (MASTER, BACKUP)
    assert len(pair.a.changes) == len(pair.b.changes) == 1
    assert pair.a.machine.refused["replayed"] == pair.b.machine.refused["replayed"] == 150


def test_a_silent_master_is_replaced_after_the_hello_timeout(pair):
    serving(pair)
    pair.a.perform(pair.a.machine.stop(pair.now))
    pair.a.outbox.clear()
    pair.run(HOLD - 0.11)
    assert pair.b.machine.role is BACKUP
    pair.run(0.12)
    assert pair.b.changes[-1] == (MASTER, RoleReason.PEER_TIMEOUT)
    assert pair.b.machine.peer_role is None


def test_a_master_that_stops_hands_over_at_once(pair):
    serving(pair)
    pair.a.perform(pair.a.machine.stop(pair.now))
    assert pair.a.machine.role is INIT
    pair.exchange()
    assert pair.b.changes[-1] == (MASTER, RoleReason.PEER_RESIGNED)


def test_a_goodbye_is_said_three_times(pair):
    serving(pair)
    pair.a.perform(pair.a.machine.stop(pair.now))
    del pair.a.outbox[:2]
    pair.exchange()
    assert pair.b.changes[-1] == (MASTER, RoleReason.PEER_RESIGNED)
    assert pair.a.machine.next_deadline() is None


def test_a_master_that_restarts_is_replaced_as_soon_as_it_is_verified(pair):
    serving(pair)
    pair.a.restart(pair.now)
    pair.exchange()
    assert pair.roles == (INIT, MASTER)
    assert pair.b.changes[-1] == (MASTER, RoleReason.PEER_RESIGNED)
    pair.run(1.0)
    assert pair.roles == (BACKUP, MASTER)
    assert pair.a.changes[-1] == (BACKUP, RoleReason.PEER_IS_MASTER)


def test_failback_waits_for_ready_and_then_for_the_delay(pair):
    serving(pair)
    pair.a.restart(pair.now)
    pair.run(25.0)
    ready(pair)
    pair.run(19.9)
    assert pair.roles == (BACKUP, MASTER)
    pair.run(0.2)
    assert pair.roles == (MASTER, BACKUP)
    assert pair.a.changes[-1] == (MASTER, RoleReason.FAILBACK)
    assert pair.b.changes[-1] == (BACKUP, RoleReason.PEER_IS_MASTER)


def test_failback_waits_for_the_delay_when_it_is_ready(pair):
    serving(pair)
    ready(pair)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    pair.run(1.0)
    pair.a.perform(pair.a.machine.upstream(True, pair.now))
    pair.run(19.9)
    assert pair.roles == (BACKUP, MASTER)
    pair.run(0.3)
    assert pair.roles == (MASTER, BACKUP)


def test_a_router_that_is_not_ready_any_more_waits_anew(pair):
    serving(pair)
    pair.a.restart(pair.now)
    pair.run(1.0)
    ready(pair)
    pair.run(19.0)
    pair.a.perform(pair.a.machine.ready(False, pair.now))
    ready(pair)
    pair.run(19.0)
    assert pair.roles == (BACKUP, MASTER)
    pair.run(1.1)
    assert pair.roles == (MASTER, BACKUP)


def test_failback_is_no_dual_master(pair):
    test_failback_waits_for_ready_and_then_for_the_delay(pair)
    assert pair.a.machine.dual_masters == pair.b.machine.dual_masters == 0


def test_a_failback_that_the_old_master_does_not_hear_of_is_a_dual_master(pair):
    """Only one direction works: what was meant for a moment lasts."""
    serving(pair)
    ready(pair)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    pair.run(0.1)
    pair.a.perform(pair.a.machine.upstream(True, pair.now))
    for _ in range(250):
        pair.now += 0.1
        for side in (pair.a, pair.b):
            side.perform(side.machine.tick(pair.now))
        pair.a.outbox.clear()
        pair.deliver(pair.b, len(pair.b.outbox))
    assert pair.roles == (MASTER, MASTER)
    assert pair.a.changes[-1] == (MASTER, RoleReason.FAILBACK)
    assert pair.a.machine.dual_masters == 1


def test_without_revertive_the_role_stays_where_it_is():
    pair = Pair(*[msgspec.structs.replace(CONFIG, revertive=False)] * 2)
    serving(pair)
    ready(pair)
    pair.a.perform(pair.a.machine.upstream(False, pair.now))
    pair.run(1.0)
    pair.a.perform(pair.a.machine.upstream(True, pair.now))
    pair.run(100.0)
    assert pair.roles == (BACKUP, MASTER)
    assert pair.a.machine.next_deadline() > pair.now - 1


def test_both_masters_the_loser_stops_on_the_first_hello(pair):
    serving(pair)
    pair.cut = True
    pair.run(1.0)
    assert pair.roles == (MASTER, MASTER)
    pair.a.outbox.clear()
    pair.b.outbox.clear()
    pair.cut = False
    pair.now += 0.1
    pair.a.perform(pair.a.machine.tick(pair.now))
    pair.deliver(pair.a)
    assert pair.roles == (MASTER, BACKUP)
    assert pair.b.changes[-1] == (BACKUP, RoleReason.DUAL_MASTER)
    assert pair.b.machine.dual_masters == 1
    assert DualMaster() in pair.b.events


def test_the_winner_of_a_dual_master_tells_once_and_stays(pair):
    serving(pair)
    pair.cut = True
    pair.run(1.0)
    pair.cut = False
    datagrams = []
    for step in (0.1, 0.2, 0.3):
        datagrams += [
            each.datagram for each in pair.b.machine.tick(pair.now + step) if isinstance(each, SendHello)
        ]
    for datagram in datagrams:
        pair.a.perform(pair.a.machine.receive(datagram, pair.now))
    assert pair.a.machine.role is MASTER
    assert pair.a.events.count(DualMaster()) == 1


def test_another_key_is_never_believed():
    pair = Pair(CONFIG, msgspec.structs.replace(CONFIG, security_key="other"))
    pair.start()
    pair.run(2.0)
    assert pair.roles == (MASTER, MASTER)
    assert pair.a.machine.refused["bad-authentication"] > 10


def test_the_longer_hold_time_of_the_two_counts():
    pair = Pair(CONFIG, msgspec.structs.replace(CONFIG, hello_interval=1.0))
    pair.start()
    pair.run(20.0)
    assert pair.roles == (MASTER, BACKUP)
    assert len(pair.a.changes) == 1


def test_hellos_every_10_ms():
    fast = msgspec.structs.replace(CONFIG, hello_interval=0.01)
    pair = serving(Pair(fast, fast))
    pair.a.perform(pair.a.machine.stop(pair.now))
    pair.a.outbox.clear()
    pair.run(0.031)
    assert pair.b.machine.role is MASTER


def test_a_flood_of_recorded_hellos_is_answered_once_an_interval(pair):
    serving(pair)
    recorded = pair.a.machine.stop(pair.now)[0].datagram
    pair.b.restart(pair.now)
    answers = [pair.b.machine.receive(recorded, pair.now) for _ in range(100)]
    assert sum(len(each) for each in answers) == 1
    assert pair.b.machine.peer_role is None


def test_settings_change_without_leaving_the_role(pair):
    serving(pair)
    ready(pair)
    better = msgspec.structs.replace(CONFIG, priority=1)
    pair.b.perform(pair.b.machine.reconfigure(better, pair.now))
    pair.run(5.0)
    assert pair.roles == (MASTER, BACKUP)
    pair.run(20.0)
    assert pair.roles == (BACKUP, MASTER)


def test_nothing_happens_before_start_and_after_stop(pair):
    machine = pair.a.machine
    assert (
        machine.upstream(False, 0.0)
        == machine.ready(True, 0.0)
        == machine.tick(9.0)
        == machine.stop(0.0)
        == []
    )
    assert machine.next_deadline() is None
    machine.start(0.0)
    machine.stop(0.0)
    assert machine.receive(b"x", 0.0) == []
    assert machine.next_deadline() is None
