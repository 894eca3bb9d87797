"""Two e-trunk machines joined by datagrams in memory; the clock is a number that the test moves."""

from ipaddress import IPv4Address

from dataplane.config import ETrunkArbitration, Role
from dataplane.roles import ETrunkRole, RoleChanged, RoleOutput, RoleOutputs, SendHello

ADDRESSES = (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))


class Side:
    """One router: its machine, what it has yet to say, and what happened."""

    def __init__(self, index: int, config: ETrunkArbitration) -> None:
        self.index = index
        self.config = config
        self.boots = 0
        self.outbox: list[bytes] = []
        self.events: list[RoleOutput] = []
        self.machine = self._fresh()

    def _fresh(self) -> ETrunkRole:
        self.boots += 1
        here, there = ADDRESSES[self.index], ADDRESSES[1 - self.index]
        return ETrunkRole(self.config, 1, here, there, 1_000 * (self.index + 1) + self.boots)

    def restart(self, now: float) -> None:
        """The process died and is back."""
        self.machine = self._fresh()
        self.outbox.clear()
        self.perform(self.machine.start(now))

    def perform(self, outputs: RoleOutputs) -> None:
        """Keep hellos to be delivered, and remember everything else."""
        for output in outputs:
            if isinstance(output, SendHello):
                self.outbox.append(output.datagram)
            else:
                self.events.append(output)

    @property
    def changes(self) -> list[tuple[Role, str]]:
        """Every role taken and why."""
        return [(each.new, each.reason.value) for each in self.events if isinstance(each, RoleChanged)]


class Pair:
    """Two routers and the link between them."""

    def __init__(self, a: ETrunkArbitration, b: ETrunkArbitration) -> None:
        self.now = 0.0
        self.a, self.b = Side(0, a), Side(1, b)
        self.cut = False

    def start(self) -> None:
        """Both at once."""
        for side in (self.a, self.b):
            side.perform(side.machine.start(self.now))

    def deliver(self, sender: Side, count: int = 1) -> None:
        """Bring datagrams to the other side, or lose them when the link is cut."""
        receiver = self.b if sender is self.a else self.a
        datagrams = sender.outbox[:count]
        del sender.outbox[:count]
        for datagram in () if self.cut else datagrams:
            receiver.perform(receiver.machine.receive(datagram, self.now))

    def exchange(self) -> None:
        """Deliver until nobody has anything to say at this instant."""
        for _ in range(50):
            if not (self.a.outbox or self.b.outbox):
                return
            self.deliver(self.a, len(self.a.outbox))
            self.deliver(self.b, len(self.b.outbox))
        raise AssertionError("hellos answer each other for ever")

    def run(self, seconds: float) -> None:
        """Let time pass from deadline to deadline."""
        end = self.now + seconds
        self.exchange()
        while True:
            deadlines = [side.machine.next_deadline() for side in (self.a, self.b)]
            due = min((each for each in deadlines if each is not None), default=end)
            if due >= end:
                break
            self.now = max(due, self.now)
            for side in (self.a, self.b):
                side.perform(side.machine.tick(self.now))
            self.exchange()
        self.now = end

    @property
    def roles(self) -> tuple[Role, Role]:
        """Who is what."""
        return self.a.machine.role, self.b.machine.role
