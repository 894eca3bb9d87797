"""Roles: who forwards to subscribers, by configuration or by e-trunk hellos. Pure."""

from dataplane.roles.etrunk import ETrunkRole
from dataplane.roles.machine import (
    DualMaster,
    PeerRoleChanged,
    RoleChanged,
    RoleMachine,
    RoleOutput,
    RoleOutputs,
    RoleReason,
    SendHello,
)
from dataplane.roles.static import StaticRole

__all__ = [
    "DualMaster",
    "ETrunkRole",
    "PeerRoleChanged",
    "RoleChanged",
    "RoleMachine",
    "RoleOutput",
    "RoleOutputs",
    "RoleReason",
    "SendHello",
    "StaticRole",
]
