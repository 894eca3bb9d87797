"""The thin shell around the engine: gives it messages, performs its effects.

Owns captures, channels, hello sockets, link events, the plane and one timer, all on one asyncio loop. It
decides nothing. A failure of the outside world is logged, counted and told to the engine.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Final

from dataplane.actions import Action, ActionRefused, ClearCopiedGroups, GroupsCleared, Outcome
from dataplane.captures import Captures
from dataplane.channel_messages import ChannelMessages
from dataplane.clock import Clock
from dataplane.engine import Engine, effects, messages, report
from dataplane.engine.actions import copied_groups
from dataplane.engine.messages import BurstEnded, Message, Reconfigure, Tick
from dataplane.forwarding.auditor import Auditor
from dataplane.forwarding.desired import Effect as RouteEffect
from dataplane.forwarding.desired import Install
from dataplane.forwarding.plane import Plane, PlaneError
from dataplane.forwarding.refusals import Refusals
from dataplane.interfaces import Interfaces
from dataplane.links import LinkRemoved
from dataplane.news import News
from dataplane.protection import protection
from dataplane.replication.channel import Channel
from dataplane.replication.hello import HelloSocket
from dataplane.replication.keys import KeyStore
from dataplane.state import Event, StatePiece, StateSelection

_log = logging.getLogger("twincast.dataplane.shell")


class Shell:
    """Runs one engine on the running loop. Implements `control.service.Backend`."""

    def __init__(
        self,
        engine: Engine,
        plane: Plane,
        interfaces: Interfaces,
        announce: Callable[[Event], None],
        keys: KeyStore,
        record: Callable[[Message, float], None] | None = None,
    ) -> None:
        self._engine = engine
        self._record = record
        self._plane = plane
        self._interfaces = interfaces
        self._news = News(announce)
        self._clock = Clock(self.give)
        self._keys = keys
        self._loop = asyncio.get_running_loop()
        self._auditor = Auditor(plane, self._audited)
        self._refusals = Refusals()
        self._captures = Captures(interfaces, self.give, self._loop)
        self._channels: dict[str, Channel] = {}
        self._hellos: dict[str, HelloSocket] = {}
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._waiting: list[Message] = []
        self._busy = False
        self._outcome: Outcome | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._performers: Final[Mapping[type, Callable[[Any], None]]] = {
            effects.SendChannel: self._send_channel,
            effects.ChangeRoutes: lambda effect: self._change_routes(effect.changes),
            effects.SendHelloTo: self._send_hello,
            effects.SetActive: lambda effect: self._plane.set_active(effect.port, active=effect.active),
            effects.SendFrame: self._captures.send,
            effects.SendReports: self._captures.send_reports,
            effects.Answer: self._answered,
            effects.Notify: lambda effect: self._news.put(effect.event),
            effects.AdoptPlane: self._adopt,
            effects.ConfigurePorts: lambda effect: self._plane.configure(effect.ports),
            effects.SetUpstream: lambda effect: self._plane.set_upstream(effect.name, effect.index),
            effects.AuditPlane: lambda effect: self._auditor.start(whole=effect.whole),
            effects.OpenCapture: self._captures.open,
            effects.CloseCapture: self._captures.close,
            effects.OpenChannel: self._open_channel,
            effects.CloseChannel: self._close_channel,
            effects.DisconnectChannel: self._disconnect_channel,
            effects.OpenHello: self._open_hello,
            effects.CloseHello: self._close_hello,
        }

    @property
    def plane(self) -> str:
        """`kernel` or `memory`."""
        return self._plane.kind.value

    def start(self) -> None:
        """Tell the engine the links there are, and watch what may happen."""
        self._clock.look()
        self.give(*(messages.LinkUpdated(link) for link in self._interfaces.all().values()))
        self._loop.add_reader(self._interfaces.fileno(), self._links_readable)

    async def stop(self) -> None:
        """Say goodbye to the peers and close everything; the plane's entries stay."""
        self.give(messages.Stopping())
        self._clock.stop()
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._interfaces.fileno())
        for service in list(self._channels):
            self._close_channel(effects.CloseChannel(service))
        for service in list(self._hellos):
            self._close_hello(effects.CloseHello(service))
        self._auditor.stop()
        self._news.flush()
        await asyncio.gather(*self._jobs.values(), self._captures.stop(), return_exceptions=True)
        self._interfaces.close()
        self._plane.close()

    def reconfigure(self, change: Reconfigure) -> None:
        """Switch to a changed configuration; when it returns the dataplane acts on it."""
        self.give(change)

    def act(self, action: Action) -> Iterator[Outcome | None]:
        """Carry out an action; yield None after each part of it, the outcome at the end."""
        if not isinstance(action, ClearCopiedGroups):
            yield self._order(action)
            return
        cleared = 0
        try:
            for order in copied_groups(self._engine.world, action):
                outcome = self._order(order)
                cleared += outcome.count if isinstance(outcome, GroupsCleared) else 0
                yield None
        except ValueError:
            yield ActionRefused("not-an-address", f"{action.group!r} is no group address.")
            return
        yield GroupsCleared(cleared)

    def _order(self, message: Message) -> Outcome:
        self._outcome = None
        self.give(message)
        return self._outcome or ActionRefused("fault", "The dataplane failed to do this; its log says why.")

    def _answered(self, effect: effects.Answer) -> None:
        self._outcome = effect.outcome

    def state(self, selection: StateSelection) -> Iterator[StatePiece]:
        """Yield the state in pieces."""
        self._captures.tell(selection.interfaces)
        return report.pieces(self._engine.world, selection, self._plane, self._loop.time)

    def give(self, *given: Message) -> None:
        """Hand messages to the engine and perform what it wants, to the end, before returning.

        A message that arises while effects are performed is handled after them.
        """
        self._waiting.extend(given)
        if not self._busy:
            self._work(self._loop.time())

    def _work(self, now: float) -> None:
        self._busy = True
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                for message in waiting:
                    self._handle(message, now)
                self._handle(BurstEnded(), now)
                now = self._loop.time()
        finally:
            self._busy = False
        self._set_timer()

    def _handle(self, message: Message, now: float) -> None:
        """A fault of ours costs one message, not the forwarding; a commit has to hear of it."""
        if self._record is not None:
            self._record(message, now)
        try:
            self._perform(self._engine.handle(message, now))
        except Exception:
            _log.exception("engine-fault", extra={"cause": type(message).__name__})
            if isinstance(message, Reconfigure):
                raise

    def _perform(self, wanted: Iterable[effects.Effect]) -> None:
        for effect in wanted:
            try:
                self._performers[type(effect)](effect)
            except (PlaneError, OSError) as error:
                self._refusals.note(type(effect).__name__, str(error), self._loop.time())
                self._waiting.append(messages.PlaneFailed(str(error)))

    def _set_timer(self) -> None:
        """One timer, at the earliest deadline; one that is set for earlier may stay, it does no harm."""
        deadline = self._engine.next_deadline()
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        """What is due at a moment before which every hello has been read.

        So after a pause of this process, wherever it was, no peer counts as silent who was not.
        """
        self._timer = None
        now = self._loop.time()
        for name, hello in self._hellos.items():
            self._waiting += [messages.HelloReceived(name, each) for each in hello.waiting()]
        self._waiting.append(Tick())
        self._work(now)

    # the plane

    def _adopt(self, effect: effects.AdoptPlane) -> None:
        try:
            adoption = self._plane.adopt(effect.ports)
        except (PlaneError, OSError):
            self._waiting.append(messages.Adopted(frozenset(), ()))
            raise
        routes = tuple(self._plane.installed().values())
        self._waiting.append(messages.Adopted(adoption.active, routes))
        extra = {"active": len(adoption.active), "kept": adoption.kept, "removed": adoption.removed}
        _log.info("plane-adopted", extra=extra)
        if adoption.trouble:
            raise PlaneError(adoption.trouble)  # what was taken over is told all the same

    def _change_routes(self, changes: Iterable[RouteEffect]) -> None:
        install = [change.route for change in changes if isinstance(change, Install)]
        remove = [change.key for change in changes if not isinstance(change, Install)]
        try:
            if install:
                self._plane.install(install)
        finally:
            if remove:
                self._plane.remove(remove)

    def _audited(self, failure: str | None) -> None:
        if failure is None:
            self.give(messages.Audited())
            return
        _log.error("audit-failed", extra={"reason": failure})
        self.give(messages.PlaneFailed(failure))

    # interfaces

    def _links_readable(self) -> None:
        self.give(
            *(
                messages.LinkRemoved(event.link.name)
                if isinstance(event, LinkRemoved)
                else messages.LinkUpdated(event.link)
                for event in self._interfaces.read()
            )
        )

    # the peer

    def _open_channel(self, effect: effects.OpenChannel) -> None:
        name = effect.service
        self._close_channel(effects.CloseChannel(name))
        events = ChannelMessages(name, self._give_of)
        channel = events.channel = Channel(effect.peer, events, protection(effect, self._keys))
        self._channels[name] = channel
        self._run(name, channel.start())

    def _close_channel(self, effect: effects.CloseChannel) -> None:
        channel = self._channels.pop(effect.service, None)
        if channel is not None:
            self._run(effect.service, channel.stop())

    def _give_of(self, service: str, channel: Channel | None, message: Message) -> None:
        """Give what a channel tells; one that was replaced is not heard any more."""
        if channel is not None and self._channels.get(service) is channel:
            self.give(message)

    def _send_channel(self, effect: effects.SendChannel) -> None:
        channel = self._channels.get(effect.service)
        if channel is not None:
            channel.send(effect.data)

    def _disconnect_channel(self, effect: effects.DisconnectChannel) -> None:
        channel = self._channels.get(effect.service)
        if channel is not None:
            channel.disconnect(effect.reason)

    def _open_hello(self, effect: effects.OpenHello) -> None:
        name = effect.service
        self._close_hello(effects.CloseHello(name))
        hello = HelloSocket(
            effect.peer,
            lambda datagrams: self.give(*(messages.HelloReceived(name, each) for each in datagrams)),
        )
        self._hellos[name] = hello
        self._run(name, hello.start())

    def _close_hello(self, effect: effects.CloseHello) -> None:
        hello = self._hellos.pop(effect.service, None)
        if hello is not None:
            self._run(effect.service, hello.stop())

    def _send_hello(self, effect: effects.SendHelloTo) -> None:
        hello = self._hellos.get(effect.service)
        if hello is not None:
            hello.send(effect.datagram)

    def _run(self, service: str, job: Coroutine[Any, Any, None]) -> None:
        """Start and stop the sockets of a service one after another: a port is free before it is bound."""
        self._jobs[service] = self._loop.create_task(self._after(self._jobs.get(service), job, service))

    async def _after(
        self, before: "asyncio.Task[None] | None", job: Coroutine[Any, Any, None], service: str
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await job
        except OSError as error:
            _log.error("peer-socket-failed", extra={"service": service, "reason": str(error)})
