"""Switchovers by the operator's order on two real routers (see `scenarios`)."""

from ncclient.operations import RPCError

from cli.lab import configuration
from cli.lab.hosts import KernelRouter
from cli.lab.laboratory import Laboratory
from cli.lab.play import until
from cli.lab.topology import ACCESS_INTERFACE
from tests.netns import watching
from tests.netns.watching import Stream, wait_for, wait_for_role, wait_until_gone

GROUPS = [f"239.43.0.{number}" for number in range(1, 6)]
NOT_REVERTIVE = "<e-trunk><id>1</id><revertive>false</revertive></e-trunk>"
TIMES = 10
REFUSED = "switchover-refused"


def orders(laboratory: Laboratory) -> dict[str, object]:
    """Ten orders in a row with an e-trunk, one in the middle of a leave, one refused; then static roles."""
    player = watching.prepared(laboratory)
    a, b = routers = laboratory.routers
    for router in routers:
        router.commit(watching.profile(NOT_REVERTIVE))
    player.wait_for_roles()
    laboratory.stbs[0].do("join", GROUPS)
    wait_for(routers, *GROUPS)
    return {
        "e-trunk": _ten_in_a_row(laboratory),
        "asked": _in_the_middle_of_a_leave(laboratory),
        "refused": _refused(laboratory),
        "static": static_there_and_back(laboratory, a, b),
    }


def _ten_in_a_row(laboratory: Laboratory) -> dict[str, int]:
    """The master is told twice, then the backup twice, and so on."""
    a, b = laboratory.routers
    stream = Stream(laboratory, GROUPS[0])
    for number in range(TIMES):
        old, new = (a, b) if number % 2 == 0 else (b, a)
        switch_over((old, new)[number // 2 % 2], old, new)
    return {"lost": stream.end().lost, "duplicates": stream.duplicates}


def switch_over(told: KernelRouter, old: KernelRouter, new: KernelRouter) -> None:
    """Give the order to one of the two and wait for both roles."""
    until(lambda: may_be_given(told), "the router that is to be master is ready")
    wait_for_role(new, "master")
    wait_for_role(old, "backup")


def may_be_given(told: KernelRouter) -> bool:
    """Give the order; False when it is refused for now."""
    try:
        told.act(configuration.switchover())
    except RPCError as refusal:
        if refusal.app_tag != REFUSED:
            raise
        return False
    return True


def _in_the_middle_of_a_leave(laboratory: Laboratory) -> int:
    """How many queries the new master sent: its startup query, and what was left to ask about the group."""
    a, b = laboratory.routers
    before = watching.interface_counter(b, ACCESS_INTERFACE, "sent", "query")
    laboratory.stbs[0].do("leave", [GROUPS[1]])
    switch_over(a, a, b)
    wait_until_gone([a, b], GROUPS[1])
    return watching.interface_counter(b, ACCESS_INTERFACE, "sent", "query") - before


def _refused(laboratory: Laboratory) -> str:
    """What a backup is told whose memberships are not synchronized."""
    a, b = laboratory.routers
    b.commit(watching.service("<enabled>false</enabled>"))
    until(lambda: watching.copy_state(a) == "channel-down", "the channel is down")
    try:
        a.act(configuration.switchover())
    except RPCError as refusal:
        return f"{refusal.app_tag}: {refusal.message}"
    finally:
        b.commit(watching.service("<enabled>true</enabled>"))
    return "not refused"


def static_there_and_back(
    laboratory: Laboratory, master: KernelRouter, backup: KernelRouter
) -> dict[str, int]:
    """Each operator turns the role of his router around: the backup's first, and back again."""
    for router, role in ((master, "master"), (backup, "backup")):
        router.commit(watching.profile(f"<static-role>{role}</static-role>"))
        wait_for_role(router, role)
    stream = Stream(laboratory, GROUPS[0])
    for first, second in ((backup, master), (master, backup)):
        first.act(configuration.switchover())
        wait_for_role(first, "master")
        second.act(configuration.switchover())
        wait_for_role(second, "backup")
    return {"lost": stream.end().lost, "duplicates": stream.duplicates}
