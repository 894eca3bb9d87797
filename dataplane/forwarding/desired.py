"""Which entries the plane should hold, from what subscribers want: pure.

`routes_for` says it for one group, `Desired` keeps a whole table up to date at a cost that depends only on
the group that changed, and `difference` compares a table with what a plane holds. Roles do not appear:
standby and active routers hold the same entries (see `plane`).

A port's interest in a group is the `Aggregate` of its subscribers, None where nobody wants it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from dataplane.forwarding.plane import Route, RouteKey
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets.messages import Address

NOTHING: frozenset[Address] = frozenset()
_EXCLUDE: Final = FilterMode.EXCLUDE  # looked up once: Python 3.11 takes 0.1 µs for it


class Install(msgspec.Struct, frozen=True, gc=False):
    """Add this entry, or replace the one with its key."""

    route: Route


class Remove(msgspec.Struct, frozen=True, gc=False):
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
    TAGGED = "tagged"
    PPPOE = "pppoe"
    NOT_INSTALLED = "not-installed"


def routes_for(group: Address, interests: Mapping[str, Aggregate]) -> tuple[Route, ...]:
    """Derive the entries of one group: (*,G) where a port excludes, and (S,G) for each source a port names.

    The kernel looks (S,G) up before (*,G), so an (S,G) entry lists every port that wants the source, those
    that exclude others among them.
    """
    if _any_source(interests):
        return (Route(RouteKey(group), frozenset(interests)),)
    excluding = frozenset([port for port, interest in interests.items() if _excludes(interest)])
    named = NOTHING.union(*[interest.sources for interest in interests.values()])
    routes = [Route(RouteKey(group), excluding)] if excluding else []
    for source in sorted(named, key=int):
        ports = frozenset(port for port, interest in interests.items() if interest.wants(source))
        routes.append(Route(RouteKey(group, source), ports))
    return tuple(routes)


def _any_source(interests: Mapping[str, Aggregate]) -> bool:
    """Whether every port wants the group from any source: the usual case."""
    for interest in interests.values():
        if interest.sources:
            return False
    return bool(interests)


def _excludes(interest: Aggregate) -> bool:
    return interest.filter_mode is _EXCLUDE


def combined(interests: Collection[Aggregate]) -> Aggregate | None:
    """Merge interests as the proxy reports them upstream (RFC 4605 section 4.1); None when there are none.

    EXCLUDE beats INCLUDE, and a source stays excluded only if no one wants it.
    """
    if not interests:
        return None
    if len(interests) == 1:
        return next(iter(interests))
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


class _Group(msgspec.Struct, frozen=True, gc=False):
    """What the ports want of one group, and the entries that follow from it.

    `by_key`: the entries where some are for sources; `routes` where there is only one for any source, as of
    most groups, which takes less.
    """

    interests: Mapping[str, Aggregate]
    routes: tuple[Route, ...] = ()
    by_key: dict[RouteKey, Route] | None = None

    @property
    def held(self) -> Collection[Route]:
        """The entries."""
        return self.routes if self.by_key is None else self.by_key.values()


_UNWANTED = _Group({})


class Desired:
    """The table that should be installed, kept up to date one group at a time."""

    def __init__(self) -> None:
        self._groups: dict[Address, _Group] = {}

    def set_interest(self, port: str, group: Address, interest: Aggregate | None) -> tuple[Effect, ...]:
        """Replace what `port` wants of `group` (None: nothing) and return what the plane has to change."""
        known = self._groups.get(group, _UNWANTED)
        before = known.interests.get(port)
        if before == interest:
            return ()
        interests = {name: wanted for name, wanted in known.interests.items() if name != port}
        if interest is not None:
            interests[port] = interest
        if not interests:
            del self._groups[group]
            return tuple([Remove(route.key) for route in known.held])
        if before is not None and interest is not None and before.filter_mode is interest.filter_mode:
            return self._sources_changed(group, interests, known, before.sources ^ interest.sources)
        return self._made_anew(group, interests, known)

    def _made_anew(
        self, group: Address, interests: Mapping[str, Aggregate], known: _Group
    ) -> tuple[Effect, ...]:
        routes = routes_for(group, interests)
        keyed = None if _any_source(interests) else _by_key(routes)
        self._groups[group] = _Group(interests, () if keyed is not None else routes, keyed)
        if not known.interests:
            return tuple([Install(route) for route in routes])
        return tuple(difference(_by_key(routes) if keyed is None else keyed, _by_key(known.held)))

    def _sources_changed(
        self, group: Address, interests: Mapping[str, Aggregate], known: _Group, changed: Collection[Address]
    ) -> tuple[Effect, ...]:
        """Only the entries of these sources are others: members of many sources change a few at a time."""
        keyed = known.by_key if known.by_key is not None else _by_key(known.routes)
        self._groups[group] = _Group(interests, (), keyed)
        came: list[Effect] = []
        went: list[Effect] = []
        for source in sorted(changed, key=int):
            key = RouteKey(group, source)
            if any(source in interest.sources for interest in interests.values()):
                ports = frozenset([port for port, interest in interests.items() if interest.wants(source)])
                route = Route(key, ports)
                if keyed.get(key) != route:
                    keyed[key] = route
                    came.append(Install(route))
            elif keyed.pop(key, None) is not None:
                went.append(Remove(key))
        return (*came, *went)

    def interest(self, group: Address) -> Aggregate | None:
        """Merge what all ports want of a group, for the upstream proxy."""
        return combined(self._groups.get(group, _UNWANTED).interests.values())

    def groups(self) -> Iterator[Address]:
        """Every group that somebody wants."""
        return iter(self._groups)

    def routes_of(self, group: Address) -> dict[RouteKey, Route]:
        """Collect the entries of one group."""
        return _by_key(self._groups.get(group, _UNWANTED).held)

    def routes(self) -> dict[RouteKey, Route]:
        """Collect the whole table."""
        return _by_key(route for known in self._groups.values() for route in known.held)


def _by_key(routes: Iterable[Route]) -> dict[RouteKey, Route]:
    return {route.key: route for route in routes}
