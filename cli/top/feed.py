"""The router as it tells of itself: pushed each second, and asked at once when something is notified."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lxml import etree

from cli.shell.netconf import Netconf
from cli.top import requests
from server.status.events import MOST_EVENTS, of_notification
from server.status.picture import MOST_GROUPS, Event, Picture, picture
from server.status.plain import merged, of_xml
from server.status.rates import Rates

HISTORY: Final = timedelta(hours=1)
"""How far back the events begin."""
GROUPS_AGAIN: Final = 2.0
"""Seconds until groups are asked for again when nothing was notified."""


class SubscriptionOver(Exception):
    """The server has ended a subscription; the text says why."""


class Feed:
    """Subscribes on a session, and makes a picture of what comes. `interval` is seconds."""

    def __init__(
        self, netconf: Netconf, router: str, interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._netconf = netconf
        self._router = router
        self._clock = clock
        self._rates = Rates()
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._data: Mapping[str, Any] = {}
        self._groups: Mapping[str, Any] = {}
        self._groups_due = 0.0
        self.updates = 0
        """How often the router has told of itself."""
        self._call(requests.events(datetime.now(UTC) - HISTORY))
        self._call(requests.push(interval))

    def _call(self, operation: etree._Element) -> etree._Element:
        return self._netconf.call(operation)

    def next(self, seconds: float, *, groups: bool) -> Picture | None:
        """Wait for news, no longer than `seconds`; None when there is none.

        `groups`: whether anyone wants to see them. Raises LinkError, Refused, SubscriptionOver.
        """
        heard = self._netconf.link.listen(seconds)
        if heard is None:
            return None
        before = self.updates
        happened = False
        while heard is not None:
            happened |= self._take(heard)
            heard = self._netconf.link.listen(0.0)
        if happened and before:  # what is replayed at first is in the first update
            self._data = of_xml(requests.data(self._call(requests.overview())))
        return self._picture(groups=groups) if self.updates else None

    def _take(self, notification: etree._Element) -> bool:
        """Take what has come; True when something has happened."""
        ended = requests.over(notification)
        if ended:
            raise SubscriptionOver(ended)
        update = requests.pushed(notification)
        if update is not None:
            self._data = of_xml(update)
            self.updates += 1
            return False
        event = of_notification(notification)
        if event is None:
            return False
        self._events.append(event)
        self._groups_due = 0.0
        return True

    def _picture(self, *, groups: bool) -> Picture:
        now = self._clock()
        self._rates.begin(now)
        found = picture(self._router, self._data, tuple(self._events), self._rates)
        members = found.more.get("groups", 0)
        if not groups or not 0 < members <= MOST_GROUPS:
            return found
        if now >= self._groups_due:
            self._groups = of_xml(requests.data(self._call(requests.groups())))
            self._groups_due = now + GROUPS_AGAIN
        return picture(self._router, merged(self._data, self._groups), tuple(self._events), self._rates)
