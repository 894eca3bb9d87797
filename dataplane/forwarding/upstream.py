"""The upstream side of the proxy (RFC 4605): what the router itself reports toward the core. Pure.

Host behaviour of RFC 3376 section 5 with the compatibility of section 7.2; many groups share a report.
The caller sends the reports (see `sender`) on the active upstream and hands in the queries heard there.
"""

import random
from ipaddress import IPv4Address

from dataplane.membership.groups import Aggregate
from dataplane.packets.igmp import Query, Report


class UpstreamProxy:
    """The memberships of one upstream interface, as a host has them.

    `generator` spreads the answers to queries (RFC 3376 section 5.2). Reports that come out are
    version 3, or, while an older querier is heard, version 2 or 1 with one record each.
    """

    def __init__(self, generator: random.Random) -> None:
        raise NotImplementedError

    def set_interest(self, group: IPv4Address, interest: Aggregate | None, now: float) -> None:
        """Tell what subscribers together want of a group; None when nobody wants it any more."""
        raise NotImplementedError

    def query(self, query: Query, now: float) -> None:
        """A query was heard from the core."""
        raise NotImplementedError

    def restart(self, now: float) -> None:
        """Report everything anew: the active upstream changed or came back."""
        raise NotImplementedError

    def expire(self, now: float) -> list[Report]:
        """The messages that are due; call it after changes and at `next_deadline`."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """Monotonic seconds of the next message, None when nothing waits."""
        raise NotImplementedError
