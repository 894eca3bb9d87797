"""Set-top boxes: what they watch, what they answer, and the frames they send."""

from dataclasses import dataclass, field
from typing import NamedTuple

from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType
from tests.simulation.beliefs import Key, Kind
from tests.support.kinds import ROUTER_MAC, stripped


class Channel(NamedTuple):
    """What one can watch: a group, of any source or of one."""

    group: Address
    source: Address | None = None


@dataclass(eq=False)
class SetTopBox:
    """One subscriber. `legs`: the routers that its frames reach. `version` is in IGMP's terms."""

    number: int
    port: str
    tags: tuple[int, int]
    session: int
    family: int
    version: int
    address: Address
    legs: str
    on: bool = True
    watching: list[Channel] = field(default_factory=list)
    since: dict[Channel, float] = field(default_factory=dict)
    """When it last had to tell that it watches a channel, because it began to or because a leg changed."""
    answering: set[Channel] = field(default_factory=set)

    @property
    def mac(self) -> bytes:
        return b"\x02\x10\x00" + self.number.to_bytes(3, "big")

    @property
    def kind(self) -> Kind:
        return Kind(bool(self.session), self.family)

    def key(self, channel: Channel) -> Key:
        """The membership as a person writes it."""
        outer, inner = self.tags
        text = self.mac.hex(":") + (f"@{outer}" if outer else "") + (f".{inner}" if inner else "")
        text += f"/{self.session}" if self.session else ""
        source = "" if channel.source is None else str(channel.source)
        return Key(self.port, text, str(channel.group), source)

    def frames(self, kind: RecordType, channel: Channel) -> list[tuple[bytes, int]]:
        """What a report about a channel looks like on a port: frames, and the tags taken off them."""
        sources = () if channel.source is None else (channel.source,)
        record = GroupRecord(kind, channel.group, sources)
        to = Subscriber(*self.tags, self.session, ROUTER_MAC)
        sent = report_frames(self.version, [record], self.mac, self.address, to=to)
        return [stripped(frame) for frame in sent]

    def join(self, channel: Channel) -> list[tuple[bytes, int]]:
        """The state change that begins to watch."""
        any_source = channel.source is None
        kind = RecordType.CHANGE_TO_EXCLUDE_MODE if any_source else RecordType.ALLOW_NEW_SOURCES
        return self.frames(kind, channel)

    def leave(self, channel: Channel) -> list[tuple[bytes, int]]:
        """The state change that ends watching; version 1 has none."""
        if channel.source is None:
            return self.frames(RecordType.CHANGE_TO_INCLUDE_MODE, channel)
        return self.frames(RecordType.BLOCK_OLD_SOURCES, channel)

    def answer(self, channel: Channel) -> list[tuple[bytes, int]]:
        """The answer to a query."""
        any_source = channel.source is None
        return self.frames(RecordType.MODE_IS_EXCLUDE if any_source else RecordType.MODE_IS_INCLUDE, channel)

    def asked(self, to: Subscriber, query: Query, family: int) -> list[Channel]:
        """What it has to answer a query that was sent to a circuit."""
        here = (to.outer_vlan, to.inner_vlan) == self.tags and to.pppoe_session == self.session
        if not here or family != self.family or not self.on:
            return []
        return [each for each in self.watching if query.group in (None, each.group)]
