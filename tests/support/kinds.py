"""Frames of every kind that a subscriber may send: tags, PPPoE session, protocol and version."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from dataplane.packets import frames
from dataplane.packets.ethernet import ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN, Subscriber
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType, Report

TAGS = {"untagged": (0, 0), "dot1q": (100, 0), "qinq": (100, 200)}
SESSIONS = {"ipoe": 0, "pppoe": 7}
PROTOCOLS = {"igmpv1": (4, 1), "igmpv2": (4, 2), "igmpv3": (4, 3), "mldv1": (6, 2), "mldv2": (6, 3)}

STB_MAC = bytes.fromhex("020000000001")
ROUTER_MAC = bytes.fromhex("0200000000fe")
STB: dict[int, Address] = {4: IPv4Address("10.0.0.2"), 6: IPv6Address("fe80::2")}
ROUTER: dict[int, Address] = {4: IPv4Address("10.0.0.1"), 6: IPv6Address("fe80::1")}
GROUP: dict[int, Address] = {4: IPv4Address("239.1.2.3"), 6: IPv6Address("ff3e::8001:203")}
SOURCE: dict[int, Address] = {4: IPv4Address("192.0.2.9"), 6: IPv6Address("2001:db8::9")}


@dataclass(frozen=True)
class Kind:
    """One of the thirty: where the subscriber is, and which protocol it speaks."""

    tags: str
    access: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.tags}-{self.access}-{self.protocol}"

    @property
    def family(self) -> int:
        """The IP version."""
        return PROTOCOLS[self.protocol][0]

    @property
    def version(self) -> int:
        """The version as `dataplane.packets.messages` counts it."""
        return PROTOCOLS[self.protocol][1]

    @property
    def subscriber(self) -> Subscriber:
        return Subscriber(*TAGS[self.tags], SESSIONS[self.access], STB_MAC)

    def messages(self) -> dict[str, Report | Query]:
        """What it says and is asked, by a name for each."""
        said: dict[str, Report | Query] = {}
        for name, records in self._records().items():
            said |= {name: report for _, report in frames.reports(self.version, records, self.family)}  # noqa: B035
        return said | self.queries()

    def _records(self) -> dict[str, list[GroupRecord]]:
        group, sources = GROUP[self.family], (SOURCE[self.family],)
        join = GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, group)
        said = {"join": [join], "leave": [GroupRecord(RecordType.CHANGE_TO_INCLUDE_MODE, group)]}
        if self.version == 3:
            said |= {kind.name.lower(): [GroupRecord(kind, group, sources)] for kind in RecordType}
            said["several"] = [join, GroupRecord(RecordType.ALLOW_NEW_SOURCES, group, sources * 2), join]
        return said

    def queries(self) -> dict[str, Query]:
        """General, and where the version has it group-specific and source-specific."""
        group = GROUP[self.family]
        if self.version == 1:
            return {"query": Query(1)}
        if self.version == 2:
            return {"query": Query(2), "group-query": Query(2, group, max_response=1.0)}
        return {
            "query": Query(3, robustness=2, query_interval=125),
            "group-query": Query(3, group, (), 1.0, suppress=True, robustness=2, query_interval=125),
            "source-query": Query(3, group, (SOURCE[self.family],), 1.0, False, 2, 60),
        }

    def frame(self, message: Report | Query, *, outer_type: int = ETHERTYPE_VLAN) -> bytes:
        """A report as the subscriber sends it, a query as the router does."""
        if isinstance(message, Query):
            router = ROUTER[self.family]
            return frames.query_frame(message, ROUTER_MAC, router, self.subscriber, outer_type)
        router_session = Subscriber(*TAGS[self.tags], SESSIONS[self.access], ROUTER_MAC)
        (frame,) = frames.report_frames(
            message.version, message.records, STB_MAC, STB[self.family], to=router_session
        )
        return frame[:12] + outer_type.to_bytes(2, "big") + frame[14:] if self.tags != "untagged" else frame


KINDS = [Kind(tags, access, protocol) for tags in TAGS for access in SESSIONS for protocol in PROTOCOLS]
OUTER_TYPES = (ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN)


def stripped(frame: bytes) -> tuple[bytes, int]:
    """A frame less its outer tag, and that tag's VID: what the kernel makes of it before anyone sees it."""
    if int.from_bytes(frame[12:14], "big") in OUTER_TYPES:
        return frame[:12] + frame[16:], int.from_bytes(frame[14:16], "big") & 0x0FFF
    return frame, 0
