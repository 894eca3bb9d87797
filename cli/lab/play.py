"""Plays the five cases on a laboratory that stands, and restores it in between."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from cli.lab import configuration
from cli.lab.cases import CaseName, CaseResult, group_block
from cli.lab.hosts import Host, KernelRouter, LabError
from cli.lab.measure import failed_at, loss
from cli.lab.role_watch import RoleWatch
from cli.lab.timeline import SECOND, Mark, MarkKind, Timeline
from cli.lab.topology import Topology

RATE = 1000
"""Packets a second of the stream that is watched."""
WINDOW = 10.0
QUERY_INTERVAL, QUERY_RESPONSE = 30, 2
"""Seconds; long enough that no entry ages while a case is played."""
FAST_QUERY_INTERVAL, FAST_QUERY_RESPONSE = 2, 1
FAST_MEMBERSHIP_INTERVAL = 2 * FAST_QUERY_INTERVAL + FAST_QUERY_RESPONSE
"""Robustness 2 times the query interval plus the response time (RFC 3376 section 8.4)."""
SETTLE_SECONDS = 60.0
SETTLED_SECONDS = 2.0
"""Seconds of stream before the failure: hosts repeat their reports within one second (RFC 3376 section 8.11),
and what is measured is the failover, not a burst of a thousand joins."""


def until(condition: Callable[[], bool], what: str, seconds: float = SETTLE_SECONDS) -> None:
    """Poll until `condition` holds; raises LabError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


class Player:
    """Plays on `topology`; every group set of `groups` groups is used by one case only."""

    def __init__(
        self,
        topology: Topology,
        routers: Sequence[KernelRouter],
        source: Host,
        stbs: Sequence[Host],
        groups: int,
        roles: RoleWatch | None = None,
    ) -> None:
        self._topology = topology
        self._roles = roles or RoleWatch(())
        self._a, self._b = routers
        self._still_member: list[str] = []
        self._source, self._stbs, self._groups = source, stbs, groups
        self._blocks = 0

    def play(self) -> Iterator[CaseResult]:
        """Configure both routers, then yield the result of each case as it is known."""
        self.configure(QUERY_INTERVAL, QUERY_RESPONSE)
        yield self._copied()
        before = self.block()
        yield self._not_copied(before)
        yield self._re_enabled(before)
        yield self._dual_homed()
        yield self._zap()

    def configure(self, interval: int, response: int) -> None:
        """Commit the whole configuration on both routers and wait for the roles; times are seconds."""
        for router in (self._a, self._b):
            router.commit(configuration.of_site(router.site, interval, response))
        self.wait_for_roles()

    def _copied(self) -> CaseResult:
        groups = self.block()
        self.join(groups)
        self.wait_for_entries(self._b, groups)
        result = self._fail(CaseName.COPIED, groups, igmp_copy=True)
        self.restore(groups)
        return result

    def _not_copied(self, before: list[str]) -> CaseResult:
        self.join(before)
        self.wait_for_entries(self._b, before)
        self.copy(enabled=False)
        groups = self.block()
        self.join(groups)
        self.wait_for_entries(self._a, groups)
        result = self._fail(CaseName.NOT_COPIED, groups, before, igmp_copy=False)
        self.mend()
        self._still_member = [*before, *groups]
        return result

    def _re_enabled(self, before: list[str]) -> CaseResult:
        groups = self.block()
        self.join(groups)
        self.wait_for_entries(self._a, groups)
        if self.entries(self._b, groups):
            raise LabError("a join was copied although igmp-copy is false")
        self.copy(enabled=True)
        self.wait_for_entries(self._b, groups)
        result = self._fail(CaseName.RE_ENABLED, groups, before, igmp_copy=True)
        self.restore([*self._still_member, *groups])
        return result

    def _dual_homed(self) -> CaseResult:
        self.copy(enabled=False)
        self._topology.dual_homed(enabled=True)
        groups = self.block()
        self.join(groups)
        self.wait_for_entries(self._b, groups)
        result = self._fail(CaseName.DUAL_HOMED, groups, igmp_copy=False)
        self.restore(groups)
        self._topology.dual_homed(enabled=False)
        self.copy(enabled=True)
        return result

    def _zap(self) -> CaseResult:
        self.configure(FAST_QUERY_INTERVAL, FAST_QUERY_RESPONSE)
        groups, channels = self.block(), self.block()
        self.join(groups)
        self.wait_for_entries(self._b, groups)
        zapped: list[float | None] = []
        seconds = 3.0 * FAST_MEMBERSHIP_INTERVAL
        result = self._fail(
            CaseName.ZAP,
            groups,
            igmp_copy=True,
            seconds=seconds,
            at_end=lambda: zapped.append(self._change_channel(groups[-1], channels[0])),
        )
        self.restore([*groups[:-1], channels[0]] if self._groups > 1 else [*groups, channels[0]])
        return CaseResult(
            result.name,
            result.igmp_copy,
            result.groups,
            result.entries_on_backup,
            result.retained_entries,
            result.loss,
            zapped[0],
            result.timeline,
        )

    def _fail(
        self,
        name: CaseName,
        groups: list[str],
        before: Sequence[str] = (),
        *,
        igmp_copy: bool,
        seconds: float = WINDOW,
        at_end: Callable[[], None] = lambda: None,
    ) -> CaseResult:
        """Watch the first group's stream while the core link of router a fails, for `seconds`."""
        watched, stb = groups[0], self._stbs[0]
        stb.do("listen", watched)
        self._source.do("start", watched, RATE)
        settled = int(RATE * SETTLED_SECONDS)
        until(lambda: stb.do("heard", watched) > settled, f"the stream {watched} before the failure")
        if name is not CaseName.NOT_COPIED:
            self._wait_until_pulled(watched)
        entries, retained = len(self.entries(self._b, groups)), len(self.entries(self._b, before))
        begun = time.monotonic_ns()
        self._topology.cut_core_link(self._a.site)
        cut = (begun, time.monotonic_ns())
        time.sleep(seconds)
        at_end()
        end = time.monotonic_ns()
        time.sleep(0.2)
        sent = self._source.do("stop", watched)
        received = [(number, moment) for number, moment in stb.do("finish", watched)]
        marks = self._marks(begun, failed_at(sent, received, *cut))
        stream = Timeline(self._moment(sent, begun), end, sent, received, marks)
        found = loss(sent, received, cut, end)
        return CaseResult(name, igmp_copy, self._groups, entries, retained, found, timeline=stream)

    @staticmethod
    def _moment(sent: Sequence[int], begun: int) -> int:
        """When the picture of a case begins: with the stream, and not long before the failure."""
        return max(sent[0], begun - int(SETTLED_SECONDS * SECOND)) if sent else begun

    def _marks(self, begun: int, failed: int) -> list[Mark]:
        failure = Mark(MarkKind.FAILURE, failed, "core link fails")
        return [failure, *self._roles.marks(begun)]

    def _wait_until_pulled(self, group: str) -> None:
        """With a core that snoops, the backup's counter rises only if the backup itself joined."""
        first = self._b.kernel_entries().get(group, 0)
        until(
            lambda: self._b.kernel_entries().get(group, 0) > first + RATE // 20,
            f"the stream {group} on the backup before the failure",
        )

    def _change_channel(self, old: str, new: str) -> float | None:
        """Leave `old`, join `new`; return the milliseconds until its first packet, None after 5 s."""
        stb = self._stb_of(new)
        self._source.do("start", new, RATE)
        stb.do("listen", new)
        begin = time.monotonic_ns()
        if self._groups > 1:
            self._stb_of(old).do("leave", [old])
        stb.do("join", [new])
        try:
            until(lambda: stb.do("heard", new) > 0, "the new channel", 5.0)
        except LabError:
            return None
        finally:
            first = stb.do("first", new)
            stb.do("finish", new)
            self._source.do("stop", new)
        return float(round((first - begin) / 1e6, 3))

    def block(self) -> list[str]:
        """Return groups that nothing has used yet."""
        self._blocks += 1
        return group_block(self._blocks, self._groups)

    def _stb_of(self, group: str) -> Host:
        """The STB that a group belongs to: the first one for the first group, then in turn."""
        return self._stbs[(int(group.rpartition(".")[2]) - 1) % len(self._stbs)]

    def _each_stb(self, groups: Sequence[str]) -> Iterator[tuple[Host, list[str]]]:
        for stb in self._stbs:
            yield stb, [group for group in groups if self._stb_of(group) is stb]

    def join(self, groups: Sequence[str]) -> None:
        """Have each group joined by the STB that it belongs to."""
        for stb, own in self._each_stb(groups):
            stb.do("join", own)

    def copy(self, *, enabled: bool) -> None:
        """Commit `dhcp-stb igmp-copy`, or its undo, on both routers."""
        for router in (self._a, self._b):
            router.commit(configuration.igmp_copy(enabled=enabled))

    def entries(self, router: KernelRouter, groups: Sequence[str]) -> set[str]:
        """Return those of the groups that the kernel of a router has entries for."""
        return set(groups) & router.kernel_entries().keys()

    def wait_for_entries(self, router: KernelRouter, groups: Sequence[str]) -> None:
        """Wait until the kernel of a router has entries for all of the groups."""
        until(
            lambda: len(self.entries(router, groups)) == len(groups),
            f"{len(groups)} entries on router {router.name}",
        )

    def mend(self) -> None:
        """Mend the core link of router a and let it have its role back."""
        self._topology.restore_core_link(self._a.site)
        self.wait_for_roles()

    def restore(self, groups: Sequence[str]) -> None:
        """Mend the link, let router a have its role back, and let the STBs leave what they joined."""
        self.mend()
        for stb, own in self._each_stb(groups):
            stb.do("leave", own)
        for router in (self._a, self._b):
            until(partial(self._has_none, router, groups), f"router {router.name} without entries")

    def wait_for_roles(self) -> None:
        """Wait until router a is master, b is backup, and the channel is up on both."""
        until(lambda: self.has_role(self._a, "master"), "router a as master")
        until(lambda: self.has_role(self._b, "backup"), "router b as backup")
        for router in (self._a, self._b):
            until(partial(self._connected, router), f"the channel of router {router.name}")

    def has_role(self, router: KernelRouter, role: str) -> bool:
        """Whether a router says that it has a role."""
        return self._state(router, "local-role") == role

    def _state(self, router: KernelRouter, leaf: str) -> str:
        data = router.get(configuration.profile_state(leaf))
        return str(data.findtext(f".//{{{configuration.REMOTE_BACKUP}}}{leaf}", default=""))

    def _has_none(self, router: KernelRouter, groups: Sequence[str]) -> bool:
        return not self.entries(router, groups)

    def _connected(self, router: KernelRouter) -> bool:
        data = router.get(configuration.service_state("channel-state"))
        return bool(data.findtext(f".//{{{configuration.REMOTE_BACKUP}}}channel-state") == "connected")
