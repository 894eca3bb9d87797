"""VRRP failovers on a laboratory with a real keepalived on each router (see `scenarios`)."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cli.lab import configuration
from cli.lab.laboratory import Laboratory
from cli.lab.play import until
from tests.netns import watching
from tests.netns.orders import may_be_given
from tests.netns.watching import Stream, leaf, wait_for, wait_for_role
from tests.support.keepalived import Keepalived, sample

GROUPS = [f"239.41.0.{number}" for number in range(1, 6)]
PRIORITIES = (254, 250)
NO_E_TRUNK = '<e-trunk nc:operation="remove"/>'

Pair = tuple[Keepalived, Keepalived]


@dataclass(frozen=True)
class Group:
    """Where the VRRP group runs and what its addresses are: what differs from the guide's sample."""

    interface: str = "access0"
    address: str = "10.20.0.254"
    addresses: str = "10.20.0.254/24"
    vmac: bool = False

    def twincast(self) -> str:
        """The sample of Twincast's arbitration, for a profile that is there."""
        arbitration = re.search(r"<vrrp>.*</vrrp>", sample("xml"), re.DOTALL)
        assert arbitration
        text = _replaced(arbitration[0], "<interface>access0", f"<interface>{self.interface}")
        return _replaced(text, "10.20.0.254", self.address)

    def keepalived(self, priority: int) -> str:
        """The sample of keepalived's configuration."""
        interface = f"interface {self.interface}" + ("\n    use_vmac" if self.vmac else "")
        text = _replaced(sample("keepalived"), "interface access0", interface)
        text = _replaced(text, "10.20.0.254/24", self.addresses)
        return _replaced(text, "priority 254", f"priority {priority}")


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new)


@contextmanager
def following(laboratory: Laboratory, group: Group) -> Iterator[Pair]:
    """Both routers follow a keepalived each; router a has the address when this begins."""
    both = []
    for router, priority in zip(laboratory.routers, PRIORITIES, strict=True):
        router.commit(configuration.of_site(router.site, 30, 2))
        router.commit(watching.plain_interface("peer0"))
        router.commit(watching.profile(NO_E_TRUNK + group.twincast()))
        wait_for_role(router, "backup")
        folder = router.folder / f"keepalived-{len(list(router.folder.glob('keepalived-*')))}"
        both.append(Keepalived(router.site.namespace, folder, group.keepalived(priority)))
    a, b = both
    try:
        a.start()
        b.start()
        _roles(laboratory, "master", "backup")
        yield a, b
    except BaseException:
        print(a.log, b.log, file=sys.stderr)
        raise
    finally:
        a.stop()
        b.stop()


def _roles(laboratory: Laboratory, *roles: str) -> None:
    for router, role in zip(laboratory.routers, roles, strict=True):
        wait_for_role(router, role)


def _there_and_back(
    laboratory: Laboratory, fail: Callable[[], None], mend: Callable[[], None]
) -> dict[str, int]:
    """A failover and a failback, with the packets that each cost."""
    cost = {}
    for name, act, roles in (
        ("failover", fail, ("backup", "master")),
        ("failback", mend, ("master", "backup")),
    ):
        stream = Stream(laboratory, GROUPS[0])
        act()
        _roles(laboratory, *roles)
        cost[name] = stream.end().lost
    return cost


def vrrp(laboratory: Laboratory) -> dict[str, object]:
    """A group on the access link, one with use_vmac on the link between the routers, one of IPv6."""
    return {
        "access": _on_the_access_link(laboratory),
        "vmac": _on_the_peer_link(laboratory),
        "ipv6": _by_ipv6_addresses(laboratory),
    }


def _on_the_access_link(laboratory: Laboratory) -> dict[str, object]:
    """The STBs reach both routers, and so do the advertisements."""
    laboratory.topology.dual_homed(enabled=True)
    try:
        return _played(laboratory, Group())
    finally:
        laboratory.topology.dual_homed(enabled=False)


def _on_the_peer_link(laboratory: Laboratory) -> dict[str, object]:
    """Smart link: only router a hears the STBs, and the advertisements take the link between the routers."""
    return _played(laboratory, Group("peer0", "10.30.0.100", "10.30.0.100/24", vmac=True))


def _by_ipv6_addresses(laboratory: Laboratory) -> dict[str, object]:
    for router in laboratory.routers:
        for scope in ("default", "peer0"):
            router.site.namespace.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", 0)
    group = Group("peer0", "fd00:30::100", "fe80::254/64\n        fd00:30::100/64", vmac=True)
    with following(laboratory, group) as (first, _):
        return {"stopped": _there_and_back(laboratory, first.stop, first.start)}


def _played(laboratory: Laboratory, group: Group) -> dict[str, object]:
    topology, (a, b) = laboratory.topology, laboratory.routers
    with following(laboratory, group) as (first, _):
        for router in laboratory.routers:
            until(lambda router=router: watching.copy_state(router) == "active", f"{router.name} copies")  # type: ignore[misc]
        laboratory.stbs[0].do("join", [group for group in GROUPS if not watching.has(a, group)])
        wait_for([a, b], *GROUPS)
        found: dict[str, object] = {"reason": leaf(a, "last-role-change-reason")}
        found["may be ordered"] = may_be_given(a)
        found["stopped"] = _there_and_back(laboratory, first.stop, first.start)
        found["core cut"] = _there_and_back(
            laboratory, lambda: topology.cut_core_link(a.site), lambda: topology.restore_core_link(a.site)
        )
        first.kill()
        wait_for_role(b, "master")
        found["killed"] = leaf(a, "local-role")
        first.start()
        _roles(laboratory, "master", "backup")
        stream = Stream(laboratory, GROUPS[0])
        found["after"] = {"lost": stream.end().lost, "duplicates": stream.duplicates}
    _roles(laboratory, "backup", "backup")
    return found
