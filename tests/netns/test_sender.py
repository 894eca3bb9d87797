"""What the proxy says reaches the core as well-formed IGMP."""

import random
from ipaddress import IPv4Address

from cli.lab.namespaces import Namespace, veth
from dataplane.capture import UPSTREAM_RING_BYTES, Capture
from dataplane.forwarding.sender import send_reports
from dataplane.forwarding.upstream import UpstreamProxy
from dataplane.links import Links
from dataplane.membership.groups import Aggregate, FilterMode
from dataplane.packets import frames
from tests.support.wait import wait_for

ANY = Aggregate(FilterMode.EXCLUDE)
GROUP = IPv4Address("239.1.1.1")


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
