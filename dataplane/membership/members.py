"""One group behind an access interface: its entries, one for each subscriber, and what they want together."""

import msgspec

from dataplane.membership.entry import Entry
from dataplane.membership.groups import ANY_SOURCE, Aggregate, Merge, Tally
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address


class Group(msgspec.Struct, eq=False, gc=False):
    """All that is known of one group. `merge`: what its members want together, but for those of `tagged`.

    What untagged members keep, whatever the others do: `firm` are those that keep any source, `kept` has what
    the others do. `named`: for each source, the members that name it, wanted or not.
    """

    address: Address
    entries: dict[Subscriber, Entry] = {}
    merge: Merge = msgspec.field(default_factory=Merge)
    firm: int = 0
    kept: Tally | None = None
    named: dict[Address, int] | None = None
    tagged: Merge | None = None

    def recount(self, entry: Entry, wants: Aggregate | None) -> bool:
        """Merge what the entry wants now; says whether an aggregate differs.

        Tagged subscribers have one of their own: the kernel forwards untagged, which would not reach them and
        would flood those who did not ask.
        """
        if entry.subscriber.tagged:
            return self._recount_tagged(entry, wants)
        keeps = None if wants is None else entry.keeps(wants)
        if keeps is not entry.counted_keeps:
            self._keep(entry.counted_keeps, -1)
            self._keep(keeps, 1)
            entry.counted_keeps = keeps
        if wants == entry.counted:
            return False
        counted, entry.counted = entry.counted, wants
        return self.merge.replace(counted, wants)

    def _keep(self, keeps: Aggregate | None, step: int) -> None:
        if keeps is ANY_SOURCE:
            self.firm += step
        elif keeps is not None:
            if self.kept is None:
                self.kept = Tally()
            self.kept.count(keeps, step)

    def keeps(self, source: Address) -> bool:
        """Whether an untagged member keeps a source."""
        return self.firm > 0 or (self.kept is not None and self.kept.wants(source))

    def _recount_tagged(self, entry: Entry, wants: Aggregate | None) -> bool:
        if wants == entry.counted:
            return False
        if self.tagged is None:
            self.tagged = Merge()
        counted, entry.counted = entry.counted, wants
        return self.tagged.replace(counted, wants)
