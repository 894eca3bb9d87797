"""create-subscription (RFC 5277 section 2.1.1)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from server.operations.filters import take_filter
from server.operations.handler import Handlers
from server.operations.parameters import Parameters
from server.protocol import errors
from server.protocol.messages import BASE_NAMESPACE, Ok, Reply
from server.telemetry.sessions import Session
from server.telemetry.streams import NETCONF
from server.telemetry.subscription import Wanted
from server.telemetry.subscriptions import Subscriptions

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
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
        start, stop = (_take_time(parameters, name) for name in ("startTime", "stopTime"))
        parameters.finish()
        if stop is not None and start is None:
            error = errors.missing_element("startTime", "stopTime needs a startTime")
            raise parameters.at(error, "startTime")
        if start is not None and start > now:
            raise parameters.at(errors.bad_element("startTime", "startTime lies in the future"), "startTime")
        if start is not None and stop is not None and stop < start:
            raise parameters.at(errors.bad_element("stopTime", "stopTime lies before startTime"), "stopTime")
        return cls(wanted, start, stop)


def _take_time(parameters: Parameters, name: str) -> int | None:
    """Take a time; one that the calendar of Python does not have, a leap second for one, is refused."""
    text = parameters.leaf(name)
    if text is None:
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError) as error:
        raise parameters.invalid(name, text, ("a date and time with a zone",)) from error


class Subscribe:
    """The operation that starts notifications on a session."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {f"{{{NAMESPACE}}}create-subscription": self.create_subscription}

    def create_subscription(self, session: Session, operation: etree._Element) -> Reply:
        """Subscribe the session; notifications follow the reply.

        Raises RpcError in-use when it is subscribed already, resource-denied when there are too many.
        """
        stream = self._subscriptions.stream
        parameters = CreateSubscription.parse(operation, stream.now())
        wanted = None if parameters.filter is None else stream.contents.condition(parameters.filter)
        self._subscriptions.create(session, Wanted(wanted, parameters.start, parameters.stop))
        return Ok()
