"""Runs what is due, each task when it said so, on a few threads. No task runs on two of them at once."""

import heapq
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Protocol

_log = logging.getLogger("twincast.push.scheduler")

WORKERS: Final = 4
"""One that takes long does not hold up the others. What may wait for the dataplane has another scheduler."""
STOP_SECONDS: Final = 2.0
LONGEST_WAIT: Final = 3600.0
"""Seconds; what is due later is looked at again. A time that a client chooses may be further away than a
thread can wait."""
SPARE: Final = 64
"""Items of the heap beyond two for each task that are not worth a clean-up."""


class Task(Protocol):
    """What can be due. Times are microseconds since the Unix epoch."""

    def run(self, now: int) -> int | None:
        """Do what is due; return when something is next, None for only when woken."""


@dataclass(slots=True, eq=False)
class _Place:
    """Where a task stands: when it is due, None for not at all, and whether it runs at present."""

    due: int | None = None
    running: bool = False


@dataclass(order=True, slots=True)
class _Item:
    due: int
    number: int
    task: Task = field(compare=False)


class Scheduler:
    """`wake`, `forget` and `close` may be called from any thread and never wait for a task."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._changed = threading.Condition()
        self._places: dict[Task, _Place] = {}
        self._heap: list[_Item] = []
        self._number = 0
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"push-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End once what runs is done; wait a little for that."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(STOP_SECONDS)

    def wake(self, task: Task, due: int) -> None:
        """Have a task run at `due`, unless it is due earlier."""
        with self._changed:
            place = self._places.setdefault(task, _Place())
            self._set(task, place, due)

    def forget(self, task: Task) -> None:
        """Let a task not run again."""
        with self._changed:
            self._places.pop(task, None)

    @property
    def kept(self) -> int:
        """How much is kept of what is due, or was."""
        with self._changed:
            return len(self._heap) + len(self._places)

    def _set(self, task: Task, place: _Place, due: int) -> None:
        if place.due is not None and place.due <= due:
            return
        place.due = due
        if not place.running:
            self._push(task, due)

    def _push(self, task: Task, due: int) -> None:
        self._number += 1
        heapq.heappush(self._heap, _Item(due, self._number, task))
        if len(self._heap) > 2 * len(self._places) + SPARE:
            self._heap = [item for item in self._heap if self._counts(item)]
            heapq.heapify(self._heap)
        self._changed.notify()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            following: int | None = None
            try:
                following = task.run(_now())
            except Exception:  # noqa: BLE001 - a fault of ours costs one task, not all
                _log.exception("push-fault")
            self._done(task, following)

    def _next(self) -> Task | None:
        """Wait for the next task that is due; None once closed."""
        with self._changed:
            while not self._closing:
                self._drop_stale()
                if not self._heap:
                    self._changed.wait()
                elif (seconds := (self._heap[0].due - _now()) / 1e6) > 0:
                    self._changed.wait(min(seconds, LONGEST_WAIT))
                else:
                    return self._taken(heapq.heappop(self._heap).task)
            return None

    def _drop_stale(self) -> None:
        """Take off the heap what was forgotten or is due at another time by now."""
        while self._heap and not self._counts(self._heap[0]):
            heapq.heappop(self._heap)

    def _counts(self, item: _Item) -> bool:
        place = self._places.get(item.task)
        return place is not None and not place.running and place.due == item.due

    def _taken(self, task: Task) -> Task:
        place = self._places[task]
        place.due, place.running = None, True
        return task

    def _done(self, task: Task, following: int | None) -> None:
        with self._changed:
            place = self._places.get(task)
            if place is None:
                return
            place.running = False
            if following is not None and (place.due is None or following < place.due):
                place.due = following
            if place.due is None:  # nothing is kept of what is not due, which may have ended
                del self._places[task]
            else:
                self._push(task, place.due)


def _now() -> int:
    return time.time_ns() // 1000
