"""How a connection came about."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a connection comes from, by which endpoint (see `Origin`), and who is told when it ends."""

    address: tuple[str, int]
    endpoint: str = ""
    ended: Callable[[], None] = lambda: None
