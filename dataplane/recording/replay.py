"""Plays a recording: the engine alone, no sockets, no clock of its own. Pure.

What the world answered is in the recording, so the effects are only looked at. The same recording gives the
same effects and the same state.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from dataplane.engine import Engine, effects, report
from dataplane.engine.effects import Effect
from dataplane.engine.messages import Message
from dataplane.forwarding.plane import RouteKey
from dataplane.packets import frames
from dataplane.packets.messages import Address
from dataplane.packets.wire import DecodeError
from dataplane.recording.journal import Begin, Entry, RecordingError
from dataplane.recording.plain import TYPE, plain
from dataplane.replication.messages import Deframer
from dataplane.state import StateSelection

_FROM_SETS: Final = frozenset({"changes", "source", "sources"})
_EVERYTHING = StateSelection(None, None, None, None)


class Step(NamedTuple):
    """One message and what the engine did with it."""

    at: float
    message: Message
    effects: list[Effect]
    engine: Engine


def replay(entries: Iterable[Entry]) -> Iterator[Step]:
    """Yield what happens, message by message; a new engine begins with each run. Raises RecordingError."""
    engine: Engine | None = None
    for at, entry in entries:
        if isinstance(entry, Begin):
            engine = Engine(random.Random(int(entry.seed, 16)), entry.wall_offset)  # noqa: S311 - as it was
        elif engine is None:
            raise RecordingError(f"{type(entry).__name__} comes before the beginning of a run")
        else:
            yield Step(at, entry, engine.handle(entry, at), engine)


def shown(effect: Effect) -> Any:  # noqa: ANN401 - JSON
    """Return an effect as what JSON has, with frames and messages to the peer as what they say.

    What comes from a set is sorted: its order is another in each process.
    """
    found = plain(effect)
    if isinstance(effect, effects.SendChannel):
        found["data"] = [plain(message) for message in Deframer().feed(effect.data)]
    elif isinstance(effect, effects.SendFrame):
        found["frame"] = _shown_frame(effect.frame)
    return _ordered(found)


def _ordered(data: Any, *, in_set: bool = False) -> Any:  # noqa: ANN401
    if isinstance(data, dict):
        return {name: _ordered(item, in_set=name in _FROM_SETS) for name, item in data.items()}
    if not isinstance(data, list):
        return data
    items = [_ordered(item) for item in data]
    return sorted(items, key=str) if in_set else items


def _shown_frame(frame: bytes) -> Any:  # noqa: ANN401
    try:
        heard = frames.decode(frame, 0)
    except DecodeError:
        return frame.hex()
    return {**plain(heard.message), "source": str(heard.source), "subscriber": heard.subscriber.text()}


class _NoPlane:
    """A recording has no plane: it has no VIFs, refuses nothing and counts nothing."""

    kind = "replay"

    def slot(self, name: str) -> None:
        pass

    def refusal(self, port: str, group: Address) -> None:
        pass

    def counters(self, key: RouteKey) -> None:
        pass

    def passed(self, name: str) -> None:
        pass


def state(engine: Engine, now: float) -> dict[str, list[Any]]:
    """Return the whole operational state, each kind of thing in a list of its own."""
    found: dict[str, list[Any]] = {}
    for piece in report.pieces(engine.world, _EVERYTHING, _NoPlane(), lambda: now):
        for kind, items in plain(piece).items():
            if kind != TYPE:
                found.setdefault(kind, []).extend(_ordered(items))
    return found
