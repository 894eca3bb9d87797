"""How far the laboratory is: bars on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Is told what is being played."""

    def begin(self, name: str) -> None:
        """One of the scenarios begins; the one before is over."""

    def step(self, text: str) -> None:
        """Something is being done."""


class Silent:
    """For output that nobody watches."""

    def begin(self, name: str) -> None:
        """Say nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""


class Bars:
    """One bar for all scenarios and the step of the one that is played, on standard error."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[step]}"),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("", total=total, step="")
        self._begun = False

    def begin(self, name: str) -> None:
        """Move the bar on to the next."""
        self._bar.update(self._task, advance=int(self._begun), description=name, step="")
        self._begun = True

    def step(self, text: str) -> None:
        """Show the step."""
        self._bar.update(self._task, step=text)

    def __enter__(self) -> "Bars":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


@contextmanager
def progress(total: int) -> Iterator[Progress]:
    """Show the progress of `total` scenarios for as long as the block lasts."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    with Bars(total) as bars:
        yield bars
