"""The plane without privileges: same interface, same counters, entries in a dict. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address

from dataplane.forwarding.plane import (
    Adoption,
    InstalledRoute,
    PlaneKind,
    PortCounters,
    Route,
    RouteCounters,
    RouteKey,
)


class MemoryPlane:
    """Implements `Plane`; `deliver` plays the packet that a kernel would see."""
