"""The twenty rules of replication, one after another, on two real routers (see `scenarios`).

Each function plays one rule and returns what was seen; where the rule is about forwarding, a stream through
the kernels is the proof. What a rule changes it puts back, so that the next one finds router a as master,
the smart link toward it, and the channel up. `RULES` has them in the order in which they are played.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address, ip_address

from ncclient.operations import RPCError

from cli.lab import configuration
from cli.lab.hosts import KernelRouter
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.namespaces import Namespace, veth
from cli.lab.play import Player, until
from cli.lab.topology import ACCESS_INTERFACE
from dataplane.capture.capture import Capture
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import query_frame, report_frames
from dataplane.packets.messages import GroupRecord, Query, RecordType
from tests.netns import watching
from tests.netns.observed import Seen, observed
from tests.netns.watching import (
    INTERFACES,
    TRB,
    Stream,
    copy_state,
    has,
    interface_counter,
    leaf,
    members,
    wait_for,
    wait_for_role,
    wait_until_gone,
)

JOIN, LEAVE = RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.CHANGE_TO_INCLUDE_MODE
DHCP, PPPOE = "dhcp-stb", "pppoe-stb"
SESSION = 7
ROOM = 15
"""Seconds that a busy machine may take beyond a timer."""
SECOND_PROFILE, SECOND_ACCESS, SECOND_WIRE = "rbp4", "access1", "wire1"


class Stage:
    """The laboratory as the rules use it. `group(n)` is a group of the rule that is being played."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.player: Player = watching.prepared(laboratory)
        self.a, self.b = self.routers = laboratory.routers
        self.stb, self.other_stb = laboratory.stbs
        self._space = laboratory.topology.stbs[0]
        self._router_mac = self.a.site.namespace.mac(ACCESS_INTERFACE)
        self._rule = 0

    def begin(self, rule: int) -> None:
        """Name the rule that is played next."""
        self._rule = rule

    def group(self, number: int) -> str:
        """A group that no other rule uses."""
        return f"239.50.{self._rule}.{number}"

    def join(self, *numbers: int) -> list[str]:
        """The first STB joins groups by its kernel's IGMP; return them when both routers have them."""
        groups = [self.group(number) for number in numbers]
        self.stb.do("join", groups)
        return groups

    def commit(self, config: str, *routers: KernelRouter) -> None:
        """Commit an edit on some routers, on both without any."""
        for router in routers or self.routers:
            router.commit(config)

    def copying(self, *, enabled: bool) -> None:
        """`dhcp-stb igmp-copy` or its undo on both routers."""
        self.commit(configuration.igmp_copy(enabled=enabled))

    def pppoe(self, kind: RecordType, *groups: str, session: int = SESSION) -> None:
        """A subscriber inside a PPPoE session of router a reports."""
        to = Subscriber(0, 0, session, self._router_mac)
        self.send(report_frames(3, _records(kind, groups), self._space.mac("eth0"), STB_ADDRESS, to=to))

    def send(self, frames: list[bytes]) -> None:
        """Send frames from where the first STB is."""
        capture = self._space.run(lambda: Capture(socket.if_nametoindex("eth0")))
        try:
            for frame in frames:
                capture.send(frame)
        finally:
            capture.close()

    def mac(self) -> bytes:
        """The MAC address of the first STB."""
        return self._space.mac("eth0")


STB_ADDRESS = IPv4Address("10.20.0.101")


def _records(kind: RecordType, groups: tuple[str, ...]) -> list[GroupRecord]:
    return [GroupRecord(kind, ip_address(group)) for group in groups]


def known(router: KernelRouter, group: str) -> bool:
    """Whether a router has a member of the group, forwarded to or not."""
    return bool(members(router, group))


def wait_known(router: KernelRouter, group: str) -> None:
    until(lambda: known(router, group), f"{group} known to router {router.name}")


def statistics(router: KernelRouter, kind: str) -> dict[str, int]:
    """What a profile counted for one kind of subscriber: `copied`, `applied`, and not-copied by reason."""
    data = router.get(configuration.profile_state("igmp-copy-status"))
    for status in data.iter(f"{TRB}subscriber-type"):
        if status.findtext(f"{TRB}type") == kind:
            found = {
                name: int(status.findtext(f"{TRB}statistics/{TRB}{name}/{TRB}total"))
                for name in ("copied", "applied")
            }
            for row in status.iter(f"{TRB}not-copied"):
                found[row.findtext(f"{TRB}reason")] = int(row.findtext(f"{TRB}messages"))
            return found
    raise AssertionError(f"no {kind} in the state of router {router.name}")


def state_of(router: KernelRouter, kind: str) -> str:
    """The copy-state of one kind of subscriber."""
    data = router.get(configuration.profile_state("igmp-copy-status"))
    for status in data.iter(f"{TRB}subscriber-type"):
        if status.findtext(f"{TRB}type") == kind:
            return str(status.findtext(f"{TRB}copy-state"))
    return ""


def rule_1(stage: Stage) -> Seen:
    """Copied by whoever received it, whatever its role; a zap after a failover has its picture."""
    first, late = stage.join(1)[0], stage.group(2)
    wait_for(stage.routers, first)
    stage.laboratory.topology.cut_core_link(stage.a.site)
    wait_for_role(stage.b, "master")
    stage.stb.do("join", [late])
    wait_for([stage.b], late)
    zapped = Stream(stage.laboratory, late).end()
    stage.laboratory.topology.restore_core_link(stage.a.site)
    stage.player.wait_for_roles()
    return {"origin_on_backup": members(stage.b, first)[0]["origin"], "zapped_lost": zapped.lost}


def rule_2(stage: Stage) -> Seen:
    """PPPoE is copied whatever the leaf says; the DHCP subscriber beside it is not."""
    stage.copying(enabled=False)
    dhcp, pppoe = stage.join(1)[0], stage.group(2)
    wait_for([stage.a], dhcp)
    stage.pppoe(JOIN, pppoe)
    wait_known(stage.b, pppoe)
    entry = members(stage.b, pppoe)[0]
    seen = {
        "pppoe": [entry["subscriber-type"], entry["origin"], entry["forwarding"]],
        "states": [state_of(stage.a, DHCP), state_of(stage.a, PPPOE)],
        "dhcp_on_backup": known(stage.b, dhcp),
    }
    stage.pppoe(LEAVE, pppoe)
    stage.copying(enabled=True)
    return seen


def rule_3(stage: Stage) -> Seen:
    """What was accepted before the commit arrives; what is accepted after its reply does not."""
    before, after = stage.join(1)[0], stage.group(2)
    wait_for([stage.a], before)
    stage.commit(configuration.igmp_copy(enabled=False), stage.a)
    stage.stb.do("join", [after])
    wait_for([stage.a], after)
    wait_for([stage.b], before)
    marker = stage.group(3)
    stage.pppoe(JOIN, marker)  # what the channel carries next has gone by once this is there
    wait_known(stage.b, marker)
    seen = {"before": known(stage.b, before), "after": known(stage.b, after)}
    stage.pppoe(LEAVE, marker)
    stage.copying(enabled=True)
    return seen


def rule_4(stage: Stage) -> Seen:
    """Disabling withdraws nothing; retained entries forward after a failover and end by their timers."""
    aged = _ages_out(stage)
    kept, left = stage.join(1, 2)
    wait_for(stage.routers, kept, left)
    stage.copying(enabled=False)
    stage.stb.do("leave", [left])
    wait_until_gone([stage.a], left)
    retained = has(stage.b, kept, left)
    stream = Stream(stage.laboratory, kept)
    stage.laboratory.topology.cut_core_link(stage.a.site)
    wait_for_role(stage.b, "master")
    found = stream.end()
    stage.laboratory.topology.restore_core_link(stage.a.site)
    stage.player.wait_for_roles()
    stage.copying(enabled=True)
    return {"retained": retained, "lost_at_failover": found.lost, **aged}


SHORT = 2 * 4 + 2
"""Seconds that a membership lives with the intervals that rules about ageing are played with."""


def _ages_out(stage: Stage) -> Seen:
    """With short timers: what the backup retains is there after the leave, and gone when its time is over."""
    stage.commit(watching.intervals(4, 2))
    group = stage.join(3)[0]
    wait_for(stage.routers, group)
    stage.copying(enabled=False)
    stage.stb.do("leave", [group])
    wait_until_gone([stage.a], group)
    rest = int(members(stage.b, group)[0]["expire"])
    until(lambda: not known(stage.b, group), "the retained entry has ended", SHORT + ROOM)
    stage.copying(enabled=True)
    stage.commit(watching.intervals(30, 2))
    return {"rest_of_lifetime": rest}


def rule_5(stage: Stage) -> Seen:
    """Another profile of the same service goes on copying."""
    for router in stage.routers:
        veth(router.site.namespace, SECOND_ACCESS, router.site.namespace, SECOND_WIRE)
    stage.commit(_second_profile())
    until(lambda: _second_state(stage.a) == "active", "the second profile is active")
    stage.copying(enabled=False)
    here, there = stage.join(1)[0], stage.group(2)
    wait_for([stage.a], here)
    _say_on_second(stage.a.site.namespace, JOIN, there)
    until(lambda: has(stage.b, there), "the other profile's entry on the backup")
    seen = {"other_profile": has(stage.b, there), "this_profile": known(stage.b, here)}
    stage.copying(enabled=True)
    stage.commit(_without_second_profile())
    return seen


def _second_profile() -> str:
    profile = (
        f"<remote-backup-profile><name>{SECOND_PROFILE}</name><service-name>{configuration.SERVICE}"
        "</service-name><backup-id>4</backup-id></remote-backup-profile>"
    )
    return (
        f'<config xmlns="{watching.BASE}"><remote-backup xmlns="{configuration.REMOTE_BACKUP}">{profile}'
        f'</remote-backup><interfaces xmlns="{INTERFACES}"><interface><name>{SECOND_ACCESS}</name>'
        '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>'
        f'<multicast xmlns="{configuration.REMOTE_BACKUP}"><remote-backup-profile>{SECOND_PROFILE}'
        "</remote-backup-profile></multicast></interface></interfaces></config>"
    )


def _without_second_profile() -> str:
    return (
        f'<config xmlns="{watching.BASE}" xmlns:nc="{watching.BASE}"><remote-backup'
        f' xmlns="{configuration.REMOTE_BACKUP}"><remote-backup-profile nc:operation="delete"><name>'
        f'{SECOND_PROFILE}</name></remote-backup-profile></remote-backup><interfaces xmlns="{INTERFACES}">'
        f'<interface nc:operation="delete"><name>{SECOND_ACCESS}</name></interface></interfaces></config>'
    )


def _second_state(router: KernelRouter) -> str:
    data = router.get(
        f'<remote-backup xmlns="{configuration.REMOTE_BACKUP}"><remote-backup-profile><name>{SECOND_PROFILE}'
        "</name><igmp-copy-status/></remote-backup-profile></remote-backup>"
    )
    return str(data.findtext(f".//{TRB}copy-state"))


def _say_on_second(namespace: Namespace, kind: RecordType, *groups: str) -> None:
    capture = namespace.run(lambda: Capture(socket.if_nametoindex(SECOND_WIRE)))
    try:
        for frame in report_frames(3, _records(kind, groups), b"\x02\0\0\0\0\x51", IPv4Address("10.60.0.9")):
            capture.send(frame)
    finally:
        capture.close()


def rule_6(stage: Stage) -> Seen:
    """Without the service type nothing is copied; an explicit igmp-copy false beside it is refused."""
    off = watching.profile("<service-type><multicast>false</multicast></service-type>")
    stage.commit(off)
    dhcp, pppoe = stage.join(1)[0], stage.group(2)
    stage.pppoe(JOIN, pppoe)
    wait_for([stage.a], dhcp)
    wait_known(stage.a, pppoe)
    seen: Seen = {"states": [state_of(stage.a, DHCP), state_of(stage.a, PPPOE)]}
    seen["copied"] = known(stage.b, dhcp) or known(stage.b, pppoe)
    try:
        stage.commit(configuration.igmp_copy(enabled=False), stage.a)
    except RPCError as refusal:
        seen["refused"] = refusal.app_tag
    stage.commit(watching.profile('<service-type nc:operation="remove"/>'))
    until(lambda: known(stage.b, dhcp) and known(stage.b, pppoe), "the batch of both kinds")
    stage.pppoe(LEAVE, pppoe)
    return seen


def rule_7(stage: Stage) -> Seen:
    """Enabling again sends one batch; enabling what is enabled sends none."""
    stage.copying(enabled=False)
    missed = stage.join(1)[0]
    wait_for([stage.a], missed)
    absent = not known(stage.b, missed)
    stage.copying(enabled=True)
    wait_for([stage.b], missed)
    until(lambda: copy_state(stage.a) == "active", "the batch has ended")
    completed = leaf(stage.a, "last-batch-completed")
    stage.commit(watching.profile("<dhcp-stb><igmp-copy>true</igmp-copy></dhcp-stb>"), stage.a)
    marker = stage.join(2)[0]
    wait_for([stage.b], marker)
    again = leaf(stage.a, "last-batch-completed")
    stage.copying(enabled=True)
    return {"absent_before": absent, "batch": has(stage.b, missed), "second_batch": completed != again}


def rule_8(stage: Stage) -> Seen:
    """What came over the channel is not copied back, and a batch lengthens no timer."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    before = int(members(stage.b, group)[0]["expire"])
    stage.b.commit(watching.service("<enabled>false</enabled>"))
    until(lambda: copy_state(stage.a) == "channel-down", "the channel is down")
    stage.b.commit(watching.service("<enabled>true</enabled>"))
    stage.player.wait_for_roles()
    until(lambda: copy_state(stage.a) == "active", "both batches have ended")
    return {
        "copied_by_backup": statistics(stage.b, DHCP)["copied"],
        "lifetime_grew": int(members(stage.b, group)[0]["expire"]) > before,
        "on_both": has(stage.a, group) and has(stage.b, group),
    }


def rule_9(stage: Stage) -> Seen:
    """The backup has the stream at hand and gives subscribers nothing of it."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    stream = Stream(stage.laboratory, group)
    until(lambda: stage.b.kernel_entries().get(group, 0) > 0, "the stream at the backup")
    packets = stage.b.kernel_entries()[group]
    stream.goes_on()
    more = stage.b.kernel_entries()[group] - packets
    reason = members(stage.b, group)[0]["forwarding-reason"]
    found = stream.end()
    return {"at_hand": more > 0, "reason": reason, "lost": found.lost, "duplicates": stream.duplicates}


def rule_10(stage: Stage) -> Seen:
    """The new master forwards at once and asks; the old one does neither; a leave on the way is finished."""
    kept, left = stage.join(1, 2)
    wait_for(stage.routers, kept, left)
    asked = {router.name: _queries(router) for router in stage.routers}
    copied = statistics(stage.a, DHCP)["copied"]
    stream = Stream(stage.laboratory, kept)
    stage.stb.do("leave", [left])
    stage.laboratory.topology.cut_core_link(stage.a.site)
    wait_for_role(stage.b, "master")
    wait_until_gone(stage.routers, left)
    found = stream.end()
    seen = {
        "lost": found.lost,
        "new_master_asked": _queries(stage.b) - asked["b"],
        "counters_kept": statistics(stage.a, DHCP)["copied"] >= copied,
    }
    stage.laboratory.topology.restore_core_link(stage.a.site)
    stage.player.wait_for_roles()
    return seen


def _queries(router: KernelRouter) -> int:
    return interface_counter(router, ACCESS_INTERFACE, "sent", "query")


def rule_11(stage: Stage) -> Seen:
    """Without the channel roles, entries and the stream stay as they are."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    stream = Stream(stage.laboratory, group)
    stage.a.commit(watching.service("<enabled>false</enabled>"))
    until(lambda: copy_state(stage.b) == "channel-down", "the channel is down")
    unknown = stage.join(2)[0]
    wait_for([stage.a], unknown)
    roles = [leaf(router, "local-role") for router in stage.routers]
    seen = {"roles": roles, "entry_stays": has(stage.b, group), "not_copied": not known(stage.b, unknown)}
    stage.a.commit(watching.service("<enabled>true</enabled>"))
    stage.player.wait_for_roles()
    return {**seen, "lost": stream.end().lost, "duplicates": stream.duplicates}


def rule_12(stage: Stage) -> Seen:
    """A router that restarted has everything back before it is master again."""
    groups = stage.join(1, 2, 3)
    wait_for(stage.routers, *groups)
    stream = Stream(stage.laboratory, groups[0])
    stage.a.stop()
    wait_for_role(stage.b, "master")
    stream.goes_on()
    stage.a.start_again()
    until(lambda: leaf(stage.a, "local-role") == "master", "failback")
    complete = has(stage.a, *groups)
    stage.player.wait_for_roles()
    found = stream.end()
    return {
        "complete_at_failback": complete,
        "lost": found.lost,
        "origin": members(stage.a, groups[0])[0]["origin"],
    }


def rule_13(stage: Stage) -> Seen:
    """Unbinding removes the entries here; those of the peer age."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    stage.b.commit(watching.access('<remote-backup-profile nc:operation="remove"/>'))
    wait_until_gone([stage.b], group)
    there = has(stage.a, group)
    bind = f"<remote-backup-profile>{configuration.PROFILE}</remote-backup-profile>"
    stage.b.commit(watching.access(bind))
    wait_for([stage.b], group)
    until(lambda: copy_state(stage.a) == "active", "mapped again")
    filled = has(stage.b, group)
    return {"entry_of_the_peer": there, "filled_by_a_batch": filled, **_peer_ages(stage, bind)}


def _peer_ages(stage: Stage, bind: str) -> Seen:
    """The router that heard a member is unbound: its peer's entry stays until its time is over."""
    stage.commit(watching.intervals(4, 2))
    group = stage.join(2)[0]
    wait_for(stage.routers, group)
    stage.a.commit(watching.access('<remote-backup-profile nc:operation="remove"/>'))
    wait_until_gone([stage.a], group)
    seen: Seen = {"copy_state": copy_state(stage.a), "stays": has(stage.b, group)}
    until(lambda: not known(stage.b, group), "the entry of the peer has ended", SHORT + ROOM)
    stage.a.commit(watching.access(bind))
    wait_for(stage.routers, group)
    stage.commit(watching.intervals(30, 2))
    return seen


def rule_14(stage: Stage) -> Seen:
    """Queries, link-local groups and what is malformed are not copied, and counted."""
    before = statistics(stage.a, DHCP)
    mac = stage.mac()
    good = report_frames(3, _records(JOIN, (stage.group(1),)), mac, STB_ADDRESS)[0]
    local = report_frames(2, _records(JOIN, ("224.0.0.251",)), mac, STB_ADDRESS)[0]
    query = query_frame(Query(3, ip_address(stage.group(9))), mac, IPv4Address("10.20.0.200"))
    stage.send([local, query, good[:-1] + bytes([good[-1] ^ 1]), good])
    wait_known(stage.b, stage.group(1))
    after = statistics(stage.a, DHCP)
    grown = {reason: after[reason] - before.get(reason, 0) for reason in after}
    return {
        "grown": {reason: grown[reason] for reason in ("link-local-group", "malformed", "query")},
        "link_local_on_backup": known(stage.b, "224.0.0.251"),
    }


def rule_15(stage: Stage) -> Seen:
    """A block of sending overrides everything, PPPoE too, and is shown."""
    block = "<backup-block{}><direction>send</direction><service>multicast</service></backup-block>"
    stage.a.commit(watching.service(block.format("")))
    dhcp, pppoe = stage.join(1)[0], stage.group(2)
    stage.pppoe(JOIN, pppoe)
    wait_for([stage.a], dhcp)
    wait_known(stage.a, pppoe)
    seen: Seen = {
        "states": [state_of(stage.a, DHCP), state_of(stage.a, PPPOE)],
        "sent": known(stage.b, dhcp) or known(stage.b, pppoe),
    }
    stage.a.commit(watching.service(block.format(' nc:operation="delete"')))
    until(lambda: known(stage.b, dhcp) and known(stage.b, pppoe), "the batch after the block")
    stage.pppoe(LEAVE, pppoe)
    return seen


def rule_16(stage: Stage) -> Seen:
    """Interfaces are mapped by access-id: without a counterpart nothing is copied, and it is said."""
    stage.b.commit(watching.access("<access-id>9</access-id>"))
    until(lambda: copy_state(stage.a) == "unmapped", "unmapped")
    group = stage.join(1)[0]
    wait_for([stage.a], group)
    data = stage.a.get(configuration.service_state("peer-mismatch"))
    settings = [str(each.text) for each in data.iter(f"{TRB}setting")]
    absent = not known(stage.b, group)
    stage.b.commit(watching.access('<access-id nc:operation="remove"/>'))
    wait_for([stage.b], group)
    return {"absent": absent, "mismatch": settings}


def rule_17(stage: Stage) -> Seen:
    """The backup asks nothing, and a foreign querier with a lower address is elected."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    before = [_queries(router) for router in stage.routers]
    stage.stb.do("leave", [group])
    wait_until_gone(stage.routers, group)
    asked = [_queries(router) - count for router, count in zip(stage.routers, before, strict=True)]
    foreign = IPv4Address("10.20.0.0")
    stage.send(
        [query_frame(Query(3, max_response=1.0, robustness=2, query_interval=1), stage.mac(), foreign)]
    )
    until(lambda: _querier(stage.a) == str(foreign), "the foreign querier is elected")
    until(lambda: _querier(stage.a) != str(foreign), "and forgotten when it is silent")
    return {"master_asked": asked[0] > 0, "backup_asked": asked[1]}


def _querier(router: KernelRouter) -> str:
    named = f"<interface><name>{ACCESS_INTERFACE}</name></interface>"
    data = router.get(f'<interfaces xmlns="{INTERFACES}">{named}</interfaces>')
    return str(data.findtext(f".//{TRB}querier", default=""))


def rule_18(stage: Stage) -> Seen:
    """The master's dataplane dies three times, and not one packet is lost."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    stream = Stream(stage.laboratory, group)
    for _ in range(3):
        _kill(stage.a, "dataplane")
        stage.player.wait_for_roles()
    return {"lost": stream.end().lost}


def _kill(router: KernelRouter, child: str) -> None:
    file = router.folder / f"{child}.pid"
    old = int(file.read_text())
    os.kill(old, signal.SIGKILL)
    until(lambda: int(file.read_text()) != old, f"a new {child} of router {router.name}")


def rule_19(stage: Stage) -> Seen:
    """Two masters for as long as no hello passes; the loser stops on the first one. No upstream, no role."""
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    stage.b.site.namespace.down("peer0")
    wait_for_role(stage.b, "master")
    roles = [leaf(router, "local-role") for router in stage.routers]
    stage.b.site.namespace.up("peer0")
    wait_for_role(stage.b, "backup")
    stage.player.wait_for_roles()
    stage.laboratory.topology.cut_core_link(stage.a.site)
    wait_for_role(stage.a, "backup")
    reason = leaf(stage.a, "last-role-change-reason")
    stage.laboratory.topology.restore_core_link(stage.a.site)
    stage.player.wait_for_roles()
    return {
        "both": roles,
        "after": [leaf(router, "local-role") for router in stage.routers],
        "forfeit": reason,
    }


def rule_20(stage: Stage) -> Seen:
    """VRRP: master while the virtual address is here; the stream goes with it."""
    virtual = "10.20.0.250"
    vrrp = (
        f"<vrrp><vrid>7</vrid><interface>{ACCESS_INTERFACE}</interface>"
        f"<virtual-address>{virtual}</virtual-address></vrrp>"
    )
    group = stage.join(1)[0]
    wait_for(stage.routers, group)
    stage.a.site.namespace.address(ACCESS_INTERFACE, f"{virtual}/32")
    stage.commit(watching.profile(vrrp))
    wait_for_role(stage.a, "master")
    wait_for_role(stage.b, "backup")
    stream = Stream(stage.laboratory, group)
    roles = []
    for old, new in ((stage.a, stage.b), (stage.b, stage.a)):
        old.site.namespace.remove_address(ACCESS_INTERFACE, f"{virtual}/32")
        new.site.namespace.address(ACCESS_INTERFACE, f"{virtual}/32")
        wait_for_role(new, "master")
        wait_for_role(old, "backup")
        stream.goes_on()
        roles.append(new.name)
    found = stream.end()
    stage.a.site.namespace.remove_address(ACCESS_INTERFACE, f"{virtual}/32")
    for router in stage.routers:
        router.commit(configuration.of_site(router.site, 30, 2))
    return {"masters": roles, "lost": found.lost}


RULES: dict[int, Callable[[Stage], Seen]] = {
    1: rule_1,
    2: rule_2,
    3: rule_3,
    4: rule_4,
    5: rule_5,
    6: rule_6,
    7: rule_7,
    8: rule_8,
    9: rule_9,
    10: rule_10,
    11: rule_11,
    12: rule_12,
    13: rule_13,
    14: rule_14,
    15: rule_15,
    16: rule_16,
    17: rule_17,
    18: rule_18,
    19: rule_19,
    20: rule_20,
}


def rules(laboratory: Laboratory, only: Sequence[int] = ()) -> dict[str, Seen]:
    """Play every rule, or those named; what was seen of each, by its number."""
    stage = Stage(laboratory)
    found: dict[str, Seen] = {}
    for number, play in RULES.items():
        if not only or number in only:
            stage.begin(number)
            found[str(number)] = play(stage)
            stage.player.wait_for_roles()
    return found


def _print(only: Sequence[int], laboratory: Laboratory) -> int:
    for number, seen in rules(laboratory, only).items():
        line = (RULES[int(number)].__doc__ or "").splitlines()[0]
        print(f"{number:>2}  {line}\n    {json.dumps(seen)}\n    Seen: {observed(int(number), seen)}.")
    return 0


if __name__ == "__main__":
    sys.exit(in_laboratory(partial(_print, [int(word) for word in sys.argv[1:]])))
