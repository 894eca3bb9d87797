"""What both routers have, and what differs: compared profile by profile, and bounded."""

import pytest

from dataplane.config import Role
from dataplane.replication.mapping import MAX_ACCESS_IDS, MAX_PROFILES, Mapping
from dataplane.replication.messages import Announcement, Open, SettingsPart, encode, encode_settings
from dataplane.replication.outputs import Disconnect
from dataplane.replication.peer import PeerMachine
from dataplane.replication.settings import (
    ArbitrationKind,
    ArbitrationSettings,
    Mismatch,
    ProfileSettings,
)


def mapping(local, peer):
    found = Mapping(local.values())
    found.heard(SettingsPart(tuple(map(Announcement, peer.values())), full=True))
    found.compare()
    return found


def compare(local, peer):
    return mapping(local, peer).mismatches


def test_equal_settings_have_no_mismatch():
    settings = {1: ProfileSettings(1, access_ids=frozenset({1}))}
    other = {1: ProfileSettings(1, access_ids=frozenset({1}), role=Role.MASTER)}
    assert compare(settings, other) == ()


def test_every_difference_is_named_with_both_values():
    local = {1: ProfileSettings(1, igmp_copy=False), 2: ProfileSettings(2)}
    peer = {1: ProfileSettings(1, access_ids=frozenset({7})), 3: ProfileSettings(3)}
    assert compare(local, peer) == (
        Mismatch(1, "igmp-copy", "false", "true"),
        Mismatch(1, "access-id", "", "7"),
        Mismatch(2, "backup-id", "present", "absent"),
        Mismatch(3, "backup-id", "absent", "present"),
    )


def test_what_decides_the_role_is_compared_where_both_have_told():
    def profile(*arbitration):
        return {1: ProfileSettings(1, arbitration=ArbitrationSettings(*arbitration))}

    trunk = profile(ArbitrationKind.E_TRUNK, 1, 10)
    assert compare(trunk, trunk) == ()
    assert compare(trunk, {1: ProfileSettings(1)}) == ()
    assert compare(trunk, profile(ArbitrationKind.STATIC)) == (
        Mismatch(1, "arbitration", "e-trunk", "static"),
    )
    assert compare(trunk, profile(ArbitrationKind.E_TRUNK, 2, 1)) == (
        Mismatch(1, "id", "1", "2"),
        Mismatch(1, "hello-interval", "10", "1"),
    )
    assert compare(profile(ArbitrationKind.VRRP, 7), profile(ArbitrationKind.VRRP, 8)) == (
        Mismatch(1, "vrid", "7", "8"),
    )


@pytest.mark.parametrize("kind", [ArbitrationKind.NONE, ArbitrationKind.STATIC])
def test_an_id_where_there_is_none_says_nothing(kind):
    """A peer may leave any number where a reader has no use for it."""
    mine, theirs = (
        {1: ProfileSettings(1, arbitration=ArbitrationSettings(kind, *each))} for each in ((), (7, 9))
    )
    assert compare(mine, theirs) == ()
    vrrp = [
        {1: ProfileSettings(1, arbitration=ArbitrationSettings(ArbitrationKind.VRRP, 7, each))}
        for each in (0, 9)
    ]
    assert compare(*vrrp) == ()


def test_what_is_told_of_one_profile_changes_what_is_known_of_that_one_alone():
    many = {each: ProfileSettings(each, access_ids=frozenset({each})) for each in range(1, 6)}
    found = mapping(many, many)
    assert found.mismatches == ()
    other = ProfileSettings(3, igmp_copy=False, access_ids=frozenset({3, 9}))
    assert found.heard(SettingsPart((Announcement(other),))) is None
    assert found.compare([3]) == []
    assert found.mismatches == found.mismatches_of(3)
    assert [each.setting for each in found.mismatches] == ["igmp-copy", "access-id"]
    found.configure([*many.values(), ProfileSettings(3, access_ids=frozenset({3, 9}))])
    assert found.compare([3]) == [3]
    assert found.common[3] == {3, 9}
    found.heard(SettingsPart((Announcement(other, removed=True),)))
    found.compare([3])
    assert found.mismatches == (Mismatch(3, "backup-id", "present", "absent"),)
    assert sorted(found.common) == [1, 2, 4, 5]


def told(*parts):
    machine = PeerMachine(1, [ProfileSettings(1)])
    machine.connected(0.0)
    return machine.receive(encode(Open(7, 0, 1000)) + b"".join(parts), 0.0)


def profiles(numbers, ids=1, *, full=False):
    wanted = (ProfileSettings(each, access_ids=frozenset(range(ids))) for each in numbers)
    return encode_settings(map(Announcement, wanted), full=full)


MOST = 30_000


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([profiles(range(1, MAX_PROFILES + 1), full=True)], ""),
        ([profiles(range(1, MAX_PROFILES + 2), full=True)], "too-many-profiles"),
        ([profiles(range(1, MAX_PROFILES + 1), full=True), profiles([5000])], "too-many-profiles"),
        ([profiles([1, 2], MOST, full=True)], ""),
        ([profiles([1, 2, 3], MOST, full=True)], "too-many-access-ids"),
        ([profiles([1, 2], MOST, full=True), profiles([3], MOST)], "too-many-access-ids"),
        ([profiles([1, 2], MOST, full=True), *[profiles([2], MOST)] * 5], ""),
        ([profiles([1, 2], MOST, full=True), profiles([1]), profiles([3], MOST)], ""),
    ],
    ids=["most", "list", "later", "most ids", "ids in a list", "ids later", "again", "others"],
)
def test_what_a_peer_may_tell_is_bounded(parts, reason):
    disconnected = [output.reason for output in told(*parts) if isinstance(output, Disconnect)]
    assert disconnected == [reason] * bool(reason)
    assert 2 * MOST <= MAX_ACCESS_IDS < 3 * MOST
