"""A peer that has the right key and says anything: no fault, nothing beyond its bounds, and a way back.

What it says are messages that can be read, of profiles and access-ids that are there or not, in any order,
with any numbers; in between members come and go, commits are made and the connection breaks.
"""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st

from dataplane.config import ETrunkArbitration, Role
from dataplane.engine import messages
from dataplane.packets.ethernet import Subscriber
from dataplane.replication.messages import (
    Ack,
    Announcement,
    BatchBegin,
    BatchEnd,
    BatchRequest,
    Close,
    Heartbeat,
    Open,
    encode,
    encode_records,
    encode_settings,
)
from dataplane.replication.records import (
    FilterMode,
    Record,
    RecordBuffer,
    RecordKind,
    SourceLifetime,
    SubscriberType,
    pack,
)
from dataplane.replication.settings import ArbitrationKind, ArbitrationSettings, ProfileSettings
from tests.support.routers import CORE, PORT, SERVICE, Pair, Router, access, profile, upstream

TRUNK = ETrunkArbitration(id=1, hello_interval=0.1)
u16, u32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
numbers = st.one_of(st.integers(0, 9), st.sampled_from([2**64 - 1, 2**63]))
backup_ids = st.sampled_from([7, 7, 7, 8, 9, 1, 0, 65_535])
access_ids = st.frozensets(st.sampled_from([1, 2, 3, 0, 65_535]), max_size=3)
arbitrations = st.builds(ArbitrationSettings, st.sampled_from(ArbitrationKind), u16, u16)
profiles = st.builds(
    ProfileSettings,
    backup_ids,
    st.booleans(),
    st.booleans(),
    access_ids,
    st.sampled_from(Role),
    st.booleans(),
    arbitrations,
)
announcements = st.builds(Announcement, profiles, numbers, st.booleans(), st.booleans())
lifetimes = st.sampled_from([0, 1, 1_500, 5_000, 2**32 - 1])


def _records(groups, hosts):
    return st.builds(
        Record,
        st.sampled_from([RecordKind.UPDATE, RecordKind.UPDATE, RecordKind.LEAVE]),
        backup_ids,
        st.integers(1, 3),
        st.builds(
            Subscriber,
            st.sampled_from([0, 100]),
            st.just(0),
            st.sampled_from([0, 5]),
            st.sampled_from([b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"]),
        ),
        st.sampled_from(SubscriberType),
        groups,
        st.sampled_from(FilterMode),
        lifetimes,
        st.lists(st.builds(SourceLifetime, hosts, lifetimes), max_size=3).map(tuple),
        hosts,
        st.booleans(),
        st.booleans(),
        numbers,
    )


records = st.one_of(
    _records(
        st.integers(0xEF010101, 0xEF010103).map(IPv4Address),
        st.integers(0x0A000001, 0x0A000009).map(IPv4Address),
    ),
    _records(st.sampled_from([IPv6Address("ff3e::1")]), st.sampled_from([IPv6Address("2001:db8::1")])),
)


def body(said):
    buffer = RecordBuffer()
    for each in said:
        buffer.add(*pack(each, each.sequence, batch=each.batch))
    return encode_records(buffer.take())


said = st.one_of(
    st.lists(records, min_size=1, max_size=4).map(body),
    st.lists(announcements, max_size=3).map(lambda told: encode_settings(told, full=False)),
    st.lists(announcements, max_size=3).map(lambda told: encode_settings(told, full=True)),
    st.lists(st.tuples(backup_ids, numbers), max_size=3).map(lambda told: encode(Ack(tuple(told)))),
    st.builds(BatchBegin, backup_ids, st.integers(0, 2), numbers).map(encode),
    st.builds(BatchEnd, backup_ids, st.integers(0, 2), numbers, st.integers(0, 3)).map(encode),
    st.builds(BatchRequest, backup_ids, st.booleans()).map(encode),
    st.just(encode(Heartbeat())),
    st.builds(Open, st.integers(0, 2), st.integers(0, 2), u32).map(encode),
    st.just(encode(Close("enough"))),
)
commits = st.sampled_from(
    [
        profile(Role.MASTER),
        profile(Role.BACKUP, igmp_copy=False),
        profile(Role.BACKUP, name="second", backup_id=8),
        profile(Role.BACKUP, name="second", backup_id=10),
        access("access1", access_id=2),
        access("access1", access_id=3),
        access("access2", profile="second"),
    ]
)
steps = st.one_of(
    st.tuples(st.just("hear"), said),
    st.tuples(st.just("hear"), said),
    st.tuples(st.just("hear"), said),
    st.tuples(st.sampled_from(["join", "leave"]), st.integers(0xEF010101, 0xEF010103).map(IPv4Address)),
    st.tuples(st.just("commit"), commits),
    st.tuples(st.just("wait"), st.sampled_from([0.001, 0.02, 1.0, 4.5])),
    st.tuples(st.just("break"), st.none()),
)
GREETING = encode(Open(5, 0, 1000)) + encode_settings(
    [Announcement(ProfileSettings(each, access_ids=frozenset({1, 2}))) for each in (7, 8)], full=True
)


def started() -> Pair:
    pair = Pair(channel_up=False)
    for index, name in enumerate((PORT, "access1", "access2", CORE), start=1):
        pair.a.link(name, index, ipv6=True)
    second = profile(Role.BACKUP, name="second", backup_id=8)
    trunk = profile(name="third", backup_id=9, arbitration=TRUNK)
    ports = access(), access("access1", access_id=2), access("access2", profile="second")
    pair.a.configure(pair.a.service(), profile(Role.MASTER), second, trunk, *ports, upstream())
    return pair


def meet(router: Router) -> None:
    router.connected = True
    router.give(messages.ChannelConnected(SERVICE), messages.ChannelReceived(SERVICE, GREETING))


def take(pair: Pair, step: str, what: object) -> None:
    router = pair.a
    if not router.connected:
        meet(router)
    if step == "hear":
        router.give(messages.ChannelReceived(SERVICE, what))  # type: ignore[arg-type]
    elif step in ("join", "leave"):
        getattr(router, step)(what)
    elif step == "commit":
        router.configure(what)  # type: ignore[arg-type]
    elif step == "break":
        router.connected = False
        router.give(messages.ChannelDisconnected(SERVICE, "closed"))
    else:
        pair.clock.now += what  # type: ignore[operator]
    deadline = router.engine.next_deadline()
    if deadline is not None and deadline <= pair.clock.now:
        router.give(messages.Tick())


def check(router: Router) -> None:
    machine = router.engine.world.services[SERVICE].machine
    assert machine is not None
    outgoing = machine._outgoing
    under_way = sum(
        outgoing._profiles[each].sequence - outgoing._profiles[each].acknowledged for each in outgoing._mapped
    )
    assert outgoing._in_flight == under_way >= 0
    for counters in (machine.sent, machine.received):
        assert counters.success + counters.fail <= counters.total
    router.service_state()
    router.profile_state()
    router.groups()


@settings(max_examples=60)
@given(st.lists(steps, min_size=5, max_size=40))
def test_whatever_a_peer_says_it_makes_no_fault_and_can_come_back(played):
    pair = started()
    for step, what in played:
        take(pair, step, what)
    check(pair.a)
    if pair.a.connected:
        take(pair, "break", None)
    meet(pair.a)
    assert pair.a.service_state().channel_state in ("synchronizing", "connected")
