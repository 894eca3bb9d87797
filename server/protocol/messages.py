"""XML to `Hello` and `Rpc`, `Reply` to XML (RFC 6241 sections 4, 8.1).

Pure. Payloads of replies are byte pieces that were serialised elsewhere; they are never parsed again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from lxml import etree

from server.protocol import errors
from server.protocol.errors import InfoElement, RpcError
from server.protocol.xml import XML_NAMESPACE, attributes, element

BASE_NAMESPACE = "urn:ietf:params:xml:ns:netconf:base:1.0"
BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"

_TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_HELLO = f"{{{BASE_NAMESPACE}}}hello"
_CAPABILITIES = f"{{{BASE_NAMESPACE}}}capabilities"
_CAPABILITY = f"{{{BASE_NAMESPACE}}}capability"
_SESSION_ID = f"{{{BASE_NAMESPACE}}}session-id"
_RPC = f"{{{BASE_NAMESPACE}}}rpc"


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
    operation: etree._Element


@dataclass(frozen=True, slots=True)
class Ok:
    """`<ok/>`. With `close` the session ends once the reply has left (close-session).

    `etag` is that of the datastore which was written, where it was asked for (see `server.tree.etag`).
    """

    close: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """A reply with content: serialised elements that stand below `<rpc-reply>`.

    Pieces that are no sequence are made while they are sent; what fails then ends the session, since the
    reply has begun. Every top-level element declares its namespace itself. `Data.data(...)` puts pieces into
    the usual `<data>` element of get and get-config.
    """

    pieces: Iterable[bytes]

    @classmethod
    def data(
        cls,
        pieces: Iterable[bytes],
        namespace: str = BASE_NAMESPACE,
        pairs: Iterable[tuple[str, str]] = (),
    ) -> "Data":
        """Wrap `pieces` in `<data>` of `namespace`; get-schema has one of its own (RFC 6022 section 3).

        `pairs` are further attributes.
        """
        begin = f"<data{attributes([('xmlns', namespace), *pairs])}>".encode()
        return cls(around(begin, pieces, b"</data>"))


@dataclass(frozen=True, slots=True)
class Errors:
    """One `<rpc-error>` for each error."""

    errors: tuple[RpcError, ...]


Reply = Ok | Data | Errors


def around(begin: bytes, pieces: Iterable[bytes], end: bytes) -> Iterable[bytes]:
    """Put something before and after pieces; those that are not made yet are not made by this."""
    if isinstance(pieces, Sequence):
        return [begin, *pieces, end]
    return chain((begin,), pieces, (end,))


class NotNetconfError(Exception):
    """A document is neither a `<hello>` nor an `<rpc>`; the text may go to the client."""


class BadRpcError(Exception):
    """An `<rpc>` that cannot be carried out for the reason of its own envelope; it is answered."""

    def __init__(self, envelope: RpcEnvelope, error: RpcError) -> None:
        super().__init__(str(error))
        self.envelope = envelope
        self.error = error


def parse_message(root: etree._Element) -> Hello | Rpc:
    """Tell what a client sent. Raises NotNetconfError and BadRpcError."""
    if root.tag == _RPC:
        return _parse_rpc(root)
    if root.tag == _HELLO:
        return _parse_hello(root)
    raise NotNetconfError(f"<{etree.QName(root).localname}> is not a NETCONF message")


def _parse_hello(root: etree._Element) -> Hello:
    capabilities = tuple(
        (node.text or "").strip() for node in root.iterfind(f"{_CAPABILITIES}/{_CAPABILITY}")
    )
    return Hello(capabilities, root.findtext(_SESSION_ID))


def _parse_rpc(root: etree._Element) -> Rpc:
    envelope = RpcEnvelope(
        tuple((str(name), str(value)) for name, value in root.attrib.items()), tuple(root.nsmap.items())
    )
    message_id = root.get("message-id")
    if message_id is None:
        raise _bad(envelope, errors.missing_attribute("message-id", "rpc"))
    if len(root) == 0:
        raise _bad(envelope, errors.missing_element("rpc", "an <rpc> names one operation, this one none"))
    if len(root) > 1:
        extra = etree.QName(root[1]).localname
        text = f"an <rpc> names one operation, <{extra}> is one more"
        raise _bad(envelope, errors.unknown_element(extra, text))
    return Rpc(message_id, envelope, root[0])


def _bad(envelope: RpcEnvelope, error: RpcError) -> BadRpcError:
    return BadRpcError(envelope, error.at("/nc:rpc", {"nc": BASE_NAMESPACE}))


def encode_hello(capabilities: Sequence[str], session_id: int) -> list[bytes]:
    """Print the server's `<hello>` (unframed)."""
    listed = "".join(element("capability", uri) for uri in capabilities)
    text = (
        f'<hello xmlns="{BASE_NAMESPACE}"><capabilities>{listed}</capabilities>'
        f"<session-id>{session_id}</session-id></hello>"
    )
    return [_DECLARATION, text.encode()]


def encode_reply(envelope: RpcEnvelope | None, reply: Reply) -> Iterable[bytes]:
    """Print an `<rpc-reply>` (unframed). None stands for a request whose attributes could not be read."""
    begin, end, own = _reply_tags(envelope or RpcEnvelope())
    if isinstance(reply, Data):
        return around(begin, reply.pieces, end)
    if isinstance(reply, Ok):
        tag = attributes([("xmlns:txid", _TXID), ("txid:etag", reply.etag)]) if reply.etag else ""
        return [begin, f"<ok{own}{tag}/>".encode(), end]
    return [begin, *(_encode_error(error, own) for error in reply.errors), end]


def _reply_tags(envelope: RpcEnvelope) -> tuple[bytes, bytes, str]:
    """Return start tag, end tag, and the xmlns that children of our own need.

    All attributes of the request return, xmlns declarations included. A request whose default namespace is
    not NETCONF's gets a prefixed reply, so that its own declaration can stand unchanged.
    """
    namespaces = dict(envelope.namespaces)
    tag, own = "rpc-reply", ""
    if namespaces.setdefault(None, BASE_NAMESPACE) != BASE_NAMESPACE:
        prefix = next(prefix for prefix, uri in namespaces.items() if prefix and uri == BASE_NAMESPACE)
        tag, own = f"{prefix}:rpc-reply", attributes([("xmlns", BASE_NAMESPACE)])
    declared = attributes(
        (f"xmlns:{prefix}" if prefix else "xmlns", uri) for prefix, uri in namespaces.items()
    )
    prefixes = {uri: prefix for prefix, uri in namespaces.items() if prefix} | {XML_NAMESPACE: "xml"}
    echoed = attributes((_qualified(clark, prefixes), value) for clark, value in envelope.attributes)
    return _DECLARATION + f"<{tag}{declared}{echoed}>".encode(), f"</{tag}>".encode(), own


def _qualified(clark: str, prefixes: dict[str, str]) -> str:
    name = etree.QName(clark)
    return name.localname if name.namespace is None else f"{prefixes[name.namespace]}:{name.localname}"


def _encode_error(error: RpcError, own: str) -> bytes:
    """Print an `<rpc-error>` (RFC 6241 section 4.3)."""
    parts = [
        element("error-type", error.type),
        element("error-tag", error.tag),
        element("error-severity", error.severity),
    ]
    if error.app_tag:
        parts.append(element("error-app-tag", error.app_tag))
    if error.path:
        declared = [(f"xmlns:{prefix}", uri) for prefix, uri in error.path_namespaces.items()]
        parts.append(element("error-path", error.path, declared))
    if error.message:
        parts.append(element("error-message", error.message, [("xml:lang", "en")]))
    if error.info:
        parts.append(f"<error-info>{''.join(map(_encode_info, error.info))}</error-info>")
    return f"<rpc-error{own}>{''.join(parts)}</rpc-error>".encode()


def _encode_info(info: InfoElement) -> str:
    declared = [("xmlns", info.namespace)] if info.namespace else []
    declared += [(f"xmlns:{prefix}", uri) for prefix, uri in info.namespaces.items()]
    if info.children:
        inner = "".join(map(_encode_info, info.children))
        return f"<{info.name}{attributes(declared)}>{inner}</{info.name}>"
    return element(info.name, info.text, declared)
