"""Access ports that were removed, and what their members had wanted: rule 13. Pure.

Their groups are forgotten a part at a time: hellos must not wait for thousands of them. Until the last is
forgotten the plane keeps the port's slot, bound to the sink; a port of the same name that comes meanwhile is
told of, but nothing is forwarded to it: no entry of those who were there before reaches who is there now.
"""

from itertools import chain, islice
from typing import Final

from dataplane.engine import arbitration
from dataplane.engine.effects import ChangeRoutes, SetActive
from dataplane.engine.links import tell_ports
from dataplane.engine.settle import note_tagged, tell_core, update_group
from dataplane.engine.world import Leaving, Port, World
from dataplane.packets.messages import Address

FORGOTTEN_AT_ONCE: Final = 128
"""Groups of one turn, which costs a millisecond."""


def leave(world: World, port: Port, now: float) -> None:
    """Begin to forget what the members of a port wanted that is no longer there."""
    name = port.config.name
    world.former_ports.discard(name)
    groups = chain.from_iterable((*side.table.groups(), *side.retained) for side in port.sides.values())
    world.leaving.append(Leaving(name, groups))
    if len(world.leaving) == 1 and not world.former:
        _forget_some(world, now)
    if world.leaves(name):
        if port.active:
            world.out.append(SetActive(name, active=False))
        world.deadlines.set(("leaving", ""), now)


def forget_part(world: World, now: float) -> None:
    """Forget the next groups; entries of a former dataplane that wait to be taken over come first."""
    if not world.leaving:
        return
    if not world.former:
        name = world.leaving[0].name
        _forget_some(world, now)
        if not world.leaves(name):
            _gone(world, name)
    if world.leaving:
        world.deadlines.set(("leaving", ""), now)


def _forget_some(world: World, now: float) -> None:
    first = world.leaving[0]
    groups = list(islice(first.groups, FORGOTTEN_AT_ONCE))
    for group in groups:
        _forget(world, first.name, group, now)
    if len(groups) < FORGOTTEN_AT_ONCE:
        world.leaving.popleft()


def _forget(world: World, name: str, group: Address, now: float) -> None:
    """Let the group be what a port of this name wants now: nothing, unless there is one again."""
    port = world.ports.get(name)
    side = None if port is None else port.sides.get(group.version)
    if port is not None and side is not None:
        update_group(world, port, side, group, now)
        return
    effects = world.desired.set_interest(name, group, None)
    if effects:
        world.out.append(ChangeRoutes(effects))
    note_tagged(world, name, group, None)
    tell_core(world, group, now)


def _gone(world: World, name: str) -> None:
    """Give the slot back, or to the port that has come meanwhile."""
    tell_ports(world)
    port = world.ports.get(name)
    if port is not None:
        arbitration.activate(world, port)
