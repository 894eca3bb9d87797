"""Rules about prefixes, found without asking every one: a filter may have a thousand of them. Pure.

To look an address up costs a step for each different length of the prefixes, not for each prefix.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import msgspec

from dataplane.packets.messages import Address

_NEVER: Final = 1 << 32


class Prefix(msgspec.Struct, frozen=True, gc=False):
    """The bits of an address that count: those that are left when `shift` are cut off."""

    version: int
    shift: int
    bits: int


def prefix_of(text: str) -> Prefix:
    """Read a prefix; host bits do not matter. Raises ValueError."""
    network: IPv4Network | IPv6Network = ip_network(text, strict=False)
    shift = network.max_prefixlen - network.prefixlen
    return Prefix(network.version, shift, int(network.network_address) >> shift)


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A verdict about groups, and with `source` about some sources of them only."""

    permit: bool
    group: Prefix
    source: Prefix | None


class PrefixIndex:
    """Numbers by prefix."""

    def __init__(self, prefixes: Iterable[tuple[Prefix, int]]) -> None:
        self._lengths: dict[tuple[int, int], dict[int, list[int]]] = {}
        for prefix, number in prefixes:
            known = self._lengths.setdefault((prefix.version, prefix.shift), {})
            known.setdefault(prefix.bits, []).append(number)

    def matches(self, address: Address) -> Iterator[int]:
        """The numbers of the prefixes that an address is in, those of one prefix in the order given."""
        version, bits = address.version, int(address)
        for (of, shift), known in self._lengths.items():
            if of == version:
                yield from known.get(bits >> shift, ())


class Verdict:
    """What the rules about one group say, in their order."""

    __slots__ = ("_first", "_permits", "_sources", "any_source")

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Rules behind the first without a source are never asked."""
        self._first = next((place for place, rule in enumerate(rules) if rule.source is None), _NEVER)
        self.any_source = rules[self._first].permit if self._first < _NEVER else True
        self._permits = [rule.permit for rule in rules]
        self._sources = PrefixIndex(_sources(rules))

    def permits(self, source: Address) -> bool:
        """Whether the group may be received from a source."""
        place = min(self._sources.matches(source), default=_NEVER)
        return self._permits[place] if place < self._first else self.any_source


def _sources(rules: Sequence[Rule]) -> Iterator[tuple[Prefix, int]]:
    """The source prefixes with their places, of the same prefix the first only."""
    seen = set()
    for place, rule in enumerate(rules):
        if rule.source is not None and rule.source not in seen:
            seen.add(rule.source)
            yield rule.source, place
