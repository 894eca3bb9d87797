"""The memberships of one profile for a batch, read a part at a time. Pure.

What a part holds is read when the part is sent, entry and configuration alike: a member that has left, or
a setting that was committed while the batch runs, is not in what is read after it (rules 3 and 8).
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from dataplane.copy_policy import SubscriberType, subscriber_type
from dataplane.engine.exchange import record_of
from dataplane.engine.world import PROTOCOLS, Port, Profile, Side, World
from dataplane.membership.entry import Entry
from dataplane.membership.groups import Origin
from dataplane.replication.records import Record

_LOCAL: Final = Origin.LOCAL
_COPIED: Final = Origin.COPIED
_NO_RECORDS: Final[tuple[Record, ...]] = ()

_LOOKED_AT: Final = 128
"""Entries of one part; one that is returned may be a record of ours too, so a part holds twice as many."""


class Snapshot:
    """The entries of a profile that its settings allow to copy: the source of a batch.

    Entries that exist only because of a copy are the peer's own: they go back only when it restarted and
    asks for them, `returned` (rule 12). One that ends within the last member query time is left out: its
    member has left, which is told by the leave itself, or will be heard again soon.
    """

    def __init__(
        self,
        world: World,
        profile: Profile,
        *,
        returned: bool = False,
        kinds: frozenset[SubscriberType] = frozenset(SubscriberType),
        versions: frozenset[int] = frozenset(PROTOCOLS),
    ) -> None:
        self._world = world
        self._profile = profile
        self._returned = returned
        self._kinds = kinds
        self._versions = versions
        self._entries = self._walk()
        self._allowed: dict[tuple[int, SubscriberType], bool] = {}
        self._checked: Port | None = None
        """The port that was found bound since this part began: nothing changes within a part."""

    def next_part(self, now: float) -> list[Record] | None:
        """Return the next records as they are at `now`; None after the last."""
        self._allowed = {
            (version, kind): self._allows(version, kind) for version in PROTOCOLS for kind in SubscriberType
        }
        self._checked = None
        looked_at = list(islice(self._entries, _LOOKED_AT))
        if not looked_at:
            return None
        return [record for each in looked_at for record in self._records(*each, now)]

    def _walk(self) -> Iterator[tuple[int, Side, Entry]]:
        world, profile = self._world, self._profile
        for access_id, name in list(profile.ports.items()):
            port = world.ports.get(name)
            sides = () if port is None else list(port.sides.values())
            for side in [side for side in sides if side.version in self._versions]:
                for entry in side.table.walk():
                    if self._checked is not port and not self._current(access_id, port):
                        break
                    self._checked = port
                    yield access_id, side, entry

    def _current(self, access_id: int, port: Port | None) -> bool:
        """Whether the profile is still there and the port still bound to it."""
        world, profile = self._world, self._profile
        bound = world.ports.get(profile.ports.get(access_id, ""))
        return bound is port and world.profiles.get(profile.config.name) is profile

    def _allows(self, version: int, kind: SubscriberType) -> bool:
        config = self._profile.config
        service = self._world.services.get(config.service_name)
        if service is None or service.config.block_send:
            return False
        copied = kind is not SubscriberType.DHCP_STB or config.dhcp_copy(version)
        return kind in self._kinds and config.multicast and copied

    def _records(self, access_id: int, side: Side, entry: Entry, now: float) -> Sequence[Record]:
        """What is to be told of one entry: as our own, as the peer's, as both, or nothing."""
        origin = entry.origin
        mine, theirs = origin is not _COPIED, self._returned and origin is not _LOCAL
        kind = subscriber_type(entry.subscriber.pppoe_session)
        if not (mine or theirs) or not self._allowed[side.version, kind]:
            return _NO_RECORDS
        state = entry.outlook(now)
        if state.longest <= side.table.timing.last_member_query_time:
            return _NO_RECORDS
        backup_id, subscribers = self._profile.config.backup_id, self._profile.subscribers
        mine = mine and (subscribers is None or state.subscriber in subscribers.patterns)
        records = [record_of(backup_id, access_id, state)] if mine else []
        if theirs:
            records.append(record_of(backup_id, access_id, state, returned=True))
        return records
