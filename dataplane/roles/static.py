"""Arbitration that the operator decides: the role is what the configuration says. Pure."""

from dataplane.config import Role
from dataplane.roles.machine import RoleChanged, RoleOutputs, RoleReason, SwitchoverRefused

_OTHER = {Role.MASTER: Role.BACKUP, Role.BACKUP: Role.MASTER}


class StaticRole:
    """The configured role from the start on; without arbitration (`role` None) it stays init.

    A switchover turns it around until another role is configured or the process ends.
    """

    peer_role: Role | None = None

    def __init__(self, role: Role | None = None, why_none: RoleReason = RoleReason.NO_ARBITRATION) -> None:
        self.role = Role.INIT
        self.reason = why_none if role is None else RoleReason.CONFIGURED
        self._configured = role

    def start(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Take the configured role at once."""
        return self._become(self._configured or Role.INIT, RoleReason.CONFIGURED)

    def receive(self, datagram: bytes, now: float) -> RoleOutputs:  # noqa: ARG002
        """Hellos decide nothing here."""
        return []

    def upstream(self, up: bool, now: float) -> RoleOutputs:  # noqa: ARG002
        """The operator's role stands whatever the upstream does."""
        return []

    def ready(self, ready: bool, now: float) -> RoleOutputs:  # noqa: ARG002
        """There is no failback."""
        return []

    def switchover(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Turn the local role around; the peer's operator does the same there. Raises SwitchoverRefused."""
        if self.role is Role.INIT:
            raise SwitchoverRefused(
                "The profile has no role: nothing arbitrates, or its service has no peer."
            )
        return self._become(_OTHER[self.role], RoleReason.SWITCHOVER)

    def stop(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Give the role up."""
        return self._become(Role.INIT, RoleReason.STOPPED)

    def tick(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Nothing is ever due."""
        return []

    def next_deadline(self) -> float | None:
        """None: a static role waits for nothing."""
        return None

    def _become(self, role: Role, reason: RoleReason) -> RoleOutputs:
        if role is self.role:
            return []
        old, self.role, self.reason = self.role, role, reason
        return [RoleChanged(old, role, reason)]
