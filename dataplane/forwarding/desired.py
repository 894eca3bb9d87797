"""Which entries the plane should hold, from what subscribers want: pure.

`routes_for` says it for one group, `Desired` keeps a whole table up to date at a cost that depends only on
the group that changed, and `difference` compares a table with what a plane holds. Roles do not appear: standby
and active routers hold the same entries (see `plane`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from dataplane.forwarding.plane import Route, RouteKey


@dataclass(frozen=True, slots=True)
class Interest:
    """What the subscribers behind one access port together want of a group (RFC 3376 section 3.2).

    `exclude` True: every source but `sources`; False: only `sources`. INCLUDE of nothing is no interest.
    """

    exclude: bool
    sources: frozenset[IPv4Address] = frozenset()

    def wants(self, source: IPv4Address) -> bool:
        """True when packets from this source are wanted."""
        return (source in self.sources) is not self.exclude

    def __bool__(self) -> bool:
        return self.exclude or bool(self.sources)


ANY_SOURCE = Interest(exclude=True)


@dataclass(frozen=True, slots=True)
class Install:
    """Add this entry, or replace the one with its key."""

    route: Route


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the entry with this key away."""

    key: RouteKey


Effect = Install | Remove


class ForwardingReason(StrEnum):
    """Why a group's packets do or do not reach the subscribers behind a port."""

    FORWARDING = "forwarding"
    STANDBY = "standby"
    NO_ROLE = "no-role"
    NO_UPSTREAM = "no-upstream"
    LINK_DOWN = "link-down"
    NOT_INSTALLED = "not-installed"


def routes_for(group: IPv4Address, interests: Mapping[str, Interest]) -> tuple[Route, ...]:
    """The entries one group needs: (*,G) where a port excludes, and (S,G) for each source that any port names.

    The kernel looks (S,G) up before (*,G), so an (S,G) entry lists every port that wants the source, those
    that exclude others among them. Ports without interest may be in `interests`; they count for nothing.
    """
    raise NotImplementedError


def combined(interests: Iterable[Interest]) -> Interest | None:
    """The union of interests, which is what the proxy reports upstream (RFC 3376 section 3.2); None for none."""
    raise NotImplementedError


def difference(wanted: Mapping[RouteKey, Route], installed: Mapping[RouteKey, Route]) -> list[Effect]:
    """The effects that turn `installed` into `wanted`: installs before removals, in address order."""
    raise NotImplementedError


class Desired:
    """The table that should be installed, kept up to date one group at a time."""

    def set_interest(self, port: str, group: IPv4Address, interest: Interest | None) -> tuple[Effect, ...]:
        """Replace what `port` wants of `group` (None: nothing) and return what the plane has to change."""
        raise NotImplementedError

    def remove_port(self, port: str) -> list[Effect]:
        """Forget everything a port wanted (unbound or deleted)."""
        raise NotImplementedError

    def interest(self, group: IPv4Address) -> Interest | None:
        """What all ports together want of a group, for the upstream proxy."""
        raise NotImplementedError

    def groups(self) -> Iterator[IPv4Address]:
        """Every group that somebody wants."""
        raise NotImplementedError

    def routes(self) -> dict[RouteKey, Route]:
        """The whole table."""
        raise NotImplementedError
