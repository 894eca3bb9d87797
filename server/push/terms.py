"""The terms of a subscription, and how they are told in `/subscriptions` and subscription-modified. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from server.push.pace import CENTISECOND, Periodic, Trigger

Data = dict[str, object]

ENCODING: Final = "ietf-subscribed-notifications:encode-xml"
_PUSH: Final = "ietf-yang-push"


@dataclass(frozen=True, slots=True)
class Filter:
    """A subtree (the whole element, canonical), or an expression with module names as prefixes, or neither.

    `name` is that of a configured filter whose content this is. `namespaces` binds the prefixes that may
    stand in literals of the expression.
    """

    name: str = ""
    subtree: bytes = b""
    xpath: str = ""
    namespaces: Mapping[str | None, str] = field(default_factory=dict, compare=False)

    def element(self) -> etree._Element:
        """Return the subtree filter's element."""
        return etree.fromstring(self.subtree)


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """What is asked of an event stream; times are microseconds since the Unix epoch."""

    stream: str
    filter: Filter = Filter()
    start: int | None = None
    stop: int | None = None

    def data(self) -> Data:
        """Return the terms as RFC 7951-like data."""
        found: Data = {"stream": self.stream, "encoding": ENCODING}
        found.update(
            _filter(self.filter, "stream-filter-name", "stream-subtree-filter", "stream-xpath-filter")
        )
        found.update(_times(start=self.start, stop=self.stop))
        return found


@dataclass(frozen=True, slots=True)
class DatastoreTerms:
    """What is asked of a datastore; `datastore` is the name of an identity of ietf-datastores."""

    datastore: str
    trigger: Trigger
    filter: Filter = Filter()
    stop: int | None = None

    def data(self) -> Data:
        """Return the terms as RFC 7951-like data."""
        found: Data = {f"{_PUSH}:datastore": f"ietf-datastores:{self.datastore}", "encoding": ENCODING}
        names = ("selection-filter-ref", "datastore-subtree-filter", "datastore-xpath-filter")
        found.update(_filter(self.filter, *(f"{_PUSH}:{name}" for name in names)))
        found.update(_times(start=None, stop=self.stop))
        found.update(_trigger(self.trigger))
        return found


Terms = StreamTerms | DatastoreTerms


def _filter(wanted: Filter, name: str, subtree: str, xpath: str) -> Data:
    if wanted.name:
        return {name: wanted.name}
    if wanted.subtree:
        return {subtree: wanted.element()}
    return {xpath: wanted.xpath} if wanted.xpath else {}


def _times(*, start: int | None, stop: int | None) -> Data:
    found: Data = {}
    if start is not None:
        found["replay-start-time"] = date_and_time(start)
    if stop is not None:
        found["stop-time"] = date_and_time(stop)
    return found


def _trigger(trigger: Trigger) -> Data:
    if isinstance(trigger, Periodic):
        periodic: Data = {"period": trigger.period // CENTISECOND}
        if trigger.anchor is not None:
            periodic["anchor-time"] = date_and_time(trigger.anchor)
        return {f"{_PUSH}:periodic": periodic}
    change: Data = {
        "dampening-period": trigger.dampening // CENTISECOND,
        "sync-on-start": trigger.sync_on_start,
        "excluded-change": sorted(trigger.excluded),
    }
    return {f"{_PUSH}:on-change": change}


def date_and_time(microseconds: int) -> str:
    """Print microseconds since the Unix epoch as yang:date-and-time."""
    seconds, rest = divmod(microseconds, 1_000_000)
    fraction = f".{rest:06}" if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
