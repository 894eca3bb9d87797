"""One group behind an access interface: its entries, one for each subscriber, and what they want together."""

import msgspec

from dataplane.membership.entry import Entry
from dataplane.membership.groups import Aggregate, Merge
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address


class Group(msgspec.Struct, eq=False, gc=False):
    """All that is known of one group. `merge`: what its members want together, but for those of `tagged`.

    `firm` counts the untagged members that keep it whatever the others do; `named`, for each source, the
    members that name it, wanted or not.
    """

    address: Address
    entries: dict[Subscriber, Entry] = {}
    merge: Merge = msgspec.field(default_factory=Merge)
    firm: int = 0
    named: dict[Address, int] = {}
    tagged: Merge | None = None

    def recount(self, entry: Entry, wants: Aggregate | None) -> bool:
        """Merge what the entry wants now; says whether an aggregate differs.

        Tagged subscribers have one of their own: the kernel forwards untagged, which would not reach them and
        would flood those who did not ask.
        """
        if entry.subscriber.tagged:
            return self._recount_tagged(entry, wants)
        firm = wants is not None and entry.firm
        self.firm += firm - entry.counted_firm
        entry.counted_firm = firm
        if wants == entry.counted:
            return False
        counted, entry.counted = entry.counted, wants
        return self.merge.replace(counted, wants)

    def _recount_tagged(self, entry: Entry, wants: Aggregate | None) -> bool:
        if wants == entry.counted:
            return False
        if self.tagged is None:
            self.tagged = Merge()
        counted, entry.counted = entry.counted, wants
        return self.tagged.replace(counted, wants)
