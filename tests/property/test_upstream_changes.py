"""Whatever happens to upstream interfaces and members, each core ends up knowing what it should."""

from ipaddress import IPv4Address

from hypothesis import given, settings
from hypothesis import strategies as st

from dataplane.config import InterfaceConfig, Role, UpstreamConfig
from dataplane.engine import effects, messages
from dataplane.engine.uplink import HANDOVER
from dataplane.packets.messages import RecordType
from tests.support.routers import PORT, Clock, Pair, Router, access, profile, upstream

CORES = ["core0", "core1", "core2"]
GROUPS = [IPv4Address(f"239.3.0.{number}") for number in (1, 2, 3)]

changes = st.one_of(
    st.tuples(st.just("link"), st.sampled_from(CORES), st.booleans()),
    st.tuples(st.just("prefer"), st.sampled_from(CORES), st.integers(1, 3)),
    st.tuples(st.just("enable"), st.sampled_from(CORES), st.booleans()),
    st.tuples(st.just("member"), st.sampled_from(GROUPS), st.booleans()),
)


class Site:
    """A router with three upstream interfaces, and what each core believes of any-source members."""

    def __init__(self) -> None:
        self.router: Router = Pair(clock=Clock()).a
        self.up = dict.fromkeys(CORES, True)
        self.preference = {name: number for number, name in enumerate(CORES, 1)}
        self.enabled = dict.fromkeys(CORES, True)
        self.believed: dict[str, set[IPv4Address]] = {name: set() for name in CORES}
        self.wanted: set[IPv4Address] = set()
        self.router.link(PORT, 1)
        for number, name in enumerate(CORES, 2):
            self.router.link(name, number)
        self.router.configure(
            profile(Role.MASTER), access(), *(upstream(each, n) for each, n in self._order())
        )
        self.listen()

    def _order(self) -> list[tuple[str, int]]:
        return list(self.preference.items())

    def apply(self, kind: str, what: str | IPv4Address, value: int | bool) -> None:
        if isinstance(what, IPv4Address):
            self._member(what, joins=bool(value))
        elif kind == "link":
            self.up[what] = bool(value)
            self.router.link(what, 2 + CORES.index(what), up=bool(value))
        else:
            (self.preference if kind == "prefer" else self.enabled)[what] = value
            config = InterfaceConfig(
                what, enabled=self.enabled[what], upstream=UpstreamConfig(self.preference[what])
            )
            self.router.configure(config)
        self.listen()

    def _member(self, group: IPv4Address, *, joins: bool) -> None:
        if joins:
            self.wanted.add(group)
            self.router.join(group)
        else:
            self.wanted.discard(group)
            self.router.leave(group)

    def works(self, name: str) -> bool:
        return self.up[name] and self.enabled[name]

    def pass_time(self, seconds: float) -> None:
        end = self.router.clock.now + seconds
        while (due := self.router.engine.next_deadline()) is not None and due <= end:
            self.router.clock.now = max(self.router.clock.now, due)
            self.router.give(messages.Tick())
            self.listen()
        self.router.clock.now = end

    def listen(self) -> None:
        """Take what was reported; a core whose link is down, or that is not to be used, is forgotten."""
        for effect in self.router.order:
            if isinstance(effect, effects.SendReports):
                for report in effect.reports:
                    for record in report.records:
                        self._hear(effect.link.name, record.type, record.group)  # type: ignore[arg-type]
        self.router.order.clear()
        for name in CORES:
            if not self.works(name):
                self.believed[name].clear()

    def _hear(self, name: str, kind: RecordType, group: IPv4Address) -> None:
        if kind in (RecordType.CHANGE_TO_EXCLUDE_MODE, RecordType.MODE_IS_EXCLUDE):
            self.believed[name].add(group)
        elif kind is RecordType.CHANGE_TO_INCLUDE_MODE:
            self.believed[name].discard(group)

    def best(self) -> str | None:
        working = [name for name in CORES if self.works(name)]
        return min(working, key=lambda name: (self.preference[name], name), default=None)


@settings(max_examples=200)
@given(st.lists(st.tuples(changes, st.sampled_from([0.0, 0.005, 0.5, 2.0, HANDOVER])), max_size=12))
def test_the_active_core_knows_what_is_wanted_and_the_others_nothing(steps) -> None:
    site = Site()
    for change, pause in steps:
        site.apply(*change)
        bound = site.router.engine.world.bound_upstream
        assert bound is None or site.works(bound), "streams come from an upstream that works"
        assert bound is not None or site.best() is None
        site.pass_time(pause)
    site.pass_time(HANDOVER + 2.5)  # and the last member query time
    best, world = site.router.engine.world.active_upstream, site.router.engine.world
    assert best == site.best() == world.bound_upstream
    for group in site.wanted:
        site.router.join(group)  # whoever is still there has been asked meanwhile
    site.pass_time(1.0)
    for name in CORES:
        expected = site.wanted if name == best else set()
        assert site.believed[name] == expected, name
    assert not world.departing
