"""How much subscriptions may use, and what was counted of those that wanted more. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How much subscriptions may use. Times are microseconds, sizes octets.

    `suspension`: how long one may be suspended; `retry`: between two tries to resume it. `update`: what one
    push-update or push-change-update may hold. `poll`: between two looks at state that tells nobody when it
    changes; `period`: the shortest that may be asked for.
    """

    total: int = 512
    per_session: int = 64
    suspension: int = 60_000_000
    retry: int = 1_000_000
    update: int = 8 * 1024 * 1024
    period: int = 100_000
    poll: int = 1_000_000


@dataclass(slots=True)
class Counters:
    """What was counted of all subscriptions since the server started."""

    refused: int = 0
    suspended: int = 0
    timed_out: int = 0

    def data(self) -> dict[str, int]:
        """Return the counters under their names in `/server/statistics/refused`."""
        return {
            "subscriptions": self.refused,
            "subscription-suspended": self.suspended,
            "subscription-timeout": self.timed_out,
        }
