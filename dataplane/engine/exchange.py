"""An entry as a record on the channel, and back. Pure.

Neither clock values nor interface names cross the channel: lifetimes are what remains, in milliseconds,
and `up_since` begins anew with whoever reads the record (rules 8 and 16).
"""

from typing import Final

from dataplane.copy_policy import SubscriberType, subscriber_type
from dataplane.membership.groups import EntryState, FilterMode, Origin, SourceState
from dataplane.replication import records
from dataplane.replication.records import Record, RecordKind, SourceLifetime

_MILLISECOND: Final = 0.001
_TO_RECORD: Final = {
    FilterMode.INCLUDE: records.FilterMode.INCLUDE,
    FilterMode.EXCLUDE: records.FilterMode.EXCLUDE,
}
_FROM_RECORD: Final = {theirs: ours for ours, theirs in _TO_RECORD.items()}
_EXCLUDE: Final = records.FilterMode.EXCLUDE
_KIND: Final = {
    SubscriberType.DHCP_STB: records.SubscriberType.DHCP_STB,
    SubscriberType.PPPOE_STB: records.SubscriberType.PPPOE_STB,
}


def record_of(
    backup_id: int, access_id: int, entry: EntryState, *, leave: bool = False, returned: bool = False
) -> Record:
    """Return the record that tells the peer of an entry; `returned`: it is the peer's own."""
    kind = _KIND[subscriber_type(entry.subscriber.pppoe_session)]
    if leave:
        return Record(
            RecordKind.LEAVE,
            backup_id,
            access_id,
            entry.subscriber,
            kind,
            entry.group,
            reporter=entry.last_reporter,
        )
    mode = _TO_RECORD[entry.filter_mode]
    sources: tuple[SourceLifetime, ...] = ()
    if entry.sources:
        sources = tuple(
            [SourceLifetime(each.address, _milliseconds(each.lifetime)) for each in entry.sources]
        )
    return Record(
        RecordKind.UPDATE,
        backup_id,
        access_id,
        entry.subscriber,
        kind,
        entry.group,
        mode,
        _milliseconds(entry.lifetime) if mode is _EXCLUDE else 0,
        sources,
        entry.last_reporter,
        returned,
    )


def _milliseconds(seconds: float) -> int:
    return min(round(seconds * 1000), records.MAX_LIFETIME_MS)


def entry_of(record: Record, now: float) -> EntryState:
    """Return what the peer says of an entry; one that it gives back is our own again (rule 12)."""
    sources: tuple[SourceState, ...] = ()
    if record.sources:
        sources = tuple(
            [SourceState(each.address, each.lifetime_ms * _MILLISECOND) for each in record.sources]
        )
    lifetime = record.lifetime_ms * _MILLISECOND
    if record.filter_mode is not _EXCLUDE:
        lifetime = max((source.lifetime for source in sources), default=0.0)
    return EntryState(
        record.subscriber,
        record.group,
        _FROM_RECORD[record.filter_mode],
        lifetime,
        sources,
        record.reporter,
        Origin.LOCAL if record.returned else Origin.COPIED,
        now,
    )
