"""The upstream side of the proxy (RFC 4605): what the router itself reports toward the core. Pure.

Host behaviour of RFC 3376 section 5 with the compatibility of section 7.2; many groups share a report.
The caller sends the payloads (see `sender`) on the active upstream and hands in the queries heard there.
"""

import random
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from dataplane.forwarding.desired import Interest


@dataclass(frozen=True, slots=True)
class SendReport:
    """Send one IGMP message upstream: `payload` is the IGMP part, checksum done."""

    destination: IPv4Address
    payload: bytes


class UpstreamProxy:
    """The memberships of one upstream interface, as a host has them.

    `generator` spreads the answers to queries (RFC 3376 section 5.2); `mtu` bounds a report, IP header
    and Router Alert option included.
    """

    def __init__(self, generator: random.Random, *, mtu: int = 1500) -> None:
        raise NotImplementedError

    def set_interest(self, group: IPv4Address, interest: Interest | None, now: float) -> None:
        """Tell what subscribers together want of a group; None when nobody wants it any more."""
        raise NotImplementedError

    def query(self, query: Any, now: float) -> None:  # noqa: ANN401
        """A `packets.igmp.Query` was heard from the core."""
        raise NotImplementedError

    def restart(self, now: float) -> None:
        """Report everything anew: the active upstream changed or came back."""
        raise NotImplementedError

    def expire(self, now: float) -> list[SendReport]:
        """The messages that are due; call it at `next_deadline` and after changes."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """Monotonic seconds of the next message, None when nothing waits."""
        raise NotImplementedError
