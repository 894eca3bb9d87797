"""Whatever happens to ports, entries and dataplanes, the kernel's tables hold what they should, no more."""

import random
from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.forwarding.kernel import KernelPlane
from dataplane.forwarding.plane import Repairs, Route, RouteKey
from dataplane.packets.messages import Address
from tests.support.plane_contract import PORTS
from tests.support.plane_rig import KernelRig, audited, kernel_rig

STEPS = 50
MANY = [f"p{number}" for number in range(90)]
GROUPS: list[Address] = [
    *(IPv4Address("239.9.0.0") + number for number in range(6)),
    *(IPv6Address("ff3e::9:0") + number for number in range(6)),
]


class Walk:
    """Random changes of one plane."""

    def __init__(self, rig: KernelRig, seed: int) -> None:
        self._rig = rig
        self._dice = random.Random(seed)
        self.ports: dict[str, int | None] = {}

    def step(self) -> None:
        self._dice.choice(
            [self._configure, self._install, self._install, self._remove, self._swap, self._die]
        )()

    def _some_ports(self) -> dict[str, int | None]:
        names = self._dice.sample(MANY, self._dice.choice([0, 5, 29, 31, 40, 61, 80]))
        real = self._dice.sample(PORTS, self._dice.randrange(len(PORTS) + 1))
        found: dict[str, int | None] = {
            **dict.fromkeys(names),
            **{name: self._rig.index(name) for name in real},
        }
        order = list(found)
        self._dice.shuffle(order)
        return {name: found[name] for name in order}

    def _configure(self) -> None:
        self.ports = self._some_ports()
        self._rig.plane.configure(self.ports)

    def _key(self) -> RouteKey:
        group = self._dice.choice(GROUPS)
        sources = ["10.0.0.2", "10.0.0.3"] if group.version == 4 else ["2001:db8::2", "2001:db8::3"]
        source = self._dice.choice([None, *sources])
        return RouteKey(group, None if source is None else type(group)(source))

    def _install(self) -> None:
        for _ in range(5):
            key = self._key()
            most = min(len(self.ports), 8)
            ports = self._dice.sample(list(self.ports), self._dice.randint(0, most))
            if ports or key.source is not None:
                self._rig.plane.install([Route(key, frozenset(ports))])

    def _remove(self) -> None:
        self._rig.plane.remove([self._key() for _ in range(3)])

    def _swap(self) -> None:
        for port in self.ports:
            self._rig.plane.set_active(port, active=self._dice.random() < 0.5)

    def _die(self) -> None:
        """Another dataplane takes over, with the same ports or others; (*,G) entries may lose their last."""
        self.ports = self._dice.choice([self.ports, self._some_ports()])
        self._rig.plane = KernelPlane(self._rig.held())
        assert self._rig.plane.adopt(self.ports).trouble == ""


@pytest.mark.parametrize("seed", range(4))
def test_a_random_walk_leaves_nothing_missing_different_or_unexplained(seed: int) -> None:
    with kernel_rig() as rig:
        walk = Walk(rig, seed)
        rig.plane.adopt({})
        for _ in range(STEPS):
            walk.step()
            held = {each.route for each in rig.plane.dump()}
            assert held == set(rig.plane.installed().values())
            assert audited(rig) == Repairs()
