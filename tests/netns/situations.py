"""Situations of an operator's day, each on a laboratory that stands (see `scenarios`)."""

import socket
from ipaddress import IPv4Address

from cli.lab import configuration
from cli.lab.laboratory import Laboratory
from cli.lab.namespaces import Namespace, veth
from cli.lab.play import until
from cli.lab.topology import ACCESS_INTERFACE, SOURCE_ADDRESS
from dataplane.capture.capture import Capture
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.netns import watching
from tests.netns.watching import Stream, leaf, members, seen, table, wait_for, wait_for_role, wait_until_gone

GROUPS = [f"239.40.0.{number}" for number in range(1, 6)]
SSM = "232.1.1.1"
VLAN = 100
CROWD = [f"239.{100 + number // 10_000}.{number // 250 % 40}.{number % 250 + 1}" for number in range(10_000)]


def igmp_hosts(laboratory: Laboratory) -> dict[str, object]:
    """Real hosts of every IGMP version, sources, two STBs with one group, a subscriber behind a tag."""
    player = watching.prepared(laboratory)
    a, b = routers = laboratory.routers
    first, second = laboratory.stbs
    space = laboratory.topology.stbs[0]
    for version in (1, 2, 3):
        space.sysctl("net/ipv4/conf/all/force_igmp_version", version)
        first.do("join", [f"239.1.{version}.1"])
        wait_for(routers, f"239.1.{version}.1")
        first.do("leave", [f"239.1.{version}.1"])
    wait_until_gone(routers, "239.1.2.1", "239.1.3.1")
    kept = [group for group, _ in table(b)]

    first.do("join_source", SSM, SOURCE_ADDRESS)
    for router in routers:
        until(lambda router=router: (SSM, SOURCE_ADDRESS) in table(router), f"(S,G) on {router.name}")  # type: ignore[misc]
    stream = Stream(laboratory, SSM)
    laboratory.topology.cut_core_link(a.site)
    wait_for_role(b, "master")
    found = stream.end()
    laboratory.topology.restore_core_link(a.site)
    player.wait_for_roles()
    first.do("leave", [SSM])
    wait_until_gone(routers, SSM)

    for stb in laboratory.stbs:
        stb.do("join", [GROUPS[0]])
    until(lambda: len(members(b, GROUPS[0])) == 2, "both members on the backup")
    stream = Stream(laboratory, GROUPS[0], second)
    first.do("leave", [GROUPS[0]])
    for router in routers:
        until(lambda router=router: len(members(router, GROUPS[0])) == 1, "one member left")  # type: ignore[misc]
    shared = stream.end()
    tagged = _tagged(laboratory)
    return {"kept": kept, "source": seen(found), "shared": seen(shared), "tagged": tagged}


def _tagged(laboratory: Laboratory) -> dict[str, object]:
    """A subscriber behind a tag on the parent interface: known, asked with its tag, and promised nothing."""
    space, routers = laboratory.topology.stbs[0], laboratory.routers
    capture = space.run(lambda: Capture(socket.if_nametoindex("eth0")))
    try:
        capture.send(_report(space, RecordType.CHANGE_TO_EXCLUDE_MODE))
        for router in routers:
            until(lambda router=router: bool(members(router, GROUPS[1])), f"known to {router.name}")  # type: ignore[misc]
        entry = members(routers[0], GROUPS[1])[0]
        forwarded = [router.name for router in routers if watching.has(router, GROUPS[1])]
        capture.send(_report(space, RecordType.CHANGE_TO_INCLUDE_MODE))
        asked: set[int] = set()
        until(lambda: bool(_heard(capture, asked)), "a query with the tag")
        until(lambda: not members(routers[1], GROUPS[1]), "the tagged member is gone")
    finally:
        capture.close()
    return {"reason": entry["forwarding-reason"], "forwarding": entry["forwarding"], "in_kernel": forwarded}


def _report(space: Namespace, kind: RecordType) -> bytes:
    record = GroupRecord(kind, IPv4Address(GROUPS[1]))
    to = Subscriber(VLAN, 0, 0, b"")
    return report_frames(3, [record], space.mac("eth0"), IPv4Address("10.21.0.1"), to=to)[0]


def _heard(capture: Capture, tags: set[int]) -> bool:
    tags |= {item.outer_vlan for item in capture.read()}
    return VLAN in tags


def switchovers(laboratory: Laboratory) -> dict[str, object]:
    """Ten failovers and failbacks in a row while a stream runs; then one in the middle of a leave."""
    watching.prepared(laboratory)
    a, b = laboratory.routers
    laboratory.stbs[0].do("join", GROUPS)
    wait_for([a, b], *GROUPS)
    stream = Stream(laboratory, GROUPS[0])
    for _ in range(10):
        laboratory.topology.cut_core_link(a.site)
        wait_for_role(b, "master")
        wait_for_role(a, "backup")
        laboratory.topology.restore_core_link(a.site)
        wait_for_role(a, "master")
        wait_for_role(b, "backup")
    found = stream.end()
    before = watching.interface_counter(b, ACCESS_INTERFACE, "sent", "query")
    laboratory.stbs[0].do("leave", [GROUPS[1]])
    laboratory.topology.cut_core_link(a.site)
    wait_until_gone([a, b], GROUPS[1])
    asked = watching.interface_counter(b, ACCESS_INTERFACE, "sent", "query") - before
    return seen(found, asked_by_the_new_master=asked)


def channel_cut(laboratory: Laboratory) -> dict[str, object]:
    """The link between the routers is cut for longer than a heartbeat, hellos and all, and mended."""
    player = watching.prepared(laboratory)
    a, b = laboratory.routers
    laboratory.stbs[0].do("join", [GROUPS[0]])
    wait_for([a, b], GROUPS[0])
    stream = Stream(laboratory, GROUPS[0])
    b.site.namespace.down("peer0")
    wait_for_role(b, "master")
    until(lambda: watching.copy_state(a) == "channel-down", "the master knows that it does not copy")
    laboratory.stbs[0].do("join", [GROUPS[1]])
    wait_for([a], GROUPS[1])
    stream.goes_on()
    unknown = not watching.has(b, GROUPS[1])
    b.site.namespace.up("peer0")
    player.wait_for_roles()
    wait_for([b], GROUPS[1])
    during = stream.end()
    after = Stream(laboratory, GROUPS[0])
    found = after.end()
    return {
        "during": seen(during),
        "after": seen(found, duplicates=after.duplicates),
        "unknown_before_the_batch": unknown,
        "copy_states": [watching.copy_state(a), watching.copy_state(b)],
        "sync_state": leaf(a, "sync-state", of_service=True),
    }


def commits(laboratory: Laboratory) -> dict[str, object]:
    """Commits while a stream runs: the service, the binding, the arbitration, the link itself."""
    player = watching.prepared(laboratory)
    a, b = routers = laboratory.routers
    stb = laboratory.stbs[0]
    stb.do("join", GROUPS)
    wait_for(routers, *GROUPS)
    stream = Stream(laboratory, GROUPS[0])
    for router in routers:
        router.commit(watching.service("<enabled>false</enabled>"))
        until(lambda router=router: watching.copy_state(router) == "channel-down", "the channel is down")  # type: ignore[misc]
        if router is a:
            stb.do("leave", [GROUPS[4]])
            wait_until_gone([a], GROUPS[4])
        stream.goes_on()
        router.commit(watching.service("<enabled>true</enabled>"))
        player.wait_for_roles()
    returned = watching.has(a, GROUPS[4])

    binding = configuration.PROFILE
    b.commit(watching.access('<remote-backup-profile nc:operation="remove"/>'))
    wait_until_gone([b], *GROUPS)
    b.commit(watching.access(f"<remote-backup-profile>{binding}</remote-backup-profile>"))
    wait_for([b], *GROUPS[:4])

    b.site.namespace.delete(ACCESS_INTERFACE)
    until(lambda: members(b, GROUPS[0])[0]["forwarding-reason"] == "link-down", "the access link is gone")
    _new_access_link(laboratory)
    until(lambda: members(b, GROUPS[0])[0]["forwarding-reason"] == "standby", "the access link is back")

    for router, role in ((b, "master"), (a, "backup"), (a, "master"), (b, "backup")):
        router.commit(watching.profile(f"<static-role>{role}</static-role>"))
        stream.goes_on()
    for router in routers:
        router.commit(watching.profile("<e-trunk><id>1</id></e-trunk>"))
        stream.goes_on()
    player.wait_for_roles()
    found = stream.end()
    return seen(found, member_that_left_came_back=returned, entries_on_backup=watching.has(b, *GROUPS[:4]))


def _new_access_link(laboratory: Laboratory) -> None:
    topology, site = laboratory.topology, laboratory.routers[1].site
    veth(topology.access, site.access_port, site.namespace, ACCESS_INTERFACE)
    topology.access.bridge_port(site.access_port, "br0")
    topology.dual_homed(enabled=False)


def copying_disabled(laboratory: Laboratory) -> dict[str, object]:
    """Rule 4: what is retained ages, a leave is not copied, and one batch mends it."""
    watching.prepared(laboratory)
    a, b = routers = laboratory.routers
    stb = laboratory.stbs[0]
    stb.do("join", GROUPS[:2])
    wait_for(routers, *GROUPS[:2])
    for router in routers:
        router.commit(watching.intervals(2, 1))
    until(lambda: int(members(b, GROUPS[0])[0]["expire"]) <= 5, "a copy with the new timers")
    for router in routers:
        router.commit(configuration.igmp_copy(enabled=False))
    states = [watching.copy_state(router) for router in routers]
    stb.do("leave", [GROUPS[1]])
    wait_until_gone([a], GROUPS[1])
    retained = watching.has(b, GROUPS[1])
    wait_until_gone([b], *GROUPS[:2])
    for router in routers:
        router.commit(configuration.igmp_copy(enabled=True))
    wait_for([b], GROUPS[0])
    return {
        "states": states,
        "leave_copied": not retained,
        "came_back": watching.has(b, GROUPS[1]),
    }


def router_restarted(laboratory: Laboratory) -> dict[str, object]:
    """Each router as a whole is stopped and started again with its state folder."""
    player = watching.prepared(laboratory)
    a, b = routers = laboratory.routers
    laboratory.stbs[0].do("join", GROUPS)
    wait_for(routers, *GROUPS)
    stream = Stream(laboratory, GROUPS[0])
    for router in (a, b):
        router.stop()
        stream.goes_on()
        router.start_again()
        wait_for([router], *GROUPS)
        player.wait_for_roles()
    return seen(stream.end(), origin=members(a, GROUPS[0])[0]["origin"])


def crowd(laboratory: Laboratory) -> dict[str, object]:
    """10,000 groups are joined at once, a failover, and all are left at once."""
    player = watching.prepared(laboratory)
    a, b = routers = laboratory.routers
    halves = tuple(zip(laboratory.stbs, (CROWD[:5000], CROWD[5000:]), strict=True))
    for stb, groups in halves:
        stb.do("join", groups)
    wait_for(routers, *CROWD)
    stream = Stream(laboratory, CROWD[0])
    laboratory.topology.cut_core_link(a.site)
    wait_for_role(b, "master")
    found = stream.end()
    laboratory.topology.restore_core_link(a.site)
    player.wait_for_roles()
    for stb, groups in halves:
        stb.do("leave", groups)
    wait_until_gone(routers, *CROWD)
    return seen(found, left_in_the_kernels=sum(len(table(router)) for router in routers))
