"""What arrives on an access interface. Pure.

A report walks through here: decoded, taken into the membership table, copied to the peer where the policy
says so, then settled.
"""

from dataplane.copy_policy import NotCopied, refusal_of_drop
from dataplane.engine import copying, sessions, vlans
from dataplane.engine.messages import FrameCaptured
from dataplane.engine.settle import settle
from dataplane.engine.world import IGMP, Port, World
from dataplane.membership.querier import QuerierState
from dataplane.packets import frames
from dataplane.packets.frames import AccessMessage
from dataplane.packets.messages import Query, Report
from dataplane.packets.wire import DecodeError, DropReason


def frame_captured(world: World, port: Port, message: FrameCaptured, now: float) -> None:
    """Take a frame that arrived on an access interface."""
    try:
        packet = frames.unwrap(message.frame, message.outer_vlan)
        if port.elsewhere and vlans.has_its_own(port, packet.subscriber):
            _count_drop(port, DropReason.OTHER_INTERFACE)
            return
        policer = port.sides[packet.source.version].policer
        if policer.limited and not policer.admits(packet.subscriber, frames.records_in(packet), now):
            raise frames.payload_error(DropReason.RATE_LIMITED, packet)
        heard = frames.read(packet)
    except DecodeError as error:
        _refused(world, port, error)
        return
    received = port.counters.received
    received["total"] += 1
    if isinstance(heard.message, Query):
        received["query"] += 1
        _query_heard(world, port, heard, heard.message, now)
    else:
        _report_heard(world, port, heard, heard.message, now)
        sessions.heard(port.sides[heard.source.version], heard.subscriber, message.frame)


def _report_heard(world: World, port: Port, heard: AccessMessage, report: Report, now: float) -> None:
    side = port.sides[heard.source.version]
    port.counters.received["leave" if report.is_leave else "report"] += 1
    changes = side.table.report(heard.subscriber, report, heard.source, now)
    for reason in (*report.refused, *changes.refused):
        _count_drop(port, reason)
    copying.copy_message(world, port, heard, report, changes, now)
    settle(world, port, side, changes, now)


def _query_heard(world: World, port: Port, heard: AccessMessage, query: Query, now: float) -> None:
    """A foreign querier: elected against as RFC 3376 section 6.6.2 says, never copied (rules 14, 17)."""
    side = port.sides[heard.source.version]
    if not side.querier.elects:
        if side.querier.state is not QuerierState.OFF:  # a backup hears its peer
            _count_drop(port, DropReason.FOREIGN_QUERY)
    elif not heard.subscriber.tagged:
        from_peer = copying.may_be_peer(world, port, heard.source, now)
        side.querier.heard(query, heard.source, now, from_peer=from_peer)
    copying.count_not_copied(world, port, side.version, heard.subscriber, NotCopied.QUERY)
    world.deadlines.set(side.querier_key, side.querier.next_deadline())
    world.deadlines.set(side.table_key, side.table.next_deadline())  # a last-member query lowers timers


def _refused(world: World, port: Port, error: DecodeError) -> None:
    """Count a message that was refused; of one whose headers are wrong too nobody knows whose it was."""
    port.counters.refused(error)
    version, subscriber = IGMP, None
    if isinstance(error, frames.PayloadError):
        version, subscriber = error.source.version, error.subscriber
    copying.count_not_copied(world, port, version, subscriber, refusal_of_drop(error.reason))


def _count_drop(port: Port, reason: DropReason) -> None:
    port.counters.dropped[reason.value] += 1
