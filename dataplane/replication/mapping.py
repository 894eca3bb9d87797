"""Which profiles and access interfaces both routers have, by what each has told the other. Pure.

What is told of one profile costs in proportion to that profile, however many others there are.
"""

from collections.abc import Iterable
from typing import Final

from dataplane.replication.messages import Announcement, SettingsPart
from dataplane.replication.settings import Mismatch, ProfileSettings, differences

MAX_PROFILES: Final = 4095
MAX_ACCESS_IDS: Final = 65_535
"""Access-ids that a peer may tell of all its profiles together."""


class Mapping:
    """The profiles of both ends of one channel, by backup-id (rule 16).

    `common` holds the access-ids that both have, for each backup-id that both have.
    """

    def __init__(self, profiles: Iterable[ProfileSettings]) -> None:
        self.local = {each.backup_id: each for each in profiles}
        self.peer: dict[int, ProfileSettings] = {}
        self.common: dict[int, frozenset[int]] = {}
        self._different: dict[int, tuple[Mismatch, ...]] = {}
        self._listed: dict[int, Announcement] | None = None
        self._access_ids = self._listed_access_ids = 0

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What the two routers have configured differently, in the order of the backup-ids."""
        return tuple(found for each in sorted(self._different) for found in self._different[each])

    def mismatches_of(self, backup_id: int) -> tuple[Mismatch, ...]:
        """Return what differs of one profile."""
        return self._different.get(backup_id, ())

    @property
    def excess(self) -> str:
        """What the peer has told too much of, "" for nothing."""
        if max(len(self.peer), len(self._listed or ())) > MAX_PROFILES:
            return "too-many-profiles"
        too_many = max(self._access_ids, self._listed_access_ids) > MAX_ACCESS_IDS
        return "too-many-access-ids" if too_many else ""

    def configure(
        self, profiles: Iterable[ProfileSettings]
    ) -> tuple[list[ProfileSettings], list[ProfileSettings]]:
        """Take our own profiles as they are now; return those that changed and those that are gone."""
        old, self.local = self.local, {each.backup_id: each for each in profiles}
        changed = [each for backup_id, each in self.local.items() if old.get(backup_id) != each]
        return changed, [each for backup_id, each in old.items() if backup_id not in self.local]

    def heard(self, part: SettingsPart) -> dict[int, Announcement] | None:
        """Take what the peer told; return its complete list when that has ended with this part."""
        if part.full:
            self._listed, self._listed_access_ids = {}, 0
        if self._listed is None:
            self._update(part.announcements)
            return None
        self._listed |= {each.settings.backup_id: each for each in part.announcements}
        self._listed_access_ids += sum(len(each.settings.access_ids) for each in part.announcements)
        if part.more:
            return None
        complete, self._listed = self._listed, None
        self._forget()
        self._update(complete.values())
        return complete

    def _update(self, announcements: Iterable[Announcement]) -> None:
        for each in announcements:
            settings = each.settings
            before = self.peer.pop(settings.backup_id, None)
            self._access_ids -= 0 if before is None else len(before.access_ids)
            if not each.removed:
                self.peer[settings.backup_id] = settings
                self._access_ids += len(settings.access_ids)

    def compare(self, backup_ids: Iterable[int] | None = None) -> list[int]:
        """Map these anew, or all; return those that were mapped before and have an access-id more in common.

        An access interface that is bound starts without members, so it needs a batch of what the other end
        knows about it.
        """
        if backup_ids is None:
            backup_ids = self.local.keys() | self.peer.keys() | self._different.keys() | self.common.keys()
        return [each for each in sorted(set(backup_ids)) if self._map(each)]

    def _map(self, backup_id: int) -> bool:
        mine, theirs = self.local.get(backup_id), self.peer.get(backup_id)
        before = self.common.pop(backup_id, None)
        found = tuple(differences(backup_id, mine, theirs))
        if found:
            self._different[backup_id] = found
        else:
            self._different.pop(backup_id, None)
        if mine is None or theirs is None:
            return False
        now = self.common[backup_id] = mine.access_ids & theirs.access_ids
        return before is not None and bool(now - before)

    def disconnected(self) -> None:
        """The connection is gone, and what the peer told on it."""
        self._forget()
        self.common = {}
        self._listed = None

    def _forget(self) -> None:
        self.peer = {}
        self._access_ids = self._listed_access_ids = 0


def named(announced: Iterable[Announcement]) -> frozenset[int]:
    """Return the backup-ids that settings are about."""
    return frozenset(each.settings.backup_id for each in announced)


def pulled(announced: Iterable[Announcement]) -> frozenset[int]:
    """Return the backup-ids whose records the peer asks back."""
    return frozenset(each.settings.backup_id for each in announced if each.pull)
