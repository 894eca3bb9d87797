"""Link facts and events of real interfaces."""

import select
import socket
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from cli.lab.namespaces import Namespace, veth
from dataplane import links as links_module
from dataplane import netlink
from dataplane.links import LinkChanged, LinkRemoved, Links
from tests.support.wait import wait_for


@contextmanager
def router():
    with Namespace("router", new=False) as here, Namespace("core") as core:
        links = Links()
        try:
            yield here, core, links
        finally:
            links.close()


def read_until(links, holds, what):
    events = []

    def step():
        if select.select([links], [], [], 0.1)[0]:
            events.extend(links.read())
        return holds()

    wait_for(step, what=what)
    return events


def test_what_is_there_is_known_at_once():
    with Namespace("router", new=False) as here, Namespace("core") as core:
        veth(here, "uplink", core, "eth0")
        here.address("uplink", "192.0.2.1/24")
        links = Links()
        link = links.get("uplink")
        assert link.mac == here.mac("uplink")
        assert link.index == here.index("uplink")
        assert link.mtu == 1500
        assert link.addresses == (IPv4Interface("192.0.2.1/24"),)
        assert set(links.all()) == {"lo", "uplink"}
        links.close()


def test_a_link_that_appears_gets_an_address_and_goes():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        events = read_until(links, lambda: (u := links.get("uplink")) and u.up, "the link is up")
        assert isinstance(events[0], LinkChanged)
        assert events[0].previous is None
        here.address("uplink", "192.0.2.1/24")
        read_until(links, lambda: links.get("uplink").addresses, "the address")
        here.delete("uplink")
        events = read_until(links, lambda: links.get("uplink") is None, "the link is gone")
        assert isinstance(events[-1], LinkRemoved)
        assert events[-1].link.name == "uplink"


def test_losing_the_carrier_is_an_event():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        read_until(links, lambda: (u := links.get("uplink")) and u.up, "the link is up")
        core.down("eth0")
        (event,) = read_until(links, lambda: not links.get("uplink").up, "the carrier is lost")
        assert event.previous.up
        core.up("eth0")
        read_until(links, lambda: links.get("uplink").up, "the carrier is back")


def test_lost_events_are_made_up_for():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        links._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        # More than the socket buffer holds, and nobody reads meanwhile.
        for number in range(20):
            here.address("uplink", f"192.0.2.{number + 1}/32")
        read_until(links, lambda: (u := links.get("uplink")) and len(u.addresses) == 20, "the true state")


def test_what_could_not_be_asked_for_again_is_asked_for_with_the_next_event(monkeypatch):
    """And what was read before it failed is told all the same: nobody tells it again."""
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        read_until(links, lambda: (u := links.get("uplink")) and u.up, "the link is up")
        links._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        for number in range(20):
            here.address("uplink", f"192.0.2.{number + 1}/32")
        everything = links_module._everything
        monkeypatch.setattr(links_module, "_everything", _no_answer)
        told = links.read()
        assert len(links.get("uplink").addresses) < 20
        assert [len(event.link.addresses) for event in told][-1:] in (
            [],
            [len(links.get("uplink").addresses)],
        )
        monkeypatch.setattr(links_module, "_everything", everything)
        here.address("uplink", "192.0.2.21/32")
        read_until(links, lambda: len(links.get("uplink").addresses) == 21, "the true state")


def _no_answer():
    raise TimeoutError


def test_an_event_does_not_make_the_table_of_names_anew():
    """A router with ten thousand sessions would need a millisecond for each that comes or goes."""
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        read_until(links, lambda: (u := links.get("uplink")) and u.up, "the link is up")
        made, by_name = [], links._table.by_name
        links._table.by_name = lambda: made.append(1) or by_name()
        events = []
        for number in range(5):
            here.address("uplink", f"192.0.2.{number + 1}/32")
            events += links.read()
        assert (len(events), made) == (5, [])
        assert len(links.get("uplink").addresses) == len(links.all()["uplink"].addresses) == 5
        assert made == [1]


def test_links_that_come_and_go_while_all_are_asked_for_leave_none_out(monkeypatch):
    """An older kernel may leave out one that stays; it says that something changed, and is asked again."""
    with Namespace("router", new=False) as here, Namespace("core") as core:
        for number in range(40):
            veth(here, f"ppp{number}", core, f"eth{number}")
        receive, asked = netlink.Dump.receive, []

        def disturbed(dump):
            asked.append(dump)
            if len(asked) == 2:
                here.delete("ppp0")
            return receive(dump)

        monkeypatch.setattr(netlink.Dump, "receive", disturbed)
        found = netlink.dump(netlink.RTM_GETLINK, bytes(16))
        assert len({id(dump) for dump in asked}) == 2
        assert [dump.interrupted for dump in (asked[0], asked[-1])] == [True, False]
        assert (
            len([each for each in found if each.type == netlink.RTM_NEWLINK]) == 40
        )  # loopback, and 39 of 40


def test_a_port_that_joins_a_bridge_is_still_a_link():
    with router() as (here, core, links):
        here.bridge("br0")
        veth(here, "port", core, "eth0")
        here.bridge_port("port", "br0")
        here.delete("br0")
        read_until(
            links, lambda: "br0" not in links.all() and "port" in links.all(), "bridge gone, port there"
        )


def test_a_macvlan_knows_what_it_lies_on_and_whether_a_protocol_keeps_it_down():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        here.device("vrrp.51", "macvlan", link=here.index("uplink"), macvlan_mode="private")
        read_until(links, lambda: (v := links.get("vrrp.51")) and v.up, "the macvlan is up")
        macvlan = links.get("vrrp.51")
        assert (macvlan.kind, macvlan.parent, macvlan.protodown) == ("macvlan", here.index("uplink"), False)
        here.run(lambda: here._route.link("set", index=macvlan.index, proto_down=1))
        read_until(links, lambda: links.get("vrrp.51").protodown, "protodown")
        here.run(lambda: here._route.link("set", index=macvlan.index, proto_down=0))
        read_until(links, lambda: not links.get("vrrp.51").protodown, "protodown is over")


def test_the_other_end_of_a_veth_pair_in_another_namespace_is_no_parent():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        read_until(links, lambda: (u := links.get("uplink")) and u.up, "the link is up")
        assert (links.get("uplink").kind, links.get("uplink").parent) == ("veth", None)


def test_ipv6_addresses_come_and_go():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        wanted = IPv6Interface("2001:db8::1/64")
        here.address("uplink", str(wanted))
        read_until(links, lambda: wanted in links.get("uplink").ipv6_addresses, "the address")
        here.run(
            lambda: here._route.addr(
                "del", index=here.index("uplink"), address=str(wanted.ip), prefixlen=wanted.network.prefixlen
            )
        )
        read_until(links, lambda: wanted not in links.get("uplink").ipv6_addresses, "the address is gone")


def test_an_ipv6_address_that_another_host_has_does_not_count():
    with router() as (here, core, links):
        veth(here, "uplink", core, "eth0")
        core.run(
            lambda: core._route.addr(
                "add", index=core.index("eth0"), address="2001:db8::1", prefixlen=64, flags=2
            )
        )
        here.address("uplink", "2001:db8::1/64")
        wanted = IPv6Interface("2001:db8::1/64")
        seen = read_until(
            links,
            lambda: "dadfailed" in _flags(here) and wanted not in links.get("uplink").ipv6_addresses,
            "the duplicate is found",
        )
        assert any(wanted in event.link.ipv6_addresses for event in seen)


def _flags(here):
    """How the kernel marks the address, from its own table."""
    text = here.run(Path("/proc/thread-self/net/if_inet6").read_text)
    flags = [int(line.split()[4], 16) for line in text.splitlines() if line.startswith("20010db8")]
    return "dadfailed" if flags and flags[0] & 0x08 else ""
