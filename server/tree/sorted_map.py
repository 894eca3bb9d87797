"""A persistent sorted map in chunks: a change copies one chunk, everything else is shared.

Two maps that share a chunk hold the same members there, so a comparison costs the chunks that differ
and not the members that exist. Caches (printed XML, index values) belong to a chunk and so survive every
change made elsewhere.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress, islice
from operator import is_, is_not
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K", bound=Any)
V = TypeVar("V")

CHUNK_SIZE: Final = 256  # a one-member change copies this many references: about 1 µs
_SPLIT_AT: Final = 2 * CHUNK_SIZE
_JOIN_BELOW: Final = CHUNK_SIZE // 4


class Chunk(Generic[K, V]):
    """A run of members in order. `cache` holds what was derived from exactly these members."""

    __slots__ = ("cache", "keys", "values")

    def __init__(self, keys: tuple[K, ...], values: tuple[V, ...]) -> None:
        self.keys: Final = keys
        self.values: Final = values
        self.cache: Final[dict[Any, Any]] = {}

    def position(self, key: K) -> int | None:
        """Where `key` stands, None when it is not here."""
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else None

    def with_member(self, key: K, value: V) -> "Chunk[K, V]":
        """The chunk with `key` added or its value replaced."""
        at = bisect_left(self.keys, key)
        if at < len(self.keys) and self.keys[at] == key:
            return Chunk(self.keys, (*self.values[:at], value, *self.values[at + 1 :]))
        keys = (*self.keys[:at], key, *self.keys[at:])
        return Chunk(keys, (*self.values[:at], value, *self.values[at:]))

    def without(self, at: int) -> "Chunk[K, V]":
        """The chunk without the member at position `at`."""
        return Chunk(self.keys[:at] + self.keys[at + 1 :], self.values[:at] + self.values[at + 1 :])

    def mapped(self, change: Callable[[V], V], kept_as: object = None) -> "Chunk[K, V]":
        """The chunk with every value changed; the same chunk when `change` returns what it is given.

        The result is kept under `kept_as`, unless that is None; `change` then depends on the value alone.
        """
        if kept_as is not None and kept_as in self.cache:
            known = self.cache[kept_as]
            return self if known is None else known
        values = tuple(map(change, self.values))
        same = all(map(is_, values, self.values))
        changed = None if same else Chunk(self.keys, values)
        if kept_as is not None:
            self.cache[kept_as] = changed  # never itself: that would be a cycle
        return self if changed is None else changed

    def parts(self) -> "tuple[Chunk[K, V], ...]":
        """This chunk, nothing when it is empty, or two halves when it has grown too long."""
        if not self.keys:
            return ()
        if len(self.keys) < _SPLIT_AT:
            return (self,)
        half = len(self.keys) // 2
        return Chunk(self.keys[:half], self.values[:half]), Chunk(self.keys[half:], self.values[half:])


class SortedMap(Generic[K, V]):
    """An immutable mapping in key order; `put` and `remove` return a new one."""

    __slots__ = ("_firsts", "_size", "chunks")

    def __init__(
        self,
        chunks: tuple[Chunk[K, V], ...] = (),
        size: int | None = None,
        firsts: list[K] | None = None,
    ) -> None:
        self.chunks: Final = chunks
        self._firsts: Final = [chunk.keys[0] for chunk in chunks] if firsts is None else firsts
        self._size: Final = sum(len(chunk.keys) for chunk in chunks) if size is None else size

    @classmethod
    def from_sorted(cls, keys: list[K], values: list[V]) -> "SortedMap[K, V]":
        """Build from members that are in key order already, each key once."""
        starts = range(0, len(keys), CHUNK_SIZE)
        chunks = (Chunk(tuple(keys[i : i + CHUNK_SIZE]), tuple(values[i : i + CHUNK_SIZE])) for i in starts)
        return cls(tuple(chunks), len(keys))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[V]:
        for chunk in self.chunks:
            yield from chunk.values

    def items(self) -> Iterator[tuple[K, V]]:
        """Key and value of every member in order."""
        for chunk in self.chunks:
            yield from zip(chunk.keys, chunk.values, strict=True)

    def get(self, key: K) -> V | None:
        """The value under `key`, None when there is none."""
        if not self.chunks:
            return None
        chunk = self.chunks[self._home(key)]
        at = chunk.position(key)
        return None if at is None else chunk.values[at]

    def mapped(self, change: Callable[[V], V], kept_as: object = None) -> "SortedMap[K, V]":
        """The map with every value changed, as `Chunk.mapped`; the same map when nothing changes."""
        chunks = tuple(chunk.mapped(change, kept_as) for chunk in self.chunks)
        if all(map(is_, chunks, self.chunks)):
            return self
        return SortedMap(chunks, self._size, self._firsts)

    def put(self, key: K, value: V) -> "SortedMap[K, V]":
        """The map with `key` added or its value replaced; the same map when nothing changes."""
        if not self.chunks:
            return SortedMap((Chunk((key,), (value,)),), 1)
        home = self._home(key)
        chunk = self.chunks[home]
        at = chunk.position(key)
        if at is not None and chunk.values[at] is value:
            return self
        parts = chunk.with_member(key, value).parts()
        return self._replaced(home, home + 1, parts, self._size + (at is None))

    def remove(self, key: K) -> "SortedMap[K, V]":
        """The map without `key`; the same map when it is not there."""
        if not self.chunks:
            return self
        home = self._home(key)
        at = self.chunks[home].position(key)
        if at is None:
            return self
        smaller = self.chunks[home].without(at)
        if 0 < len(smaller.keys) < _JOIN_BELOW and len(self.chunks) > 1:
            return self._joined(home, smaller)
        return self._replaced(home, home + 1, smaller.parts(), self._size - 1)

    def first_key(self) -> K | None:
        """The lowest key, None when empty."""
        return self.chunks[0].keys[0] if self.chunks else None

    def last_key(self) -> K | None:
        """The highest key, None when empty."""
        return self.chunks[-1].keys[-1] if self.chunks else None

    def key_before(self, key: K) -> K | None:
        """The key that stands directly before `key`, which must be present."""
        home = self._home(key)
        at = self.chunks[home].position(key) or 0
        if at > 0:
            return self.chunks[home].keys[at - 1]
        return self.chunks[home - 1].keys[-1] if home > 0 else None

    def key_after(self, key: K) -> K | None:
        """The key that stands directly after `key`, which must be present."""
        home = self._home(key)
        keys = self.chunks[home].keys
        at = self.chunks[home].position(key) or 0
        if at + 1 < len(keys):
            return keys[at + 1]
        return self.chunks[home + 1].keys[0] if home + 1 < len(self.chunks) else None

    def _home(self, key: K) -> int:
        return max(bisect_right(self._firsts, key) - 1, 0)

    def _joined(self, home: int, smaller: Chunk[K, V]) -> "SortedMap[K, V]":
        """Join a chunk that shrank with its neighbour, so that chunks do not dwindle."""
        start = home - 1 if home > 0 else home
        left = self.chunks[start] if home > 0 else smaller
        right = smaller if home > 0 else self.chunks[home + 1]
        joined = Chunk(left.keys + right.keys, left.values + right.values)
        return self._replaced(start, start + 2, joined.parts(), self._size - 1)

    def _replaced(self, start: int, end: int, parts: tuple[Chunk[K, V], ...], size: int) -> "SortedMap[K, V]":
        firsts = self._firsts.copy()
        firsts[start:end] = [chunk.keys[0] for chunk in parts]
        return SortedMap(self.chunks[:start] + parts + self.chunks[end:], size, firsts)


def differing(old: SortedMap[K, V], new: SortedMap[K, V]) -> Iterable[tuple[K, V | None, V | None]]:
    """Every key whose value is not the very same object in both maps, in key order.

    Chunks that both maps share are passed over.
    """
    if old is new:
        return
    start, end = _shared_ends(old.chunks, new.chunks)
    before, after = old.chunks[start : len(old.chunks) - end], new.chunks[start : len(new.chunks) - end]
    if len(before) == len(after) and all(
        one.keys is two.keys for one, two in zip(before, after, strict=True)
    ):
        for one, two in zip(before, after, strict=True):
            triples = zip(one.keys, one.values, two.values, strict=True)
            yield from compress(triples, map(is_not, one.values, two.values))
        return
    was, now = _unshared(before, after)
    for key in sorted(was.keys() | now.keys()):
        value, other = was.get(key), now.get(key)
        if value is not other:
            yield key, value, other


def _unshared(old: tuple[Chunk[K, V], ...], new: tuple[Chunk[K, V], ...]) -> tuple[dict[K, V], dict[K, V]]:
    """The members outside the chunks that both runs share, less those that open and close both."""
    shared = set(map(id, old)).intersection(map(id, new))
    (keys, values), (other_keys, other_values) = _members(old, shared), _members(new, shared)
    # In user order an entry that moved is the same under another key, so the keys count too.
    start, end = map(min, _shared_ends(keys, other_keys), _shared_ends(values, other_values))
    end = min(end, len(keys) - start, len(other_keys) - start)
    rest, other_rest = slice(start, len(keys) - end), slice(start, len(other_keys) - end)
    return (
        dict(zip(keys[rest], values[rest], strict=True)),
        dict(zip(other_keys[other_rest], other_values[other_rest], strict=True)),
    )


def _shared_ends(one: Sequence[object], other: Sequence[object]) -> tuple[int, int]:
    """How many elements at the start, and then at the end, are the very same objects in both."""
    same = [*map(is_, one, other), False]
    start = same.index(False)
    most = min(len(one), len(other)) - start
    same = [*map(is_, islice(reversed(one), most), islice(reversed(other), most)), False]
    return start, same.index(False)


def _members(chunks: tuple[Chunk[K, V], ...], shared: set[int]) -> tuple[list[K], list[V]]:
    kept = [chunk for chunk in chunks if id(chunk) not in shared]
    keys = list(chain.from_iterable(chunk.keys for chunk in kept))
    return keys, list(chain.from_iterable(chunk.values for chunk in kept))
