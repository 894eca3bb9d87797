"""The querier the slow way, from RFC 3376's text: sections 6.6.2 (election), 6.6.3 (queries), 8 (intervals).

It shares nothing with the product. Addresses and sources are numbers, queries are tuples, and what is to
happen is a list of times that is looked through every time.
"""

from dataclasses import dataclass, field

NEVER = float("inf")
General = tuple[str]
Sent = tuple[float, object]


@dataclass
class Asking:
    """What is left to say about one group: how often for the group, and for each source; and when next."""

    due: float = NEVER
    group: int = 0
    sources: dict[int, int] = field(default_factory=dict)


@dataclass
class QuerierModel:
    """`outlives`: the group (0) and sources whose timers run for longer than the last member query time."""

    address: int
    robustness: int
    interval: float
    response: float
    last_member: float
    state: str = "off"
    startup: int = 0
    general_at: float = NEVER
    other_until: float = NEVER
    heard_robustness: int = 0
    heard_interval: float = 0
    asking: dict[str, Asking] = field(default_factory=dict)
    outlives: set[tuple[str, int]] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)

    @property
    def membership(self) -> float:
        """Section 8.4, with the elected querier's variables while there is one (8.1, 8.2)."""
        robustness = self.heard_robustness or self.robustness
        return robustness * (self.heard_interval or self.interval) + self.response

    def ask_all(self, now: float) -> None:
        self.state, self.other_until = "querier", NEVER
        self.heard_robustness, self.heard_interval = 0, 0
        self.sent.append((now, "general"))
        self.startup = max(self.startup - 1, 0)
        self.general_at = now + (self.interval / 4 if self.startup else self.interval)

    def start(self, now: float) -> None:
        if self.state == "off":
            self.startup = self.robustness
            self.ask_all(now)

    def stop(self) -> None:
        self.state, self.general_at, self.other_until = "off", NEVER, NEVER
        self.heard_robustness, self.heard_interval = 0, 0

    def hear(self, source: int, robustness: int, interval: float, now: float) -> None:
        if self.state == "off" or not 0 < source < self.address:
            return
        self.state, self.general_at, self.startup = "other", NEVER, 0
        self.heard_robustness, self.heard_interval = robustness, interval
        self.other_until = now + self.membership - self.response / 2  # section 8.5

    def left(self, group: str, sources: set[int], now: float) -> None:
        """A table says Send Q(G), or with sources Send Q(G, sources)."""
        asking = self.asking.setdefault(group, Asking())
        if sources:
            asking.sources |= dict.fromkeys(sources, self.robustness)
        else:
            asking.group = self.robustness
        self.transmit(group, now)

    def transmit(self, group: str, now: float) -> None:
        asking = self.asking[group]
        if self.state == "querier":
            if asking.group:
                self.sent.append((now, (group, (), (group, 0) in self.outlives)))
            safe = {source for source in asking.sources if (group, source) in self.outlives}
            if safe and not asking.group:  # a pending Q(G) makes the one with the S flag needless
                self.sent.append((now, (group, tuple(sorted(safe)), True)))
            if rest := set(asking.sources) - safe:
                self.sent.append((now, (group, tuple(sorted(rest)), False)))
        asking.group = max(asking.group - 1, 0)
        asking.sources = {source: left - 1 for source, left in asking.sources.items() if left > 1}
        asking.due = now + self.last_member
        if not (asking.group or asking.sources):
            del self.asking[group]

    def advance(self, until: float) -> None:
        while True:
            due = {group: asking.due for group, asking in self.asking.items()}
            now = min(self.general_at, self.other_until, *due.values())
            if now > until:
                return
            if now in (self.general_at, self.other_until):
                self.ask_all(now)
            for group in [group for group, when in due.items() if when == now]:
                self.transmit(group, now)
