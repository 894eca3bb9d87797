"""How a connection came about."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a connection comes from, by which endpoint (see `Origin`), and who is told when it ends.

    `began` is when it came, in monotonic seconds; `greeted`: the server's first line was sent already.
    """

    address: tuple[str, int]
    endpoint: str = ""
    ended: Callable[[], None] = lambda: None
    began: float = field(default_factory=time.monotonic)
    greeted: bool = False
