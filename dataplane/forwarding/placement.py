"""Which table and which VIF each access port has: pure.

One multicast routing table of Linux has 32 VIFs (MAXVIFS, MAXMIFS), one of which is the upstream side's.
Ports that do not fit the first table go to further tables. A further table takes its packets from the first
one through a link between the two, which is one VIF of the first table and the upstream VIF of the further
one; so there is one upstream interface for all of them, and the first table has as many ports less as there
are further tables.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

MAXIMUM_VIFS: Final = 32
UPSTREAM_VIF: Final = 0
"""The VIF of a table's upstream side: every entry's parent."""
MAXIMUM_PORTS: Final = MAXIMUM_VIFS - 1
"""Ports of one table that has no further ones."""
MAXIMUM_TABLES: Final = 4
FIRST_TABLE: Final = 0


class Place(msgspec.Struct, frozen=True, gc=False, order=True):
    """Where a port is: the table, counted from 0, and its VIF there."""

    table: int
    vif: int

    @property
    def number(self) -> int:
        """The VIF as it is told: numbers go on from one table to the next, so 33 is VIF 1 of table 1."""
        return self.table * MAXIMUM_VIFS + self.vif


def capacity(tables: int) -> int:
    """Return how many access ports so many tables hold."""
    further = tables - 1
    return MAXIMUM_PORTS - further + further * MAXIMUM_PORTS


def tables_for(ports: int) -> int:
    """Return how many tables so many access ports need, one more than there are when they do not fit."""
    return next((n for n in range(1, MAXIMUM_TABLES + 1) if ports <= capacity(n)), MAXIMUM_TABLES + 1)


def capacity_problem(ports: int, tables: int = MAXIMUM_TABLES) -> str | None:
    """Say why so many access ports do not fit; None when they do."""
    most = capacity(tables)
    if ports <= most:
        return None
    held = "one multicast routing table holds" if tables == 1 else f"{tables} multicast routing tables hold"
    return f"{ports} access interfaces do not fit: {held} {most}"


def link_vif(table: int) -> int:
    """Return the VIF of the first table that leads to a further one: the last, the last but one, ..."""
    return MAXIMUM_VIFS - table


class Placement:
    """The place of each port. A port keeps it, unless its VIF is needed for the link to a further table."""

    def __init__(self, tables: int = MAXIMUM_TABLES) -> None:
        self._tables = tables
        self._places: dict[str, Place] = {}
        self._names: dict[Place, str] = {}
        self._further = 0

    @property
    def tables(self) -> int:
        """How many tables there may be."""
        return self._tables

    @property
    def further(self) -> int:
        """How many further tables are in use."""
        return self._further

    def get(self, name: str) -> Place | None:
        """The place of a port, None when it has none."""
        return self._places.get(name)

    def name_of(self, place: Place) -> str | None:
        """The port at a place, None when there is none."""
        return self._names.get(place)

    def take(self, name: str, place: Place) -> None:
        """Note where a port was found to be."""
        self._places[name] = place
        self._names[place] = name
        self._further = max(self._further, place.table)

    def use(self, table: int) -> None:
        """Note that a further table was found to be in use."""
        self._further = max(self._further, table)

    def release(self, name: str) -> None:
        """Take the place of a port back."""
        place = self._places.pop(name, None)
        if place is not None:
            del self._names[place]

    def fitting(self, names: Iterable[str]) -> frozenset[str]:
        """Choose the ports that can be served: those that have a place before the others."""
        by_place = sorted(names, key=lambda name: name not in self._places)
        return frozenset(by_place[: capacity(self._tables)])

    def moving(self, ports: int) -> frozenset[str]:
        """Tell which ports have to leave their places when there are so many ports in all.

        The caller releases them, then calls `arrange`.
        """
        return frozenset(
            name
            for table in range(1, self._needed(ports) + 1)
            if (name := self._names.get(Place(FIRST_TABLE, link_vif(table)))) is not None
        )

    def arrange(self, names: Iterable[str]) -> None:
        """Give each port a place: its own if it has one, else the first free one; `moving` has been released.

        All other ports have been released; the names are not more than fit (`capacity_problem`).
        """
        wanted = list(names)
        self._further = self._needed(len(wanted))
        free = (place for place in self._all() if place not in self._names)
        for name in wanted:
            if name not in self._places:
                self.take(name, next(free))

    def _needed(self, ports: int) -> int:
        """The further tables for so many ports; one that has ports stays in use."""
        fitting = next(number for number in range(self._tables) if ports <= capacity(number + 1))
        return max(fitting, max((place.table for place in self._names), default=FIRST_TABLE))

    def _all(self) -> Iterator[Place]:
        """Every place, the first table's first: its packets pass one table only."""
        for vif in range(UPSTREAM_VIF + 1, link_vif(self._further)):
            yield Place(FIRST_TABLE, vif)
        for table in range(1, self._further + 1):
            for vif in range(UPSTREAM_VIF + 1, MAXIMUM_VIFS):
                yield Place(table, vif)
