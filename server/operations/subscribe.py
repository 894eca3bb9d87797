"""create-subscription (RFC 5277 section 2.1.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from server.operations.filters import take_filter
from server.operations.handler import Handlers
from server.operations.parameters import Parameters, take_time
from server.protocol import errors
from server.protocol.messages import BASE_NAMESPACE, Ok, Reply
from server.telemetry.sessions import Session
from server.telemetry.streams import NETCONF
from server.telemetry.subscription import Wanted
from server.telemetry.subscriptions import Subscriptions

NAMESPACE: Final = "urn:ietf:params:xml:ns:netconf:notification:1.0"


@dataclass(frozen=True, slots=True)
class CreateSubscription:
    """Parameters of create-subscription; times are microseconds since the Unix epoch."""

    filter: etree._Element | None
    start: int | None
    stop: int | None

    @classmethod
    def parse(cls, operation: etree._Element, now: int) -> "CreateSubscription":
        """Read the parameters, which the schema has accepted; raises RpcError for what it cannot judge."""
        parameters = Parameters(operation)
        stream = parameters.leaf("stream")
        if stream not in (None, NETCONF):
            raise parameters.invalid("stream", stream or "", (NETCONF,))
        own, base = take_filter(parameters), take_filter(parameters, BASE_NAMESPACE)
        wanted = base if own is None else own
        start, stop = (take_time(parameters, name) for name in ("startTime", "stopTime"))
        parameters.finish()
        if stop is not None and start is None:
            error = errors.missing_element("startTime", "stopTime needs a startTime")
            raise parameters.at(error, "startTime")
        if start is not None and start > now:
            raise parameters.at(errors.bad_element("startTime", "startTime lies in the future"), "startTime")
        if start is not None and stop is not None and stop < start:
            raise parameters.at(errors.bad_element("stopTime", "stopTime lies before startTime"), "stopTime")
        return cls(wanted, start, stop)


class Subscribe:
    """The operation that starts notifications on a session."""

    def __init__(self, subscriptions: Subscriptions, established: Callable[[Session], bool]) -> None:
        """`established` tells whether a session has a subscription of RFC 8639."""
        self._subscriptions = subscriptions
        self._established = established

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {f"{{{NAMESPACE}}}create-subscription": self.create_subscription}

    def create_subscription(self, session: Session, operation: etree._Element) -> Reply:
        """Subscribe the session; notifications follow the reply.

        Raises RpcError in-use when it is subscribed already, resource-denied when there are too many, and
        operation-not-supported on a session with subscriptions of RFC 8639 (RFC 8640 section 3).
        """
        if self._established(session):
            text = "this session has a subscription of establish-subscription; use another session"
            raise errors.operation_not_supported(text)
        stream = self._subscriptions.stream
        parameters = CreateSubscription.parse(operation, stream.now())
        wanted = None if parameters.filter is None else stream.contents.condition(parameters.filter)
        self._subscriptions.create(session, Wanted(wanted, parameters.start, parameters.stop))
        return Ok()
