"""Ways through the members of a port that can be gone in steps, while the members change. Pure."""

from collections.abc import Iterator

from dataplane.membership.table import Entry, MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import Address


def walk(
    table: MembershipTable, group: Address | None = None, subscriber: Subscriber | None = None
) -> Iterator[Entry | None]:
    """Yield the entries of a group, of a subscriber, of both or, with neither, all of them.

    None stands for a group that was looked at in vain, so that who asks can stop after so much work. What
    comes and goes between two steps may be told or not; what stays is told once.
    """
    for each in [group] if group is not None else list(table.groups()):
        if subscriber is not None:
            yield table.entry(subscriber, each)
            continue
        yield from list(table.entries(each))
