"""Makes the inputs of the cases: `python -m tests.conformance.scenes` records each scene anew.

An input that came from the field needs no scene: its folder holds the recording.
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import msgspec

from dataplane.config import Role
from dataplane.packets.frames import query_frame, report_frames
from dataplane.packets.messages import GroupRecord, Query, RecordType
from tests.support.routers import GROUP, MLD_GROUP, OTHER, TAIL, Pair, access, mac, profile

CASES = Path(__file__).parent
FOREIGN = IPv4Address("10.1.0.0")  # the lowest address of the access link
MASTER, BACKUP = profile(Role.MASTER), profile(Role.BACKUP)


def _older(pair: Pair, version: int, kind: RecordType, stb: int) -> None:
    record = GroupRecord(kind, GROUP)
    pair.a.hear(report_frames(version, [record], mac(stb), IPv4Address(f"10.1.0.{stb}"))[0])


def join_and_leave(pair: Pair) -> None:
    pair.a.join(GROUP, stb=1)
    pair.a.join(GROUP, stb=2)
    pair.run(1.0)
    pair.a.leave(GROUP, stb=1)
    pair.run(3.0)
    pair.a.leave(GROUP, stb=2)
    pair.run(3.0)


def older_hosts(pair: Pair) -> None:
    _older(pair, 1, RecordType.MODE_IS_EXCLUDE, 1)
    pair.run(1.0)
    pair.a.leave(GROUP, stb=1)
    _older(pair, 2, RecordType.MODE_IS_EXCLUDE, 2)
    pair.run(1.0)
    _older(pair, 2, RecordType.CHANGE_TO_INCLUDE_MODE, 2)
    pair.run(3.0)


def sources(pair: Pair) -> None:
    pair.a.report(RecordType.ALLOW_NEW_SOURCES, GROUP, "10.9.9.8", "10.9.9.9")
    pair.run(1.0)
    pair.a.report(RecordType.BLOCK_OLD_SOURCES, GROUP, "10.9.9.8")
    pair.run(3.0)
    pair.a.report(RecordType.CHANGE_TO_EXCLUDE_MODE, GROUP, "10.9.9.9", stb=2)
    pair.run(1.0)


def copying_disabled(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.run(0.5)
    pair.a.configure(profile(Role.MASTER, igmp_copy=False))
    pair.a.leave(GROUP)
    pair.a.join(OTHER)
    pair.run(3.0)
    pair.a.configure(MASTER)
    pair.run(1.0)


def takeover_in_a_leave(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.a.join(OTHER, stb=2)
    pair.run(1.0)
    pair.a.leave(GROUP)
    pair.run(0.5)
    pair.a.configure(BACKUP)
    pair.b.configure(MASTER)
    pair.run(4.0)


def foreign_querier(pair: Pair) -> None:
    pair.a.join(GROUP)
    pair.a.join(OTHER, stb=2)
    for group in (None, GROUP):
        query = Query(3, group, (), 1.0, False, 0, 100)
        pair.a.hear(query_frame(query, mac(99), FOREIGN))
        pair.run(0.5)
    pair.a.join(OTHER, stb=2)
    pair.run(30.0)


def at_the_limit(pair: Pair) -> None:
    limited = msgspec.structs.replace(TAIL, max_groups_per_subscriber=1, immediate_leave=True)
    pair.a.join(GROUP)
    pair.a.configure(access(igmp=msgspec.structs.replace(TAIL, max_groups_per_subscriber=1)))
    pair.a.join(OTHER)
    pair.run(1.0)
    pair.a.leave(GROUP)
    pair.a.join(OTHER)
    pair.run(3.0)
    pair.a.configure(access(igmp=limited))
    pair.a.report(RecordType.CHANGE_TO_INCLUDE_MODE, OTHER, "10.9.9.9")
    pair.run(1.0)


def mld_members(pair: Pair) -> None:
    for stb in (1, 2):
        pair.a.report(RecordType.ALLOW_NEW_SOURCES, MLD_GROUP, "2001:db8::9", stb=stb)
    pair.a.join(MLD_GROUP, stb=3, tags=(100, 7, 9))
    pair.run(1.0)
    for stb in (1, 2):
        pair.a.report(RecordType.BLOCK_OLD_SOURCES, MLD_GROUP, "2001:db8::9", stb=stb)
        pair.run(0.5)
    pair.a.leave(MLD_GROUP, stb=3, tags=(100, 7, 9))
    pair.run(3.0)


SCENES: dict[str, tuple[str, Callable[[Pair], None]]] = {
    "igmp/join-and-leave": ("a", join_and_leave),
    "igmp/older-hosts": ("a", older_hosts),
    "igmp/sources": ("a", sources),
    "igmp/copying-disabled": ("a", copying_disabled),
    "igmp/takeover-in-a-leave": ("b", takeover_in_a_leave),
    "igmp/foreign-querier": ("a", foreign_querier),
    "igmp/at-the-limit": ("a", at_the_limit),
    "mld/members": ("a", mld_members),
}


def main() -> None:
    """Play every scene and write down what the router in question was told."""
    for name, (recorded, play) in SCENES.items():
        pair = Pair(ipv6=name.startswith("mld/"))
        router = pair.a if recorded == "a" else pair.b
        router.record()
        pair.start(MASTER, BACKUP)
        play(pair)
        assert router.recording is not None
        (CASES / name).mkdir(parents=True, exist_ok=True)
        (CASES / name / "input.jsonl").write_bytes(b"".join(router.recording))


if __name__ == "__main__":
    main()
