"""Arbitration by e-trunk hellos: rules 11, 12 and 19 of the domain. Pure."""

from dataplane.config import Address, ETrunkArbitration


class ETrunkRole:
    """One profile's e-trunk machine (a `RoleMachine`).

    `boot` is a random 64-bit number of this machine, never used twice. `address` and `peer_address` are
    those of the service: the tie-break, and part of what a hello is authenticated over.
    """

    def __init__(
        self, config: ETrunkArbitration, backup_id: int, address: Address, peer_address: Address, boot: int
    ) -> None: ...

    def reconfigure(self, config: ETrunkArbitration, now: float) -> None:
        """Take new priority, key, timers or revert settings without leaving the role."""
