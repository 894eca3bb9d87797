"""Two routers in memory: real engines and memory planes, joined by a channel and hellos, on a fake clock.

Nothing waits and nothing is random: `Pair.run` plays what is due in the order of time.
"""

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address

from dataplane.actions import Outcome
from dataplane.config import (
    AccessConfig,
    IgmpConfig,
    InterfaceConfig,
    PeerConfig,
    ProfileConfig,
    Role,
    Security,
    ServiceConfig,
    StaticArbitration,
    UpstreamConfig,
)
from dataplane.engine import Engine, effects, messages, report
from dataplane.forwarding.desired import Install
from dataplane.forwarding.memory import MemoryPlane
from dataplane.forwarding.plane import RouteKey
from dataplane.links import Link
from dataplane.membership.table import MembershipTable
from dataplane.packets.ethernet import Subscriber
from dataplane.packets.frames import decode, query_frame, report_frames
from dataplane.packets.messages import Address, GroupRecord, Query, RecordType, Report
from dataplane.recording.journal import Begin, Writer
from dataplane.state import (
    CopyStatus,
    Event,
    GroupKey,
    GroupState,
    InterfaceState,
    ProfileState,
    ServiceState,
    StatePiece,
    StateSelection,
)

MLD_GROUP = IPv6Address("ff3e::1:1")
GROUP = IPv4Address("239.1.1.1")
OTHER = IPv4Address("239.1.1.2")
THIRD = IPv4Address("239.1.1.3")
SERVICE = "rbs1"
PROFILE = "rbp1"
PORT = "access0"
CORE = "core0"
WALL = 1_000_000_000.0
TAIL = IgmpConfig(query_interval=10, query_max_response_time=2)
MEMBERSHIP_INTERVAL = 22.0  # 2 x 10 + 2, RFC 3376 section 8.4


def mac(number: int) -> bytes:
    return b"\x02\x00\x00\x00\x00" + bytes([number])


def source_of(stb: int, version: int) -> Address:
    """The address from which an STB reports."""
    return ip_address(f"10.1.0.{stb}" if version == 4 else f"fe80::1:{stb}")


def profile(role: Role | None = None, **changes: object) -> ProfileConfig:
    settings: dict[str, object] = {"name": PROFILE, "service_name": SERVICE, "backup_id": 7, **changes}
    if role is not None:
        settings["arbitration"] = StaticArbitration(role)
    return ProfileConfig(**settings)  # type: ignore[arg-type]


def access(name: str = PORT, **changes: object) -> InterfaceConfig:
    settings: dict[str, object] = {"profile": PROFILE, "access_id": 1, "igmp": TAIL, "mld": TAIL, **changes}
    return InterfaceConfig(name, access=AccessConfig(**settings))  # type: ignore[arg-type]


def upstream(name: str = CORE, preference: int = 100) -> InterfaceConfig:
    return InterfaceConfig(name, upstream=UpstreamConfig(preference))


@dataclass(eq=False)
class Router:
    """One router: performs the engine's effects on a memory plane and keeps what else came out."""

    name: str
    address: IPv4Address
    peer_address: IPv4Address
    clock: "Clock"
    seed: int
    plane: MemoryPlane = field(default_factory=MemoryPlane)
    engine: Engine = field(init=False)
    outbox: deque[bytes] = field(default_factory=deque)
    hellos: deque[bytes] = field(default_factory=deque)
    channel_open: bool = False
    connected: bool = False
    hello_open: bool = False
    frames: list[effects.SendFrame] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    answers: list[Outcome] = field(default_factory=list)
    order: list[effects.Effect] = field(default_factory=list)
    captures: dict[str, int] = field(default_factory=dict)
    recording: list[bytes] | None = None
    """What the engine was told, a line each; see `record`."""
    writer: Writer = field(default_factory=Writer)

    def __post_init__(self) -> None:
        self.engine = Engine(random.Random(self.seed), WALL)

    def record(self) -> None:
        """Record this router from now on; nothing must have been given to its engine yet."""
        self.recording = []
        self._line(Begin(f"{self.seed:x}", WALL))

    def _line(self, entry: messages.Message | Begin) -> None:
        if self.recording is not None:
            self.recording.append(self.writer.line(self.clock.now, entry))

    @property
    def peer(self) -> PeerConfig:
        return PeerConfig(self.peer_address, self.address, 2000)

    def service(self, **changes: object) -> ServiceConfig:
        settings: dict[str, object] = {"peer": self.peer, "security": Security.NONE, **changes}
        return ServiceConfig(SERVICE, **settings)  # type: ignore[arg-type]

    def configure(
        self, *items: ServiceConfig | ProfileConfig | InterfaceConfig, **removed: tuple[str, ...]
    ) -> None:
        """Commit these entries; `removed_profiles=(...)` and so on name what goes."""
        self.give(
            messages.Reconfigure(
                services=tuple(item for item in items if isinstance(item, ServiceConfig)),
                profiles=tuple(item for item in items if isinstance(item, ProfileConfig)),
                interfaces=tuple(item for item in items if isinstance(item, InterfaceConfig)),
                **removed,
            )
        )

    def give(self, *given: messages.Message) -> None:
        waiting = list(given)
        while waiting:
            for message in [*waiting, messages.BurstEnded()]:
                if message is not None:
                    waiting = [item for item in waiting if item is not message]
                    self._line(message)
                    for effect in self.engine.handle(message, self.clock.now):
                        self.order.append(effect)
                        answer = self.perform(effect)
                        if answer is not None:
                            waiting.append(answer)

    def perform(self, effect: effects.Effect) -> messages.Message | None:  # noqa: C901
        match effect:
            case effects.AdoptPlane(ports):
                self.plane.configure(ports)
                active, routes = self.plane.active_ports(), tuple(self.plane.installed().values())
                return messages.Adopted(active, routes)
            case effects.ConfigurePorts(ports):
                self.plane.configure(ports)
            case effects.SetUpstream(name, index):
                self.plane.set_upstream(name, index)
            case effects.SetActive(port, active):
                self.plane.set_active(port, active=active)
            case effects.ChangeRoutes(changes):
                self._change(changes)
            case effects.AuditPlane():
                pass  # the test says when it is done
            case effects.OpenCapture(interface, index):
                self.captures[interface] = index
            case effects.CloseCapture(interface):
                del self.captures[interface]
            case effects.SendFrame():
                assert effect.interface in self.captures
                self.frames.append(effect)
            case effects.SendReports(_, reports):
                self.reports += reports
            case effects.SendChannel(_, data):
                if self.connected:
                    self.outbox.append(data)
            case effects.SendHelloTo(_, datagram):
                if self.hello_open:
                    self.hellos.append(datagram)
            case effects.Answer(outcome):
                self.answers.append(outcome)
            case effects.Notify(event):
                self.events.append(event)
            case effects.OpenChannel():
                self.channel_open = True
            case effects.CloseChannel():
                self.channel_open = self.connected = False
            case effects.DisconnectChannel():
                self.connected = False
            case effects.OpenHello():
                self.hello_open = True
            case effects.CloseHello():
                self.hello_open = False
        return None

    def _change(self, changes: Iterable[object]) -> None:
        for change in changes:
            if isinstance(change, Install):
                self.plane.install([change.route])
            else:
                self.plane.remove([change.key])  # type: ignore[attr-defined]

    @property
    def mac(self) -> bytes:
        return mac(200 + self.seed)

    def link(self, name: str, index: int, *, up: bool = True, ipv6: bool = False) -> None:
        """Bring a link up; with `ipv6` it has a link-local address too."""
        address = IPv4Interface(f"10.{index}.0.{self.seed}/16")
        link_local = (IPv6Interface(f"fe80::{index}:{self.seed}/64"),) if ipv6 else ()
        link = Link(index, name, up, self.mac, 1500, (address,), link_local)
        self.give(messages.LinkUpdated(link))

    def restart(self) -> None:
        """The dataplane dies and another begins; the plane, which the supervisor holds, stays."""
        self.connected = self.channel_open = self.hello_open = False
        self.outbox.clear()
        self.hellos.clear()
        self.captures.clear()
        self.seed += 10
        self.engine = Engine(random.Random(self.seed), WALL)
        self._line(Begin(f"{self.seed:x}", WALL))

    # what subscribers do

    def hear(self, frame: bytes, interface: str = PORT, vlan: int = 0) -> None:
        self.give(messages.FrameCaptured(interface, frame, vlan))

    def place(self, outer: int, inner: int, session: int) -> Subscriber:
        """What a frame to this router from behind these tags and in this session is sent to."""
        return Subscriber(outer, inner, session, self.mac)

    def report(
        self,
        kind: RecordType,
        group: Address,
        *sources: str,
        stb: int = 1,
        version: int = 3,
        tags: tuple[int, int, int] = (0, 0, 0),
        **where: object,
    ) -> None:
        """Hear a report; `tags`: outer and inner VLAN and PPPoE session, all of them in the frame."""
        record = GroupRecord(kind, group, tuple(ip_address(source) for source in sources))
        to = self.place(*tags)
        frame = report_frames(version, [record], mac(stb), source_of(stb, group.version), 1500, to)[0]
        self.hear(frame, **where)  # type: ignore[arg-type]

    def join(self, group: Address = GROUP, **who: object) -> None:
        self.report(RecordType.CHANGE_TO_EXCLUDE_MODE, group, **who)  # type: ignore[arg-type]

    def leave(self, group: Address = GROUP, **who: object) -> None:
        self.report(RecordType.CHANGE_TO_INCLUDE_MODE, group, **who)  # type: ignore[arg-type]

    def query(
        self, source: str, group: Address | None = None, tags: tuple[int, int, int] = (0, 0, 0)
    ) -> None:
        query = Query(3, group, robustness=2, query_interval=10)
        self.hear(query_frame(query, mac(99), ip_address(source), self.place(*tags)))

    # what can be seen

    def forwards(self, group: Address = GROUP) -> frozenset[str]:
        """Where a packet of the group would go now."""
        source = ip_address("10.9.9.9" if group.version == 4 else "2001:db8::9")
        return self.plane.deliver(CORE, source, group, 1000)

    def has_entry(self, group: Address = GROUP) -> bool:
        return RouteKey(group) in self.plane.installed()

    def queries(self) -> list[Query]:
        heard = [decode(effect.frame).message for effect in self.frames]
        return [message for message in heard if isinstance(message, Query)]

    def asked(self, version: int = 4) -> list[tuple[str, Address | None]]:
        """Where each query of IGMP or MLD went, as the tags of a subscriber, and the group it asked for."""
        found = []
        for effect in self.frames:
            heard = decode(effect.frame)
            if isinstance(heard.message, Query) and heard.source.version == version:
                found.append((heard.subscriber.text()[17:], heard.message.group))
        return found

    def _pieces(self, selection: StateSelection) -> list[StatePiece]:
        world = self.engine.world
        return list(report.pieces(world, selection, self.plane, lambda: self.clock.now))

    def profile_state(self, name: str = PROFILE) -> ProfileState:
        pieces = self._pieces(StateSelection((), (name,), (), ()))
        return next(item for piece in pieces for item in piece.profiles)

    def service_state(self) -> ServiceState:
        pieces = self._pieces(StateSelection((SERVICE,), (), (), ()))
        return next(item for piece in pieces for item in piece.services)

    def interface_state(self, name: str = PORT) -> InterfaceState:
        pieces = self._pieces(StateSelection((), (), (name,), ()))
        return next(item for piece in pieces for item in piece.interfaces)

    def groups(self, **key: str) -> dict[str, GroupState]:
        """The entries, or those that agree with the fields of a GroupKey."""
        pieces = self._pieces(StateSelection((), (), (), (GroupKey(**key),)))
        found = [item for piece in pieces for item in piece.groups]
        return {f"{item.subscriber} {item.group_address}": item for item in found}

    def table(self, name: str = PORT, version: int = 4) -> MembershipTable:
        return self.engine.world.ports[name].sides[version].table

    def copy_state(self, kind: str = "dhcp-stb", *, mld: bool = False) -> str:
        return next(item.copy_state for item in self._copy(mld=mld) if item.type == kind)

    def _copy(self, *, mld: bool) -> tuple[CopyStatus, ...]:
        state = self.profile_state()
        return state.mld_subscriber_types if mld else state.subscriber_types

    def statistics(
        self, kind: str = "dhcp-stb", *, mld: bool = False
    ) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """copied, applied, not-copied."""
        status = next(item for item in self._copy(mld=mld) if item.type == kind)
        return status.copied, status.applied, status.not_copied


@dataclass
class Clock:
    now: float = 100.0


@dataclass(eq=False)
class Pair:
    """Router `a`, whose address is the lower one, and router `b`."""

    clock: Clock = field(default_factory=Clock)
    channel_up: bool = True
    hellos_up: bool = True
    ipv6: bool = False

    def __post_init__(self) -> None:
        one, two = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
        self.a = Router("a", one, two, self.clock, 1)
        self.b = Router("b", two, one, self.clock, 2)

    def start(self, a: ProfileConfig, b: ProfileConfig) -> None:
        """Configure both routers alike but for the profile and run until they are in step."""
        for router, settings in ((self.a, a), (self.b, b)):
            router.link(PORT, 1, ipv6=self.ipv6)
            router.link(CORE, 2, ipv6=self.ipv6)
            router.configure(router.service(), settings, access(), upstream())
        self.run(0.5)

    def service_state_of(self, name: str) -> str:
        return (self.a if name == "a" else self.b).service_state().sync_state

    def cut_channel(self) -> None:
        self.channel_up = False
        for router in (self.a, self.b):
            router.outbox.clear()
            if router.connected:
                router.connected = False
                router.give(messages.ChannelDisconnected(SERVICE, "reset"))

    def mend_channel(self) -> None:
        self.channel_up = True

    def run(self, seconds: float) -> None:
        """Play the next `seconds`."""
        end = self.clock.now + seconds
        while True:
            self._deliver()
            deadlines = [router.engine.next_deadline() for router in (self.a, self.b)]
            due = min((when for when in deadlines if when is not None), default=end)
            if due >= end:
                break
            self.clock.now = max(self.clock.now, due)
            self._tick()
        self.clock.now = end
        self._tick()
        self._deliver()

    def _tick(self) -> None:
        for router in (self.a, self.b):
            when = router.engine.next_deadline()
            if when is not None and when <= self.clock.now:
                router.give(messages.Tick())

    def _deliver(self) -> None:
        while self._connect() or self._pass_on(self.a, self.b) or self._pass_on(self.b, self.a):
            continue

    def _connect(self) -> bool:
        if not self.channel_up or not (self.a.channel_open and self.b.channel_open):
            return False
        if self.a.connected and self.b.connected:
            return False
        for router in (self.a, self.b):
            router.outbox.clear()
            if router.connected:
                router.connected = False
                router.give(messages.ChannelDisconnected(SERVICE, "closed"))
        for router in (self.a, self.b):
            router.connected = True
            router.give(messages.ChannelConnected(SERVICE))
        return True

    def _pass_on(self, sender: Router, receiver: Router) -> bool:
        if sender.outbox:
            data = sender.outbox.popleft()
            if receiver.connected:
                receiver.give(messages.ChannelReceived(SERVICE, data))
            return True
        if sender.hellos:
            datagram = sender.hellos.popleft()
            if self.hellos_up and receiver.hello_open:
                receiver.give(messages.HelloReceived(SERVICE, datagram))
            return True
        return False
