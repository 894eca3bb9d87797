"""What members want, INCLUDE and EXCLUDE lists of three ports, becomes what the kernel forwards."""

import random

import pytest

from dataplane.forwarding.desired import Desired, Install
from dataplane.membership.groups import Aggregate, FilterMode
from tests.support.plane_contract import IPV4, IPV6, PORTS, Streams
from tests.support.plane_rig import KernelRig, kernel_rig

STEPS = 40


@pytest.mark.parametrize("streams", [IPV4, IPV6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("further", [False, True], ids=["one-table", "further-table"])
def test_every_port_gets_the_sources_that_it_wants_and_no_others(streams: Streams, further: bool) -> None:
    """Packets of two sources after each change of what one port wants, as the engine would write it."""
    dice, desired = random.Random(7), Desired()
    sources = streams.sources["core0"]
    wanted: dict[str, Aggregate] = {}
    with kernel_rig() as rig:
        set_up(rig, further=further)
        for _ in range(STEPS):
            port = dice.choice(PORTS)
            listed = frozenset(dice.sample(sources, dice.randrange(3)))
            mode = dice.choice([FilterMode.INCLUDE, FilterMode.EXCLUDE])
            interest = Aggregate(mode, listed) if listed or mode is FilterMode.EXCLUDE else None
            for effect in desired.set_interest(port, streams.group, interest):
                if isinstance(effect, Install):
                    rig.plane.install([effect.route])
                else:
                    rig.plane.remove([effect.key])
            wanted.pop(port, None)
            if interest is not None:
                wanted[port] = interest
            for number, source in enumerate(sources):
                expected = {name: 2 for name, each in wanted.items() if each.wants(source)}
                assert rig.stream(streams.group, 2, source=number) == expected, (wanted, source)


def set_up(rig: KernelRig, *, further: bool) -> None:
    """The three ports forward; with `further` one of them is in the first table, the others are not."""
    fill = {f"p{number}": None for number in range(30 if further else 0)}
    rig.plane.configure({PORTS[0]: rig.index(PORTS[0]), **fill, **{name: rig.index(name) for name in PORTS}})
    rig.plane.set_upstream("core0", rig.index("core0"))
    for name in PORTS:
        rig.plane.set_active(name, active=True)
