"""The network side: which upstream interface is active, and the proxy's reports on it (RFC 4605). Pure.

One upstream is active at a time, because a (*,G) entry has one parent; the others are spares. The active one
is reported to and answers its querier; the bound one is where the plane takes the streams from. They differ
after a change for the better, while the old one still works: the core gets time to send on the new one.
"""

from collections.abc import Iterable
from itertools import chain, islice, repeat
from typing import Final

from dataplane.engine import arbitration
from dataplane.engine.effects import SendReports, SetUpstream
from dataplane.engine.messages import FrameCaptured
from dataplane.engine.world import UpstreamInterface, World
from dataplane.forwarding.reports import leave_of
from dataplane.forwarding.upstream import REPEATED_AT_ONCE, as_reports
from dataplane.links import Link
from dataplane.packets import frames
from dataplane.packets.messages import Query, Report
from dataplane.packets.wire import DecodeError

HANDOVER: Final = 3.0
"""Seconds from the reports on a new upstream to its streams: the second report has left after one (RFC 3376
section 8.11), and the core has to build its trees."""
LEFT_TIMES: Final = 2
"""How often a leave is said, for one may be lost (RFC 3376 section 8.1)."""
REPORT_PAUSE: Final = 0.01
"""Seconds between two reports: at 1,000 joins a second a report for each cost a quarter of the CPU."""


def choose(world: World, now: float, *, rebound: bool = False) -> None:
    """Make the best working upstream interface the active one; `rebound`: its index is another."""
    if not world.adopted:
        return
    working = [item for item in world.upstreams.values() if _works(item)]
    best = min(working, key=_order, default=None)
    name = None if best is None else best.config.name
    if name == world.active_upstream and not rebound:
        if name != world.bound_upstream and not _may_wait(world):
            bind(world, now)
        return
    before, world.active_upstream = world.active_upstream, name
    _give_up(world, before)
    if (before is not None) is (best is not None):
        _follow(world, best, now)
        arbitration.readiness_changed(world, world.elected, now)
        return
    if best is None:
        # the peer has to know first: everything else can wait
        arbitration.upstream_changed(world, now)
        _follow(world, best, now)
    else:
        _follow(world, best, now)
        arbitration.upstream_changed(world, now)


def _give_up(world: World, name: str | None) -> None:
    """Note what the core of an upstream that is not the active one any more was asked for."""
    upstream = world.upstreams.get(name or "")
    if upstream is not None and name != world.active_upstream and _works(upstream):
        groups = tuple(world.proxy.groups())
        world.departing[upstream.config.name] = chain.from_iterable(repeat(groups, LEFT_TIMES))


def _follow(world: World, upstream: UpstreamInterface | None, now: float) -> None:
    if upstream is not None:
        world.departing.pop(upstream.config.name, None)
    if upstream is not None and _may_wait(world):
        world.deadlines.set(("upstream", ""), now + HANDOVER)
    else:
        bind(world, now)
    for name in world.departing:
        world.deadlines.set(("departing", name), now)
    if upstream is None:
        return
    world.proxy.restart(now, upstream.queriers)
    world.proxy_changed = True
    world.reports_after = now
    world.joining = True


def _may_wait(world: World) -> bool:
    """Whether the streams still come from an upstream that is not the active one."""
    bound = world.upstreams.get(world.bound_upstream or "")
    return bound is not None and _works(bound) and world.bound_upstream != world.active_upstream


def bind(world: World, now: float) -> None:
    """Take the streams from the active upstream; the one before has no part in them any more."""
    before, world.bound_upstream = world.bound_upstream, world.active_upstream
    world.deadlines.set(("upstream", ""), None)
    link = bound_link(world)
    world.out.append(SetUpstream(None, None) if link is None else SetUpstream(link.name, link.index))
    if before is not None and before in world.departing:
        world.deadlines.set(("departing", before), now)


def bound_link(world: World) -> Link | None:
    """Return the link that streams are taken from."""
    bound = world.upstreams.get(world.bound_upstream or "")
    return None if bound is None else bound.link


def depart(world: World, name: str, now: float) -> None:
    """Leave the next groups on an upstream that is not the active one any more."""
    groups, upstream = world.departing.get(name), world.upstreams.get(name)
    if groups is None or name == world.bound_upstream:
        return  # not while its streams are taken
    piece = list(islice(groups, REPEATED_AT_ONCE))
    if upstream is None or upstream.link is None or not _works(upstream) or not piece:
        del world.departing[name]
        return
    for version, querier in upstream.queriers.items():
        leaves = [leave_of(group) for group in piece if group.version == version]
        _send(world, upstream, upstream.link, as_reports(querier.version(now), leaves))
    world.deadlines.set(("departing", name), now + REPORT_PAUSE)


def report_anew(world: World, version: int, now: float) -> None:
    """Report everything of a family again: routers ignored what came from no address of the link."""
    world.proxy.of(version).restart(now)
    world.proxy_changed = True


def _works(upstream: UpstreamInterface) -> bool:
    return upstream.config.enabled and upstream.link is not None and upstream.link.up


def _order(upstream: UpstreamInterface) -> tuple[int, str]:
    settings = upstream.config.upstream
    return (0 if settings is None else settings.preference, upstream.config.name)


def frame_captured(world: World, upstream: UpstreamInterface, message: FrameCaptured, now: float) -> None:
    """Take a frame of the network side: only queries on the active upstream matter.

    One with a VLAN tag, or out of a PPPoE session, is of another network on the same wire.
    """
    counters = upstream.counters
    try:
        heard = frames.decode(message.frame, message.outer_vlan)
    except DecodeError as error:
        counters.refused(error)
        return
    counters.received["total"] += 1
    if not isinstance(heard.message, Query):
        counters.received["leave" if heard.message.is_leave else "report"] += 1
        return
    counters.received["query"] += 1
    if heard.subscriber.tagged:
        return
    if upstream.config.name == world.active_upstream:
        world.proxy.of(heard.source.version).query(heard.message, now)
        world.proxy_changed = True
    else:
        upstream.queriers[heard.source.version].learn(heard.message, now)


def changes_made(world: World, now: float) -> None:
    """Send what changed toward the core: at once after a pause, else soon, so that groups share a report."""
    if now >= world.reports_after:
        send_due(world, now)
    else:
        world.proxy_changed = False
        world.deadlines.set(("proxy", ""), world.reports_after)


def _send(world: World, upstream: UpstreamInterface, link: Link, reports: Iterable[Report]) -> None:
    """Send reports, each as many frames as the MTU asks for, and count the frames."""
    parts = tuple([part for report in reports for part in _fitting(report, link.mtu)])
    sent = upstream.counters.sent
    for part in parts:
        sent["total"] += 1
        sent["leave" if part.is_leave else "report"] += 1
    if parts:
        world.out.append(SendReports(link, parts))


def _fitting(report: Report, mtu: int) -> list[Report]:
    family = report.records[0].group.version
    return [part for _, part in frames.reports(report.version, report.records, family, mtu)]


def send_due(world: World, now: float) -> None:
    """Send the reports that are due toward the core."""
    world.proxy_changed = False
    world.reports_after = now + REPORT_PAUSE
    reports = world.proxy.expire(now)
    world.deadlines.set(("proxy", ""), world.proxy.next_deadline())
    upstream = world.upstreams.get(world.active_upstream or "")
    if upstream is not None and upstream.link is not None:
        _send(world, upstream, upstream.link, reports)
    if world.joining and not world.proxy.behind and not world.former:
        arbitration.joins_sent(world, now)
