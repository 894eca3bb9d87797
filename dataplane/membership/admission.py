"""What an access interface lets in: its group filter and its limits. Pure.

A filter decides about what is new: a membership that it would not admit any more stays until it is left or
expires, as with the limits. Leaving is never refused.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from dataplane.config import FilterRule, IgmpConfig
from dataplane.membership.groups import EntryState, FilterMode
from dataplane.membership.prefixes import PrefixIndex, Rule, Verdict, prefix_of
from dataplane.packets.messages import Address, GroupRecord, RecordType
from dataplane.packets.wire import DropReason

MAX_ENTRIES = 1 << 18
"""Entries of one interface, whatever is configured: twice what the whole router is made for."""

_CACHED_GROUPS: Final = 4096
_ANY_SOURCE: Final = (RecordType.MODE_IS_EXCLUDE, RecordType.CHANGE_TO_EXCLUDE_MODE)
_CHANGE_TO_INCLUDE_MODE: Final = RecordType.CHANGE_TO_INCLUDE_MODE
_BLOCK_OLD_SOURCES: Final = RecordType.BLOCK_OLD_SOURCES


class GroupFilter:
    """The first rule that matches decides; what none matches is permitted.

    A rule with a source prefix matches the sources that a report names. A membership for any source names
    none, so only the rules without one decide about it.
    """

    def __init__(self, rules: Sequence[FilterRule]) -> None:
        """Raises ValueError for a prefix that is none."""
        self._rules = tuple(
            Rule(rule.permit, prefix_of(rule.group), prefix_of(rule.source) if rule.source else None)
            for rule in rules
        )
        self._groups = PrefixIndex((rule.group, place) for place, rule in enumerate(self._rules))
        self._about: dict[Address, Verdict] = {}
        self._verdicts: dict[tuple[int, ...], Verdict] = {}

    def permits_any_source(self, group: Address) -> bool:
        """Whether the group may be joined for any source."""
        return self._verdict(group).any_source

    def permitted(self, group: Address, sources: Sequence[Address]) -> tuple[Address, ...]:
        """Return those of the sources from which the group may be received, in their order."""
        verdict = self._verdict(group)
        return tuple(source for source in sources if verdict.permits(source))

    def _verdict(self, group: Address) -> Verdict:
        """What the rules about a group say; remembered, because a group is joined again and again."""
        verdict = self._about.get(group)
        if verdict is None:
            if len(self._about) >= _CACHED_GROUPS:
                self._about.clear()
            verdict = self._about[group] = self._make(tuple(sorted(self._groups.matches(group))))
        return verdict

    def _make(self, places: tuple[int, ...]) -> Verdict:
        """Groups that the same rules are about share what is made of them: there are no more than rules."""
        verdict = self._verdicts.get(places)
        if verdict is None:
            verdict = self._verdicts[places] = Verdict([self._rules[place] for place in places])
        return verdict


class Admission:
    """The filter and the limits of one table; each refusal is a DropReason to count."""

    def __init__(self, config: IgmpConfig) -> None:
        """Raises ValueError for a prefix of the filter that is none."""
        self._config = config
        self._filter = GroupFilter(config.group_filter) if config.group_filter else None
        self.filtering: Final = self._filter is not None
        self.limits_groups: Final = config.max_groups is not None

    def record(self, record: GroupRecord) -> tuple[GroupRecord | None, DropReason | None]:
        """Return what the filter leaves of a report's record, and why not all of it."""
        rules = self._filter
        if rules is None:
            return record, None
        if record.type in _ANY_SOURCE:
            admitted = rules.permits_any_source(record.group)
            return (record, None) if admitted else (None, DropReason.GROUP_DENIED)
        if record.type is _BLOCK_OLD_SOURCES or not record.sources:
            return record, None
        sources = rules.permitted(record.group, record.sources)
        if len(sources) == len(record.sources):
            return record, None
        # a change to INCLUDE takes back what was wanted before, whether or not the new sources are admitted
        if not sources and record.type is not _CHANGE_TO_INCLUDE_MODE:
            return None, DropReason.GROUP_DENIED
        return GroupRecord(record.type, record.group, sources), DropReason.SOURCE_DENIED

    def copy(self, state: EntryState) -> tuple[EntryState | None, DropReason | None]:
        """Return what the filter leaves of a copied entry, and why not all of it."""
        rules = self._filter
        if rules is None:
            return state, None
        if state.filter_mode is FilterMode.EXCLUDE:
            admitted = rules.permits_any_source(state.group)
            return (state, None) if admitted else (None, DropReason.GROUP_DENIED)
        permitted = frozenset(rules.permitted(state.group, [source.address for source in state.sources]))
        if len(permitted) == len(state.sources):
            return state, None
        if not permitted:
            return None, DropReason.GROUP_DENIED
        sources = tuple(source for source in state.sources if source.address in permitted)
        return msgspec.structs.replace(state, sources=sources), DropReason.SOURCE_DENIED

    def refusal(self, entries: int, mine: int, groups: int) -> DropReason | None:
        """Return why there is no room for another entry, None when there is.

        `entries` and `groups` are those of the interface, `groups` 0 when the group of the entry is one of
        them; `mine` the entries of the subscriber.
        """
        config = self._config
        if entries >= MAX_ENTRIES:
            return DropReason.TOO_MANY_ENTRIES
        if config.max_groups_per_subscriber is not None and mine >= config.max_groups_per_subscriber:
            return DropReason.TOO_MANY_SUBSCRIBER_GROUPS
        if config.max_groups is not None and groups >= config.max_groups:
            return DropReason.TOO_MANY_GROUPS
        return None
