"""Tells subscriptions what may concern them: commits, what the dataplane announces, changed filters."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from server.datastores.confirmed import Step
from server.datastores.history import Author, Entry
from server.push.datastore import DatastoreSubscription
from server.push.errors import Problem, Unacceptable
from server.push.lens import Selections
from server.push.on_change import OnChangeSubscription
from server.push.registry import Registry, Subscription
from server.push.running_log import RunningLog
from server.push.stream import StreamSubscription
from server.tree.node import Container


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

    def running_changed(self, _entry: Entry) -> None:
        """Running is another; never waits."""
        self._log.note(self._running())
        with self._mutex:
            self._committed = True
        self.happened()

    def happened(self) -> None:
        """The dataplane has announced something; never waits."""
        self._registry.scheduler.wake(self, self._registry.now())

    def run(self, now: int) -> None:
        """Let those know whom it may concern."""
        with self._mutex:
            committed, self._committed = self._committed, False
        for subscription in self._registry:
            if committed and subscription.terms.filter.name:
                self._refresh(subscription)
            if isinstance(subscription, OnChangeSubscription) and (committed or subscription.polls):
                subscription.changed(now)

    def _refresh(self, subscription: Subscription) -> None:
        """A filter that is used by its name may be another by now, or gone (RFC 8639 section 2.7.2)."""
        try:
            if isinstance(subscription, StreamSubscription):
                self._refresh_stream(subscription)
            elif isinstance(subscription, DatastoreSubscription):
                self._refresh_datastore(subscription)
        except Unacceptable:
            subscription.terminate(Problem.FILTER_UNAVAILABLE)

    def _refresh_stream(self, subscription: StreamSubscription) -> None:
        terms = subscription.terms
        found = self._selections.stream_filter(subscription.session.peer, terms.filter.name)
        if found is None:
            subscription.terminate(Problem.FILTER_UNAVAILABLE)
        elif found != terms.filter:
            subscription.modify(replace(terms, filter=found), self._selections.condition(found))

    def _refresh_datastore(self, subscription: DatastoreSubscription) -> None:
        terms = subscription.terms
        found = self._selections.selection_filter(subscription.session.peer, terms.filter.name)
        if found is None:
            subscription.terminate(Problem.FILTER_UNAVAILABLE)
        elif found != terms.filter:
            lens = self._selections.lens(replace(terms, filter=found))
            subscription.modify(replace(terms, filter=found), lens)

    def startup_changed(self, _session_id: int) -> None:
        """Nobody is told of startup."""

    def confirmed(self, _step: Step, _author: Author) -> None:
        """A confirmed commit that begins or ends changes running, or nothing."""
