"""A periodic subscription to a datastore (RFC 8641 section 3.1): the whole selection, again and again."""

import logging
import time
from typing import Final

from server.push.datastore import DatastoreSubscription
from server.push.errors import Problem
from server.push.lens import Lens
from server.push.pace import SECOND, Periodic
from server.push.receiver import Receiver
from server.push.registry import Registry
from server.push.terms import DatastoreTerms
from server.push.update import PUSH_UPDATE, TooBigError, push_update

PART: Final = 4
"""An update that costs much is followed by a pause of this many times what it took: periods are left out."""

_log = logging.getLogger("twincast.push.periodic")


class PeriodicSubscription(DatastoreSubscription):
    """See `server.push.datastore`."""

    def __init__(self, registry: Registry, receiver: Receiver, terms: DatastoreTerms, lens: Lens) -> None:
        super().__init__(registry, receiver, terms, lens)
        self._origin = self._due = 0

    def _begin(self, now: int) -> int:
        self._origin = self._due = self._trigger.first(now)
        return self._due

    @property
    def _trigger(self) -> Periodic:
        trigger = self.terms.trigger
        assert isinstance(trigger, Periodic)  # noqa: S101 - modify-subscription keeps the kind
        return trigger

    def _update(self, now: int) -> int:
        if now < self._due:
            return self._due
        began = time.thread_time()
        try:
            pieces = push_update(self.number, self._contents(), self._receiver.limits.update)
        except TooBigError:
            self._suspend(now, Problem.UPDATE_TOO_BIG)
        except ConnectionError:  # the dataplane went away while it told; there is another update to come
            _log.warning("update-interrupted", extra={"subscription": self.number})
        else:
            if not self._resumed(now) or not self._send(now, PUSH_UPDATE, pieces):
                return self._retry(now)
        pause = round((time.thread_time() - began) * SECOND) * PART
        self._due = self._trigger.following(self._origin, now + pause)
        return self._due
