"""Arbitration by VRRP: rule 20 of the domain. Pure.

A VRRP router says that it is master (RFC 9568: active) by having the virtual address. keepalived puts it on
the interface, or, with use_vmac, on a macvlan above it; FRR leaves it on a macvlan for good and keeps that
down by protocol while it is backup. So the address counts on a link that is up and not protodown only.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address

from dataplane.config import Role, VrrpArbitration
from dataplane.links import Link
from dataplane.roles.machine import RoleChanged, RoleOutputs, RoleReason, SwitchoverRefused

_VIRTUAL_ROUTER = (b"\x00\x00\x5e\x00\x01", b"\x00\x00\x5e\x00\x02")
"""How MAC addresses of virtual routers begin, IPv4 and IPv6; the VRID follows (RFC 9568 section 7.3)."""


class VrrpRole:
    """One profile's machine that follows a VRRP group (a `RoleMachine`)."""

    peer_role: Role | None = None

    def __init__(self, config: VrrpArbitration) -> None:
        """Raises ValueError when the virtual address is none."""
        self.role = Role.INIT
        self.reason = RoleReason.INTERFACE_MISSING
        self._config = config
        self._address = ip_address(config.virtual_address)
        self._links: dict[str, Link] = {}
        self._running = False

    def links_known(self, links: Iterable[Link]) -> None:
        """Take what there is, before `start`."""
        self._links = {link.name: link for link in links if self._matters(link)}

    def link_changed(self, name: str, link: Link | None, now: float) -> RoleOutputs:  # noqa: ARG002
        """A network interface is there or changed, None when it is gone."""
        known = self._links.pop(name, None)
        if link is not None and self._matters(link):
            self._links[name] = link
        elif known is None:
            return []
        return self._follow() if self._running else []

    def start(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Take the role that the links say."""
        self._running = True
        return self._follow()

    def receive(self, datagram: bytes, now: float) -> RoleOutputs:  # noqa: ARG002
        """Hellos decide nothing here."""
        return []

    def upstream(self, up: bool, now: float) -> RoleOutputs:  # noqa: ARG002
        """The VRRP router decides, which can track the upstream interface itself."""
        return []

    def ready(self, ready: bool, now: float) -> RoleOutputs:  # noqa: ARG002
        """Failback is the VRRP router's to delay."""
        return []

    def switchover(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Raises SwitchoverRefused: only the VRRP router can move the address."""
        raise SwitchoverRefused(
            f"The role follows VRRP group {self._config.vrid} on {self._config.interface}: switch over there."
        )

    def stop(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Give the role up."""
        self._running = False
        return self._become(Role.INIT, RoleReason.STOPPED)

    def tick(self, now: float) -> RoleOutputs:  # noqa: ARG002
        """Nothing is ever due."""
        return []

    def next_deadline(self) -> float | None:
        """None: this role waits for the kernel's events only."""
        return None

    def _matters(self, link: Link) -> bool:
        return link.name == self._config.interface or link.kind == "macvlan"

    def _follow(self) -> RoleOutputs:
        return self._become(*self._decide())

    def _decide(self) -> tuple[Role, RoleReason]:
        interface = self._links.get(self._config.interface)
        if interface is None:
            return Role.INIT, RoleReason.INTERFACE_MISSING
        owners = list(self._owners(interface))
        if any(link.up and not link.protodown for link in owners):
            return Role.MASTER, RoleReason.ADDRESS_PRESENT
        return Role.BACKUP, RoleReason.LINK_DOWN if owners else RoleReason.ADDRESS_ABSENT

    def _owners(self, interface: Link) -> Iterator[Link]:
        """The links that have the virtual address and belong to the group."""
        for link in self._links.values():
            above = link.kind == "macvlan" and link.parent == interface.index
            if (link is interface or (above and self._may_be_ours(link))) and self._has_address(link):
                yield link

    def _may_be_ours(self, macvlan: Link) -> bool:
        """False for the virtual router MAC address of another VRID."""
        return not macvlan.mac.startswith(_VIRTUAL_ROUTER) or macvlan.mac[5] == self._config.vrid

    def _has_address(self, link: Link) -> bool:
        if isinstance(self._address, IPv4Address):
            return any(item.ip == self._address for item in link.addresses)
        return any(item.ip == self._address for item in link.ipv6_addresses)

    def _become(self, role: Role, reason: RoleReason) -> RoleOutputs:
        if role is self.role:
            return []
        old, self.role, self.reason = self.role, role, reason
        return [RoleChanged(old, role, reason)]
