"""Two routers, the link between them, and a few hundred set-top boxes, on a clock that only events move.

The link behaves as TCP does: what a partition holds back goes on when it ends, what a broken connection
held is lost. Everything is drawn from one seeded generator.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from dataplane.config import IgmpConfig, InterfaceConfig, ProfileConfig, Role, ServiceConfig
from dataplane.engine import messages
from dataplane.links import Link
from dataplane.packets import frames
from dataplane.packets.messages import Query
from dataplane.state import BatchCompleted, ChannelStateChanged
from tests.simulation.beliefs import Key, Settings
from tests.simulation.model import Model
from tests.simulation.subscribers import Channel, SetTopBox
from tests.support.kinds import stripped
from tests.support.routers import CORE, SERVICE, Clock, Router, access, profile, upstream

MOST_GROUPS = 40
"""More than any set-top box is in."""
TIMERS = IgmpConfig(query_interval=30, query_max_response_time=5, max_groups_per_subscriber=MOST_GROUPS)
INTERVAL = 65.0  # 2 x 30 + 5, RFC 3376 section 8.4
LEAVE = 2.0  # 2 x 1, section 8.10
PORTS = {"access0": "rbp1", "access1": "rbp2"}
BACKUP_IDS = {"rbp1": 7, "rbp2": 8}
INDICES = {"access0": 1, "access1": 2, CORE: 3}
QUIET_AFTER_COMMIT = 0.5
STRANGER = 0x66
"""In the MAC address of a subscriber that the model knows nothing of."""


@dataclass
class Way:
    """One direction of the connection: messages with the time at which they arrive; None is its end."""

    queue: deque[tuple[float, bytes | None]] = field(default_factory=deque)


class Town:
    """The scene; `model` follows everything that the routers are told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = Clock()
        self.model = Model(INTERVAL, LEAVE)
        one, two = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
        self.routers = {
            "a": Router("a", one, two, self.clock, 1000 * seed + 1),
            "b": Router("b", two, one, self.clock, 1000 * seed + 2),
        }
        self.ways = {"a": Way(), "b": Way()}
        self.link_up = True
        self.partitioned = False
        self.delay = 0.01
        self.frozen_until = 0.0
        self.boxes: list[SetTopBox] = []
        self.arbitration: dict[str, dict[str, object]] = {"a": {}, "b": {}}
        self.services: dict[str, dict[str, object]] = {"a": {}, "b": {}}
        """What is configured of the service on each router besides its peer."""
        self.daily_batch: int | None = None
        self.addresses: dict[str, list[tuple[str, str]]] = {"a": [], "b": []}
        """Links and what addresses they have besides their own."""
        self.completed = 0
        self.reports = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._connecting = False
        self._alive = {"a": True, "b": True}

    # time

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.clock.now + seconds, act)

    def run_until(self, end: float) -> None:
        """Let everything happen that is due before `end`."""
        while True:
            when, act = self._next()
            if when > end:
                break
            self.clock.now = max(self.clock.now, when)
            act()
        self.clock.now = end

    def _next(self) -> tuple[float, Callable[[], None]]:
        best, act = (self._events[0][0], self._pop) if self._events else (float("inf"), self._pop)
        for name, router in self.routers.items():
            due = router.engine.next_deadline()
            if self._alive[name] and due is not None and due < best:
                best, act = due, lambda name=name: self.give(name, messages.Tick())  # type: ignore[misc]
            queue = self.ways[name].queue
            if queue and not self.partitioned and queue[0][0] < best:
                best, act = queue[0][0], lambda name=name: self._deliver(name)  # type: ignore[misc]
        return best, act

    def _pop(self) -> None:
        heapq.heappop(self._events)[2]()

    # routers

    def give(self, name: str, *given: messages.Message) -> None:
        """Tell a router something, and pass on what comes of it."""
        router = self.routers[name]
        was = router.connected
        router.give(*given)
        router.order.clear()
        router.reports.clear()
        for event in router.events:
            if isinstance(event, ChannelStateChanged):
                self._channel_changed(name, event.new)
            self.completed += isinstance(event, BatchCompleted)
        router.events.clear()
        self._pass_on(name, router, was=was)
        heard, router.frames = router.frames, []
        for sent in heard:
            self._asked(sent.interface, sent.frame)

    def _channel_changed(self, name: str, state: str) -> None:
        now = self.clock.now
        if state == "synchronizing":
            self.model.opened(name, now)
        elif state == "connected":
            self.model.connected(name, now)
        elif state == "down":
            self.model.closed(name, now)

    def _pass_on(self, name: str, router: Router, *, was: bool) -> None:
        way, other = self.ways[name], self.other(name)
        arrives = self.clock.now + self.delay
        while router.outbox:
            way.queue.append((arrives, router.outbox.popleft()))
        while router.hellos:
            datagram = router.hellos.popleft()
            if self.link_up and not self.partitioned and self.random.random() > 0.02:
                self.after(self.delay, lambda data=datagram: self._hello(other, data))  # type: ignore[misc]
        if was and not router.connected:
            way.queue.append((arrives, None))
        self._look_for_peer()

    def _hello(self, name: str, datagram: bytes) -> None:
        if self.routers[name].hello_open:
            self.give(name, messages.HelloReceived(SERVICE, datagram))

    @staticmethod
    def other(name: str) -> str:
        return "b" if name == "a" else "a"

    # the connection

    def _deliver(self, sender: str) -> None:
        _, data = self.ways[sender].queue.popleft()
        name = self.other(sender)
        if not self.routers[name].connected:
            return
        if data is None:
            self._broken(name, "closed")
        else:
            self.give(name, messages.ChannelReceived(SERVICE, data))

    def _broken(self, name: str, reason: str) -> None:
        self.routers[name].connected = False
        self.give(name, messages.ChannelDisconnected(SERVICE, reason))

    def _look_for_peer(self) -> None:
        a, b = self.routers["a"], self.routers["b"]
        ready = a.channel_open and b.channel_open and self.link_up and not self.partitioned
        if ready and not (a.connected and b.connected) and not self._connecting:
            self._connecting = True
            self.after(self.random.uniform(0.02, 0.3), self._connect)

    def _connect(self) -> None:
        self._connecting = False
        a, b = self.routers["a"], self.routers["b"]
        if not (a.channel_open and b.channel_open and self.link_up) or self.partitioned:
            return
        if a.connected and b.connected:
            return
        for way in self.ways.values():
            way.queue.clear()
        self.delay = self.random.uniform(0.002, 0.03)
        a.connected = b.connected = True
        self.model.link_since = self.clock.now
        for name in self.routers:
            self.give(name, messages.ChannelConnected(SERVICE))

    def cut(self) -> None:
        """The connection is reset; what was under way is lost."""
        self.model.interrupted(self.clock.now)
        for way in self.ways.values():
            way.queue.clear()
        for name, router in self.routers.items():
            if router.connected:
                self._broken(name, "reset")

    def link(self, *, up: bool) -> None:
        """The cable between the two: pulled, it resets the connection."""
        self.link_up = up
        if up:
            self._look_for_peer()
        else:
            self.cut()

    def partition(self, *, on: bool) -> None:
        """Nothing passes, and nobody is told."""
        was, self.partitioned = self.partitioned, on
        if on:
            self.model.interrupted(self.clock.now)
        elif was:
            if all(router.connected for router in self.routers.values()):
                self.model.passable(self.clock.now)
            self._look_for_peer()

    # commits

    def commit(self, name: str, *items: object, **removed: tuple[str, ...]) -> None:
        """Commit on one router. Subscribers are silent for a moment: which of two comes first is open."""
        self.frozen_until = self.clock.now + QUIET_AFTER_COMMIT
        services = [item for item in items if not isinstance(item, (ProfileConfig, InterfaceConfig))]
        self.give(
            name,
            messages.Reconfigure(
                services=tuple(services),  # type: ignore[arg-type]
                profiles=tuple(item for item in items if isinstance(item, ProfileConfig)),
                interfaces=tuple(item for item in items if isinstance(item, InterfaceConfig)),
                **removed,
            ),
        )

    def service(self, name: str) -> ServiceConfig:
        """The service as it is committed on a router."""
        return self.routers[name].service(daily_batch=self.daily_batch, **self.services[name])

    def profile(self, name: str, of: str, settings: Settings) -> ProfileConfig:
        """A profile as it is committed on a router."""
        return profile(
            name=of,
            backup_id=BACKUP_IDS[of],
            multicast=settings.multicast,
            igmp_copy=settings.igmp_copy,
            mld_copy=settings.mld_copy,
            arbitration=self.arbitration[name][of],
        )

    def put_profile(self, name: str, of: str, **changes: bool) -> None:
        """Change the settings of a profile on a router."""
        known = self.model.sites[name].profiles.get(of, Settings())
        settings = Settings(**{**vars(known), **changes})
        self.commit(name, self.profile(name, of, settings))
        self.model.put_profile(name, of, settings, self.clock.now)

    def remove_profile(self, name: str, of: str) -> None:
        """Delete a profile; its port stays as an ordinary one."""
        ports = [port for port, bound in PORTS.items() if bound == of]
        bare = [access(port, profile="", igmp=TIMERS, mld=TIMERS) for port in ports]
        self.commit(name, *bare, removed_profiles=(of,))
        self.model.remove_profile(name, of, self.clock.now)

    def bind(self, name: str, port: str) -> None:
        """Bind a port to its profile."""
        self.commit(name, access(port, profile=PORTS[port], igmp=TIMERS, mld=TIMERS))
        self.model.bind(name, port, PORTS[port], self.clock.now)

    def unbind(self, name: str, port: str) -> None:
        """Take multicast off a port."""
        self.commit(name, removed_interfaces=(port,))
        self.model.unbind(name, port, self.clock.now)

    def start(self, name: str) -> None:
        """A dataplane begins: links, then the whole configuration in one commit."""
        self._alive[name] = True
        for link in INDICES:
            self.set_link(name, link, up=True)
        settings = {of: Settings() for of in BACKUP_IDS}
        ports = [access(port, profile=of, igmp=TIMERS, mld=TIMERS) for port, of in PORTS.items()]
        profiles = [self.profile(name, of, each) for of, each in settings.items()]
        self.services[name] = {}
        self.commit(name, self.service(name), *profiles, *ports, upstream())
        for of, each in settings.items():
            self.model.put_profile(name, of, each, self.clock.now)
        for port, of in PORTS.items():
            self.model.bind(name, port, of, self.clock.now)
        self._look_for_peer()

    def crash(self, name: str) -> None:
        """A dataplane dies; the connection goes with it."""
        self.model.restarted(name, self.clock.now)
        self._alive[name] = False
        self.routers[name].restart()
        self.cut()

    def set_link(self, name: str, link: str, *, up: bool) -> None:
        """A network interface of a router goes up or down."""
        index = INDICES[link]
        v4 = IPv4Interface(f"10.{index}.0.{1 if name == 'a' else 2}/16")
        v6 = IPv6Interface(f"fe80::{index}:{1 if name == 'a' else 2}/64")
        mac = b"\x02\x20\x00\x00\x00" + bytes([index])
        more = [IPv4Interface(f"{address}/32") for at, address in self.addresses[name] if at == link]
        self.give(name, messages.LinkUpdated(Link(index, link, up, mac, 1500, (v4, *more), (v6,))))

    # subscribers

    def say(self, box: SetTopBox, sent: list[tuple[bytes, int]], note: Callable[[str], None]) -> None:
        """Bring frames of a subscriber to the routers that it reaches; `note` tells the model of each."""
        for name in box.legs:
            if box.port not in self.routers[name].captures or not self._alive[name]:
                continue
            note(name)
            for frame, vlan in sent:
                self.hear(name, box.port, frame, vlan)

    def hear(self, name: str, port: str, frame: bytes, vlan: int) -> None:
        """A frame arrives at a router, if it listens."""
        if port in self.routers[name].captures:
            self.reports += 1
            self.give(name, messages.FrameCaptured(port, frame, vlan))

    def join(self, box: SetTopBox, channel: Channel) -> None:
        self._report(box, channel, box.join(channel))

    def answer(self, box: SetTopBox, channel: Channel) -> None:
        if self.clock.now < self.frozen_until:
            self.at(self.frozen_until + 0.01, lambda: self.answer(box, channel))
            return
        box.answering.discard(channel)
        if box.on and channel in box.watching:
            self._report(box, channel, box.answer(channel))

    def _report(self, box: SetTopBox, channel: Channel, sent: list[tuple[bytes, int]]) -> None:
        key, kind = box.key(channel), box.kind
        self.say(box, sent, lambda name: self.model.joined(name, key, kind, self.clock.now))

    def leave(self, box: SetTopBox, channel: Channel) -> None:
        if box.version == 1:
            return
        key, kind = box.key(channel), box.kind
        self.say(box, box.leave(channel), lambda name: self.model.left(name, key, kind, self.clock.now))

    def _asked(self, port: str, frame: bytes) -> None:
        heard = frames.decode(*stripped(frame))
        if not isinstance(heard.message, Query):
            return
        longest = max(heard.message.max_response, 0.1)
        session = heard.subscriber.pppoe_session
        for box in self.boxes:
            if box.port != port or box.session != session:
                continue
            for channel in box.asked(heard.subscriber, heard.message, heard.source.version):
                if channel not in box.answering:
                    box.answering.add(channel)
                    delay = self.random.uniform(0.0, longest)
                    self.after(delay, lambda box=box, channel=channel: self.answer(box, channel))  # type: ignore[misc]

    # what may be seen

    def memberships(self, name: str) -> dict[Key, float]:
        """What a router's tables hold, and for how many seconds yet."""
        now = self.clock.now
        found: dict[Key, float] = {}
        for port in self.routers[name].engine.world.ports.values():
            for side in port.sides.values():
                for state in (entry.state(now) for entry in side.table.entries()):
                    if state.longest <= 0 or state.subscriber.mac[1] == STRANGER:
                        continue
                    key = Key(port.config.name, state.subscriber.text(), str(state.group))
                    if not state.sources:
                        found[key] = state.lifetime
                    for source in state.sources:
                        found[key._replace(source=str(source.address))] = source.lifetime
        return found

    def role(self, name: str, of: str) -> Role:
        return self.routers[name].engine.world.profiles[of].role

    def groups_of(self, name: str, mac: bytes) -> dict[str, int]:
        """How many groups a subscriber is in, on each port of a router."""
        found = Counter(
            port.config.name
            for port in self.routers[name].engine.world.ports.values()
            for side in port.sides.values()
            for entry in side.table.entries()
            if entry.subscriber.mac == mac
        )
        return dict(found)
