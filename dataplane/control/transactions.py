"""The configuration the dataplane acts on, and the two-phase change of it. Pure.

Owns generations, tokens and what can be refused: everything that the dataplane's means do not allow is
refused by `prepare`, so that `apply` has nothing left to refuse.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TypeVar

from dataplane.config import (
    Address,
    IgmpConfig,
    InterfaceConfig,
    ProfileConfig,
    Refusal,
    ServiceConfig,
    Subject,
)
from dataplane.control.messages import ConfigDelta, ControlError, Generation
from dataplane.engine.messages import Reconfigure
from dataplane.forwarding.placement import MAXIMUM_TABLES, capacity_problem
from dataplane.membership.admission import GroupFilter

T = TypeVar("T", ServiceConfig, ProfileConfig, InterfaceConfig)

_BROADCAST = IPv4Address("255.255.255.255")
MAXIMUM_PREPARED = 16
"""Changes prepared at a time; the server prepares one at a time."""


class TransactionError(Exception):
    """The request does not fit what was prepared or applied; the message says why."""


class OutOfStep(Exception):
    """The change starts from a configuration that is not the present one."""


class PrepareRefused(Exception):
    """The change cannot be had."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


@dataclass(slots=True)
class _Applied:
    token: int
    inverse: Reconfigure


@dataclass(slots=True)
class _Prepared:
    owner: object
    base: int
    change: Reconfigure


@dataclass(eq=False, slots=True)
class Transactions:
    """What is configured, by name, and the changes on their way; `tables` hold the access ports.

    `problems_of` says what the means do not allow of a service: keys that are not there, for one.
    """

    instance: str
    tables: int = MAXIMUM_TABLES
    problems_of: Callable[[ServiceConfig], Iterable[Refusal]] = lambda _: ()
    services: dict[str, ServiceConfig] = field(default_factory=dict)
    profiles: dict[str, ProfileConfig] = field(default_factory=dict)
    interfaces: dict[str, InterfaceConfig] = field(default_factory=dict)
    configured: bool = False
    _number: int = 0
    _last_token: int = 0
    _prepared: dict[int, _Prepared] = field(default_factory=dict)
    _applied: _Applied | None = None

    @property
    def generation(self) -> Generation:
        """The name of the present configuration."""
        return Generation(self.instance, self._number)

    def prepare(self, owner: object, base: Generation | None, delta: ConfigDelta) -> int:
        """Check a change and return its token; `owner` is who may abandon it.

        Raises OutOfStep, PrepareRefused, TransactionError when too many are prepared, and ControlError for
        a delta that cannot be read.
        """
        if base is not None and (base != self.generation or not self.configured):
            raise OutOfStep
        change = read_delta(delta)
        if base is None:
            change = self._from_nothing(change)
        refusals = tuple(self._refusals(change))
        if refusals:
            raise PrepareRefused(refusals)
        if len(self._prepared) >= MAXIMUM_PREPARED:
            raise TransactionError("too many changes are prepared")
        self._last_token += 1
        self._prepared[self._last_token] = _Prepared(owner, self._number, change)
        return self._last_token

    def apply(self, token: int) -> Reconfigure:
        """Make a prepared change the present configuration; raises TransactionError."""
        prepared = self._prepared.pop(token, None)
        if prepared is None or prepared.base != self._number:
            raise TransactionError("nothing is prepared under this token")
        inverse = self._switch(prepared.change)
        self._applied = _Applied(token, inverse)
        return prepared.change

    def abort(self, token: int) -> None:
        """Forget a prepared change; raises TransactionError when there is none."""
        if self._prepared.pop(token, None) is None:
            raise TransactionError("nothing is prepared under this token")

    def abandon(self, owner: object) -> None:
        """Forget what `owner` prepared: its connection is gone."""
        gone = [token for token, prepared in self._prepared.items() if prepared.owner is owner]
        for token in gone:
            del self._prepared[token]

    def revert(self, token: int) -> Reconfigure:
        """Return to what was before the last apply; raises TransactionError for any other."""
        applied = self._applied
        if applied is None or applied.token != token:
            raise TransactionError("this change was not the last one applied")
        self._switch(applied.inverse)
        self._applied = None
        return applied.inverse

    def restore(self, delta: ConfigDelta) -> Reconfigure:
        """Make `delta`, a whole configuration, the present one, whatever was before; raises ControlError.

        It was accepted once and is acted on as far as the means allow: nothing is refused here.
        """
        change = self._from_nothing(read_delta(delta))
        self._switch(change)
        self._applied = None
        return change

    def _switch(self, change: Reconfigure) -> Reconfigure:
        services, removed_services = _put(self.services, change.services, change.removed_services)
        profiles, removed_profiles = _put(self.profiles, change.profiles, change.removed_profiles)
        interfaces, removed_interfaces = _put(self.interfaces, change.interfaces, change.removed_interfaces)
        self._number += 1
        self.configured = True
        return Reconfigure(
            services, profiles, interfaces, removed_services, removed_profiles, removed_interfaces
        )

    def _from_nothing(self, change: Reconfigure) -> Reconfigure:
        services, removed_services = _compare(self.services, change.services)
        profiles, removed_profiles = _compare(self.profiles, change.profiles)
        interfaces, removed_interfaces = _compare(self.interfaces, change.interfaces)
        return Reconfigure(
            services, profiles, interfaces, removed_services, removed_profiles, removed_interfaces
        )

    def _refusals(self, change: Reconfigure) -> Iterable[Refusal]:
        for service in change.services:
            yield from self.problems_of(service)
            yield from _odd_addresses(service)
        yield from self._shared_ports(change)
        yield from self._too_many_ports(change)

    def _shared_ports(self, change: Reconfigure) -> Iterable[Refusal]:
        """Two services can neither listen at one address and port nor have their hellos there."""
        gone = {service.name for service in change.services} | set(change.removed_services)
        kept = [service for name, service in self.services.items() if name not in gone]
        users: dict[tuple[Address, int], str] = {}
        for service in (*kept, *change.services):
            peer = service.peer
            if peer is None or not service.enabled:
                continue
            user = users.setdefault((peer.source_address, peer.port), service.name)
            if user != service.name and service.name in gone:
                text = f"Service {user} has port {peer.port} of {peer.source_address} already."
                yield Refusal(Subject.SERVICE, service.name, "peer/port", text, "port-in-use")

    def _too_many_ports(self, change: Reconfigure) -> Iterable[Refusal]:
        changed = {interface.name: interface for interface in change.interfaces}
        gone = set(change.removed_interfaces)
        kept = sum(
            1
            for name, interface in self.interfaces.items()
            if interface.access is not None and name not in changed and name not in gone
        )
        for name, interface in changed.items():
            if interface.access is None:
                continue
            kept += 1
            problem = capacity_problem(kept, self.tables)
            if problem is not None:
                yield Refusal(Subject.INTERFACE, name, "multicast", problem, "too-many-ports")


def _odd_addresses(service: ServiceConfig) -> Iterable[Refusal]:
    """No connection is ever made from or to these; a link-local address would need a zone."""
    peer = service.peer
    if peer is None:
        return
    for leaf, address in (("address", peer.address), ("source-address", peer.source_address)):
        zone = address.version == 6 and address.is_link_local
        if zone or address.is_unspecified or address.is_multicast or address == _BROADCAST:
            text = f"A channel cannot be from or to {address}."
            yield Refusal(Subject.SERVICE, service.name, f"peer/{leaf}", text, "address-not-usable")


def read_delta(delta: ConfigDelta) -> Reconfigure:
    """Return `delta` in the engine's terms; raises ControlError for addresses that cannot be read."""
    for interface in delta.interfaces:
        if interface.access is not None:
            _check_filter(interface.access.igmp)
            _check_filter(interface.access.mld)
    return Reconfigure(
        services=tuple(service.unwrap() for service in delta.services),
        profiles=delta.profiles,
        interfaces=delta.interfaces,
        removed_services=delta.removed_services,
        removed_profiles=delta.removed_profiles,
        removed_interfaces=delta.removed_interfaces,
    )


def _check_filter(config: IgmpConfig) -> None:
    try:
        GroupFilter(config.group_filter)
    except ValueError as error:
        raise ControlError("a prefix of a group filter cannot be read") from error


def _compare(present: Mapping[str, T], wanted: Iterable[T]) -> tuple[tuple[T, ...], tuple[str, ...]]:
    by_name = {item.name: item for item in wanted}
    different = tuple(item for item in by_name.values() if present.get(item.name) != item)
    return different, tuple(name for name in present if name not in by_name)


def _put(
    present: dict[str, T], changed: Iterable[T], removed: Iterable[str]
) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """Change `present` in place; return what undoes it: the items to put back and the names to remove."""
    before: list[T] = []
    added: list[str] = []
    for name in removed:
        old = present.pop(name, None)
        if old is not None:
            before.append(old)
    for item in changed:
        old = present.get(item.name)
        if old is None:
            added.append(item.name)
        else:
            before.append(old)
        present[item.name] = item
    return tuple(before), tuple(added)


__all__ = [
    "ControlError",
    "OutOfStep",
    "PrepareRefused",
    "TransactionError",
    "Transactions",
    "read_delta",
]
