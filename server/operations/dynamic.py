"""establish-, modify-, delete- and kill-subscription (RFC 8639, RFC 8640), for streams and datastores."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from lxml import etree

from server.operations.handler import Handlers
from server.operations.parameters import PUSH_NAMESPACE, SUBSCRIBED_NAMESPACE, Parameters
from server.operations.terms import TermsReader
from server.protocol.errors import operation_not_supported
from server.protocol.messages import Data, Ok, Reply
from server.push.datastore import DatastoreSubscription
from server.push.errors import Problem, Request, Unacceptable
from server.push.lens import Lens, Selections
from server.push.notices import Notices
from server.push.on_change import OnChangeSubscription
from server.push.pace import OnChange, Periodic
from server.push.periodic import PeriodicSubscription
from server.push.receiver import Receiver
from server.push.registry import Registry
from server.push.running_log import RunningLog
from server.push.stream import StreamSubscription
from server.push.terms import DatastoreTerms, Filter, StreamTerms, date_and_time
from server.push.update import TooBigError, bounded
from server.schema.model import Schema
from server.telemetry.sessions import Session
from server.telemetry.subscription import Source
from server.telemetry.subscriptions import Subscriptions

_LARGEST_ID: Final = (1 << 32) - 1


class Dynamic:
    """The operations of ietf-subscribed-notifications."""

    def __init__(
        self,
        registry: Registry,
        created: Subscriptions,
        reader: TermsReader,
        selections: Selections,
        schema: Schema,
        log: RunningLog,
    ) -> None:
        """`created` are the subscriptions of RFC 5277, which share the stream and the number of replays."""
        self._registry = registry
        self._created = created
        self._source: Source = created.source
        self._reader = reader
        self._selections = selections
        self._schema = schema
        self._log = log
        self._notices = Notices(created.stream.contents)

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        operations = {
            "establish-subscription": self.establish,
            "modify-subscription": self.modify,
            "delete-subscription": self.delete,
            "kill-subscription": self.kill,
        }
        found = {f"{{{SUBSCRIBED_NAMESPACE}}}{name}": handler for name, handler in operations.items()}
        return {**found, f"{{{PUSH_NAMESPACE}}}resync-subscription": self.resync}

    def establish(self, session: Session, operation: etree._Element) -> Reply:
        """Begin a subscription; what it sends follows the reply.

        Raises RpcError with an identity in error-app-tag (RFC 8640 section 7), and operation-not-supported on
        a session with a subscription of RFC 5277 (section 3).
        """
        if self._created.subscribed(session):
            text = "this session has a subscription of create-subscription; use another session"
            raise operation_not_supported(text)
        parameters, now = Parameters(operation), self._registry.now()
        request = _request(operation, Request.ESTABLISH_STREAM, Request.ESTABLISH_DATASTORE)
        try:
            terms = self._reader.establish(parameters, now)
            parameters.finish()
            terms = self._resolved(session, terms)
            if isinstance(terms, StreamTerms):
                return self._establish_stream(session, terms)
            return self._establish_datastore(session, terms)
        except Unacceptable as problem:
            raise problem.of(request) from problem

    def _establish_stream(self, session: Session, terms: StreamTerms) -> Reply:
        condition = self._selections.condition(terms.filter)
        revised = self._revised_start(terms.start)

        def make(number: int) -> StreamSubscription:
            receiver = self._receiver(number, session)
            return StreamSubscription(
                self._registry, self._created.replays, self._source, receiver, terms, condition
            )

        established = self._registry.establish(session, make)
        return _established(established.number, revised)

    def _revised_start(self, start: int | None) -> int | None:
        """The earliest time that a replay covers when that is later than what was asked for."""
        log = self._created.stream.log
        earliest = log.aged or log.created
        return earliest if start is not None and start < earliest else None

    def _establish_datastore(self, session: Session, terms: DatastoreTerms) -> Reply:
        self._check_period(terms)
        lens = self._selections.lens(terms, session.session_id)
        self._check_size(session, terms, lens)

        def make(number: int) -> DatastoreSubscription:
            receiver = self._receiver(number, session)
            if isinstance(terms.trigger, Periodic):
                return PeriodicSubscription(self._registry, receiver, terms, lens)
            return OnChangeSubscription(self._registry, receiver, terms, lens, self._schema, self._log)

        return _established(self._registry.establish(session, make).number)

    def _check_size(self, session: Session, terms: DatastoreTerms, lens: Lens) -> None:
        """Raise Unacceptable for an update that would be too large, or a filter that takes too long."""
        look, most = lens.try_out(session.peer), self._registry.limits.update
        if isinstance(terms.trigger, OnChange) and not terms.trigger.sync_on_start:
            return
        try:
            bounded(lens.pieces(look), most)
        except TooBigError as error:
            kilobytes = most // 1024
            problem = Problem.UPDATE_TOO_BIG if isinstance(terms.trigger, Periodic) else Problem.SYNC_TOO_BIG
            text = f"the selection is larger than the {kilobytes} KiB that one update may have"
            raise Unacceptable(problem, text, {"kilobytes-limit": kilobytes}) from error

    def _check_period(self, terms: DatastoreTerms) -> None:
        if not terms.datastore:
            raise Unacceptable(Problem.DATASTORE_NOT_SUBSCRIBABLE, "there is no such datastore here")
        shortest = self._registry.limits.period
        if isinstance(terms.trigger, Periodic) and terms.trigger.period < shortest:
            hint = shortest // 10_000
            text = f"period: the shortest is {hint} hundredths of a second"
            raise Unacceptable(Problem.PERIOD_UNSUPPORTED, text, {"period-hint": hint})

    def modify(self, session: Session, operation: etree._Element) -> Reply:
        """Change the terms of a subscription of this session; raises RpcError as `establish`."""
        parameters, now = Parameters(operation), self._registry.now()
        request = _request(operation, Request.MODIFY_STREAM, Request.MODIFY_DATASTORE)
        try:
            number = parameters.integer("id", 0, _LARGEST_ID)
            subscription = self._registry.of(session, number)
            change = self._change(session, subscription, parameters, now)
        except Unacceptable as problem:
            raise problem.of(request) from problem
        self._registry.after_reply(session, change)
        return Ok()

    def _change(
        self, session: Session, subscription: object, parameters: Parameters, now: int
    ) -> Callable[[], object]:
        """What makes the new terms hold; raises Unacceptable, and then nothing has changed."""
        if isinstance(subscription, StreamSubscription):
            stream_terms = self._reader.modify_stream(parameters, subscription.terms, now)
            parameters.finish()
            stream_terms = self._with_filter(session, stream_terms)
            condition = self._selections.condition(stream_terms.filter)
            return partial(subscription.modify, stream_terms, condition)
        assert isinstance(subscription, DatastoreSubscription)  # noqa: S101 - there are two kinds
        terms = self._reader.modify_datastore(parameters, subscription.terms, now)
        parameters.finish()
        terms = self._with_selection(session, terms)
        self._check_period(terms)
        lens = self._selections.lens(terms, session.session_id)
        self._check_size(session, terms, lens)
        return partial(subscription.modify, terms, lens)

    def delete(self, session: Session, operation: etree._Element) -> Reply:
        """End a subscription of this session; nothing is sent for it any more."""
        number = _only_id(operation)
        try:
            subscription = self._registry.of(session, number)
        except Unacceptable as problem:
            raise problem.of(Request.DELETE) from problem
        self._registry.remove(subscription)
        subscription.end()
        return Ok()

    def kill(self, _session: Session, operation: etree._Element) -> Reply:
        """End anybody's subscription, who is told."""
        number = _only_id(operation)
        try:
            subscription = self._registry.any(number)
        except Unacceptable as problem:
            raise problem.of(Request.DELETE) from problem
        subscription.terminate(Problem.NO_SUCH_SUBSCRIPTION)
        return Ok()

    def resync(self, session: Session, operation: etree._Element) -> Reply:
        """Push everything that an on-change subscription of this session selects once more.

        Raises RpcError with an identity in error-app-tag (RFC 8641 section 4.4.4).
        """
        number = _only_id(operation)
        try:
            subscription = self._registry.of(session, number)
        except Unacceptable as unknown:
            problem = Problem.NO_SUCH_SUBSCRIPTION_RESYNC
            raise Unacceptable(problem, unknown.message).of(Request.RESYNC) from unknown
        if not (isinstance(subscription, OnChangeSubscription) and subscription.syncs):
            text = f"subscription {number} is not one on change with sync-on-start"
            raise Unacceptable(Problem.ON_CHANGE_SYNC_UNSUPPORTED, text).of(Request.RESYNC)
        self._registry.after_reply(session, subscription.resync)
        return Ok()

    def _receiver(self, number: int, session: Session) -> Receiver:
        sessions, limits = self._source.sessions, self._registry.limits
        return Receiver(number, session, sessions, self._notices, limits, partial(self._may_push, session))

    def _may_push(self, session: Session, name: str) -> bool:
        notification = self._source.stream.contents.operation(f"/ietf-yang-push:{name}")
        return self._source.guard.may_receive(session.peer, notification)

    def _resolved(
        self, session: Session, terms: StreamTerms | DatastoreTerms
    ) -> StreamTerms | DatastoreTerms:
        if isinstance(terms, StreamTerms):
            return self._with_filter(session, terms)
        return self._with_selection(session, terms)

    def _with_filter(self, session: Session, terms: StreamTerms) -> StreamTerms:
        """The terms with the content of a configured filter that they name."""
        name = terms.filter.name
        if not name:
            return terms
        return replace(terms, filter=_there(self._selections.stream_filter(session.peer, name), name))

    def _with_selection(self, session: Session, terms: DatastoreTerms) -> DatastoreTerms:
        name = terms.filter.name
        if not name:
            return terms
        return replace(terms, filter=_there(self._selections.selection_filter(session.peer, name), name))


def _there(found: Filter | None, name: str) -> Filter:
    if found is None:
        text = f"there is no filter {name!r}"
        raise Unacceptable(Problem.FILTER_UNSUPPORTED, text, {"filter-failure-hint": text})
    return found


def _request(operation: etree._Element, stream: Request, datastore: Request) -> Request:
    """Which yang-data tells of what fails: it depends on the target."""
    return datastore if operation.find(f"{{{datastore.namespace}}}datastore") is not None else stream


def _only_id(operation: etree._Element) -> int:
    parameters = Parameters(operation)
    number = parameters.integer("id", 0, _LARGEST_ID)
    parameters.finish()
    return number


def _established(number: int, revised: int | None = None) -> Reply:
    space = f' xmlns="{SUBSCRIBED_NAMESPACE}"'
    answer = f"<id{space}>{number}</id>"
    if revised is not None:
        time = date_and_time(revised)
        answer += f"<replay-start-time-revision{space}>{time}</replay-start-time-revision>"
    return Data([answer.encode()])
