"""A walk at random through what can happen to two real routers: `python -m tests.netns.chaos SEED [ROUNDS]`.

Each round breaks several things while real hosts join and leave, then mends all of them, and waits until both
routers know exactly the members that there are, both kernels have exactly their groups, and a stream arrives
once. `tests/simulation` plays far more of it, on two engines; here kernels, processes and TLS take part.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from functools import partial

from ncclient.operations import RPCError

from cli.lab import configuration
from cli.lab.hosts import KernelRouter, LabError
from cli.lab.laboratory import Laboratory, in_laboratory
from cli.lab.play import Player, until
from cli.lab.topology import CHANNEL_INTERFACE
from tests.netns import watching
from tests.netns.watching import TRB, Stream

GROUPS = [f"239.70.0.{number}" for number in range(1, 31)]
INTERVALS = (4, 1)
"""Query interval and response time: a member that nobody hears of is forgotten after nine seconds."""
LONGEST_STEP = 0.6
STEPS = (4, 14)
"""What happens in one round, at least and at most."""
SETTLED = 60.0


class Walk:
    """What is broken at the moment, and who has joined what."""

    def __init__(self, laboratory: Laboratory, seed: int) -> None:
        self.laboratory, self.random = laboratory, random.Random(seed)
        self.joined: list[set[str]] = [set() for _ in laboratory.stbs]
        self.counts: Counter[str] = Counter()
        self.differences: list[tuple[str, object, object]] = []
        """What the routers had wrong when they were last looked at: members, and groups of the kernel."""
        for router in laboratory.routers:
            router.commit(configuration.of_site(router.site, *INTERVALS))
        self.player = Player(
            laboratory.topology, laboratory.routers, laboratory.source, laboratory.stbs, len(GROUPS)
        )
        self.player.wait_for_roles()

    def round(self, steps: int) -> None:
        """Break, mend, and look."""
        what = (
            *[self.zap] * 4,
            self.core_link,
            self.channel,
            self.access_link,
            self.copying,
            self.dataplane,
            self.power,
            self.switch_over,
            self.binding,
        )
        for _ in range(steps):
            chosen = self.random.choice(what)
            self.counts[chosen.__name__] += 1
            chosen()
            time.sleep(self.random.uniform(0.0, LONGEST_STEP))
        self.mend()
        self.compare()

    def _router(self) -> KernelRouter:
        return self.random.choice(self.laboratory.routers)

    # what happens

    def zap(self) -> None:
        for stb, joined in zip(self.laboratory.stbs, self.joined, strict=True):
            left = {group for group in joined if self.random.random() < 0.4}
            new = set(self.random.sample(GROUPS, 3)) - joined
            if left:
                stb.do("leave", sorted(left))
            stb.do("join", sorted(new))
            joined.difference_update(left)
            joined.update(new)

    def core_link(self) -> None:
        topology, site = self.laboratory.topology, self._router().site
        self.random.choice((topology.cut_core_link, topology.restore_core_link))(site)

    def channel(self) -> None:
        space = self.laboratory.topology.b.namespace
        self.random.choice((space.down, space.up))(CHANNEL_INTERFACE)

    def access_link(self) -> None:
        """The carrier of an access interface goes for a moment."""
        topology, site = self.laboratory.topology, self._router().site
        topology.access.down(site.access_port)
        time.sleep(self.random.uniform(0.0, 0.2))
        topology.access.up(site.access_port)

    def copying(self) -> None:
        self._router().commit(configuration.igmp_copy(enabled=self.random.random() < 0.5))

    def dataplane(self) -> None:
        router = self._router()
        file = router.folder / "dataplane.pid"
        old = int(file.read_text())
        os.kill(old, signal.SIGKILL)
        until(lambda: int(file.read_text()) != old, f"a new dataplane of router {router.name}")

    def power(self) -> None:
        """A router loses its power, or is stopped, and comes back."""
        router = self._router()
        self.random.choice((router.kill, router.stop))()
        time.sleep(self.random.uniform(0.0, 2.0))
        router.start_again()

    def switch_over(self) -> None:
        try:
            self._router().act(configuration.switchover())
        except RPCError:
            self.counts["switch_over refused"] += 1

    def binding(self) -> None:
        router = self._router()
        gone = '<remote-backup-profile nc:operation="remove"/>'
        bound = f"<remote-backup-profile>{configuration.PROFILE}</remote-backup-profile>"
        router.commit(watching.access(self.random.choice((gone, bound))))

    # and is well again

    def mend(self) -> None:
        topology = self.laboratory.topology
        topology.b.namespace.up(CHANNEL_INTERFACE)
        for router in self.laboratory.routers:
            topology.restore_core_link(router.site)
            router.commit(configuration.of_site(router.site, *INTERVALS))
            router.commit(configuration.igmp_copy(enabled=True))

    def compare(self) -> None:
        self.player.wait_for_roles()
        until(self._equal, "both routers know who is there", SETTLED)
        for number, joined in enumerate(self.joined):
            if joined:
                group = self.random.choice(sorted(joined))
                stream = Stream(self.laboratory, group, self.laboratory.stbs[number])
                lost = stream.end().lost
                assert (lost, stream.duplicates) == (0, 0), (group, lost, stream.duplicates)

    def _equal(self) -> bool:
        self.differences = [
            (router.name, *found)
            for router in self.laboratory.routers
            if any(found := self._difference(router))
        ]
        return not self.differences

    def _difference(self, router: KernelRouter) -> tuple[set[object], set[object]]:
        truth = {
            (group, space.mac("eth0").hex(":"))
            for space, joined in zip(self.laboratory.topology.stbs, self.joined, strict=True)
            for group in joined
        }
        found = {
            (str(each.findtext(f"{TRB}group-address")), str(each.findtext(f"{TRB}subscriber")))
            for each in router.get(configuration.groups()).iter(f"{TRB}group")
        }
        in_kernel = {group for group, source in watching.table(router) if source == watching.ANY}
        return found ^ truth, in_kernel ^ {group for group, _ in truth}


def walk(seed: int, rounds: int, laboratory: Laboratory) -> Counter[str]:
    """Walk so many rounds; return what happened how often. Raises AssertionError with what differs."""
    walking = Walk(laboratory, seed)
    for number in range(rounds):
        try:
            walking.round(walking.random.randint(*STEPS))
        except (LabError, AssertionError) as error:
            said = [(router.name, watching.leaf(router, "local-role")) for router in laboratory.routers]
            raise AssertionError(f"seed {seed}, round {number}: {said}, {walking.differences}") from error
    return walking.counts


def _printed(seed: int, rounds: int, laboratory: Laboratory) -> int:
    print(f"seed {seed}:", dict(walk(seed, rounds, laboratory)), flush=True)
    return 0


def main(arguments: list[str]) -> int:
    """Walk through a laboratory of its own."""
    seed, rounds = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 5
    return in_laboratory(partial(_printed, seed, rounds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
