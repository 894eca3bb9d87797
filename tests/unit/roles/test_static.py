"""Static arbitration."""

import pytest

from dataplane.config import Role
from dataplane.roles import RoleChanged, RoleReason, StaticRole, SwitchoverRefused


def test_the_configured_role_is_taken_at_once():
    machine = StaticRole(Role.MASTER)
    assert machine.start(0.0) == [RoleChanged(Role.INIT, Role.MASTER, RoleReason.CONFIGURED)]
    assert machine.role is Role.MASTER


def test_nothing_but_the_operator_changes_it():
    machine = StaticRole(Role.BACKUP)
    machine.start(0.0)
    assert machine.upstream(False, 1.0) == machine.ready(True, 1.0) == machine.receive(b"x", 1.0) == []
    assert machine.tick(1e9) == []
    assert machine.next_deadline() is None
    assert machine.role is Role.BACKUP


def test_without_arbitration_the_role_stays_init():
    machine = StaticRole()
    assert machine.start(0.0) == []
    assert machine.role is Role.INIT


def test_stop_gives_the_role_up():
    machine = StaticRole(Role.MASTER)
    machine.start(0.0)
    assert machine.stop(1.0) == [RoleChanged(Role.MASTER, Role.INIT, RoleReason.STOPPED)]


def test_a_switchover_turns_the_role_around_and_back():
    machine = StaticRole(Role.MASTER)
    machine.start(0.0)
    assert machine.switchover(1.0) == [RoleChanged(Role.MASTER, Role.BACKUP, RoleReason.SWITCHOVER)]
    assert machine.switchover(2.0) == [RoleChanged(Role.BACKUP, Role.MASTER, RoleReason.SWITCHOVER)]


def test_without_a_role_there_is_nothing_to_switch_over():
    machine = StaticRole()
    machine.start(0.0)
    with pytest.raises(SwitchoverRefused, match="no role"):
        machine.switchover(1.0)
