"""Waiting for a condition inside an event loop, with a deadline."""

import asyncio
from collections.abc import Callable

_SECONDS = 10.0


async def eventually(predicate: Callable[[], object], what: str) -> None:
    """Let the loop run until `predicate` is truthy. Raises AssertionError naming `what` at the deadline."""
    try:
        async with asyncio.timeout(_SECONDS):
            while not predicate():  # noqa: ASYNC110 (what sockets do sets no event)
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {_SECONDS} s") from None
