"""Roles: who forwards to subscribers, by configuration, VRRP or e-trunk hellos. Pure."""

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
    SwitchoverRefused,
)
from dataplane.roles.static import StaticRole
from dataplane.roles.vrrp import VrrpRole

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
    "SwitchoverRefused",
    "VrrpRole",
]
