"""Which profiles and access interfaces both routers have, by what each has told the other. Pure."""

from collections.abc import Iterable

from dataplane.replication.messages import Announcement, SettingsPart
from dataplane.replication.settings import Mismatch, ProfileSettings, compare


class Mapping:
    """The profiles of both ends of one channel, by backup-id (rule 16).

    `common` holds the access-ids that both have, for each backup-id that both have.
    """

    def __init__(self, profiles: Iterable[ProfileSettings]) -> None:
        self.local = {each.backup_id: each for each in profiles}
        self.peer: dict[int, ProfileSettings] = {}
        self.common: dict[int, frozenset[int]] = {}
        self.mismatches: tuple[Mismatch, ...] = ()
        self._listed: dict[int, Announcement] | None = None

    @property
    def size(self) -> int:
        """How many profiles the peer has told."""
        return max(len(self.peer), len(self._listed or ()))

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
            self._listed = {}
        if self._listed is None:
            self._update(part.announcements)
            return None
        self._listed |= {each.settings.backup_id: each for each in part.announcements}
        if part.more:
            return None
        complete, self._listed = self._listed, None
        self.peer = {}
        self._update(complete.values())
        return complete

    def _update(self, announcements: Iterable[Announcement]) -> None:
        for each in announcements:
            if each.removed:
                self.peer.pop(each.settings.backup_id, None)
            else:
                self.peer[each.settings.backup_id] = each.settings

    def compare(self) -> list[int]:
        """Map anew; return the backup-ids that were mapped before and have an access-id more in common.

        An access interface that is bound starts without members, so it needs a batch of what the other end
        knows about it.
        """
        before = self.common
        self.common = {
            each: self.local[each].access_ids & self.peer[each].access_ids
            for each in self.local.keys() & self.peer.keys()
        }
        self.mismatches = compare(self.local, self.peer)
        return [each for each in sorted(before.keys() & self.common) if self.common[each] - before[each]]

    def disconnected(self) -> None:
        """The connection is gone, and what the peer told on it."""
        self.peer = {}
        self.common = {}
        self._listed = None


def pulled(announced: Iterable[Announcement]) -> frozenset[int]:
    """Return the backup-ids whose records the peer asks back."""
    return frozenset(each.settings.backup_id for each in announced if each.pull)
