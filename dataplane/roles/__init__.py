"""Roles: who forwards to subscribers, by configuration or by e-trunk hellos. Pure."""

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

__all__ = [
    "DualMaster",
    "PeerRoleChanged",
    "RoleChanged",
    "RoleMachine",
    "RoleOutput",
    "RoleOutputs",
    "RoleReason",
    "SendHello",
]
