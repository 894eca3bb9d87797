"""What an operator orders besides the configuration: batches, counters, copied groups, roles. Pure.

Each order is a message of the inbox and is answered by one `Answer`. Removing copied memberships comes in
slices, so that a hundred thousand of them do not keep a hello waiting.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import islice
from typing import Final

from dataplane.actions import (
    ActionRefused,
    BatchBackup,
    BatchStarted,
    ClearCopiedGroups,
    GroupsCleared,
    Outcome,
    ResetStatistics,
    RoleSwitched,
    StatisticsReset,
    Switchover,
)
from dataplane.engine import arbitration
from dataplane.engine.copying import flush, send_batch, tell_requests
from dataplane.engine.effects import Answer
from dataplane.engine.messages import RemoveCopied
from dataplane.engine.settle import settle
from dataplane.engine.walk import walk
from dataplane.engine.world import RequestedBatch, World
from dataplane.membership.groups import Origin
from dataplane.membership.table import Entry
from dataplane.packets.messages import Address
from dataplane.replication.peer import ChannelState
from dataplane.roles.machine import SwitchoverRefused

MAXIMUM_REQUESTED: Final = 16
"""Batches that operators asked for and that may be on their way for one service."""
SLICE: Final = 256
"""Memberships looked at for one message: about a millisecond of work."""

_EXCHANGING: Final = frozenset({ChannelState.SYNCHRONIZING, ChannelState.CONNECTED})


def batch_backup(world: World, order: BatchBackup, now: float) -> None:
    """Send a batch of every profile of the service that the peer has too."""
    world.out.append(Answer(_batch_backup(world, order, now)))


def _batch_backup(world: World, order: BatchBackup, now: float) -> Outcome:
    service = world.services.get(order.service)
    if service is None:
        return _unknown("service", order.service)
    machine = service.machine
    if machine is None or machine.state not in _EXCHANGING:
        state = (ChannelState.DOWN if machine is None else machine.state).value
        return ActionRefused("channel-not-connected", f"The channel of {order.service} is {state}.")
    if service.config.block_send:
        return ActionRefused("sending-blocked", f"A backup-block of {order.service} stops sending.")
    if len(service.requested) >= MAXIMUM_REQUESTED:
        return ActionRefused("too-many-batches", f"{MAXIMUM_REQUESTED} requested batches are on their way.")
    profiles = [world.profiles[name] for name in sorted(world.by_service.get(order.service, ()))]
    mapped = [each for each in profiles if machine.accepts(each.config.backup_id)]
    batch_id = machine.reserve_batch_id()
    waiting = {each.config.backup_id for each in mapped}
    service.requested.append(RequestedBatch(batch_id, machine, waiting))
    for profile in mapped:
        send_batch(world, profile, now)
    tell_requests(world, service)
    return BatchStarted(batch_id)


def reset_statistics(world: World, order: ResetStatistics, now: float) -> None:
    """Start the counters of a service from zero."""
    service = world.services.get(order.service)
    if service is None:
        world.out.append(Answer(_unknown("service", order.service)))
        return
    if service.machine is not None:
        flush(world, service, service.machine, now)  # what is counted as to be sent is sent before
        service.machine.reset_statistics()
    service.discontinuity = world.wall(now)
    world.out.append(Answer(StatisticsReset()))


def switch_over(world: World, order: Switchover, now: float) -> None:
    """Have the role of a profile moved; whether that can be is for its arbitration to say."""
    profile = world.profiles.get(order.profile)
    if profile is None:
        world.out.append(Answer(_unknown("profile", order.profile)))
        return
    try:
        outputs = profile.machine.switchover(now)
    except SwitchoverRefused as refused:
        world.out.append(Answer(ActionRefused("switchover-refused", str(refused))))
        return
    arbitration.perform(world, profile, outputs, now)
    world.out.append(Answer(RoleSwitched()))


def copied_groups(world: World, order: ClearCopiedGroups) -> Iterator[RemoveCopied]:
    """Yield the messages that carry the order out, the next one when the one before was handled.

    Raises ValueError for a group that is no address.
    """
    group = ip_address(order.group) if order.group else None
    profile = world.profiles.get(order.profile)
    for name in () if profile is None else sorted(profile.ports.values()):
        if order.interface in ("", name):
            yield from _of_port(world, name, group)


def _of_port(world: World, name: str, group: Address | None) -> Iterator[RemoveCopied]:
    port = world.ports.get(name)  # it may be gone by the time its turn comes
    for side in () if port is None else list(port.sides.values()):
        for members in _slices(walk(side.table, group)):
            copied = tuple((each.subscriber, each.group) for each in members if each and _copied(each))
            yield RemoveCopied(name, copied)


def _slices(entries: Iterator[Entry | None]) -> Iterator[list[Entry | None]]:
    while members := list(islice(entries, SLICE)):
        yield members


def _copied(entry: Entry) -> bool:
    return entry.origin is Origin.COPIED


def remove_copied(world: World, order: RemoveCopied, now: float) -> None:
    """Remove memberships that only a copy explains; what was refreshed here meanwhile stays."""
    port = world.ports.get(order.interface)
    removed = 0
    for subscriber, group in () if port is None else order.members:
        side = None if port is None else port.sides.get(group.version)
        entry = None if side is None else side.table.entry(subscriber, group)
        if port is not None and side is not None and entry is not None and _copied(entry):
            settle(world, port, side, side.table.remove(subscriber, group), now)
            removed += 1
    world.out.append(Answer(GroupsCleared(removed)))


def _unknown(kind: str, name: str) -> ActionRefused:
    return ActionRefused("not-there", f"The dataplane has no {kind} {name}.")
