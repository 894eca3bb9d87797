"""What the scenarios look at, on routers, in kernels and at the STBs, and the edits that they commit."""

import socket
import sys
import time
from pathlib import Path
from typing import Any

from cli.lab import configuration
from cli.lab.hosts import Host, KernelRouter
from cli.lab.laboratory import Laboratory
from cli.lab.measure import Loss, loss
from cli.lab.play import RATE, Player, until

TRB = f"{{{configuration.REMOTE_BACKUP}}}"
INTERFACES = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
ANY = "0.0.0.0"


def prepared(laboratory: Laboratory) -> Player:
    """Configure both routers with slow timers; router a is master and the channel is up."""
    player = Player(laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, 1)
    for router in laboratory.routers:
        router.commit(configuration.of_site(router.site, 30, 2))
    player.wait_for_roles()
    return player


class Stream:
    """A stream to an STB that joined, watched from now until `end`."""

    def __init__(self, laboratory: Laboratory, group: str, stb: Host | None = None) -> None:
        self._source, self._stb, self._group = laboratory.source, stb or laboratory.stbs[0], group
        self._stb.do("listen", group)
        self._source.do("start", group, RATE)
        until(lambda: self._stb.do("heard", group) > RATE // 5, f"the stream {group}")
        self._begin = time.monotonic_ns()
        self.duplicates = 0

    def heard(self) -> int:
        return int(self._stb.do("heard", self._group))

    def goes_on(self) -> None:
        """Wait until more of it arrives."""
        before = self.heard()
        until(lambda: self.heard() > before + RATE // 10, f"more of the stream {self._group}")

    def end(self) -> Loss:
        self.goes_on()
        end = time.monotonic_ns()
        self.goes_on()
        sent = self._source.do("stop", self._group)
        received = [(number, moment) for number, moment in self._stb.do("finish", self._group)]
        self.duplicates = len(received) - len({number for number, _ in received})
        return loss(sent, received, (self._begin, self._begin), end)


def table(router: KernelRouter) -> set[tuple[str, str]]:
    """Group and source of every resolved entry of the kernel's table; source 0.0.0.0 means any."""
    text = router.site.namespace.run(Path("/proc/thread-self/net/ip_mr_cache").read_text)
    rows = (line.split() for line in text.splitlines()[1:])
    return {(_address(row[0]), _address(row[1])) for row in rows if row[2] != "-1"}


def _address(column: str) -> str:
    return socket.inet_ntoa(int(column, 16).to_bytes(4, sys.byteorder))


def has(router: KernelRouter, *groups: str) -> bool:
    return set(groups) <= {group for group, source in table(router) if source == ANY}


def wait_for(routers: list[KernelRouter], *groups: str) -> None:
    for router in routers:
        until(lambda router=router: has(router, *groups), f"entries on router {router.name}")  # type: ignore[misc]


def wait_until_gone(routers: list[KernelRouter], *groups: str) -> None:
    for router in routers:
        until(
            lambda router=router: not {group for group, _ in table(router)} & set(groups),  # type: ignore[misc]
            f"router {router.name} without the entries",
        )


def members(router: KernelRouter, group: str) -> list[dict[str, str]]:
    """The entries of a group as NETCONF tells them."""
    found = router.get(configuration.groups()).iter(f"{TRB}group")
    leaves = [{str(leaf.tag).removeprefix(TRB): str(leaf.text) for leaf in each} for each in found]
    return [each for each in leaves if each["group-address"] == group]


def leaf(router: KernelRouter, name: str, *, of_service: bool = False) -> str:
    state = configuration.service_state if of_service else configuration.profile_state
    return str(router.get(state(name)).findtext(f".//{TRB}{name}", default=""))


def copy_state(router: KernelRouter, protocol: str = "igmp") -> str:
    data = router.get(configuration.profile_state(f"{protocol}-copy-status"))
    return str(data.findtext(f".//{TRB}copy-state"))


def interface_counter(router: KernelRouter, name: str, direction: str, message: str) -> int:
    data = router.get(
        f'<interfaces xmlns="{INTERFACES}"><interface><name>{name}</name></interface></interfaces>'
    )
    return int(data.findtext(f".//{TRB}{direction}/{TRB}{message}"))


def dropped(router: KernelRouter, name: str) -> dict[str, int]:
    """What was refused on an interface, by reason."""
    data = router.get(
        f'<interfaces xmlns="{INTERFACES}"><interface><name>{name}</name></interface></interfaces>'
    )
    return {
        str(each.findtext(f"{TRB}reason")): int(str(each.findtext(f"{TRB}packets")))
        for each in data.iter(f"{TRB}dropped")
    }


def mld_querier(router: KernelRouter, name: str) -> str:
    """The querier that the router knows on an interface, "" for none."""
    return querier(router, name, "mld-querier")


def querier(router: KernelRouter, name: str, leaf: str = "querier") -> str:
    """The same of IGMP."""
    data = router.get(
        f'<interfaces xmlns="{INTERFACES}"><interface><name>{name}</name></interface></interfaces>'
    )
    return str(data.findtext(f".//{TRB}{leaf}", default=""))


def wait_for_role(router: KernelRouter, role: str) -> None:
    until(lambda: leaf(router, "local-role") == role, f"router {router.name} as {role}")


def _config(body: str) -> str:
    return f'<config xmlns="{BASE}" xmlns:nc="{BASE}">{body}</config>'


def service(body: str) -> str:
    """An edit of the service."""
    return _config(
        f'<remote-backup xmlns="{configuration.REMOTE_BACKUP}"><remote-backup-service>'
        f"<name>{configuration.SERVICE}</name>{body}</remote-backup-service></remote-backup>"
    )


def profile(body: str) -> str:
    """An edit of the profile."""
    return _config(
        f'<remote-backup xmlns="{configuration.REMOTE_BACKUP}"><remote-backup-profile>'
        f"<name>{configuration.PROFILE}</name>{body}</remote-backup-profile></remote-backup>"
    )


def access(body: str) -> str:
    """An edit of the access interface's multicast settings."""
    return _config(
        f'<interfaces xmlns="{INTERFACES}"><interface><name>access0</name>'
        f'<multicast xmlns="{configuration.REMOTE_BACKUP}">{body}</multicast></interface></interfaces>'
    )


def plain_interface(name: str) -> str:
    """An interface without multicast, so that others can refer to it."""
    return _config(
        f'<interfaces xmlns="{INTERFACES}"><interface><name>{name}</name>'
        '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>'
        "</interface></interfaces>"
    )


def intervals(query: int, response: int, protocol: str = "igmp") -> str:
    return access(
        f"<{protocol}><query-interval>{query}</query-interval>"
        f"<query-max-response-time>{response}</query-max-response-time></{protocol}>"
    )


def seen(found: Loss, **more: Any) -> dict[str, object]:
    return {"sent": found.sent, "lost": found.lost, **more}
