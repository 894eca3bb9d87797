"""The errors of NETCONF: what a client may see (RFC 6241 appendix A, RFC 7950 section 15).

Owns `RpcError`, one factory per error-tag, and `RpcErrors` for several at once. `ProtocolError` ends
a session. Anything else that is raised is a fault of ours and never reaches a client.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

YANG_NAMESPACE = "urn:ietf:params:xml:ns:yang:1"


class ErrorType(StrEnum):
    """The layer an error belongs to (RFC 6241 section 4.3)."""

    TRANSPORT = "transport"
    RPC = "rpc"
    PROTOCOL = "protocol"
    APPLICATION = "application"


class ErrorTag(StrEnum):
    """The error-tags of RFC 6241 appendix A."""

    IN_USE = "in-use"
    INVALID_VALUE = "invalid-value"
    TOO_BIG = "too-big"
    MISSING_ATTRIBUTE = "missing-attribute"
    BAD_ATTRIBUTE = "bad-attribute"
    UNKNOWN_ATTRIBUTE = "unknown-attribute"
    MISSING_ELEMENT = "missing-element"
    BAD_ELEMENT = "bad-element"
    UNKNOWN_ELEMENT = "unknown-element"
    UNKNOWN_NAMESPACE = "unknown-namespace"
    ACCESS_DENIED = "access-denied"
    LOCK_DENIED = "lock-denied"
    RESOURCE_DENIED = "resource-denied"
    ROLLBACK_FAILED = "rollback-failed"
    DATA_EXISTS = "data-exists"
    DATA_MISSING = "data-missing"
    OPERATION_NOT_SUPPORTED = "operation-not-supported"
    OPERATION_FAILED = "operation-failed"
    MALFORMED_MESSAGE = "malformed-message"


class ErrorSeverity(StrEnum):
    """error-severity; RFC 6241 defines no use of `warning` yet."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class InfoElement:
    """One child of `<error-info>`: element name, text and namespace (the NETCONF base one when empty).

    `namespaces` binds the prefixes of a text that is an instance path. With `children` there is no text.
    """

    name: str
    text: str = ""
    namespace: str = ""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    children: "tuple[InfoElement, ...]" = ()


@dataclass(eq=False)
class RpcError(Exception):
    """One `<rpc-error>`.

    `path` is an instance path whose prefixes `path_namespaces` binds, such as
    `/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']`. `mentions` are paths of other nodes that
    the message speaks of, with their prefixes: not sent, but who may not read those must not be told.
    """

    tag: ErrorTag
    message: str
    type: ErrorType = ErrorType.APPLICATION
    path: str = ""
    path_namespaces: Mapping[str, str] = field(default_factory=dict)
    app_tag: str = ""
    info: tuple[InfoElement, ...] = ()
    severity: ErrorSeverity = ErrorSeverity.ERROR
    mentions: tuple[tuple[str, Mapping[str, str]], ...] = ()

    def __str__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        return f"{self.tag}: {self.message}{where}"

    def at(self, path: str, namespaces: Mapping[str, str]) -> "RpcError":
        """Return the same error with an instance path."""
        return replace(self, path=path, path_namespaces=dict(namespaces))


class RpcErrors(Exception):
    """One request failed for one or several reasons; all of them go to the client."""

    def __init__(self, errors: "tuple[RpcError, ...] | list[RpcError]") -> None:
        if not errors:
            raise ValueError("RpcErrors needs at least one error")
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in self.errors))


def together(errors: "tuple[RpcError, ...] | list[RpcError]") -> RpcError | RpcErrors:
    """Return what to raise for one or several errors."""
    return errors[0] if len(errors) == 1 else RpcErrors(errors)


class ProtocolError(Exception):
    """The peer broke the transport or session rules so that the session has to end."""


class TooLargeError(ProtocolError):
    """A message is larger than is accepted."""


def _bad_element(name: str) -> InfoElement:
    return InfoElement("bad-element", name)


def _bad_attribute(name: str) -> InfoElement:
    return InfoElement("bad-attribute", name)


def in_use(message: str, type: ErrorType = ErrorType.PROTOCOL) -> RpcError:
    """The request needs a resource that is in use already."""
    return RpcError(ErrorTag.IN_USE, message, type)


def invalid_value(message: str, *, type: ErrorType = ErrorType.APPLICATION, app_tag: str = "") -> RpcError:
    """A parameter or value is not acceptable."""
    return RpcError(ErrorTag.INVALID_VALUE, message, type, app_tag=app_tag)


def too_big(message: str, type: ErrorType = ErrorType.RPC) -> RpcError:
    """The request or the reply is too large to handle."""
    return RpcError(ErrorTag.TOO_BIG, message, type)


def missing_attribute(
    attribute: str, element: str, message: str = "", type: ErrorType = ErrorType.RPC
) -> RpcError:
    """An expected attribute is missing."""
    text = message or f"attribute {attribute!r} of element <{element}> is missing"
    return RpcError(
        ErrorTag.MISSING_ATTRIBUTE, text, type, info=(_bad_attribute(attribute), _bad_element(element))
    )


def bad_attribute(
    attribute: str, element: str, message: str, type: ErrorType = ErrorType.APPLICATION
) -> RpcError:
    """An attribute value is not correct."""
    return RpcError(
        ErrorTag.BAD_ATTRIBUTE, message, type, info=(_bad_attribute(attribute), _bad_element(element))
    )


def unknown_attribute(
    attribute: str, element: str, message: str = "", type: ErrorType = ErrorType.RPC
) -> RpcError:
    """An unexpected attribute is present."""
    text = message or f"attribute {attribute!r} of element <{element}> is not known"
    return RpcError(
        ErrorTag.UNKNOWN_ATTRIBUTE, text, type, info=(_bad_attribute(attribute), _bad_element(element))
    )


def missing_element(element: str, message: str = "", type: ErrorType = ErrorType.PROTOCOL) -> RpcError:
    """An expected element is missing."""
    text = message or f"element <{element}> is missing"
    return RpcError(ErrorTag.MISSING_ELEMENT, text, type, info=(_bad_element(element),))


def bad_element(element: str, message: str, type: ErrorType = ErrorType.PROTOCOL) -> RpcError:
    """An element value is not correct."""
    return RpcError(ErrorTag.BAD_ELEMENT, message, type, info=(_bad_element(element),))


def unknown_element(element: str, message: str = "", type: ErrorType = ErrorType.PROTOCOL) -> RpcError:
    """An unexpected element is present."""
    text = message or f"element <{element}> is not known"
    return RpcError(ErrorTag.UNKNOWN_ELEMENT, text, type, info=(_bad_element(element),))


def unknown_namespace(
    element: str, namespace: str, message: str = "", type: ErrorType = ErrorType.APPLICATION
) -> RpcError:
    """An unexpected namespace is present."""
    text = message or f"element <{element}> is in the unknown namespace {namespace!r}"
    info = (_bad_element(element), InfoElement("bad-namespace", namespace))
    return RpcError(ErrorTag.UNKNOWN_NAMESPACE, text, type, info=info)


def access_denied(message: str, type: ErrorType = ErrorType.APPLICATION) -> RpcError:
    """Access to the operation or the data is denied."""
    return RpcError(ErrorTag.ACCESS_DENIED, message, type)


def lock_denied(message: str, session_id: int) -> RpcError:
    """The lock is held by session `session_id`; 0 stands for an entity that is not a NETCONF session."""
    return RpcError(
        ErrorTag.LOCK_DENIED, message, ErrorType.PROTOCOL, info=(InfoElement("session-id", str(session_id)),)
    )


def resource_denied(message: str, type: ErrorType = ErrorType.APPLICATION) -> RpcError:
    """The request could not be completed because of insufficient resources."""
    return RpcError(ErrorTag.RESOURCE_DENIED, message, type)


def rollback_failed(message: str, type: ErrorType = ErrorType.APPLICATION) -> RpcError:
    """An undo of a change could not be completed."""
    return RpcError(ErrorTag.ROLLBACK_FAILED, message, type)


def data_exists(message: str) -> RpcError:
    """The data to create exists already."""
    return RpcError(ErrorTag.DATA_EXISTS, message)


def data_missing(message: str, app_tag: str = "") -> RpcError:
    """The data that the request needs does not exist."""
    return RpcError(ErrorTag.DATA_MISSING, message, app_tag=app_tag)


def operation_not_supported(message: str, type: ErrorType = ErrorType.PROTOCOL) -> RpcError:
    """The operation is not supported here."""
    return RpcError(ErrorTag.OPERATION_NOT_SUPPORTED, message, type)


def operation_failed(message: str, *, type: ErrorType = ErrorType.APPLICATION, app_tag: str = "") -> RpcError:
    """The operation failed for a reason that no other tag covers."""
    return RpcError(ErrorTag.OPERATION_FAILED, message, type, app_tag=app_tag)


def malformed_message(message: str) -> RpcError:
    """The message is not well-formed XML, or not a NETCONF message (base:1.1 only)."""
    return RpcError(ErrorTag.MALFORMED_MESSAGE, message, ErrorType.RPC)
