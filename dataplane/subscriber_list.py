"""Which subscribers a site knows: a list of patterns, from the session table of a BNG. Pure.

Owns the text of a pattern and the look-up. What the list is for is the copy policy's to say (rule 14): once
one is loaded, messages of subscribers that are not in it are not copied.

A pattern is written as a subscriber is in the state, `02:00:00:00:00:01@100.200/7`: MAC address, VLAN tags,
outer first, PPPoE session. A part that is left out is not there; `*` in its place is any, none included:
`02:00:00:00:00:01@*/*` is a MAC address wherever it is, `*@100.200` everyone behind two tags, `*@100.*/*`
everyone behind an outer tag.
"""

import re
from typing import Final

from dataplane.packets.ethernet import Subscriber

MAX_PATTERNS: Final = 1 << 18
"""Patterns of one list: twice the memberships that a router is made for."""
MAX_PATTERN: Final = 64
"""Characters of one pattern."""

_TEXT: Final = re.compile(
    r"(\*|(?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:@(\*|\d{1,4})(?:\.(\*|\d{1,4}))?)?(?:/(\*|\d{1,5}))?", re.ASCII
)
_SETS: Final = 61  # a prime: parts that are open leave zeros at the end of the numbers
_VLAN_ID: Final = 0xFFF
_SESSION: Final = 0xFFFF
_ANY_MAC, _ANY_OUTER, _ANY_INNER, _ANY_SESSION = 1, 2, 4, 8


class PatternError(ValueError):
    """Text that is no pattern; the message says what is wrong with it."""


class SubscriberList:
    """Patterns; asking whether one matches costs as much with a hundred thousand of them as with one.

    Patterns that leave the same parts open are sets of numbers, in which the parts that are open are 0:
    several, because one that grows is copied now and then, which takes 16 ms for a quarter of a million.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[set[int], ...]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, text: str) -> None:
        """Take another pattern; one that is there already changes nothing. Raises PatternError."""
        kind, number = _parse(text)
        if kind not in self._known:
            self._known[kind] = tuple(set() for _ in range(_SETS))
        known = self._known[kind][number % _SETS]
        before = len(known)
        known.add(number)
        self._size += len(known) - before

    def __contains__(self, subscriber: Subscriber) -> bool:
        mac, outer = int.from_bytes(subscriber.mac, "big"), subscriber.outer_vlan
        inner, session = subscriber.inner_vlan, subscriber.pppoe_session
        for kind, known in self._known.items():
            number = _number(kind, mac, outer, inner, session)
            if number in known[number % _SETS]:
                return True
        return False


def _number(kind: int, mac: int, outer: int, inner: int, session: int) -> int:
    number = 0 if kind & _ANY_MAC else mac << 40
    number |= 0 if kind & _ANY_OUTER else outer << 28
    number |= 0 if kind & _ANY_INNER else inner << 16
    return number | (0 if kind & _ANY_SESSION else session)


def normalized(text: str) -> str:
    """Return a pattern in the one way in which it is written. Raises PatternError."""
    _parse(text)
    return text.strip().lower()


def pattern_of(mac: str | None, outer: int | None, inner: int | None, session: int | None) -> str:
    """Return the pattern of these parts, None being any. Raises PatternError."""
    if inner == 0 and outer is not None:
        tags = f"@{outer}" if outer else ""
    else:
        tags = f"@{_part(outer)}" if outer is inner is None else f"@{_part(outer)}.{_part(inner)}"
    return normalized(f"{mac or '*'}{tags}" + (f"/{_part(session)}" if session != 0 else ""))


def _part(number: int | None) -> str:
    return "*" if number is None else str(number)


def _parse(text: str) -> tuple[int, int]:
    """Return which parts are open, and the others as one number."""
    match = _TEXT.fullmatch(text.strip().lower()) if len(text) <= MAX_PATTERN else None
    if match is None:
        raise PatternError(f"{text[:MAX_PATTERN]!r} is no subscriber: expected MAC[@OUTER[.INNER]][/SESSION]")
    mac, outer, inner, session = match.groups()
    if outer == "*" and inner is None:
        inner = "*"
    kind = (mac == "*") * _ANY_MAC | (outer == "*") * _ANY_OUTER
    kind |= (inner == "*") * _ANY_INNER | (session == "*") * _ANY_SESSION
    numbers = [0 if part in (None, "*") else int(part) for part in (outer, inner, session)]
    if numbers[0] > _VLAN_ID or numbers[1] > _VLAN_ID or numbers[2] > _SESSION:
        raise PatternError(f"{text!r}: a VLAN is at most {_VLAN_ID}, a PPPoE session at most {_SESSION}")
    address = 0 if mac == "*" else int(mac.replace(":", ""), 16)
    return kind, _number(kind, address, *numbers)
