"""The querier of one access interface (RFC 3376 sections 6.6 and 8): who asks, when and what.

Pure: it says what to send. It runs only while the local role is master (`set_active`); a backup
sends nothing and elects nobody, but keeps count of last-member queries so that it can finish them.
"""

from enum import StrEnum
from ipaddress import IPv4Address

import msgspec

from dataplane.config import IgmpConfig
from dataplane.membership.groups import LastMemberQuery
from dataplane.membership.table import MembershipTable
from dataplane.packets.igmp import Query


class QuerierState(StrEnum):
    """OFF: not master. QUERIER: we ask. NON_QUERIER: a foreign router with a lower address does."""

    OFF = "off"
    QUERIER = "querier"
    NON_QUERIER = "non-querier"


class SendQuery(msgspec.Struct, frozen=True):
    """Send this query on the access interface now (`frames.query_frame` makes the octets)."""

    query: Query


class Querier:
    """One per access interface; `table` is asked for timers when the S flag is decided (6.6.3)."""

    state: QuerierState
    querier_address: IPv4Address | None

    def __init__(self, config: IgmpConfig, table: MembershipTable, address: IPv4Address | None = None) -> None:
        raise NotImplementedError

    def reconfigure(self, config: IgmpConfig, now: float) -> None:
        """Other intervals from now on."""

    def set_address(self, address: IPv4Address | None) -> None:
        """The interface's own address, which decides the election."""

    def set_active(self, active: bool, now: float) -> tuple[SendQuery, ...]:
        """Master or not. Becoming active sends the first startup query at once (rule 10)."""
        raise NotImplementedError

    def heard(
        self, query: Query, source: IPv4Address, now: float, *, from_peer: bool = False
    ) -> None:
        """A query arrived. Ignored when it is the peer's, when we are not active, or from 0.0.0.0."""

    def ask(self, queries: tuple[LastMemberQuery, ...], now: float) -> tuple[SendQuery, ...]:
        """`Changes.queries`: sends the first of each now if we are querier, and remembers the rest."""
        raise NotImplementedError

    def tick(self, now: float) -> tuple[SendQuery, ...]:
        """What is due at `now`."""
        raise NotImplementedError

    def next_deadline(self) -> float | None:
        """When `tick` next has something to do; None for never."""
        raise NotImplementedError
