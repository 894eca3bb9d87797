"""Subscribers of all thirty kinds, played by scapy on the wire, on two real routers behind a smart link."""

import json
import subprocess
import sys
from ipaddress import ip_address
from typing import Any

from cli.lab import configuration
from cli.lab.hosts import KernelRouter
from cli.lab.laboratory import Laboratory
from cli.lab.namespaces import Namespace
from cli.lab.play import until
from cli.lab.topology import ACCESS_INTERFACE
from dataplane.packets.ethernet import Subscriber
from tests.netns import watching
from tests.support.kinds import GROUP, KINDS, Kind
from tests.support.scapy_runner import Description, described

WITHOUT_LEAVE = "igmpv1"
OUTER_TYPE = 0x88A8


class Subscribers:
    """Scapy in the namespace of an STB: a subscriber of each kind, each with a MAC and a group of its own."""

    def __init__(self, namespace: Namespace, router_mac: bytes) -> None:
        command = [sys.executable, "-m", "tests.support.scapy_wire", "eth0"]
        self._router_mac = router_mac.hex(":")
        self._process = namespace.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "scapy ended"
        return json.loads(line)

    def _ask(self, request: dict[str, object]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def say(self, name: str) -> None:
        """Have every kind that has such a message send it."""
        kinds = [kind for kind in KINDS if name in kind.messages()]
        self._ask({"send": [self._description(kind, name) for kind in kinds]})

    def _description(self, kind: Kind, name: str) -> Description:
        said = described(kind, kind.messages()[name], OUTER_TYPE)
        said["source_mac"] = subscriber(kind).mac.hex(":")
        said["destination_mac"] = self._router_mac
        said["session"] = subscriber(kind).pppoe_session
        said["source"] = f"fe80::{10 + number(kind)}" if kind.family == 6 else f"10.20.0.{10 + number(kind)}"
        if said["destination"] == str(GROUP[kind.family]):
            said["destination"] = group(kind)
        for record in said["message"]["records"]:
            record["group"] = group(kind)
        return said

    def heard(self) -> list[Description]:
        return list(self._ask({"heard": None}))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def number(kind: Kind) -> int:
    return KINDS.index(kind) + 1


def subscriber(kind: Kind) -> Subscriber:
    where = kind.subscriber
    mac = bytes([2, 0, 0, 0, 1, number(kind)])
    return Subscriber(where.outer_vlan, where.inner_vlan, where.pppoe_session and 100 + number(kind), mac)


def group(kind: Kind) -> str:
    return str(ip_address(int(GROUP[kind.family]) + number(kind)))


def known(router: KernelRouter) -> dict[str, dict[str, str]]:
    """The entries of the router as NETCONF tells them, by group."""
    found = router.get(configuration.groups()).iter(f"{watching.TRB}group")
    entries = [{str(leaf.tag).removeprefix(watching.TRB): str(leaf.text) for leaf in each} for each in found]
    return {each["group-address"]: each for each in entries}


def frame_kinds(laboratory: Laboratory) -> dict[str, object]:
    """Every kind joins, then leaves: what the backup's table shows, and what the subscribers were asked."""
    watching.prepared(laboratory)
    a, b = laboratory.routers
    for router in (a, b):
        types = "<outer-tag-type>s-vlan</outer-tag-type><single-tag-type>s-vlan</single-tag-type>"
        router.commit(watching.access(types))
        for name, value in (("accept_dad", 0), ("disable_ipv6", 0)):
            router.site.namespace.sysctl(f"net/ipv6/conf/{ACCESS_INTERFACE}/{name}", value)
    until(lambda: bool(watching.mld_querier(a, ACCESS_INTERFACE)), "an address to ask from")
    people = Subscribers(laboratory.topology.stbs[0], a.site.namespace.mac(ACCESS_INTERFACE))
    try:
        people.say("join")
        until(lambda: len(known(b)) == len(KINDS), "all kinds on the backup")
        joined = known(b)
        people.heard()
        people.say("leave")
        stay = {group(kind) for kind in KINDS if kind.protocol == WITHOUT_LEAVE}
        until(lambda: set(known(b)) == stay, "all that can leave are gone from the backup")
        asked = people.heard()
    finally:
        people.close()
    return {
        "joined": {str(kind): joined.get(group(kind)) for kind in KINDS},
        "stay": sorted(str(kind) for kind in KINDS if group(kind) in known(b)),
        "gone_from_master": sorted(set(known(a)) - stay) == [],
        "asked": {str(kind): asked_of(kind, asked) for kind in KINDS},
    }


def asked_of(kind: Kind, heard: list[Description]) -> list[Description]:
    """The queries about a kind's group, but for what every query has alike."""
    return [each for each in heard if each["message"].get("group") == group(kind)]
