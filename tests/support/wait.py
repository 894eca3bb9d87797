"""Waiting for a condition with a deadline, instead of sleeping for a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(predicate: Callable[[], T], *, what: str, timeout: float = 10.0, interval: float = 0.01) -> T:
    """Poll `predicate` until it is truthy and return its value.

    `timeout` and `interval` are seconds. Raises AssertionError naming `what` and the
    last value seen when the deadline passes.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {timeout} s, last seen {value!r}")
        time.sleep(interval)
