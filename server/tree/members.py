"""The members of a list or leaf-list: unique by key, in the order of the system or of the user.

System order is the order of the keys. For user order every member has a place, an integer with wide gaps, so
that an insertion between two members moves none of the others; a second map leads from keys to places. When
a gap is used up all members get new places, which happens after 64 insertions at one point at the earliest.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final, Generic, TypeAlias, TypeVar

from server.tree.sorted_map import SortedMap

Key: TypeAlias = tuple[str, ...]
K = TypeVar("K", bound=Any)
V = TypeVar("V")

_GAP: Final = 1 << 64


class Style(StrEnum):
    """How members are told apart and ordered; positional members have no key."""

    SYSTEM = "system"
    USER = "user"
    POSITIONAL = "positional"


class Insert(StrEnum):
    """Where a member goes in a user-ordered list (RFC 7950 sections 7.7.9 and 7.8.6)."""

    FIRST = "first"
    LAST = "last"
    BEFORE = "before"
    AFTER = "after"


class Members(Generic[K, V]):
    """An immutable collection. `places` holds the members in order: by key, or by place."""

    __slots__ = ("_index", "places", "style")

    def __init__(self, style: Style, places: SortedMap[Any, V], index: SortedMap[K, int]) -> None:
        self.style: Final = style
        self.places: Final = places
        self._index: Final = index

    @classmethod
    def build(cls, style: Style, items: list[tuple[K, V]]) -> "Members[K, V]":
        """Build from (key, member) pairs in the user's order; the last of equal keys wins."""
        if style is Style.SYSTEM:
            unique = dict(items)
            keys = sorted(unique)
            return cls(style, SortedMap.from_sorted(keys, [unique[key] for key in keys]), SortedMap())
        if style is Style.USER:
            items = list(dict(items).items())
        return cls._numbered(style, items)

    @classmethod
    def placed(cls, style: Style, items: list[tuple[int, K, V]]) -> "Members[K, V]":
        """Build a user-ordered collection from (place, key, member) in any order."""
        items.sort(key=lambda item: item[0])
        places = SortedMap.from_sorted([item[0] for item in items], [item[2] for item in items])
        index = sorted((item[1], item[0]) for item in items)
        return cls(style, places, SortedMap.from_sorted([key for key, _ in index], [at for _, at in index]))

    @classmethod
    def _numbered(cls, style: Style, items: list[tuple[K, V]]) -> "Members[K, V]":
        numbers = [(at + 1) * _GAP for at in range(len(items))]
        places = SortedMap.from_sorted(numbers, [member for _, member in items])
        if style is Style.POSITIONAL:
            return cls(style, places, SortedMap())
        index = sorted((key, at) for at, (key, _) in zip(numbers, items, strict=True))
        return cls(style, places, SortedMap.from_sorted([key for key, _ in index], [at for _, at in index]))

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[V]:
        return iter(self.places)

    def items(self) -> Iterator[tuple[K, V]]:
        """(key, member) in order; positional members have their place as key."""
        if self.style is not Style.USER:
            yield from self.places.items()
            return
        keys = {place: key for key, place in self._index.items()}
        for place, member in self.places.items():
            yield keys[place], member

    def get(self, key: K) -> V | None:
        """The member with this key, None when there is none (always, for positional members)."""
        place = self.place(key)
        return None if place is None else self.places.get(place)

    def place(self, key: K) -> Any | None:  # noqa: ANN401 - the key itself in system order
        """Where in `places` the member with this key is looked up."""
        if self.style is Style.SYSTEM:
            return key
        return self._index.get(key) if self.style is Style.USER else None

    def put(self, key: K, member: V) -> "Members[K, V]":
        """With `member` in the place that its key has, or else at the end."""
        place = self.place(key)
        if place is None:
            last = self.places.last_key()
            return self.add(_GAP if last is None else last + _GAP, key, member)
        places = self.places.put(place, member)
        return self if places is self.places else Members(self.style, places, self._index)

    def mapped(self, change: Callable[[V], V], kept_as: object = None) -> "Members[K, V]":
        """Every member changed, under the same key and in the same place (see `Chunk.mapped`)."""
        places = self.places.mapped(change, kept_as)
        return self if places is self.places else Members(self.style, places, self._index)

    def remove(self, key: K) -> "Members[K, V]":
        """Without the member of this key; the same collection when there is none."""
        place = self.place(key)
        if place is None:
            return self
        places = self.places.remove(place)
        if places is self.places:
            return self
        index = self._index.remove(key) if self.style is Style.USER else self._index
        return Members(self.style, places, index)

    def insert(self, key: K, member: V, where: Insert, point: K | None = None) -> "Members[K, V]":
        """Put `member` at a place in user order, moving it when it is present (RFC 7950 section 7.8.6).

        `point` is the key of the member to stand before or after; raises KeyError when it is not there.
        A member that stands where it should is replaced where it is.
        """
        if point == key and where in (Insert.BEFORE, Insert.AFTER):
            return self.put(key, member)
        if self._stands(key, where, point):
            return self.put(key, member)
        rest = self.remove(key)
        place = rest.free_place(where, point)
        if place is None:
            return Members._numbered(self.style, list(rest.items())).insert(key, member, where, point)
        return rest.add(place, key, member)

    def free_place(self, where: Insert, point: K | None) -> int | None:
        """A place between the right neighbours; None when the gap is used up."""
        low, high = self._neighbours(where, point)
        if low is None or high is None:
            base = high - _GAP if high is not None else (0 if low is None else low + _GAP)
            return int(base)
        middle = (low + high) // 2
        return int(middle) if low < middle < high else None

    def _neighbours(self, where: Insert, point: K | None) -> tuple[int | None, int | None]:
        if where is Insert.FIRST:
            return None, self.places.first_key()
        if where is Insert.LAST:
            return self.places.last_key(), None
        at = self._index.get(point) if point is not None else None
        if at is None:
            raise KeyError(point)
        if where is Insert.BEFORE:
            return self.places.key_before(at), at
        return at, self.places.key_after(at)

    def _stands(self, key: K, where: Insert, point: K | None) -> bool:
        place = self._index.get(key)
        if place is None:
            return False
        low, high = self._neighbours(where, point)
        return place in (low, high) and not (place == low and where is Insert.AFTER and low == high)

    def add(self, place: Any, key: K, member: V) -> "Members[K, V]":  # noqa: ANN401
        """With a member that is not present yet, at a free place (the key itself in system order)."""
        index = self._index.put(key, place) if self.style is Style.USER else self._index
        return Members(self.style, self.places.put(place, member), index)
