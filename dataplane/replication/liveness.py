"""Whether the peer lives, and when to say that we do. Pure."""

from dataplane.replication.outputs import Limits


class Liveness:
    """The clocks of one connection.

    `dead_after`: seconds that a peer may be silent, acknowledge nothing, or take to introduce itself.
    `greeted`: it has introduced itself.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sent = 0.0
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """A connection begins."""
        self.dead_after = self._limits.heartbeat_interval * self._limits.dead_intervals
        self.greeted = False
        self._begun = self._heard = now

    def heard(self, now: float) -> None:
        """The peer said something."""
        self._heard = now

    def said(self, now: float) -> None:
        """Something was sent."""
        self._sent = now

    def heartbeat_due(self, now: float) -> bool:
        """Return whether it is time to say that we live."""
        return now >= self._sent + self._limits.heartbeat_interval

    def failure(self, now: float, unanswered: float | None) -> str:
        """Return why the connection is given up, "" when it is not.

        `unanswered`: since when the peer owes an acknowledgement.
        """
        if now >= self._heard + self.dead_after:
            return "heartbeat-timeout"
        if not self.greeted and now >= self._begun + self.dead_after:
            return "handshake-timeout"
        late = unanswered is not None and now >= unanswered + self.dead_after
        return "acknowledgement-timeout" if late else ""

    def deadline(self, unanswered: float | None) -> float:
        """Return when there is something to do next."""
        oldest = self._heard if self.greeted else self._begun
        if unanswered is not None:
            oldest = min(oldest, unanswered)
        return min(self._sent + self._limits.heartbeat_interval, oldest + self.dead_after)
