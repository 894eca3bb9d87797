"""A dataplane that takes the tables over while the configuration has become another."""

import pytest

from dataplane.forwarding.kernel import KernelPlane
from dataplane.forwarding.plane import Repairs, RouteKey
from tests.support.plane_contract import IPV4, IPV6, Streams, route
from tests.support.plane_rig import audited, kernel_rig


def ports(count: int) -> dict[str, int | None]:
    return {f"p{number}": None for number in range(count)}


@pytest.mark.parametrize("streams", [IPV4, IPV6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize(
    ("before", "after"), [(30, 39), (39, 19), (39, 0), (61, 30), (70, 35), (35, 100)], ids=str
)
def test_a_port_that_stays_forwards_however_many_others_came_or_went(
    streams: Streams, before: int, after: int
) -> None:
    """Among them: its place becomes a link, it is alone in a further table, tables come and go."""
    group, other = streams.group, streams.other
    with kernel_rig() as rig:
        mine = {"access0": rig.index("access0")}
        rig.plane.configure({**ports(before), **mine})
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.install(
            [
                route(group, "access0", f"p{before - 1}"),
                route(other, "access0", source=streams.sources["core0"][0]),
                route(other, "p0"),
            ]
        )
        rig.plane = KernelPlane(rig.held())
        adoption = rig.plane.adopt({**ports(after), "access1": rig.index("access1"), **mine})
        assert (adoption.active, adoption.trouble) == ({"access0"}, "")
        rig.plane.set_upstream("core0", rig.index("core0"))
        for each in (group, other):
            assert rig.stream(each, 3) == {"access0": 3}
        audited(rig)  # an entry of a further table that only a removed port explains
        rig.plane.set_active("access1", active=True)
        rig.plane.install([route(group, "access0", "access1")])
        assert rig.stream(group, 3) == {"access0": 3, "access1": 3}
        assert audited(rig) == Repairs()


@pytest.mark.parametrize("streams", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_what_a_removed_port_wanted_of_a_source_hides_nothing_from_others_of_its_table(
    streams: Streams,
) -> None:
    """The kernel looks (S,G) up first: one that stayed in the further table would take all its packets."""
    group, source = streams.group, streams.sources["core0"][0]
    with kernel_rig() as rig:
        rig.plane.configure({**ports(35), "gone": None, "access0": rig.index("access0")})
        rig.plane.install([route(group, "gone", source=source), route(group, "p0", "access0")])
        assert rig.plane.slot("gone") > 32
        rig.plane = KernelPlane(rig.held())
        rig.plane.adopt({**ports(35), "access0": rig.index("access0")})
        rig.plane.set_upstream("core0", rig.index("core0"))
        rig.plane.set_active("access0", active=True)
        rig.plane.remove([RouteKey(group, source)])
        assert rig.stream(group, 3) == {"access0": 3}
