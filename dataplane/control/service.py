"""The dataplane's end of the control socket: an asyncio server for few local clients.

Owns connections and the order of answers; what a request means is `Transactions` and the backend. A
client that does not read is disconnected; events that it does not take are dropped and counted.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Final, Protocol

from dataplane.actions import Action, Outcome
from dataplane.control.messages import (
    LENGTH_SIZE,
    PROTOCOL_VERSION,
    WINDOW,
    Abort,
    Accepted,
    Act,
    Acted,
    Announced,
    Answer,
    Apply,
    ControlError,
    Done,
    Failed,
    Listen,
    More,
    NotInStep,
    Piece,
    Ping,
    Prepare,
    Refused,
    Request,
    Restore,
    Revert,
    State,
    Welcome,
    decode_request,
    encode,
    length_of,
)
from dataplane.control.transactions import OutOfStep, PrepareRefused, TransactionError, Transactions
from dataplane.engine.messages import Reconfigure
from dataplane.state import Event, StatePiece, StateSelection

MAXIMUM_CLIENTS: Final = 16
MAXIMUM_UNREAD: Final = 8 * 1024 * 1024
"""Bytes waiting for a client above which events are dropped."""
UNREAD_BEFORE_WAITING: Final = 256 * 1024
WRITE_TIMEOUT: Final = 30.0
"""Seconds a client may take to read a piece of state."""

MAXIMUM_LONG: Final = 256
"""Requests of each `_Kind` of one client that are under way."""
_EMPTY: Final = StatePiece()

_log = logging.getLogger("twincast.dataplane.control.service")


class Backend(Protocol):
    """What the service asks of the dataplane."""

    @property
    def plane(self) -> str:
        """`kernel` or `memory`."""
        ...

    def reconfigure(self, change: Reconfigure) -> None:
        """Switch to a changed configuration; when it returns the dataplane acts on it."""
        ...

    def act(self, action: Action) -> Iterable[Outcome | None]:
        """Carry out an action in parts small enough not to hold the loop up; the outcome comes last."""
        ...

    def state(self, selection: StateSelection) -> Iterable[StatePiece]:
        """Yield pieces, each built when it is asked for and small enough not to hold the loop up."""
        ...


class ControlService:
    """Serves the control socket until `stop`."""

    def __init__(self, transactions: Transactions, backend: Backend) -> None:
        self._transactions = transactions
        self._backend = backend
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()
        self.refused_clients = 0

    async def start(self, listener: socket.socket) -> None:
        """Serve connections to `listener`; its name stays, because the listener outlives this process."""
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def stop(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.writer.close()

    def announce(self, event: Event) -> None:
        """Tell every client that listens, as far as it keeps up."""
        for client in self._clients:
            if client.listens:
                client.announce(event)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MAXIMUM_CLIENTS:
            self.refused_clients += 1
            writer.close()
            return
        client = _Client(writer)
        self._clients.add(client)
        try:
            client.put(
                Welcome(
                    PROTOCOL_VERSION,
                    self._transactions.generation,
                    self._transactions.configured,
                    self._backend.plane,
                )
            )
            await self._converse(reader, client)
        except* asyncio.IncompleteReadError:
            pass
        except* (OSError, ControlError) as ended:
            _log.warning("control-connection-ended", extra={"reason": str(ended.exceptions[0])})
        finally:
            self._clients.discard(client)
            self._transactions.abandon(client)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, client: "_Client") -> None:
        """Answer in order, but for state and actions, which take long: they go on beside the others."""
        async with asyncio.TaskGroup() as group:
            while True:
                size = length_of(await reader.readexactly(LENGTH_SIZE))
                request = decode_request(await reader.readexactly(size))
                if isinstance(request, State | Act):
                    self._begin(request, client, group)
                elif isinstance(request, More):
                    client.more(request)
                else:
                    client.put(self._answer(request, client))
                    await client.drained()

    def _begin(self, request: State | Act, client: "_Client", group: asyncio.TaskGroup) -> None:
        if client.long[_kind(request)] >= MAXIMUM_LONG:
            client.put(Failed(request.id, f"{MAXIMUM_LONG} requests of this kind are under way already"))
            return
        client.long[_kind(request)] += 1
        group.create_task(self._long(request, client))

    async def _long(self, request: State | Act, client: "_Client") -> None:
        try:
            await (self._state(request, client) if isinstance(request, State) else self._act(request, client))
        except (OSError, ControlError):
            raise
        except Exception:  # noqa: BLE001 - a fault of ours costs one request
            _log.exception("control-request-failed")
            client.put(Failed(request.id, "the dataplane failed to do this; its log says why"))
        finally:
            client.long[_kind(request)] -= 1

    async def _act(self, request: Act, client: "_Client") -> None:
        for outcome in self._backend.act(request.action):
            if outcome is not None:
                client.put(Acted(request.id, outcome))
                await client.drained()
            await asyncio.sleep(0)

    def _answer(self, request: Request, client: "_Client") -> Answer:
        try:
            return self._carry_out(request, client)
        except OutOfStep:
            return NotInStep(request.id)
        except PrepareRefused as refused:
            return Refused(request.id, refused.refusals)
        except TransactionError as error:
            return Failed(request.id, str(error))
        except ControlError:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours: the client has to undo what it did
            _log.exception("control-request-failed")
            return Failed(request.id, "the dataplane failed to do this; its log says why")

    def _carry_out(self, request: Request, client: "_Client") -> Answer:
        transactions = self._transactions
        if isinstance(request, Prepare):
            return Accepted(request.id, transactions.prepare(client, request.base, request.delta))
        if isinstance(request, Apply):
            self._backend.reconfigure(transactions.apply(request.token))
        elif isinstance(request, Revert):
            self._backend.reconfigure(transactions.revert(request.token))
        elif isinstance(request, Restore):
            self._backend.reconfigure(transactions.restore(request.config))
        elif isinstance(request, Abort):
            transactions.abort(request.token)
        elif isinstance(request, Listen):
            client.listens = True
        elif not isinstance(request, Ping):
            raise ControlError("an unexpected request")
        return Done(request.id, transactions.generation)

    async def _state(self, request: State, client: "_Client") -> None:
        """Send pieces as fast as the client asks for more; it may lose interest on the way."""
        with client.flow(request.id) as flow:
            for piece in self._backend.state(request.selection):
                if piece != _EMPTY:
                    if not await flow.permitted():
                        return
                    client.put(Piece(request.id, piece, last=False))
                    await client.drained()
                await asyncio.sleep(0)
            client.put(Piece(request.id, StatePiece(), last=True))
            await client.drained()


class _Kind(Enum):
    """What takes long, each with a limit of its own: readers who stop keep nobody from the others."""

    ACTION = auto()
    STATE = auto()
    MEMBERSHIPS = auto()


def _kind(request: State | Act) -> _Kind:
    if isinstance(request, Act):
        return _Kind.ACTION
    return _Kind.MEMBERSHIPS if request.selection.open else _Kind.STATE


class _Flow:
    """How many pieces of one state request may still be sent."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(WINDOW)
        self._ended = False

    async def permitted(self) -> bool:
        """Wait until a piece may be sent; False when no more are wanted."""
        await self._room.acquire()
        return not self._ended

    def more(self, pieces: int) -> None:
        """The client asks for more, or with 0 for nothing more."""
        self._ended = self._ended or pieces == 0
        for _ in range(min(max(pieces, 1), WINDOW)):
            self._room.release()


class _Client:
    """One connection's writing side."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.listens = False
        self.long: Counter[_Kind] = Counter()
        self._flows: dict[int, _Flow] = {}
        self._suppressed: Counter[type] = Counter()

    @contextmanager
    def flow(self, number: int) -> Iterator[_Flow]:
        """The flow of the state request `number` for as long as the block lasts."""
        flow = self._flows[number] = _Flow()
        try:
            yield flow
        finally:
            if self._flows.get(number) is flow:
                del self._flows[number]

    def more(self, request: More) -> None:
        """Let a state request go on; one that has ended needs nothing."""
        flow = self._flows.get(request.id)
        if flow is not None:
            flow.more(request.pieces)

    def put(self, answer: Answer) -> None:
        self.writer.write(encode(answer))

    def announce(self, event: Event) -> None:
        transport = self.writer.transport
        if transport.get_write_buffer_size() > MAXIMUM_UNREAD:
            self._suppressed[type(event)] += 1
            return
        self.put(Announced(event, self._suppressed.pop(type(event), 0)))

    async def drained(self) -> None:
        if self.writer.transport.get_write_buffer_size() > UNREAD_BEFORE_WAITING:
            await asyncio.wait_for(self.writer.drain(), WRITE_TIMEOUT)
