"""Two e-trunk machines over a link that loses, delays, swaps and repeats hellos: one master in the end."""

from contextlib import suppress

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dataplane.config import ETrunkArbitration, Role
from dataplane.roles import RoleChanged, SwitchoverRefused
from tests.support.roles import Pair

CONFIG = ETrunkArbitration(1, hello_interval=0.1, failure_multiplier=3, revert_delay=1.0, security_key="k")
SIDES = st.sampled_from(["a", "b"])


class ETrunk(RuleBasedStateMachine):
    """Upstreams fail, processes restart, hellos get lost; then hellos get through."""

    @initialize(priorities=st.tuples(st.integers(1, 3), st.integers(1, 3)), revertive=st.booleans())
    def start(self, priorities, revertive):
        configs = [msgspec.structs.replace(CONFIG, priority=each, revertive=revertive) for each in priorities]
        self.pair = Pair(*configs)
        self.pair.start()
        self.upstream = {"a": True, "b": True}
        self.recorded = []

    def side(self, name):
        return self.pair.a if name == "a" else self.pair.b

    @rule(name=SIDES, count=st.integers(1, 5))
    def deliver(self, name, count):
        self.recorded = (self.recorded + self.side(name).outbox[:count])[-20:]
        self.pair.deliver(self.side(name), count)

    @rule(name=SIDES)
    def lose(self, name):
        del self.side(name).outbox[:1]

    @rule(name=SIDES)
    def swap(self, name):
        self.side(name).outbox.reverse()

    @rule(name=SIDES, index=st.integers(0, 19))
    def replay(self, name, index):
        if self.recorded:
            datagram = self.recorded[index % len(self.recorded)]
            machine = self.side(name).machine
            self.side(name).perform(machine.receive(datagram, self.pair.now))

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.1, 0.4, 3.0]))
    def wait(self, seconds):
        """Time passes and nothing gets through."""
        self.pair.now += seconds
        for side in (self.pair.a, self.pair.b):
            side.perform(side.machine.tick(self.pair.now))
            side.outbox = side.outbox[-8:]

    @rule(seconds=st.sampled_from([0.1, 0.3, 1.0]))
    def run(self, seconds):
        """Time passes and everything gets through."""
        self.pair.run(seconds)

    @rule(name=SIDES, up=st.booleans())
    def uplink(self, name, up):
        self.upstream[name] = up
        self.side(name).perform(self.side(name).machine.upstream(up, self.pair.now))

    @rule(name=SIDES, ready=st.booleans())
    def readiness(self, name, ready):
        self.side(name).perform(self.side(name).machine.ready(ready, self.pair.now))

    @rule(name=SIDES)
    def switchover(self, name):
        with suppress(SwitchoverRefused):
            self.side(name).perform(self.side(name).machine.switchover(self.pair.now))

    @rule(name=SIDES)
    def restart(self, name):
        self.side(name).restart(self.pair.now)
        self.side(name).perform(self.side(name).machine.upstream(self.upstream[name], self.pair.now))

    @rule()
    def hellos_get_through(self):
        """One round of hellos after everybody has left init ends a double mastership."""
        for side in (self.pair.a, self.pair.b):
            side.outbox.clear()
        self.pair.run(1.0)
        assert sorted(self.pair.roles) == [Role.BACKUP, Role.MASTER]
        master = "a" if self.pair.roles[0] is Role.MASTER else "b"
        other = "b" if master == "a" else "a"
        assert self.upstream[master] or not self.upstream[other]

    @rule()
    def failback(self):
        """With everything well and ready, a revertive pair ends with the better claim."""
        for name in ("a", "b"):
            self.uplink(name, True)
            self.readiness(name, True)
        self.pair.run(4.0)
        a, b = self.pair.a.config, self.pair.b.config
        if a.revertive:
            better = (Role.MASTER, Role.BACKUP) if a.priority <= b.priority else (Role.BACKUP, Role.MASTER)
            assert self.pair.roles == better

    @invariant()
    def changes_follow_each_other(self):
        for side in (self.pair.a, self.pair.b):
            machine = side.machine
            last = [each for each in side.events if isinstance(each, RoleChanged)][-1:]
            assert all(each.new is machine.role or machine.role is Role.INIT for each in last)
            assert machine.next_deadline() is not None

    def teardown(self):
        if hasattr(self, "pair"):
            self.hellos_get_through()


TestETrunk = ETrunk.TestCase
