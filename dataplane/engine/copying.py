"""What goes to the peer and what comes from it: rules 1 to 9, 14 and 16. Pure.

Owns the way between a profile's access ports and the replication channel of its service. Whether a
message is copied is `copy_policy`'s to say; sequence, batches and acknowledgement are the peer machine's.
"""

from collections.abc import Iterable, Set
from typing import Final

from dataplane.copy_policy import NotCopied, SubscriberType, refusal, refusal_of_drop, subscriber_type
from dataplane.engine import arbitration
from dataplane.engine.effects import DisconnectChannel, Notify, SendChannel
from dataplane.engine.exchange import entry_of, record_of
from dataplane.engine.settle import settle
from dataplane.engine.snapshot import Snapshot
from dataplane.engine.status import refresh_copy_states, refresh_service, refresh_told
from dataplane.engine.world import PROTOCOLS, Port, Profile, Service, World
from dataplane.membership.groups import ChangeKind
from dataplane.membership.table import Changes, EntryChange
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import AccessMessage
from dataplane.packets.messages import Address, Report
from dataplane.replication import peer
from dataplane.replication.records import Record, RecordKind
from dataplane.state import BatchCompleted, ChannelStateChanged, OutOfSync

_EXCHANGING: Final = frozenset({peer.ChannelState.SYNCHRONIZING, peer.ChannelState.CONNECTED})
_NOT_LISTED: Final = NotCopied.NOT_IN_SUBSCRIBER_LIST
_LEAVING: Final = (ChangeKind.LEAVING, ChangeKind.REMOVED)
_EXPIRED: Final = ChangeKind.EXPIRED


def copy_message(
    world: World, port: Port, heard: AccessMessage, report: Report, changes: Changes, now: float
) -> None:
    """Copy an access message that was accepted just now, or count why not (rules 1, 3, 14).

    A message is counted once: as copied if any part of it was, else under the first reason.
    """
    profile = world.profiles.get(port.profile_name)
    if profile is None:
        return
    status = profile.copy[heard.source.version][subscriber_type(heard.subscriber.pppoe_session)]
    why_not = _nothing_to_copy(report, changes)
    if why_not is None:
        why_not = refusal(status.state) if listed(profile, heard.subscriber) else _NOT_LISTED
        if why_not is not None:
            _withdraw(world, profile, port, changes.entries, now)
        elif not _publish(world, profile, port, changes.entries, now):
            why_not = NotCopied.QUEUE_FULL
    if why_not is not None:
        status.not_copied[why_not.value] += 1
        return
    status.copied["total"] += 1
    status.copied["leave" if all(each.kind in _LEAVING for each in changes.entries) else "report"] += 1


def _nothing_to_copy(report: Report, changes: Changes) -> NotCopied | None:
    """Return why a message has no part that could be copied; None when it has one.

    That an entry's time was over is no part of it: the peer's timers run too.
    """
    if any(change.kind is not _EXPIRED for change in changes.entries):
        return None
    if changes.refused:
        return NotCopied.REFUSED
    return refusal_of_drop(report.refused[0]) if report.refused else NotCopied.NO_CHANGE


def listed(profile: Profile, subscriber: Subscriber) -> bool:
    """Return whether the subscriber is copied at all: without a list everyone is (rule 14)."""
    return profile.subscribers is None or subscriber in profile.subscribers.patterns


def _publish(world: World, profile: Profile, port: Port, changes: Iterable[EntryChange], now: float) -> bool:
    """Give the changes to the channel; says whether its queue took any of them."""
    service = world.services[profile.config.service_name]
    machine = service.machine
    if machine is None or port.config.access is None:
        return False
    access_id = port.config.access.access_id
    taken = False
    for change in changes:
        if change.kind is _EXPIRED:
            continue
        leave = change.kind in _LEAVING
        record = record_of(profile.config.backup_id, access_id, change.state(now), leave=leave)
        dropped = machine.sent.queue_dropped
        outputs = machine.publish(record, now)
        taken = taken or machine.sent.queue_dropped == dropped
        if outputs:
            perform(world, service, outputs, now)
    world.publishing.add(service.config.name)
    return taken


def _withdraw(world: World, profile: Profile, port: Port, changes: Iterable[EntryChange], now: float) -> None:
    """Leaves that are not copied: the peer keeps what it has, but is not told what was true before them."""
    service = world.services.get(profile.config.service_name)
    if service is None or service.machine is None or port.config.access is None:
        return
    access_id = port.config.access.access_id
    for change in changes:
        if change.kind in _LEAVING:
            state = change.entry.state(now)
            service.machine.withdraw(record_of(profile.config.backup_id, access_id, state, leave=True))


def perform(world: World, service: Service, outputs: Iterable[peer.Output], now: float) -> None:
    """Carry out what a peer machine wants, in its order."""
    name = service.config.name
    for output in outputs:
        if isinstance(output, peer.Send):
            world.out.append(SendChannel(name, output.data))
        elif isinstance(output, peer.ApplyRecords):
            for record in output.records:
                _apply(world, name, record, now)
        elif isinstance(output, peer.Disconnect):
            world.out.append(DisconnectChannel(name, output.reason))
        else:
            _note(world, service, output, now)
    world.publishing.add(name)


def begin_anew(world: World, service: Service, now: float) -> None:
    """Give the connection up after a fault of ours: the batches of the next one bring what it cost."""
    if service.machine is not None:
        perform(world, service, service.machine.stop(now, "fault"), now)


def flush(world: World, service: Service, machine: peer.PeerMachine, now: float) -> None:
    """End a burst: send what was collected, and wait for what is due next."""
    name = service.config.name
    for output in machine.flush(now):
        if isinstance(output, peer.Send):
            world.out.append(SendChannel(name, output.data))
    world.deadlines.set(("peer", name), machine.next_deadline())


_Noted = (
    peer.StateChanged
    | peer.SnapshotNeeded
    | peer.BatchStarted
    | peer.BatchCompleted
    | peer.OutOfSync
    | peer.PeerSettings
)


def _note(world: World, service: Service, output: _Noted, now: float) -> None:
    match output:
        case peer.SnapshotNeeded():
            _send_snapshot(world, service, output, now)
        case peer.StateChanged():
            _state_changed(world, service, output, now)
        case peer.PeerSettings(backup_ids):
            refresh_told(world, service, backup_ids, now)
            arbitration.readiness_changed(world, _names(world, service, backup_ids), now)
            tell_requests(world, service)
        case peer.BatchCompleted():
            _batch_completed(world, service, output, now)
        case peer.OutOfSync(backup_id, reason):
            name = service.config.name
            profile = world.by_backup_id.get((name, backup_id), "")
            world.out.append(Notify(OutOfSync(name, profile, reason.value)))


def _names(world: World, service: Service, backup_ids: frozenset[int] | None) -> Set[str]:
    """Return the profiles of these numbers, of all for None."""
    name = service.config.name
    if backup_ids is None:
        return world.by_service.get(name, set())
    return {world.by_backup_id.get((name, each), "") for each in backup_ids}


def _apply(world: World, service: str, record: Record, now: float) -> None:
    """Apply a copy; what came over the channel is never copied back (rules 8, 14)."""
    profile = world.profiles.get(world.by_backup_id.get((service, record.backup_id), ""))
    port = None if profile is None else world.ports.get(profile.ports.get(record.access_id, ""))
    if profile is None or port is None:
        return
    side = port.sides.get(record.group.version)
    if side is None:
        return
    leave = record.kind is RecordKind.LEAVE
    if leave:
        changes = side.table.apply_leave(record.subscriber, record.group, now)
    else:
        changes = side.table.apply_update(entry_of(record, now), now, batch=record.batch)
    for reason in changes.refused:
        port.counters.dropped[reason.value] += 1
    if changes.refused and not changes.entries:
        return
    applied = profile.copy[side.version][subscriber_type(record.subscriber.pppoe_session)].applied
    applied["total"] += 1
    applied["leave" if leave else "report"] += 1
    settle(world, port, side, changes, now)


def _send_snapshot(world: World, service: Service, needed: peer.SnapshotNeeded, now: float) -> None:
    profile = world.profiles.get(world.by_backup_id.get((service.config.name, needed.backup_id), ""))
    if profile is not None and service.machine is not None:
        batch = Snapshot(world, profile, returned=needed.returned)
        perform(world, service, service.machine.start_batch(needed.backup_id, batch, now), now)


def send_batch(
    world: World,
    profile: Profile,
    now: float,
    *,
    kinds: frozenset[SubscriberType] = frozenset(SubscriberType),
    versions: frozenset[int] = frozenset(PROTOCOLS),
) -> None:
    """Send one batch of the current memberships of these kinds: copying was enabled again (rule 7)."""
    service = world.services.get(profile.config.service_name)
    if service is None or service.machine is None or not service.machine.accepts(profile.config.backup_id):
        return
    batch = Snapshot(world, profile, kinds=kinds, versions=versions)
    perform(world, service, service.machine.start_batch(profile.config.backup_id, batch, now), now)


def ask_for_batch(world: World, profile: Profile, now: float) -> None:
    """Ask the peer for a batch of a profile: what it copied was discarded until now."""
    service = world.services.get(profile.config.service_name)
    if service is not None and service.machine is not None:
        perform(world, service, service.machine.request_batch(profile.config.backup_id, now), now)


def _state_changed(world: World, service: Service, change: peer.StateChanged, now: float) -> None:
    name = service.config.name
    if change.new is peer.ChannelState.CONNECTED:
        service.last_up = world.wall(now)
    elif _was_up(change.old) and not _was_up(change.new):
        service.last_down = world.wall(now)
        service.last_down_reason = change.reason
    world.out.append(Notify(ChannelStateChanged(name, change.old.value, change.new.value, change.reason)))
    refresh_service(world, service, now)
    arbitration.readiness_changed(world, world.by_service.get(name, set()), now)


def _was_up(state: peer.ChannelState) -> bool:
    return state in (
        peer.ChannelState.HANDSHAKE,
        peer.ChannelState.SYNCHRONIZING,
        peer.ChannelState.CONNECTED,
    )


def _batch_completed(world: World, service: Service, batch: peer.BatchCompleted, now: float) -> None:
    name = world.by_backup_id.get((service.config.name, batch.backup_id), "")
    profile = world.profiles.get(name)
    if profile is None:
        return
    if batch.direction is peer.Direction.SENT:
        profile.last_batch_completed = world.wall(now)
        profile.last_batch_entries = batch.entries
        _tell_completed(world, service, name, batch)
    refresh_copy_states(world, profile, now)
    arbitration.readiness_changed(world, {name}, now)


def _tell_completed(world: World, service: Service, profile: str, batch: peer.BatchCompleted) -> None:
    """Announce a batch that the peer has applied; those of a request count together."""
    requests = [each for each in service.requested if batch.backup_id in each.waiting]
    after = [
        each for each in requests if each.machine is not service.machine or batch.batch_id > each.batch_id
    ]
    for request in after:
        request.waiting.discard(batch.backup_id)
        request.entries += batch.entries
    if not after:
        event = BatchCompleted(service.config.name, profile, batch.entries, batch.batch_id)
        world.out.append(Notify(event))
    tell_requests(world, service)


def tell_requests(world: World, service: Service) -> None:
    """Announce the requests whose batches have all arrived; a profile that is gone is not waited for.

    It is gone when it was deleted here, or when the peer, which is connected, does not have it.
    """
    name, machine = service.config.name, service.machine
    exchanging = machine is not None and machine.state in _EXCHANGING
    for request in list(service.requested):
        request.waiting = {
            each
            for each in request.waiting
            if (name, each) in world.by_backup_id
            and (machine is None or not exchanging or machine.accepts(each))
        }
        if not request.waiting:
            service.requested.remove(request)
            world.out.append(Notify(BatchCompleted(name, "", request.entries, request.batch_id)))


def count_not_copied(
    world: World, port: Port, version: int, subscriber: Subscriber | None, reason: NotCopied
) -> None:
    """Count a message that is never copied; one that could not be read counts as a DHCP STB's (rule 2)."""
    profile = world.profiles.get(port.profile_name)
    if profile is not None:
        kind = subscriber_type(0 if subscriber is None else subscriber.pppoe_session)
        profile.copy[version][kind].not_copied[reason.value] += 1


def may_be_peer(world: World, port: Port, source: Address, now: float) -> bool:
    """Return whether a query may come from the peer of the port's profile (rule 17).

    Its address on the access link is not known. What the old master has asked can be read after the role has
    moved: an election lost to it would leave nobody to ask for minutes. Whoever else asks, asks again.
    """
    profile = world.profiles.get(port.profile_name)
    service = None if profile is None else world.services.get(profile.config.service_name)
    if profile is None or service is None or service.config.peer is None:
        return False
    return service.config.peer.address == source or now < profile.handover_until
