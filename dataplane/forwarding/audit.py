"""The comparison of what the kernel's tables hold with what they should, in pieces of about a millisecond.

What is right stays untouched, what is ours and wrong is put right, what another process put into our tables
is left alone. Comparing 100,000 entries takes a second of CPU: in one go it would keep hellos and failovers
waiting, so it is a generator, and what changes between two pieces is left to the next audit.

`look_up` asks for what is wanted, one by one. Only `read_all` finds entries that nobody wants, which an
adoption has removed and only a refusal of the kernel can leave; its system calls are long (see `pages`).
"""

import errno
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

from dataplane import netlink
from dataplane.forwarding import mroute
from dataplane.forwarding.bindings import Bindings
from dataplane.forwarding.family import FAMILIES, Family
from dataplane.forwarding.pages import IN_FLIGHT, Pages
from dataplane.forwarding.plane import Repairs, Route, RouteKey
from dataplane.forwarding.table import KernelTable

PIECE: Final = 64
"""Entries that are compared in one go: a millisecond."""
ASKED: Final = 32
"""Entries that the kernel is asked for in one go: a millisecond."""
LOOKED_UP: Final = 256
"""Entries that are looked up among those that the kernel told of in one go: less than a millisecond."""
NOTHING: Final = Repairs()


class Held(Protocol):
    """The plane that is audited."""

    def installed(self) -> Mapping[RouteKey, Route]:
        """What it was told to hold."""
        ...

    def parts(self, route: Route) -> tuple[tuple[int, int], ...]:
        """What an entry is in each table."""
        ...

    def write(self, route: Route) -> str | None:
        """Give an entry to the kernel; return why it was refused."""
        ...

    def refused(self) -> list[RouteKey]:
        """The entries that the kernel refused: all of them, so not for every piece."""
        ...

    def refuses(self, key: RouteKey) -> bool:
        """Whether the kernel refused this one."""
        ...


@dataclass(slots=True)
class _Seen:
    """What the kernel told of a table."""

    table: KernelTable
    keys: set[RouteKey] = field(default_factory=set)


class Audit:
    """One comparison. Tell it of every entry that changes while it runs."""

    def __init__(self, plane: Held, bindings: Bindings) -> None:
        self._plane = plane
        self._bindings = bindings
        self._changed: set[RouteKey] = set()
        self._seen: dict[tuple[int, int], _Seen] = {}
        self._generation = bindings.generation
        self._masks: dict[tuple[KernelTable, tuple[int, ...]], int] = {}

    def changed(self, key: RouteKey) -> None:
        """An entry is another now than when the audit began."""
        self._changed.add(key)

    def look_up(self) -> Iterator[Repairs]:
        """Look up what is wanted, put right and say what was, in pieces. Raises OSError and PlaneError."""
        yield Repairs(interfaces=self._bindings.verify())
        query = netlink.Query()
        try:
            keys = iter(list(self._plane.installed()))
            while piece := list(islice(keys, ASKED)):
                asked = (key for key in piece if not self._plane.refuses(key))
                yield sum((self._check(key, query) for key in asked), NOTHING)
        finally:
            query.close()
        yield from self._retry()

    def _check(self, key: RouteKey, query: netlink.Query) -> Repairs:
        """Look one entry up in each table that it should be in; nothing can come in between."""
        route = self._plane.installed().get(key)
        for number, vifs in () if route is None else self._plane.parts(route):
            table = self._bindings.get(key.group.version, number)
            if table is None:
                continue
            try:
                entry = mroute.find_entry(table.family, table.kernel_number, key, query)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise
                if table.counters(key) is not None:
                    continue  # whether it is there is all that can be said
                entry = None
            if entry is None:
                return Repairs(missing=self._write(key))
            if entry.foreign:
                table.remove_foreign(entry)  # else it stays marked as another's
            if entry.foreign or self._mask(table, entry.outgoing) != vifs:
                return Repairs(different=self._write(key))
        return NOTHING

    def read_all(self) -> Iterator[Repairs]:
        """Read the tables back, put right and say what was, piece by piece. Raises OSError and PlaneError."""
        yield Repairs(interfaces=self._bindings.verify())
        for family in FAMILIES:
            ours = {
                table.kernel_number: table
                for table in self._bindings.tables
                if table.family.version == family.version
            }
            if ours:
                self._seen.update(((family.version, table.number), _Seen(table)) for table in ours.values())
                yield from self._read(family, ours)
        yield from self._missing()
        yield from self._retry()

    def _read(self, family: Family, ours: Mapping[int, KernelTable]) -> Iterator[Repairs]:
        pages = Pages(mroute.dump(family))
        generation, unsure = self._bindings.generation, 0
        try:
            while (messages := pages.take()) != []:
                if messages is None:
                    yield NOTHING
                    continue
                for start in range(0, len(messages), PIECE):
                    if generation != self._bindings.generation:
                        generation, unsure = self._bindings.generation, IN_FLIGHT
                    yield self._compare_all(family, ours, messages[start : start + PIECE], rebound=unsure > 0)
                unsure = max(0, unsure - 1)
        finally:
            pages.close()

    def _compare_all(
        self,
        family: Family,
        ours: Mapping[int, KernelTable],
        messages: Iterable[netlink.Message],
        *,
        rebound: bool,
    ) -> Repairs:
        """Compare the entries of one piece, unless VIFs may have been rebound since it was composed."""
        different = unexplained = 0
        for message in messages:
            entry = mroute.read_entry(family, message)
            table = None if entry is None else ours.get(entry.table)
            if entry is None or table is None:
                continue
            route = self._plane.installed().get(entry.key)
            if route is not None:
                self._seen[family.version, table.number].keys.add(route.key)
            if entry.key in self._changed or rebound:
                continue
            wanted = self._wanted(table, route)
            if wanted is None:
                unexplained += not entry.foreign and table.remove(entry.key)
            elif entry.foreign:
                table.remove_foreign(entry)  # else it stays marked as another's
                different += self._write(entry.key)
            elif wanted != self._mask(table, entry.outgoing):
                different += self._write(entry.key)
        return Repairs(different=different, unexplained=unexplained)

    def _wanted(self, table: KernelTable, route: Route | None) -> int | None:
        """The VIFs that an entry should have in a table, None when it should not be there."""
        if route is None:
            return None
        return next((vifs for number, vifs in self._plane.parts(route) if number == table.number), None)

    def _mask(self, table: KernelTable, outgoing: tuple[int, ...]) -> int:
        if self._generation != self._bindings.generation:
            self._generation = self._bindings.generation
            self._masks.clear()
        known = self._masks.get((table, outgoing))
        if known is None:
            vifs = table.vifs()
            known = sum(1 << vifs[index] for index in outgoing if index in vifs)
            self._masks[table, outgoing] = known
        return known

    def _write(self, key: RouteKey) -> bool:
        return self._plane.write(self._plane.installed()[key]) is None

    def _missing(self) -> Iterator[Repairs]:
        """Find what the kernel did not tell; a dump skips entries when others go, so each is asked for."""
        keys = iter(list(self._plane.installed()))
        while piece := list(islice(keys, LOOKED_UP)):
            missing = sum(
                self._write(key)
                for key in piece
                if key not in self._changed and not self._plane.refuses(key) and self._is_missing(key)
            )
            yield Repairs(missing=missing) if missing else NOTHING

    def _is_missing(self, key: RouteKey) -> bool:
        route = self._plane.installed().get(key)
        if route is None:
            return False
        for number, _ in self._plane.parts(route):
            seen = self._seen.get((key.group.version, number))
            if seen is not None and key not in seen.keys and seen.table.counters(key) is None:
                return True
        return False

    def _retry(self) -> Iterator[Repairs]:
        keys = iter(self._plane.refused())
        while piece := list(islice(keys, PIECE)):
            yield Repairs(retried=sum(self._write(key) for key in piece if key in self._plane.installed()))
