"""What the proxy says reaches the core as well-formed IGMP and MLD."""

import random
from ipaddress import IPv4Address, IPv6Address

import pytest

from cli.lab.namespaces import Namespace, veth
from dataplane.capture import UPSTREAM_RING_BYTES, Capture
from dataplane.forwarding.sender import send_reports
from dataplane.forwarding.upstream import UpstreamProxy
from dataplane.links import Links
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets import frames
from dataplane.packets.messages import Query
from dataplane.packets.wire import DecodeError, DropReason
from tests.support.wait import wait_for

ANY = Aggregate(FilterMode.EXCLUDE)
GROUP = IPv4Address("239.1.1.1")
GROUP_6 = IPv6Address("ff3e::1:1")
SOURCE_6 = IPv6Address("2001:db8::1")


def test_a_thousand_joins_reach_the_core_in_few_frames():
    with Namespace("router", new=False) as router, Namespace("core") as core:
        for end in (router, core):
            end.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        veth(router, "uplink", core, "eth0")
        router.address("uplink", "192.0.2.1/24")
        links = Links()
        heard = core.run(Capture, core.index("eth0"), ring_bytes=UPSTREAM_RING_BYTES)
        uplink = Capture(router.index("uplink"), ring_bytes=UPSTREAM_RING_BYTES)
        proxy = UpstreamProxy(random.Random(1))
        groups = [GROUP + number for number in range(1_000)]
        for group in groups:
            proxy.set_interest(group, ANY, 0.0)
        sent = send_reports(uplink, links.get("uplink"), proxy.expire(0.0))
        assert 0 < sent < 10
        captured = []
        wait_for(lambda: captured.extend(heard.read()) or len(captured) == sent, what="all frames")
        messages = [frames.decode(each.frame, require_router_alert=True) for each in captured]
        assert {message.source for message in messages} == {IPv4Address("192.0.2.1")}
        assert [record.group for message in messages for record in message.message.records] == groups
        for opened in (heard, uplink, links):
            opened.close()


def speaks(links):
    """Whether the link can send by MLD: events only say that something changed."""
    links.read()
    link = links.get("uplink")
    return link.up and link.ipv6_addresses


def report_of(frame, source):
    """What a frame says of our groups; the router's own kernel reports groups of the link's scope, too."""
    try:
        message = frames.decode(frame, require_router_alert=True)
    except DecodeError as error:
        if error.reason is DropReason.LINK_LOCAL_GROUP:
            return None
        raise
    ours = any(record.group in (GROUP_6, GROUP_6 + 1) for record in message.message.records)
    return message if ours and message.source == source else None


@pytest.mark.parametrize("version", [3, 2], ids=["mldv2", "mldv1"])
def test_what_the_proxy_reports_by_mld_is_well_formed_and_from_the_link_local_address(version):
    with Namespace("router", new=False) as router, Namespace("core") as core:
        for end in (router, core):
            end.sysctl("net/ipv6/conf/default/accept_dad", 0)
        veth(router, "uplink", core, "eth0")
        links = Links()
        wait_for(lambda: speaks(links), what="a link-local address")
        heard = core.run(Capture, core.index("eth0"), ring_bytes=UPSTREAM_RING_BYTES)
        uplink = Capture(router.index("uplink"), ring_bytes=UPSTREAM_RING_BYTES)
        proxy = UpstreamProxy(random.Random(1))
        proxy.query(Query(version), 0.0)
        proxy.set_interest(GROUP_6, ANY, 0.0)
        proxy.set_interest(GROUP_6 + 1, Aggregate(FilterMode.INCLUDE, frozenset({SOURCE_6})), 0.0)
        sent = send_reports(uplink, links.get("uplink"), proxy.expire(0.0))
        assert sent == (1 if version == 3 else 2)
        own = links.get("uplink").ipv6_addresses[0].ip
        captured = []

        def all_came():
            captured.extend(message for each in heard.read() if (message := report_of(each.frame, own)))
            return len(captured) == sent

        wait_for(all_came, what="all frames")
        records = [record for message in captured for record in message.message.records]
        assert [record.group for record in records] == [GROUP_6, GROUP_6 + 1]
        assert [record.sources for record in records] == [(), (SOURCE_6,) if version == 3 else ()]
        for opened in (heard, uplink, links):
            opened.close()
