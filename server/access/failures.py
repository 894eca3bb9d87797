"""Failed logins by source: who has guessed too often, and when that is forgotten. Pure."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

_ROUNDING: Final = 1e-6
"""Failures that are no failure: what floating point leaves of one that is forgotten entirely."""
MAXIMUM_SOURCES: Final = 4_096
"""Sources remembered at a time; of more, the one with the fewest failures is forgotten."""


def source_of(address: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 of an IPv6 address.

    An IPv4 address that is written as an IPv6 address is the IPv4 address.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))


@dataclass(frozen=True, slots=True)
class _Count:
    failures: float
    at: float


class FailureWindow:
    """Counts failures, and forgets `limit` of them in `window` seconds, evenly. Not thread-safe."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def blocked(self, source: str, now: float, limit: int, window: float) -> bool:
        """Whether as many failures as `limit` are remembered of `source`."""
        return self._left(self._counts.get(source), now, limit / window) > limit - 1 + _ROUNDING

    def add(self, source: str, now: float, limit: int, window: float) -> None:
        """Count one failure."""
        rate = limit / window
        left = self._left(self._counts.pop(source, None), now, rate)
        if len(self._counts) >= MAXIMUM_SOURCES:
            self._make_room(now, rate)
        self._counts[source] = _Count(min(left + 1, float(limit)), now)

    def _left(self, count: _Count | None, now: float, rate: float) -> float:
        return 0.0 if count is None else max(0.0, count.failures - (now - count.at) * rate)

    def _make_room(self, now: float, rate: float) -> None:
        left = {source: self._left(count, now, rate) for source, count in self._counts.items()}
        kept = {source: count for source, count in self._counts.items() if left[source] > 0}
        if len(kept) >= MAXIMUM_SOURCES:
            del kept[min(kept, key=lambda source: left[source])]
        self._counts = kept
