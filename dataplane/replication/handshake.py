"""How two ends introduce themselves: versions, capabilities, epochs, heartbeats. Pure.

An epoch is a random number of one machine: records are numbered within it. What is told on one connection
ends with it, but for the peer's epoch, by which the next connection goes on.
"""

import re

from dataplane.replication.messages import CAPABILITIES, VERSION_MAJOR, Capability, Close, Open
from dataplane.replication.outputs import Limits

_LONGEST_HEARTBEAT = 10.0
_REASON = re.compile(r"[a-z0-9-]{1,48}")


class Handshake:
    """What one end has told and heard by OPEN.

    `opened`: the peer's OPEN has come. `resumed`: the peer knows this machine from before. `dead_after`:
    seconds of silence after which the peer counts as dead, as its OPEN said.
    """

    def __init__(self, epoch: int, limits: Limits) -> None:
        self._epoch = epoch
        self._limits = limits
        self._peer_epoch = 0
        self.end()

    def end(self) -> None:
        """The connection is gone."""
        self.opened = self.resumed = False
        self.capabilities = Capability(0)
        self.dead_after = 0.0

    def begin(self) -> Open:
        """Return what to say first on a new connection."""
        self.end()
        heartbeat_ms = round(self._limits.heartbeat_interval * 1000)
        return Open(self._epoch, self._peer_epoch, heartbeat_ms, capabilities=CAPABILITIES)

    def refusal(self, said: Open) -> str:
        """Return why the connection cannot go on with a peer that says this, "" when it can."""
        if self.opened:
            return "unexpected-message"
        if said.major != VERSION_MAJOR:
            return "version-mismatch"
        return "connected-to-itself" if said.epoch == self._epoch else ""

    def hear(self, said: Open) -> bool:
        """Take the peer's OPEN; return whether its sequences begin anew, since it restarted."""
        restarted, self._peer_epoch = said.epoch != self._peer_epoch, said.epoch
        self.opened = True
        self.resumed = said.known_epoch == self._epoch
        self.capabilities = Capability(said.capabilities & CAPABILITIES)
        interval = min(max(said.heartbeat_ms / 1000, self._limits.heartbeat_interval), _LONGEST_HEARTBEAT)
        self.dead_after = interval * self._limits.dead_intervals
        return restarted


def reason_of(said: Close) -> str:
    """Return the down reason for the peer's goodbye; what it may say is bounded."""
    return f"peer-{said.reason}" if _REASON.fullmatch(said.reason) else "peer-closed"
