"""Tasks run when they are due, and one that waits or fails holds up no other."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from server.push.scheduler import Scheduler
from tests.support.wait import wait_for


def now() -> int:
    return time.time_ns() // 1000


class Recorded:
    """A task that notes when it ran and says what it is told."""

    def __init__(self, answer: Callable[[int], int | None] = lambda _now: None) -> None:
        self.ran: list[int] = []
        self._answer = answer

    def run(self, moment: int) -> int | None:
        self.ran.append(moment)
        return self._answer(moment)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    running = Scheduler(workers=2)
    running.start()
    yield running
    running.close()


def test_a_task_runs_when_it_is_due_and_not_before(scheduler: Scheduler) -> None:
    task, due = Recorded(), now() + 50_000
    scheduler.wake(task, due)
    wait_for(lambda: task.ran, what="the run")
    assert task.ran[0] >= due


def test_it_runs_again_when_it_says_so(scheduler: Scheduler) -> None:
    task = Recorded(lambda moment: moment + 1_000)
    scheduler.wake(task, now())
    wait_for(lambda: len(task.ran) >= 5, what="five runs")
    assert task.ran == sorted(task.ran)
    scheduler.forget(task)
    settled = len(task.ran)
    other = Recorded()
    scheduler.wake(other, now() + 20_000)
    wait_for(lambda: other.ran, what="a later task")
    assert len(task.ran) <= settled + 1


def test_the_earlier_of_two_wakes_counts(scheduler: Scheduler) -> None:
    task = Recorded()
    scheduler.wake(task, now() + 3_600_000_000)
    scheduler.wake(task, now())
    wait_for(lambda: task.ran, what="the run")


def test_a_wake_while_it_runs_is_not_lost(scheduler: Scheduler) -> None:
    entered, release = threading.Event(), threading.Event()

    def wait(_moment: int) -> None:
        entered.set()
        release.wait(10)

    task = Recorded(wait)
    scheduler.wake(task, now())
    assert entered.wait(10)
    scheduler.wake(task, now())
    release.set()
    wait_for(lambda: len(task.ran) == 2, what="the second run")


def test_no_task_runs_twice_at_once(scheduler: Scheduler) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter(moment: int) -> int:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0)
        inside.pop()
        return moment

    task = Recorded(enter)
    scheduler.wake(task, now())
    for _ in range(200):
        scheduler.wake(task, now())
    wait_for(lambda: len(task.ran) > 200, what="many runs")
    assert max(most) == 1


def test_one_that_waits_or_fails_holds_up_no_other(scheduler: Scheduler) -> None:
    release = threading.Event()

    def fail(_moment: int) -> None:
        raise ZeroDivisionError

    stuck, broken, good = Recorded(lambda _moment: release.wait(10) and None), Recorded(fail), Recorded()
    for task in (stuck, broken, good):
        scheduler.wake(task, now())
    wait_for(lambda: good.ran, what="the good one")
    release.set()


def test_one_that_is_forgotten_does_not_run(scheduler: Scheduler) -> None:
    task, other = Recorded(), Recorded()
    scheduler.wake(task, now() + 20_000)
    scheduler.forget(task)
    scheduler.wake(other, now() + 40_000)
    wait_for(lambda: other.ran, what="a later task")
    assert task.ran == []


def test_a_time_that_is_too_far_away_to_be_waited_for_holds_up_nobody(scheduler: Scheduler) -> None:
    far = Recorded()
    for _ in range(2):  # as many as there are threads
        scheduler.wake(Recorded(), 253_402_300_799_000_000)
    scheduler.wake(far, now() + 20_000)
    wait_for(lambda: far.ran, what="the run")


def test_nothing_is_kept_of_tasks_that_have_ended(scheduler: Scheduler) -> None:
    gone: list[weakref.ref[Recorded]] = []
    for _ in range(1000):
        task = Recorded()
        gone.append(weakref.ref(task))
        scheduler.wake(task, now() + 3_600_000_000)
        scheduler.forget(task)
    del task
    assert sum(each() is not None for each in gone) < 200


def test_waking_one_that_is_due_far_ahead_again_and_again_takes_no_room(scheduler: Scheduler) -> None:
    task = Recorded(lambda moment: moment + 3_600_000_000)
    for number in range(300):
        scheduler.wake(task, now())
        wait_for(lambda number=number: len(task.ran) > number, what="the run")  # type: ignore[misc]
    assert scheduler.kept < 100


def test_one_that_is_woken_after_it_ended_is_forgotten_again(scheduler: Scheduler) -> None:
    task = Recorded()
    scheduler.forget(task)
    scheduler.wake(task, now())
    wait_for(lambda: task.ran, what="the run")
    wait_for(lambda: not scheduler.kept, what="nothing to be kept of it")
