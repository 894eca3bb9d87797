"""The dataplane's end of the control socket: what one client waits for keeps it from nothing else."""

import asyncio
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from dataplane.actions import Action, Outcome, ResetStatistics, StatisticsReset
from dataplane.control.messages import (
    LENGTH_SIZE,
    Act,
    Acted,
    Announced,
    Answer,
    Failed,
    Piece,
    Request,
    State,
    Welcome,
    decode_answer,
    encode,
    length_of,
)
from dataplane.control.service import MAXIMUM_LONG, MAXIMUM_UNREAD, ControlService, _Client
from dataplane.control.transactions import Transactions
from dataplane.engine.messages import Reconfigure
from dataplane.state import (
    CopyStateChanged,
    DualMaster,
    GroupKey,
    RoleChanged,
    ServiceState,
    StatePiece,
    StateSelection,
)


class Endless:
    """A dataplane with more state than anybody reads."""

    plane = "memory"

    def reconfigure(self, change: Reconfigure) -> None:
        raise NotImplementedError

    def act(self, action: Action) -> Iterable[Outcome | None]:
        yield StatisticsReset()

    def state(self, selection: StateSelection) -> Iterator[StatePiece]:
        while True:
            yield StatePiece(services=(ServiceState("rbs1", "down", "", "out-of-sync", 0.0),))


class Client:
    """A client that reads only what it wants to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    def send(self, request: Request) -> None:
        self.writer.write(encode(request))

    async def next(self) -> Answer:
        size = length_of(await self._reader.readexactly(LENGTH_SIZE))
        return decode_answer(await self._reader.readexactly(size))

    async def next_of(self, *kinds: type) -> Answer:
        while not isinstance(answer := await self.next(), kinds):
            continue
        return answer


async def connected(path: Path) -> tuple[ControlService, Client]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    service = ControlService(Transactions("here"), Endless())
    await service.start(listener)
    client = Client(*await asyncio.open_unix_connection(str(path), limit=2**30))
    assert isinstance(await client.next(), Welcome)
    return service, client


def test_readers_that_stop_keep_nobody_from_anything_else(tmp_path: Path) -> None:
    async def play() -> list[Answer]:
        service, client = await connected(tmp_path / "control")
        for number in range(MAXIMUM_LONG + 1):
            client.send(State(number, StateSelection()))
        client.send(Act(9_999, ResetStatistics("rbs1")))
        answers = [await client.next_of(Failed, Acted) for _ in range(2)]
        one = StateSelection(groups=(GroupKey("p", "i", "02:00:00:00:00:01", "239.1.1.1"),))
        for number, selection in ((10_000, one), (10_001, StateSelection(groups=()))):
            client.send(State(number, selection))
            while (answer := await client.next_of(Failed, Piece)).id != number:
                continue
            answers.append(answer)
        client.writer.close()
        await service.stop()
        return answers

    one_too_many, acted, *others = asyncio.run(play())
    assert [type(each) for each in others] == [Piece, Piece]
    assert isinstance(one_too_many, Failed)
    assert one_too_many.id == MAXIMUM_LONG
    assert acted == Acted(9_999, StatisticsReset())


class Writer:
    """The writing side of a connection whose client reads, or does not."""

    def __init__(self) -> None:
        self.transport = self
        self.unread = 0
        self.told: list[Announced] = []

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: bytes) -> None:
        answer = decode_answer(data[LENGTH_SIZE:])
        assert isinstance(answer, Announced)
        self.told.append(answer)


def test_events_that_a_client_does_not_take_are_counted_by_kind() -> None:
    role, copying = RoleChanged("p", "backup", "master", "x"), CopyStateChanged("p", "k", "a", "b")
    writer = Writer()
    client = _Client(writer)  # type: ignore[arg-type]
    client.announce(role)
    writer.unread = MAXIMUM_UNREAD + 1
    for event in (role, role, copying):
        client.announce(event)
    writer.unread = 0
    for event in (DualMaster("p"), role, copying, role):
        client.announce(event)
    assert [each.suppressed for each in writer.told] == [0, 0, 2, 1, 0]
