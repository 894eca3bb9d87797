"""Two whole engines whose arbitration is committed anew while links, hellos and processes fail."""

from dataclasses import replace
from ipaddress import IPv4Interface

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dataplane.actions import Switchover
from dataplane.config import ETrunkArbitration, ProfileConfig, Role, VrrpArbitration
from dataplane.engine import messages
from dataplane.links import Link
from dataplane.membership.querier import QuerierState
from dataplane.roles import ETrunkRole
from tests.support.routers import CORE, PORT, PROFILE, Pair, Router, access, profile, upstream

VIRTUAL = IPv4Interface("192.0.2.254/24")
VLAN10 = Link(5, "vlan10", True, bytes(6), 1500, (VIRTUAL,))
TRUNK = ETrunkArbitration(1, hello_interval=0.1, revert_delay=1.0)
VRRP = profile(arbitration=VrrpArbitration(51, "vlan10", "192.0.2.254"))
SIDES = st.sampled_from(["a", "b"])


def trunk(priority: int, **changes: object) -> ProfileConfig:
    return profile(arbitration=msgspec.structs.replace(TRUNK, priority=priority, **changes))


ARBITRATIONS = st.sampled_from(
    [
        profile(),
        profile(Role.MASTER),
        profile(Role.BACKUP),
        VRRP,
        trunk(10),
        trunk(20),
        trunk(10, revertive=False),
        trunk(20, security_key="another"),
        trunk(20, id=2),
        msgspec.structs.replace(trunk(10), backup_id=8),
    ]
)


class Arbitrations(RuleBasedStateMachine):
    """Whatever happens, a port forwards for its role, and two routers that agree end as master and backup."""

    @initialize(a=ARBITRATIONS, b=ARBITRATIONS)
    def start(self, a: ProfileConfig, b: ProfileConfig) -> None:
        self.pair = Pair()
        self.configured = {"a": a, "b": b}
        self.restarts = 0
        self.core = {"a": True, "b": True}
        self.pair.start(a, b)
        self.pair.a.join()

    def router(self, name: str) -> Router:
        return self.pair.a if name == "a" else self.pair.b

    @rule(name=SIDES, settings=ARBITRATIONS)
    def commit(self, name: str, settings: ProfileConfig) -> None:
        self.configured[name] = settings
        self.router(name).configure(settings)

    @rule(name=SIDES)
    def delete_and_make_again(self, name: str) -> None:
        router = self.router(name)
        router.configure(access(profile=""), removed_profiles=(PROFILE,))
        router.configure(self.configured[name], access())

    @rule(name=SIDES, up=st.booleans())
    def upstream(self, name: str, up: bool) -> None:
        self.core[name] = up
        self.router(name).link(CORE, 2, up=up)

    @rule(name=SIDES, up=st.booleans())
    def access_link(self, name: str, up: bool) -> None:
        self.router(name).link(PORT, 1, up=up)

    @rule(name=SIDES, here=st.booleans())
    def virtual_address(self, name: str, here: bool) -> None:
        self.router(name).give(messages.LinkUpdated(VLAN10 if here else replace(VLAN10, addresses=())))

    @rule(name=SIDES)
    def order(self, name: str) -> None:
        self.router(name).give(Switchover(PROFILE))

    @precondition(lambda self: self.restarts < 4)  # each has another seed, and a MAC address of it
    @rule(name=SIDES, in_order=st.booleans())
    def restart(self, name: str, in_order: bool) -> None:
        self.restarts += 1
        router = self.router(name)
        if in_order:
            router.give(messages.Stopping())
            self.pair.run(0.01)
        router.restart()
        router.link(PORT, 1)
        router.link(CORE, 2, up=self.core[name])
        router.configure(router.service(), self.configured[name], access(), upstream())

    @rule(up=st.booleans())
    def hellos(self, up: bool) -> None:
        self.pair.hellos_up = up

    @rule(up=st.booleans())
    def channel(self, up: bool) -> None:
        if up:
            self.pair.mend_channel()
        else:
            self.pair.cut_channel()

    @rule(name=SIDES, source=st.sampled_from(["10.1.0.0", "10.1.0.9"]))
    def query(self, name: str, source: str) -> None:
        if PORT in self.router(name).captures:
            self.router(name).query(source)

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.1, 0.4, 2.0]))
    def wait(self, seconds: float) -> None:
        self.pair.run(seconds)

    @rule()
    def both_agree(self) -> None:
        """Everything works again and both have the same election."""
        self.pair.hellos_up = True
        self.pair.mend_channel()
        for name, priority in (("a", 10), ("b", 20)):
            self.upstream(name, up=True)
            self.access_link(name, up=True)
            self.commit(name, trunk(priority))
        self.pair.run(5.0)
        assert [router.profile_state().local_role for router in (self.pair.a, self.pair.b)] == [
            "master",
            "backup",
        ]

    @invariant()
    def ports_and_queriers_follow_the_role(self) -> None:
        for router in (self.pair.a, self.pair.b) if hasattr(self, "pair") else ():
            found = router.engine.world.profiles[PROFILE]
            port = router.engine.world.ports[PORT]
            undecided = found.role is Role.INIT and isinstance(found.machine, ETrunkRole)
            assert found.role is found.machine.role
            assert port.active is (found.role is Role.MASTER) or (undecided and port.adopted)
            for side in port.sides.values():
                asking = side.querier.state is not QuerierState.OFF
                assert not asking or found.role is Role.MASTER

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            self.both_agree()


TestArbitrations = Arbitrations.TestCase
TestArbitrations.settings = settings(max_examples=60, stateful_step_count=30)
