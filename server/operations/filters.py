"""The filter of a reading operation: subtree (RFC 6241 section 6) or XPath (section 8.9)."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

from lxml import etree

from server.operations.parameters import Parameters
from server.protocol import errors
from server.protocol.errors import ErrorType, RpcError
from server.protocol.messages import BASE_NAMESPACE
from server.schema.model import Schema
from server.tree.depth import Whole, everything_below, limited, top_level
from server.tree.etag import ETAG, TXID_NAMESPACE
from server.tree.filter import Selection, everything, read_filter, subtree
from server.tree.location import Location
from server.tree.node import Container
from server.tree.tagged import Asked
from server.xpath.evaluate import MAX_STEPS
from server.xpath.functions import FUNCTIONS
from server.xpath.items import Budget
from server.xpath.parser import parse
from server.xpath.reach import XPathSelection
from server.xpath.select import locations, select
from server.xpath.syntax import Expression, NotNodesError, XPathError, XPathLimitError

XPATH_SECONDS: Final = 5.0
"""For one expression, and no more than `MAX_STEPS` nodes, which bounds what it holds to about 400 MB."""
NOT_NODES: Final = "not-a-node-set"
"""error-app-tag of an expression whose value is no set of nodes (RFC 5717 section 2.4.1)."""
TOO_MUCH: Final = "xpath-limit"
"""error-app-tag of an expression that takes more steps than it may."""
_TXID: Final = f"{{{TXID_NAMESPACE}}}"
UNBOUNDED: Final = 0
"""Levels of a selected node: all."""


class FilterType(StrEnum):
    """The types that the attribute may have."""

    SUBTREE = "subtree"
    XPATH = "xpath"


class Wanted(Protocol):
    """What a request asks for."""

    def selection(self, schema: Schema) -> Selection:
        """Return what has to be built for it."""

    def of(self, schema: Schema, root: Container, levels: int = UNBOUNDED) -> Container:
        """Return what it selects from `root`, each selected node with `levels` levels; raises RpcError."""

    def asked(self, schema: Schema, root: str) -> Asked | None:
        """Return which etags are asked for, None for none; `root` is the one that the operation has."""


@dataclass(frozen=True, slots=True)
class Everything:
    """There is no filter."""

    def selection(self, schema: Schema) -> Selection:
        """See `Wanted`."""
        return everything(schema)

    def of(self, _schema: Schema, root: Container, levels: int = UNBOUNDED) -> Container:
        """See `Wanted`."""
        return top_level(root, levels) if levels else root

    def asked(self, _schema: Schema, root: str) -> Asked | None:
        """See `Wanted`."""
        return Asked.of(root, None)


@dataclass(frozen=True, slots=True)
class Subtree:
    """A subtree filter; `element` is `<filter>`."""

    element: etree._Element

    def selection(self, schema: Schema) -> Selection:
        """See `Wanted`."""
        return Selection(schema, (self.element,))

    def of(self, schema: Schema, root: Container, levels: int = UNBOUNDED) -> Container:
        """See `Wanted`."""
        return subtree(schema, root, self.element, _whole(levels))

    def asked(self, schema: Schema, root: str) -> Asked | None:
        """See `Wanted`; raises RpcError unknown-attribute for another attribute of the etag's namespace."""
        given = {str(name) for element in self.element.iter("*") for name in element.attrib}
        unknown = next((name for name in given if name.startswith(_TXID) and name != ETAG), None)
        if unknown is not None:
            local = etree.QName(unknown).localname
            raise errors.unknown_attribute(local, "filter", type=ErrorType.PROTOCOL)
        siblings = read_filter(schema, self.element) if ETAG in given else None
        return Asked.of(root or self.element.get(ETAG, ""), siblings)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands: its path, and for errors the names and namespaces in it."""

    path: str
    namespaces: Mapping[str, str]
    element: str = "filter"
    attribute: str = "select"


@dataclass(frozen=True, slots=True)
class XPath:
    """An expression and the namespaces in scope where it stands."""

    text: str
    expression: Expression
    namespaces: Mapping[str | None, str]
    place: Place
    etag: str = ""

    def selection(self, schema: Schema) -> Selection:
        """See `Wanted`."""
        with _blaming(self.place):
            return XPathSelection(schema, self.expression)

    def of(self, schema: Schema, root: Container, levels: int = UNBOUNDED) -> Container:
        """See `Wanted`."""
        with _blaming(self.place):
            return select(schema, root, self.expression, self.namespaces, new_budget(), _whole(levels))

    def locations(self, schema: Schema, root: Container, budget: Budget) -> list[Location]:
        """Return where the selected nodes of `root` are, in document order; raises RpcError."""
        with _blaming(self.place):
            return locations(schema, root, self.expression, self.namespaces, budget)

    def asked(self, _schema: Schema, root: str) -> Asked | None:
        """See `Wanted`."""
        return Asked.of(root or self.etag, None)


def new_budget() -> Budget:
    """Return what the expressions of one request may take."""
    return Budget(MAX_STEPS, XPATH_SECONDS, time.monotonic)


def _whole(levels: int) -> Whole:
    return limited(levels) if levels else everything_below


def xpath(text: str, namespaces: Mapping[str | None, str], path: str, prefix: str, namespace: str) -> XPath:
    """Read an expression that is a parameter of its own; `prefix` and `namespace` are those in `path`."""
    bound = {"nc": BASE_NAMESPACE, prefix: namespace}
    return _read(text, namespaces, Place(path, bound, path.rpartition(":")[2], ""))


def _read(text: str, namespaces: Mapping[str | None, str], place: Place) -> XPath:
    with _blaming(place):
        # a name without a prefix matches in any namespace, as an element without one does in a subtree filter
        expression = parse(text, namespaces, known=frozenset(FUNCTIONS))
        return XPath(text, expression, namespaces, place)


def take_wanted(parameters: Parameters) -> Wanted:
    """Take `<filter>` of get or get-config.

    Raises RpcError: bad-attribute for an unknown type or an expression that is none, missing-attribute for an
    XPath filter without one.
    """
    found = parameters.element("filter", attributes=("type", "select", ETAG))
    if found is None:
        return Everything()
    if _type(parameters, found) is FilterType.SUBTREE:
        return Subtree(found)
    path = f"{parameters.path}/nc:filter"
    text = found.get("select", found.get(f"{{{BASE_NAMESPACE}}}select"))
    if text is None:
        error = errors.missing_attribute("select", "filter", type=ErrorType.PROTOCOL)
        raise parameters.at(error, "filter")
    wanted = _read(text, found.nsmap, Place(path, {"nc": BASE_NAMESPACE}))
    return replace(wanted, etag=found.get(ETAG, ""))


def take_filter(parameters: Parameters, namespace: str = "") -> etree._Element | None:
    """Take `<filter>` where it has to be a subtree filter; `namespace`: that of the operation unless given.

    Raises RpcError bad-attribute for an unknown type, and operation-not-supported for xpath.
    """
    found = parameters.element("filter", namespace, attributes=("type", "select"))
    if found is not None and _type(parameters, found) is FilterType.XPATH:
        message = 'filter type "xpath" is not supported for notifications; use "subtree"'
        raise parameters.at(errors.operation_not_supported(message), "filter")
    return found


def _type(parameters: Parameters, element: etree._Element) -> FilterType:
    kind = element.get("type") or element.get(f"{{{BASE_NAMESPACE}}}type") or FilterType.SUBTREE
    if kind not in tuple(FilterType):
        message = f'filter type {kind[:64]!r} is not known; there are "subtree" and "xpath"'
        error = errors.bad_attribute("type", "filter", message, ErrorType.PROTOCOL)
        raise parameters.at(error, "filter")
    return FilterType(kind)


@contextmanager
def _blaming(place: Place) -> Iterator[None]:
    """Say what is wrong with an expression."""
    said = place.attribute or place.element
    try:
        yield
    except NotNodesError as error:
        wrong = errors.invalid_value(f"{said}: {error}", type=ErrorType.PROTOCOL, app_tag=NOT_NODES)
        raise wrong.at(place.path, place.namespaces) from error
    except XPathError as error:
        raise _wrong(place, f"{said}: {error}").at(place.path, place.namespaces) from error
    except (XPathLimitError, RecursionError) as error:
        message = f"{said}: the expression takes too long; name the nodes on the way, and keys"
        denied = errors.resource_denied(message, ErrorType.PROTOCOL)
        denied.app_tag = TOO_MUCH
        raise denied.at(place.path, place.namespaces) from error


def _wrong(place: Place, message: str) -> RpcError:
    if place.attribute:
        return errors.bad_attribute(place.attribute, place.element, message, ErrorType.PROTOCOL)
    return errors.invalid_value(message, type=ErrorType.PROTOCOL)
