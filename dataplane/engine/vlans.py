"""VLANs that have an interface of their own. Pure.

The packet socket of an access interface also hears the VLANs above it. Where one of these is an access or an
upstream interface too, its frames belong there: heard twice, its members would be copied by a profile that
is not theirs, and the peer's reports toward the core would come back as members that never end.
"""

from collections.abc import Iterator

from dataplane.engine.world import Port, UpstreamInterface, World
from dataplane.links import Link
from dataplane.packets.ethernet import Subscriber

_MOST_TAGS = 2


def note(world: World) -> None:
    """Tell every port which VLANs above it have an interface of their own, whenever that may have changed."""
    items: list[Port | UpstreamInterface] = [*world.ports.values(), *world.upstreams.values()]
    above = [item.link for item in items if item.link is not None and item.config.enabled and item.link.vlan]
    links = {link.index: link for link in world.links.values()} if above else {}
    found: dict[int, set[tuple[int, ...]]] = {}
    for link in above:
        for parent, tags in _below(links, link):
            found.setdefault(parent, set()).add(tags)
    for port in world.ports.values():
        index = None if port.link is None else port.link.index
        port.elsewhere = frozenset(found.get(index, ())) if index is not None else frozenset()


def _below(links: dict[int, Link], link: Link) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the index of each link below a VLAN's, and the tags that the VLAN's frames have there."""
    tags: tuple[int, ...] = ()
    below: Link | None = link
    while below is not None and below.vlan and below.parent is not None and len(tags) < _MOST_TAGS:
        tags = (below.vlan, *tags)
        yield below.parent, tags
        below = links.get(below.parent)


def has_its_own(port: Port, subscriber: Subscriber) -> bool:
    """Return whether a subscriber's frames belong to another interface."""
    outer, inner = subscriber.outer_vlan, subscriber.inner_vlan
    return (outer,) in port.elsewhere or (outer, inner) in port.elsewhere
