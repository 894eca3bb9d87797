"""A foreign querier between the routers and real hosts: the access switch itself asks (see `scenarios`)."""

import time

from cli.lab.laboratory import Laboratory
from cli.lab.play import until
from tests.netns import watching
from tests.netns.watching import Stream, wait_for, wait_until_gone

GROUP, LEFT = "239.43.0.1", "239.43.0.2"
ADDRESS = "10.19.0.1"
"""Lower than those of the routers, which are in 10.20.0.0/24."""
INTERVAL = 1000
"""Hundredths of a second between its queries. Ours are 2 s apart: a member of ours would live for 5."""
WATCHED = 12.0


def foreign(laboratory: Laboratory) -> dict[str, object]:
    """The bridge is the querier: its interval is in force, a commit leaves it so, and we ask after it."""
    watching.prepared(laboratory)
    a = laboratory.routers[0]
    for router in laboratory.routers:
        router.commit(watching.intervals(2, 1))
    _let_the_bridge_ask(laboratory)
    until(lambda: watching.querier(a, "access0") == ADDRESS, "the foreign querier is elected")
    heard, asked = _queries(laboratory, "received"), _queries(laboratory, "sent")
    until(lambda: _queries(laboratory, "received") > heard, "its next query", 30)
    begin = time.monotonic()
    a.commit(watching.access("<igmp><max-groups>100</max-groups></igmp>"))
    laboratory.stbs[0].do("join", [GROUP, LEFT])
    wait_for(laboratory.routers, GROUP, LEFT)
    stream = Stream(laboratory, GROUP)
    laboratory.stbs[0].do("leave", [LEFT])
    wait_until_gone(laboratory.routers, LEFT)
    until(lambda: time.monotonic() > begin + WATCHED, "its next query and the answer", 30)
    silent = _queries(laboratory, "sent") == asked
    laboratory.topology.access.bridge_options("br0", mcast_querier=0)
    until(lambda: watching.querier(a, "access0") == "10.20.0.1", "we ask again", 60)
    return watching.seen(stream.end(), silent=silent)


def _queries(laboratory: Laboratory, direction: str) -> int:
    return watching.interface_counter(laboratory.routers[0], "access0", direction, "query")


def _let_the_bridge_ask(laboratory: Laboratory) -> None:
    access = laboratory.topology.access
    access.address("br0", f"{ADDRESS}/24")
    access.bridge_options("br0", mcast_query_response_interval=100, mcast_membership_interval=3 * INTERVAL)
    access.bridge_options("br0", mcast_query_interval=INTERVAL, mcast_startup_query_interval=INTERVAL)
    access.bridge_options("br0", mcast_igmp_version=3, mcast_query_use_ifaddr=1, mcast_snooping=1)
    access.bridge_options("br0", mcast_querier=1)
