"""XML to `Hello` and `Rpc`, `Reply` to XML (RFC 6241 sections 4, 8.1).

Pure. Payloads of replies are byte pieces that were serialised elsewhere; they are never parsed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from server.protocol.errors import RpcError

BASE_NAMESPACE = "urn:ietf:params:xml:ns:netconf:base:1.0"
BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"


@dataclass(frozen=True, slots=True)
class Hello:
    """A `<hello>` (RFC 6241 section 8.1). `session_id` is None where the element is absent."""

    capabilities: tuple[str, ...]
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class RpcEnvelope:
    """What of an `<rpc>` comes back on its `<rpc-reply>` (RFC 6241 section 4.1).

    `attributes`: Clark names and values in document order, message-id included. `namespaces`: every xmlns
    declaration on the element as (prefix or None, namespace).
    """

    attributes: tuple[tuple[str, str], ...] = ()
    namespaces: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rpc:
    """One request. `operation` is the one child element of `<rpc>`."""

    message_id: str
    envelope: RpcEnvelope
    operation: "etree._Element"


@dataclass(frozen=True, slots=True)
class Ok:
    """`<ok/>`. With `close` the session ends once the reply has left (close-session)."""

    close: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """A reply with content: serialised elements that stand below `<rpc-reply>`.

    Every top-level element declares its namespace itself. `Data.data(...)` puts pieces into the usual
    `<data>` element of get and get-config.
    """

    pieces: Sequence[bytes]

    @classmethod
    def data(cls, pieces: Sequence[bytes], namespace: str = BASE_NAMESPACE) -> "Data":
        """Wrap `pieces` in `<data>` of `namespace`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Errors:
    """One `<rpc-error>` for each error."""

    errors: tuple[RpcError, ...]


Reply = Ok | Data | Errors


def encode_reply(envelope: RpcEnvelope | None, reply: Reply) -> list[bytes]:
    """Print an `<rpc-reply>` (unframed). None stands for a request whose attributes could not be read."""
    raise NotImplementedError
