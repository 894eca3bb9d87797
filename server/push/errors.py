"""The errors of subscriptions: identities in error-app-tag, hints in error-info (RFC 8640). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from server.protocol.errors import ErrorTag, InfoElement, RpcError

SUBSCRIBED: Final = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
PUSH: Final = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
NAMESPACES: Final = {"ietf-subscribed-notifications": SUBSCRIBED, "ietf-yang-push": PUSH}
PREFIXES: Final = {"ietf-subscribed-notifications": "sn", "ietf-yang-push": "yp"}


class Problem(StrEnum):
    """The identities, as `module:identity`; those of RFC 8639 section 2.4.6 and RFC 8641 appendix A.1."""

    ENCODING_UNSUPPORTED = "ietf-subscribed-notifications:encoding-unsupported"
    FILTER_UNAVAILABLE = "ietf-subscribed-notifications:filter-unavailable"
    FILTER_UNSUPPORTED = "ietf-subscribed-notifications:filter-unsupported"
    INSUFFICIENT_RESOURCES = "ietf-subscribed-notifications:insufficient-resources"
    NO_SUCH_SUBSCRIPTION = "ietf-subscribed-notifications:no-such-subscription"
    REPLAY_UNSUPPORTED = "ietf-subscribed-notifications:replay-unsupported"
    SUSPENSION_TIMEOUT = "ietf-subscribed-notifications:suspension-timeout"
    UNSUPPORTABLE_VOLUME = "ietf-subscribed-notifications:unsupportable-volume"
    DATASTORE_NOT_SUBSCRIBABLE = "ietf-yang-push:datastore-not-subscribable"
    NO_SUCH_SUBSCRIPTION_RESYNC = "ietf-yang-push:no-such-subscription-resync"
    ON_CHANGE_UNSUPPORTED = "ietf-yang-push:on-change-unsupported"
    ON_CHANGE_SYNC_UNSUPPORTED = "ietf-yang-push:on-change-sync-unsupported"
    PERIOD_UNSUPPORTED = "ietf-yang-push:period-unsupported"
    UPDATE_TOO_BIG = "ietf-yang-push:update-too-big"
    SYNC_TOO_BIG = "ietf-yang-push:sync-too-big"
    UNCHANGING_SELECTION = "ietf-yang-push:unchanging-selection"


_TAGS: Final = {
    Problem.ENCODING_UNSUPPORTED: ErrorTag.INVALID_VALUE,
    Problem.FILTER_UNAVAILABLE: ErrorTag.DATA_MISSING,
    Problem.FILTER_UNSUPPORTED: ErrorTag.INVALID_VALUE,
    Problem.INSUFFICIENT_RESOURCES: ErrorTag.RESOURCE_DENIED,
    Problem.NO_SUCH_SUBSCRIPTION: ErrorTag.INVALID_VALUE,
    Problem.REPLAY_UNSUPPORTED: ErrorTag.OPERATION_NOT_SUPPORTED,
    Problem.DATASTORE_NOT_SUBSCRIBABLE: ErrorTag.INVALID_VALUE,
    Problem.NO_SUCH_SUBSCRIPTION_RESYNC: ErrorTag.INVALID_VALUE,
    Problem.ON_CHANGE_UNSUPPORTED: ErrorTag.OPERATION_NOT_SUPPORTED,
    Problem.ON_CHANGE_SYNC_UNSUPPORTED: ErrorTag.OPERATION_NOT_SUPPORTED,
    Problem.PERIOD_UNSUPPORTED: ErrorTag.INVALID_VALUE,
    Problem.UPDATE_TOO_BIG: ErrorTag.TOO_BIG,
    Problem.SYNC_TOO_BIG: ErrorTag.TOO_BIG,
    Problem.UNCHANGING_SELECTION: ErrorTag.OPERATION_FAILED,
}
"""Identity to error-tag (RFC 8640 section 7)."""


class Request(StrEnum):
    """What was asked for: the yang-data that tells why it failed; those with a target have two."""

    ESTABLISH_STREAM = "establish-subscription-stream-error-info"
    ESTABLISH_DATASTORE = "establish-subscription-datastore-error-info"
    MODIFY_STREAM = "modify-subscription-stream-error-info"
    MODIFY_DATASTORE = "modify-subscription-datastore-error-info"
    DELETE = "delete-subscription-error-info"
    RESYNC = "resync-subscription-error"

    @property
    def namespace(self) -> str:
        """The namespace of the element."""
        own = (Request.ESTABLISH_DATASTORE, Request.MODIFY_DATASTORE, Request.RESYNC)
        return PUSH if self in own else SUBSCRIBED


@dataclass(eq=False)
class Unacceptable(Exception):
    """A subscription cannot be had on these terms; `hints` are leaves of the yang-data by name."""

    problem: Problem
    message: str
    hints: Mapping[str, str | int] | None = None

    def of(self, request: Request) -> RpcError:
        """Return the answer to a request."""
        return refused(self.problem, self.message, request, self.hints)


def refused(
    problem: Problem, message: str, request: Request, hints: Mapping[str, str | int] | None = None
) -> RpcError:
    """Return the error of a request that failed for an identity's reason."""
    namespace = request.namespace
    leaves = [_reason(problem, namespace)]
    leaves += [InfoElement(name, str(value), namespace) for name, value in (hints or {}).items()]
    info = InfoElement(str(request), "", namespace, children=tuple(leaves))
    return RpcError(_TAGS[problem], message, app_tag=str(problem), info=(info,))


def _reason(problem: Problem, namespace: str) -> InfoElement:
    text, bound = identity(problem)
    return InfoElement("reason", text, namespace, bound)


def identity(problem: Problem) -> tuple[str, dict[str, str]]:
    """Return the XML text of an identity and the prefix that it needs."""
    module, _, name = problem.partition(":")
    prefix = PREFIXES[module]
    return f"{prefix}:{name}", {prefix: NAMESPACES[module]}
