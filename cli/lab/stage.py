"""The laboratory as scenarios use it: a player, streams that are recorded with marks, and progress."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from cli.lab.hosts import Host, KernelRouter
from cli.lab.laboratory import Laboratory
from cli.lab.measure import failed_at
from cli.lab.play import QUERY_INTERVAL, QUERY_RESPONSE, RATE, Player, until
from cli.lab.role_watch import RoleWatch
from cli.lab.timeline import Mark, MarkKind, Timeline


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of stream before what happens and after it; how many zaps, and how many a second."""

    before: float = 2.0
    after: float = 3.0
    zaps: int = 4_000
    zap_rate: int = 800


class Stage:
    """What every scenario works with; `step` is told what is being done."""

    def __init__(
        self, laboratory: Laboratory, groups: int, step: Callable[[str], None], pace: Pace | None = None
    ) -> None:
        self.laboratory = laboratory
        self.pace = pace or Pace()
        self.topology = laboratory.topology
        self.a, self.b = laboratory.routers
        self.step = step
        self.player = Player(
            laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, groups
        )

    def prepare(self) -> None:
        """Give both routers their whole configuration; router a is master and the channel is up."""
        self.step("both routers are configured")
        self.player.configure(QUERY_INTERVAL, QUERY_RESPONSE)

    def joined(self, *routers: KernelRouter) -> list[str]:
        """Have new groups joined; return them when these routers have their entries."""
        self.step("set-top boxes join")
        groups = self.player.block()
        self.player.join(groups)
        for router in routers:
            self.player.wait_for_entries(router, groups)
        return groups

    def restored(self, groups: Sequence[str]) -> None:
        """Mend and clean up."""
        self.step("everything is mended")
        self.player.restore(groups)


class Recording:
    """A stream to the first STB from now on, with what happens meanwhile."""

    def __init__(self, stage: Stage, group: str, *, member: bool = True) -> None:
        """`member`: the STB has joined `group`, so that the stream is waited for."""
        laboratory = stage.laboratory
        stage.step("the stream is watched")
        self._stage, self.group = stage, group
        self._stb: Host = laboratory.stbs[0]
        self._marks: list[Mark] = []
        self._failure: tuple[str, int, int] | None = None
        self._roles = RoleWatch(laboratory.routers)
        self._stb.do("listen", group)
        laboratory.source.do("start", group, RATE)
        if member:
            until(lambda: self._heard() > RATE // 5, f"the stream {group}")
        self._begin = time.monotonic_ns()

    def _heard(self) -> int:
        return int(self._stb.do("heard", self.group))

    def goes_on(self, seconds: float) -> None:
        """Let the stream be sent for so long, whether it arrives or not."""
        time.sleep(seconds)

    def arrives(self) -> None:
        """Wait until it arrives."""
        first = self._heard()
        until(lambda: self._heard() > first + RATE // 10, f"the stream {self.group}")

    def mark(self, kind: MarkKind, text: str) -> None:
        """Mark what happens now."""
        self._stage.step(text)
        self._marks.append(Mark(kind, time.monotonic_ns(), text))

    def fail(self, text: str, act: Callable[[], None]) -> None:
        """Let something fail, and mark it."""
        self._stage.step(text)
        begun = time.monotonic_ns()
        act()
        self._failure = text, begun, time.monotonic_ns()

    def end(self) -> Timeline:
        """Stop the stream; return all of it but the time before it arrived."""
        end = time.monotonic_ns()
        time.sleep(0.2)
        sent = self._stage.laboratory.source.do("stop", self.group)
        received = [(number, moment) for number, moment in self._stb.do("finish", self.group)]
        if self._failure is not None:
            text, *cut = self._failure
            self._marks.append(Mark(MarkKind.FAILURE, failed_at(sent, received, *cut), text))
        marks = sorted([*self._marks, *self._roles.marks(self._begin)], key=lambda mark: mark.at)
        self._roles.close()
        return Timeline(self._begin, end, sent, received, [mark for mark in marks if mark.at < end])


def role_is(stage: Stage, router: KernelRouter, role: str) -> None:
    """Wait until a router has a role."""
    until(partial(stage.player.has_role, router, role), f"router {router.name} as {role}")
