"""Tells subscriptions what may concern them: commits, what the dataplane announces, changed filters."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from server.datastores.confirmed import Step
from server.datastores.history import Author, Entry
from server.push.datastore import DatastoreSubscription
from server.push.errors import Problem, Unacceptable
from server.push.lens import ACCESS, FILTERS, Selections
from server.push.on_change import OnChangeSubscription
from server.push.registry import Registry, Subscription
from server.push.running_log import RunningLog
from server.push.stream import StreamSubscription
from server.tree.node import Container

RETRY: Final = 200_000
"""Microseconds until a subscription that was busy is told of its changed filter."""


class Watch:
    """A listener of the store, and a task of the scheduler: whoever commits does not wait for subscribers."""

    def __init__(
        self,
        registry: Registry,
        log: RunningLog,
        selections: Selections,
        running: Callable[[], Container],
    ) -> None:
        self._registry = registry
        self._running = running
        self._log: Final = log
        self._selections = selections
        self._mutex = threading.Lock()
        self._committed = False
        self._left = False
        self._refreshed_for = running()

    def running_changed(self, _entry: Entry) -> None:
        """Running is another; never waits."""
        self._log.note(self._running())
        with self._mutex:
            self._committed = True
        self.happened()

    def happened(self) -> None:
        """The dataplane has announced something; never waits."""
        self._registry.scheduler.wake(self, self._registry.now())

    def run(self, now: int) -> int | None:
        """Let those know whom it may concern."""
        with self._mutex:
            committed, self._committed = self._committed, False
        later = False
        refresh = self._left or self._filters_changed()
        for subscription in self._registry:
            if refresh and subscription.terms.filter.name:
                later = not self._refreshed(subscription) or later
            if isinstance(subscription, OnChangeSubscription) and (committed or subscription.polls):
                subscription.changed(now)
        self._left = later
        return now + RETRY if later else None

    def _filters_changed(self) -> bool:
        """Whether filters, or who may read them, are others than they were when this was asked last."""
        before, self._refreshed_for = self._refreshed_for, self._running()
        return any(before.get(tag) is not self._refreshed_for.get(tag) for tag in (FILTERS, ACCESS))

    def _refreshed(self, subscription: Subscription) -> bool:
        """A filter that is used by its name may be another by now, or gone (RFC 8639 section 2.7.2).

        False when the subscription is busy.
        """
        try:
            if isinstance(subscription, StreamSubscription):
                return self._stream_refreshed(subscription)
            if isinstance(subscription, DatastoreSubscription):
                return self._datastore_refreshed(subscription)
        except Unacceptable:
            subscription.terminate(Problem.FILTER_UNAVAILABLE)
        return True

    def _stream_refreshed(self, subscription: StreamSubscription) -> bool:
        terms = subscription.terms
        found = self._selections.stream_filter(subscription.session.peer, terms.filter.name)
        if found is None:
            subscription.terminate(Problem.FILTER_UNAVAILABLE)
        elif found != terms.filter:
            condition = self._selections.condition(found)
            return subscription.modify(replace(terms, filter=found), condition, wait=False)
        return True

    def _datastore_refreshed(self, subscription: DatastoreSubscription) -> bool:
        terms = subscription.terms
        found = self._selections.selection_filter(subscription.session.peer, terms.filter.name)
        if found is None:
            subscription.terminate(Problem.FILTER_UNAVAILABLE)
        elif found != terms.filter:
            fresh = replace(terms, filter=found)
            lens = self._selections.lens(fresh, subscription.session.session_id)
            return subscription.modify(fresh, lens, wait=False)
        return True

    def startup_changed(self, _session_id: int) -> None:
        """Nobody is told of startup."""

    def confirmed(self, _step: Step, _author: Author) -> None:
        """A confirmed commit that begins or ends changes running, or nothing."""
