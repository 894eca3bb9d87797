"""Interfaces that come, go and change: ports, upstreams, captures, and a plane that refuses."""

from ipaddress import IPv4Address
from itertools import pairwise

import pytest

from dataplane.config import AccessConfig, InterfaceConfig, Role, TagType, UpstreamConfig
from dataplane.engine import effects, messages, uplink
from dataplane.packets.frames import decode
from tests.support.kinds import KINDS, STB_MAC
from tests.support.routers import (
    CORE,
    GROUP,
    MEMBERSHIP_INTERVAL,
    PORT,
    Clock,
    Pair,
    Router,
    access,
    profile,
    upstream,
)


def router() -> Router:
    """A single router with neither links nor configuration."""
    return Pair(clock=Clock()).a


def alone() -> Router:
    """A single master with an access port and an upstream."""
    one = router()
    one.link(PORT, 1)
    one.link(CORE, 2)
    one.configure(profile(Role.MASTER), access(), upstream())
    return one


def test_a_port_waits_for_its_link() -> None:
    one = router()
    one.link(CORE, 2)
    one.configure(profile(Role.MASTER), access(), upstream())
    assert PORT not in one.captures
    assert one.queries() == []
    one.link(PORT, 5)
    assert one.captures[PORT] == 5
    assert [query.group for query in one.queries()] == [None]
    one.join()
    assert one.forwards() == {PORT}


def test_a_link_that_goes_and_comes_back_with_another_index_is_followed() -> None:
    one = alone()
    one.join()
    one.give(messages.LinkRemoved(PORT))
    assert PORT not in one.captures
    assert one.forwards() == frozenset()
    one.link(PORT, 9)
    assert one.captures[PORT] == 9
    assert one.forwards() == {PORT}


def test_a_port_without_a_profile_is_an_ordinary_proxys() -> None:
    one = router()
    one.link(PORT, 1)
    one.link(CORE, 2)
    one.configure(access(profile=""), upstream())
    one.join()
    assert one.forwards() == {PORT}
    assert one.queries()


def test_a_disabled_interface_neither_captures_nor_forwards() -> None:
    one = alone()
    one.join()
    one.configure(InterfaceConfig(PORT, enabled=False, access=AccessConfig("rbp1")))
    assert PORT not in one.captures
    assert one.forwards() == frozenset()


def test_the_upstream_with_the_lowest_preference_is_active_and_a_spare_takes_over() -> None:
    one = alone()
    one.link("spare0", 3)
    one.configure(upstream("spare0", preference=200))
    assert one.engine.world.active_upstream == CORE
    one.join()
    one.reports.clear()
    one.order.clear()
    one.link(CORE, 2, up=False)
    assert effects.SetUpstream("spare0", 3) in one.order
    assert [record.group for report in one.reports for record in report.records] == [GROUP]
    one.link(CORE, 2)
    assert one.engine.world.active_upstream == CORE


def test_a_spare_takes_over_without_a_change_of_role() -> None:
    one = alone()
    one.link("spare0", 3)
    one.configure(upstream("spare0", preference=200))
    one.events.clear()
    one.link(CORE, 2, up=False)
    assert one.events == []


def test_an_interface_may_change_sides() -> None:
    one = alone()
    one.join()
    one.configure(InterfaceConfig(PORT, upstream=UpstreamConfig(1)))
    assert one.engine.world.active_upstream == PORT
    assert not one.has_entry()
    one.configure(access())
    assert one.engine.world.active_upstream == CORE
    one.join()
    assert one.forwards() == {PORT}


def test_rebinding_forgets_the_members_and_follows_the_other_profiles_role() -> None:
    one = alone()
    one.join()
    one.configure(profile(Role.BACKUP, name="rbp2", backup_id=8), access(profile="rbp2"))
    assert not one.has_entry()
    one.join()
    assert one.has_entry()
    assert one.forwards() == frozenset()


def test_other_intervals_do_not_forget_the_members() -> None:
    one = alone()
    one.join()
    one.configure(InterfaceConfig(PORT, access=AccessConfig("rbp1", 1)))
    assert one.forwards() == {PORT}


def asked_vlans(router: Router) -> list[int]:
    return [decode(frame.frame).subscriber.outer_vlan for frame in router.frames]


def test_queries_go_to_every_vlan_that_has_members() -> None:
    one = alone()
    one.join(stb=1)
    one.join(stb=2, vlan=100)
    one.frames.clear()
    one.leave(stb=2, vlan=100)
    one.give(messages.LinkRemoved(PORT))
    one.link(PORT, 1)
    assert set(asked_vlans(one)) == {0, 100}


def test_a_tagged_member_is_known_and_asked_but_gets_no_untagged_packets() -> None:
    one = alone()
    one.join(stb=2, vlan=100)
    assert not one.has_entry()
    assert [each.forwarding_reason for each in one.groups().values()] == ["tagged"]
    one.join(stb=1)
    assert one.forwards() == {PORT}
    assert {each.subscriber[17:]: each.forwarding for each in one.groups().values()} == {
        "": True,
        "@100": False,
    }
    one.frames.clear()
    one.leave(stb=1)
    assert asked_vlans(one) == [0]
    one.frames.clear()
    one.leave(stb=2, vlan=100)
    assert asked_vlans(one) == [100]


def general_queries(pair: Pair, seconds: float) -> list[str]:
    """Where each general query of some time went."""
    pair.a.frames.clear()
    pair.run(seconds)
    return [where for where, group in pair.a.asked() if group is None]


def test_a_vlan_whose_member_fell_silent_is_asked_for_a_while() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.join(tags=(100, 7, 0))
    pair.a.join(stb=2, tags=(0, 0, 9))
    pair.run(MEMBERSHIP_INTERVAL + 1)
    assert pair.a.groups() == {}
    asked = general_queries(pair, 400)
    assert asked.count("@100.7") == 30 - 1  # one has gone already
    assert asked.count("") == 40
    assert set(asked) == {"", "@100.7"}  # a session is another when the line is back


def test_who_answers_in_such_a_vlan_is_a_member_again() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    for _ in range(3):
        pair.a.join(tags=(100, 7, 0))
        pair.run(MEMBERSHIP_INTERVAL + 15)
        assert "@100.7" in general_queries(pair, 15)
    pair.a.join(tags=(100, 7, 0))
    pair.a.leave(tags=(100, 7, 0))
    pair.run(5)
    assert set(general_queries(pair, 15)) == {""}


def test_queries_are_counted_as_they_are_sent() -> None:
    one = alone()
    one.join(stb=2, vlan=100)
    one.join(stb=1)
    before = dict(one.engine.world.ports[PORT].counters.sent)["query"]
    one.frames.clear()
    one.clock.now += 20
    one.give(messages.Tick())
    one.give(messages.Tick())  # whoever is behind a tag is asked soon, not at once
    assert one.engine.world.ports[PORT].counters.sent["query"] - before == len(one.frames) == 2


def test_what_a_capture_lost_and_could_not_send_is_counted_on_either_side() -> None:
    one = alone()
    for name in (PORT, CORE):
        one.give(messages.CaptureTold(name, "ring"), messages.CaptureTold(name, "recv", 5, 2))
        one.give(messages.CaptureTold(name, "recv", 1, 0))
        state = one.interface_state(name)
        assert (state.capture, state.dropped, state.sent["failed"]) == ("recv", {"ring-full": 6}, 2)
        one.give(messages.CaptureTold(name, ""))
        assert one.interface_state(name).capture == ""
    one.give(messages.CaptureTold("elsewhere0", "ring", 1, 1))


def audits(one: Router) -> int:
    return sum(isinstance(effect, effects.AuditPlane) for effect in one.order)


def pass_time(one: Router, seconds: float) -> None:
    one.order.clear()
    one.clock.now += seconds
    one.give(messages.Tick())


def test_what_the_plane_refused_is_said_again_later() -> None:
    one = alone()
    one.join()
    one.give(messages.PlaneFailed("no buffer space"))
    pass_time(one, 0.9)
    assert audits(one) == 0
    pass_time(one, 0.1)
    kinds = [type(effect) for effect in one.order]
    assert kinds[-1] is effects.AuditPlane
    assert {effects.ConfigurePorts, effects.SetUpstream, effects.SetActive} <= set(kinds)


def test_a_plane_that_goes_on_refusing_is_asked_less_and_less_often() -> None:
    one = alone()
    one.join()
    for delay in (1.0, 2.0, 4.0):
        one.give(messages.PlaneFailed("no buffer space"))
        pass_time(one, delay - 0.1)
        assert audits(one) == 0
        pass_time(one, 0.1)
        assert audits(one) == 1


def repairs(one: Router, seconds: float, step: float = 0.25) -> list[float]:
    """When the plane is told everything again, in seconds from now; what is refused is refused each time."""
    begin, found = one.clock.now, []
    while one.clock.now < begin + seconds:
        pass_time(one, step)
        if any(isinstance(effect, effects.AuditPlane) and effect.whole for effect in one.order):
            found.append(one.clock.now - begin)
            one.give(messages.PlaneFailed("interface 70000"), messages.Audited())
    return found


def test_one_port_that_is_refused_for_ever_is_tried_again_less_and_less_often() -> None:
    one = alone()
    one.join()
    one.give(messages.PlaneFailed("interface 70000"))
    when = [0.0, *repairs(one, 300)]
    pauses = [round(b - a) for a, b in pairwise(when)]
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_refusals_that_come_together_are_one_and_do_not_keep_the_repair_waiting() -> None:
    one = alone()
    one.join()
    one.give(*[messages.PlaneFailed("no buffer space")] * 10)
    pass_time(one, 1.0)
    assert audits(one) == 1
    repaired = 0
    for _ in range(8):
        one.give(messages.PlaneFailed("no buffer space"))
        pass_time(one, 0.3)
        repaired += audits(one)
    assert repaired == 1


def test_a_plane_that_has_refused_nothing_for_long_is_asked_soon_again() -> None:
    one = alone()
    one.join()
    for _ in range(4):
        one.give(messages.PlaneFailed("no buffer space"))
        pass_time(one, 60.0)
    pass_time(one, 200.0)
    one.give(messages.PlaneFailed("no buffer space"))
    pass_time(one, 1.0)
    assert audits(one) == 1


def test_the_plane_is_audited_every_minute() -> None:
    one = alone()
    one.join()
    pass_time(one, 60.0)
    assert audits(one) == 1
    pass_time(one, 120.0)
    assert audits(one) == 0, "one that is not over is not repeated"
    one.give(messages.Audited())
    pass_time(one, 59.0)
    assert audits(one) == 0
    pass_time(one, 1.0)
    assert audits(one) == 1


def test_the_plane_is_audited_a_second_after_a_link_changed_however_often_it_does() -> None:
    one = alone()
    one.join()
    for _ in range(3):
        one.order.clear()
        one.link(PORT, 1, up=False)
        one.clock.now += 0.4
        one.give(messages.Tick())
        one.link(PORT, 1)
    assert audits(one) == 1


def test_a_frame_on_an_interface_that_nobody_configured_means_nothing() -> None:
    one = alone()
    one.order.clear()
    one.join(interface="elsewhere0")
    assert one.order == []


def test_stopping_tells_the_peer_and_leaves_the_ports_alone() -> None:
    pair = Pair()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.order.clear()
    pair.a.give(messages.Stopping())
    kinds = {type(effect) for effect in pair.a.order}
    assert effects.SendChannel in kinds
    assert effects.SetActive not in kinds
    pair.a.channel_open = False
    pair.run(0)
    assert pair.b.copy_state() == "channel-down"
    assert pair.b.service_state().last_down_reason == "peer-stopped"


def test_many_joins_share_the_reports_toward_the_core() -> None:
    one = alone()
    one.clock.now += 1.0
    one.give(messages.Tick())
    one.reports.clear()
    groups = [GROUP + number for number in range(50)]
    for group in groups:
        one.join(group)
    assert [record.group for report in one.reports for record in report.records] == [GROUP]
    one.clock.now += uplink.REPORT_PAUSE
    one.give(messages.Tick())
    assert {record.group for report in one.reports for record in report.records} == set(groups)
    assert len(one.reports) == 2


def test_many_members_expire_in_parts() -> None:
    one = alone()
    for number in range(600):
        one.join(IPv4Address(0xEF000000 + number))
    one.clock.now += 60
    left = []
    while len(one.engine.world.ports[PORT].sides[4].table):
        one.engine.handle(messages.Tick(), one.clock.now)
        left.append(len(one.engine.world.ports[PORT].sides[4].table))
        due = one.engine.next_deadline()
        assert due is not None
        assert not left[-1] or due <= one.clock.now
    assert left == [472, 344, 216, 88, 0]


def kinds_in(router: Router) -> list[bytes]:
    """The Ethernet addresses and tags of what was sent, without the IP packet."""
    return [effect.frame.partition(b"\x08\x00\x46")[0] for effect in router.frames]


@pytest.mark.parametrize(("tags", "setting"), [("qinq", "outer_tag_type"), ("dot1q", "single_tag_type")])
def test_a_subscriber_is_asked_with_the_type_of_tag_that_its_network_expects(tags: str, setting: str) -> None:
    rest = "810000c8" if tags == "qinq" else ""
    kind = next(kind for kind in KINDS if str(kind) == f"{tags}-ipoe-igmpv3")
    other = "single_tag_type" if tags == "qinq" else "outer_tag_type"
    asked = {}
    for tag_type in TagType:
        one = router()
        one.link(PORT, 1)
        against = next(each for each in TagType if each is not tag_type)
        one.configure(profile(Role.MASTER), access(**{setting: tag_type, other: against}))
        one.hear(kind.frame(kind.messages()["join"]))
        one.frames.clear()
        one.hear(kind.frame(kind.messages()["leave"]))
        asked[tag_type] = [link[12:].hex() for link in kinds_in(one)]
    assert asked == {TagType.C_VLAN: [f"81000064{rest}"], TagType.S_VLAN: [f"88a80064{rest}"]}


def test_a_pppoe_subscriber_is_asked_in_its_session() -> None:
    kind = next(kind for kind in KINDS if str(kind) == "dot1q-pppoe-igmpv3")
    one = alone()
    one.hear(kind.frame(kind.messages()["join"]))
    one.frames.clear()
    one.hear(kind.frame(kind.messages()["leave"]))
    (frame,) = [effect.frame for effect in one.frames]
    assert frame[:6] == STB_MAC
    assert decode(frame).subscriber.pppoe_session == kind.subscriber.pppoe_session
