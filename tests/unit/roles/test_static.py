"""Static arbitration."""

from dataplane.config import Role
from dataplane.roles import RoleChanged, RoleReason, StaticRole


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
