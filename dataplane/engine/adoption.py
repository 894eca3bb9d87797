"""Taking over from a former dataplane: rule 18. Pure.

The kernel went on forwarding while no dataplane ran. What it forwards is adopted: a port that forwards
goes on until its role is known again, and an entry that no member explains yet is kept for one group
membership interval (RFC 3376 section 8.4), within which every STB that is still there has reported and the
peer's batch has come. The peer of an e-trunk may have promoted itself in between: then both forward until
its hellos say so, which costs duplicates and loses nothing, and the roles settle as rule 19 says.
With static arbitration the role is back at once.
"""

from itertools import islice
from typing import Final

from dataplane.engine import arbitration, former, uplink
from dataplane.engine.links import AUDIT_INTERVAL, audit_by
from dataplane.engine.messages import Adopted
from dataplane.engine.settle import tell_core
from dataplane.engine.world import World

ADOPTED_AT_ONCE: Final = 128
"""Groups of one turn, which costs two milliseconds."""


def adopted(world: World, message: Adopted, now: float) -> None:
    """Take over what the plane had, then let the roles begin.

    The roles do not wait for every group: what is not taken over yet forwards as it did.
    """
    world.adopted = True
    audit_by(world, now + AUDIT_INTERVAL)
    former.keep(world, message.routes, now)
    take_part(world, now)
    for port in world.ports.values():
        port.adopted = port.config.name in message.active
        port.active = port.adopted
    uplink.choose(world, now)
    for name in sorted(world.profiles):
        arbitration.start(world, name, now)
    for port in world.ports.values():
        arbitration.activate(world, port)
        arbitration.run_querier(world, port, now)


def take_part(world: World, now: float) -> None:
    """Take the next groups over; the next tick goes on where this one stops."""
    for group in list(islice(world.former, ADOPTED_AT_ONCE)):
        former.take(world, group)
        tell_core(world, group, now)
    if world.former:
        world.deadlines.set(("adoption", ""), now)
