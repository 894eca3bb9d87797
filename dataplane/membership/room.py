"""What there is room for in a table: counts of what it holds, held against its limits. Pure.

What is counted is what memory and time depend on, whoever names it: entries, sources, and the different
sources of a group.
"""

from collections.abc import Mapping
from typing import Final

from dataplane.membership.admission import Admission
from dataplane.membership.entry import NO_TIMERS, Entry
from dataplane.membership.groups import EntryState, FilterMode
from dataplane.membership.members import Group
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address, GroupRecord, RecordType
from dataplane.packets.wire import DropReason

MAX_SOURCES: Final = 64
"""Sources of one entry; a Linux host may name 10 in a socket (net.ipv4.igmp_max_msf)."""
MAX_GROUP_SOURCES = 1024
"""Different sources that the members of one group may name together; a change costs in proportion."""
MAX_TABLE_SOURCES = 1 << 19
"""Sources of all entries: two for each that an interface may have. One takes 300 octets."""

# A member costs 0.1 µs to look up in its class (Python 3.11), and a report asks for a dozen of them.
_BLOCK_OLD_SOURCES: Final = RecordType.BLOCK_OLD_SOURCES
_ANY_SOURCE: Final = (RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE)
_EXCLUDE: Final = FilterMode.EXCLUDE
_NONE: frozenset[Address] = frozenset()


class Room:
    """Counts of one table, whose groups are `groups`.

    A membership that its subscriber is leaving does not count against the limit of the subscriber: who
    changes channels has the old one for as long as it takes to ask whether anybody else wants it.
    """

    __slots__ = ("_groups", "_kept", "_sources", "admission", "entries")

    def __init__(self, admission: Admission, groups: Mapping[Address, Group]) -> None:
        self.admission = admission
        self.entries = 0
        self._groups = groups
        self._sources = 0
        self._kept: dict[Subscriber, int] = {}

    def for_record(
        self, subscriber: Subscriber, entry: Entry | None, record: GroupRecord, listed: frozenset[Address]
    ) -> DropReason | None:
        """Say why there is no room for what a record begins, None when there is; what it ends needs none."""
        kind = record.type
        starts = kind in _ANY_SOURCE or (listed and kind is not _BLOCK_OLD_SOURCES)
        if starts and (entry is None or not entry.kept):
            reason = self._for_entry(subscriber, entry, record.group)
            if reason is not None:
                return reason
        if not listed or (kind is _BLOCK_OLD_SOURCES and entry and entry.filter_mode is not _EXCLUDE):
            return None
        return self._for_sources(entry, record.group, listed, replaces=kind in _ANY_SOURCE)

    def for_copy(self, entry: Entry | None, state: EntryState, *, batch: bool) -> DropReason | None:
        """Say why there is no room for a copied state; one of a batch revives nothing that is being left."""
        if entry is None or not (entry.kept or batch):
            reason = self._for_entry(state.subscriber, entry, state.group)
            if reason is not None:
                return reason
        if not state.sources:
            return None
        listed = frozenset([source.address for source in state.sources])
        replaces = not batch and state.filter_mode is _EXCLUDE
        return self._for_sources(entry, state.group, listed, replaces=replaces)

    def _for_entry(self, subscriber: Subscriber, entry: Entry | None, group: Address) -> DropReason | None:
        entries = self.entries if entry is None else 0
        limited = self.admission.limits_groups  # looking a group up costs more than all the rest
        groups = len(self._groups) if limited and group not in self._groups else 0
        return self.admission.refusal(entries, self._kept.get(subscriber, 0), groups)

    def _for_sources(
        self, entry: Entry | None, address: Address, listed: frozenset[Address], *, replaces: bool
    ) -> DropReason | None:
        """Whether an entry may have these sources, beside its own or in place of them."""
        mine = entry.sources.keys() if entry is not None else _NONE
        after = len(listed) if replaces else len(mine | listed)
        group = self._groups.get(address)
        named = (group.named if group is not None else None) or {}
        if (
            after > MAX_SOURCES
            or len(named) + len(listed - named.keys()) > MAX_GROUP_SOURCES
            or self._sources + after - len(mine) > MAX_TABLE_SOURCES
        ):
            return DropReason.TOO_MANY_SOURCES
        return None

    def keep(self, entry: Entry, *, kept: bool) -> None:
        """Note whether the entry is one that its subscriber wants to have."""
        if entry.kept is not kept:
            entry.kept = kept
            self._count(entry.subscriber, 1 if kept else -1)

    def drop(self, entry: Entry) -> None:
        """Count an entry no more that is gone; whether it was kept until then can still be seen."""
        if entry.kept:
            self._count(entry.subscriber, -1)

    def _count(self, subscriber: Subscriber, step: int) -> None:
        count = self._kept.get(subscriber, 0) + step
        if count:
            self._kept[subscriber] = count
        else:
            del self._kept[subscriber]

    def name(self, entry: Entry, group: Group, *, gone: bool = False) -> None:
        """Note the sources that the entry names now."""
        before, after = entry.named, NO_TIMERS if gone else entry.sources
        entry.named = after
        self._sources += len(after) - len(before)
        if group.named is None:
            group.named = {}
        named = group.named
        for source in after.keys() - before.keys():
            named[source] = named.get(source, 0) + 1
        for source in before.keys() - after.keys():
            named[source] -= 1
            if not named[source]:
                del named[source]
