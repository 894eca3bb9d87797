"""What a batch promised of an entry belongs to what is told of it, when it is told on."""

from ipaddress import IPv4Address

from dataplane.config import IgmpConfig
from dataplane.membership.groups import EntryState, FilterMode, Origin, SourceState
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber

STB = Subscriber(0, 0, 0, b"\x02\x00\x00\x00\x00\x01")
GROUP, SOURCE = IPv4Address("239.1.1.1"), IPv4Address("10.9.9.9")


def state(lifetime: float, *, source: bool = False) -> EntryState:
    if source:
        sources = (SourceState(SOURCE, lifetime),)
        return EntryState(STB, GROUP, FilterMode.INCLUDE, lifetime, sources, origin=Origin.COPIED)
    return EntryState(STB, GROUP, FilterMode.EXCLUDE, lifetime, origin=Origin.COPIED)


def told(*, source: bool) -> EntryState:
    """What is told at 20.0 of an entry whose timer ends at 40.0 and that a batch promised until 70.0."""
    table = MembershipTable(IgmpConfig())
    table.apply_update(state(40.0, source=source), 0.0)
    table.apply_update(state(60.0, source=source), 10.0, batch=True)
    entry = table.entry(STB, GROUP)
    assert entry is not None
    assert entry.ends() == 40.0
    return entry.outlook(20.0)


def test_a_promised_group_timer_is_told() -> None:
    """A router that restarted and asked its peer for its entries got the shorter time, and lost them."""
    assert told(source=False).lifetime == 50.0


def test_a_promised_source_timer_is_told() -> None:
    assert [source.lifetime for source in told(source=True).sources] == [50.0]
    assert told(source=True).longest == 50.0


def test_a_leave_takes_the_promise_back() -> None:
    table = MembershipTable(IgmpConfig())
    table.apply_update(state(40.0), 0.0)
    table.apply_update(state(60.0), 10.0, batch=True)
    table.apply_leave(STB, GROUP, 20.0)
    entry = table.entry(STB, GROUP)
    assert entry is not None
    assert entry.outlook(20.0).lifetime == 2.0


def test_a_second_batch_does_not_take_a_promise_back() -> None:
    """It came within the last member query time of the end, as if the source had been left. It had not."""
    table = MembershipTable(IgmpConfig())
    table.apply_update(state(40.0, source=True), 0.0)
    table.apply_update(state(60.0, source=True), 10.0, batch=True)
    table.apply_update(state(31.0, source=True), 39.0, batch=True)
    table.expire(41.0)
    entry = table.entry(STB, GROUP)
    assert entry is not None
    assert entry.lifetime(SOURCE, 41.0) == 29.0
