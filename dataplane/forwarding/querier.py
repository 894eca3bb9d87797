"""What the queries on an upstream interface tell of its querier. Pure.

Each upstream interface has its own, spares too: one that takes over is spoken to in the version that its core
understands (RFC 3376 section 7.2.1, RFC 3810 section 8.2.1; MLDv1 is version 2 here).
"""

from dataclasses import dataclass, field

from dataplane.packets.messages import Query

DEFAULT_ROBUSTNESS = 2  # RFC 3376 section 8.1
DEFAULT_QUERY_INTERVAL = 125.0  # RFC 3376 section 8.2
LATEST_VERSION = 3


@dataclass(slots=True)
class HeardQuerier:
    """The querier of one family, as a host hears it."""

    robustness: int = DEFAULT_ROBUSTNESS
    _query_interval: float = DEFAULT_QUERY_INTERVAL
    _older_until: dict[int, float] = field(default_factory=lambda: {1: 0.0, 2: 0.0})

    def version(self, now: float) -> int:
        """Tell which IGMP version the querier makes us speak."""
        return next((version for version in (1, 2) if now < self._older_until[version]), LATEST_VERSION)

    def learn(self, query: Query, now: float) -> None:
        """Take the querier's version and variables over (RFC 3376 sections 4.1.6, 4.1.7 and 8.12)."""
        if query.version < LATEST_VERSION:
            timeout = self.robustness * self._query_interval + query.max_response
            self._older_until[query.version] = now + timeout
        else:
            self.robustness = query.robustness or DEFAULT_ROBUSTNESS
            self._query_interval = query.query_interval or DEFAULT_QUERY_INTERVAL
