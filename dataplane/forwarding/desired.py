"""Which entries the plane should hold, from what subscribers want: pure.

`routes_for` says it for one group, `Desired` keeps a whole table up to date at a cost that depends only on
the group that changed, and `difference` compares a table with what a plane holds. Roles do not appear:
standby and active routers hold the same entries (see `plane`).

A port's interest in a group is the `Aggregate` of its subscribers, None where nobody wants it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from dataplane.forwarding.plane import Route, RouteKey
from dataplane.membership.groups import Aggregate, FilterMode

NOTHING: frozenset[IPv4Address] = frozenset()


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


def routes_for(group: IPv4Address, interests: Mapping[str, Aggregate]) -> tuple[Route, ...]:
    """Derive the entries of one group: (*,G) where a port excludes, and (S,G) for each source a port names.

    The kernel looks (S,G) up before (*,G), so an (S,G) entry lists every port that wants the source, those
    that exclude others among them.
    """
    excluding = frozenset(port for port, interest in interests.items() if _excludes(interest))
    named = NOTHING.union(*(interest.sources for interest in interests.values()))
    routes = [Route(RouteKey(group), excluding)] if excluding else []
    for source in sorted(named):
        ports = frozenset(port for port, interest in interests.items() if interest.wants(source))
        routes.append(Route(RouteKey(group, source), ports))
    return tuple(routes)


def _excludes(interest: Aggregate) -> bool:
    return interest.filter_mode is FilterMode.EXCLUDE


def combined(interests: Collection[Aggregate]) -> Aggregate | None:
    """Merge interests as the proxy reports them upstream (RFC 4605 section 4.1); None when there are none.

    EXCLUDE beats INCLUDE, and a source stays excluded only if no one wants it.
    """
    if not interests:
        return None
    included = NOTHING.union(*(interest.sources for interest in interests if not _excludes(interest)))
    excluding = [interest.sources for interest in interests if _excludes(interest)]
    if not excluding:
        return Aggregate(FilterMode.INCLUDE, included)
    return Aggregate(FilterMode.EXCLUDE, excluding[0].intersection(*excluding) - included)


def difference(wanted: Mapping[RouteKey, Route], installed: Mapping[RouteKey, Route]) -> list[Effect]:
    """List the effects that turn `installed` into `wanted`: installs before removals, so no stream pauses."""
    effects: list[Effect] = [Install(route) for key, route in wanted.items() if installed.get(key) != route]
    effects.extend(Remove(key) for key in installed if key not in wanted)
    return effects


class Desired:
    """The table that should be installed, kept up to date one group at a time."""

    def __init__(self) -> None:
        self._interests: dict[IPv4Address, dict[str, Aggregate]] = {}
        self._routes: dict[IPv4Address, tuple[Route, ...]] = {}

    def set_interest(self, port: str, group: IPv4Address, interest: Aggregate | None) -> tuple[Effect, ...]:
        """Replace what `port` wants of `group` (None: nothing) and return what the plane has to change."""
        ports = self._interests.get(group, {})
        if ports.get(port) == interest:
            return ()
        ports = {name: known for name, known in ports.items() if name != port}
        if interest is not None:
            ports[port] = interest
        return self._replace(group, ports)

    def _replace(self, group: IPv4Address, ports: dict[str, Aggregate]) -> tuple[Effect, ...]:
        before = self._routes.pop(group, ())
        self._interests.pop(group, None)
        after = routes_for(group, ports)
        if ports:
            self._interests[group] = ports
            self._routes[group] = after
        return tuple(difference(_by_key(after), _by_key(before)))

    def remove_port(self, port: str) -> list[Effect]:
        """Forget everything a port wanted (unbound or deleted)."""
        groups = [group for group, ports in self._interests.items() if port in ports]
        return [effect for group in groups for effect in self.set_interest(port, group, None)]

    def interest(self, group: IPv4Address) -> Aggregate | None:
        """Merge what all ports want of a group, for the upstream proxy."""
        return combined(self._interests.get(group, {}).values())

    def groups(self) -> Iterator[IPv4Address]:
        """Every group that somebody wants."""
        return iter(self._interests)

    def routes(self) -> dict[RouteKey, Route]:
        """Collect the whole table."""
        return _by_key(route for routes in self._routes.values() for route in routes)


def _by_key(routes: Iterable[Route]) -> dict[RouteKey, Route]:
    return {route.key: route for route in routes}
