"""What a batch promised of an entry belongs to what is told of it, when it is told on."""

from ipaddress import IPv4Address

import msgspec
import pytest

from dataplane.config import IgmpConfig
from dataplane.membership.entry import Entry
from dataplane.membership.groups import ChangeKind, EntryState, FilterMode, Origin, SourceState
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.messages import GroupRecord, RecordType, Report

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


@pytest.mark.parametrize("lifetime", [0.0, 0.5, 20.0, 30.0, 60.0])
@pytest.mark.parametrize("origin", [Origin.COPIED, Origin.LOCAL])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("before", ["nothing", "report", "batch"])
def test_the_short_way_of_a_batch_ends_where_the_long_one_does(
    monkeypatch: pytest.MonkeyPatch, lifetime: float, origin: Origin, left: bool, before: str
) -> None:
    """The usual record of a batch is taken without most of the work: `confirm` in the place of `complete`."""
    short, long = tables = [MembershipTable(IgmpConfig()) for _ in range(2)]
    for table in tables:
        table.apply_update(state(40.0), 0.0)
        if before == "report":
            report = Report(2, (GroupRecord(RecordType.MODE_IS_EXCLUDE, GROUP),))
            table.report(STB, report, IPv4Address("10.0.0.1"), 1.0)
        elif before == "batch":
            table.apply_update(state(90.0), 1.0, batch=True)
        if left:
            table.apply_leave(STB, GROUP, 9.5)
    said = msgspec.structs.replace(state(lifetime), origin=origin)
    changes = [short.apply_update(said, 10.0, batch=True)]
    monkeypatch.setattr(Entry, "confirm", lambda *_: False)
    changes.append(long.apply_update(said, 10.0, batch=True))
    kinds = [[each.kind for each in change.entries] for change in changes]
    assert kinds == [[ChangeKind.REFRESHED] if lifetime > 0 else []] * 2
    for now in (10.0, 11.5, 30.0, 40.0, 69.9, 70.0, 91.0, 400.0):
        assert _told(short, now) == _told(long, now)
        assert len(short.expire(now).entries) == len(long.expire(now).entries)
    assert len(short) == len(long) == 0


def _told(table: MembershipTable, now: float) -> tuple[EntryState, EntryState] | None:
    entry = table.entry(STB, GROUP)
    return None if entry is None else (entry.state(now), entry.outlook(now))
