"""The parameters of an operation: each is taken once, and what is left over is an error.

Owns the common half of parsing: names, namespaces, repetition (RFC 7950 section 8.3.1). Errors name the
parameter, and where it stands in error-path.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from lxml import etree

from server.protocol import errors
from server.protocol.errors import RpcError
from server.protocol.messages import BASE_NAMESPACE

E = TypeVar("E", bound=StrEnum)

WITH_DEFAULTS_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
HISTORY_NAMESPACE = "urn:twincast:yang:commit-history"
NMDA_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
COMPARE_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
PARTIAL_LOCK_NAMESPACE = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
PRIVATE_CANDIDATE_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"
TXID_MODULE_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-txid"
SUBSCRIBED_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
PUSH_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-yang-push"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PREFIXES = {
    BASE_NAMESPACE: "nc",
    "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring": "ncm",
    WITH_DEFAULTS_NAMESPACE: "ncwd",
    errors.YANG_NAMESPACE: "yang",
    HISTORY_NAMESPACE: "tch",
    COMPARE_NAMESPACE: "cmp",
    NMDA_NAMESPACE: "ncds",
    PARTIAL_LOCK_NAMESPACE: "pl",
    PRIVATE_CANDIDATE_NAMESPACE: "pc",
    TXID_MODULE_NAMESPACE: "ietf-netconf-txid",
    SUBSCRIBED_NAMESPACE: "sn",
    PUSH_NAMESPACE: "yp",
    "urn:ietf:params:xml:ns:netconf:notification:1.0": "ncEvent",
}
_BOOLEANS = {"true": True, "false": False}
_PATH_NAMESPACES = {prefix: namespace for namespace, prefix in _PREFIXES.items()}
MAX_ERRORS = 64
"""Parameters that one answer blames; there may be millions."""


def at_operation(error: RpcError, operation: etree._Element) -> RpcError:
    """Return an error of the operation as a whole with the path of its element."""
    name = etree.QName(operation)
    prefix = _PREFIXES.get(name.namespace or "", "")
    path = f"/nc:rpc/{prefix}:{name.localname}" if prefix else "/nc:rpc"
    return error.at(path, _bound(path))


def _bound(path: str) -> dict[str, str]:
    return {prefix: uri for prefix, uri in _PATH_NAMESPACES.items() if f"/{prefix}:" in path}


class Parameters:
    """The child elements of one element of a request.

    Take what is known with `element`, `leaf` and their like, then call `finish`. Attributes that an element
    does not have are refused with unknown-attribute when it is taken.
    """

    def __init__(
        self, parent: etree._Element, path: str = "/nc:rpc", attributes: Collection[str] = ()
    ) -> None:
        """`attributes` are those that `parent` may have, as in `element`."""
        self.parent = parent
        self._name = etree.QName(parent)
        prefix = _PREFIXES.get(self._name.namespace or "", "")
        self.path = f"{path}/{prefix}:{self._name.localname}" if prefix else path
        self._left = [child for child in parent if isinstance(child.tag, str)]
        self._check_attributes(parent, attributes, self.path)

    def element(
        self, name: str, namespace: str = "", attributes: Collection[str] = ()
    ) -> etree._Element | None:
        """Take the parameter `name`, None when it is absent; the operation's namespace unless one is given.

        `attributes` are the local or Clark names of those it may have. Raises RpcError bad-element when
        it is there more than once.
        """
        tag = f"{{{namespace or self._name.namespace}}}{name}"
        found = [child for child in self._left if child.tag == tag]
        self._left = [child for child in self._left if child.tag != tag]
        if len(found) > 1:
            raise self._at(errors.bad_element(name, f"<{name}> stands more than once in {self._here}"))
        for element in found:
            self._check_attributes(element, attributes, self._path_of(name, namespace))
        return found[0] if found else None

    def several(self, name: str) -> list[etree._Element]:
        """Take all elements of a leaf-list of the operation."""
        tag = f"{{{self._name.namespace}}}{name}"
        found = [child for child in self._left if child.tag == tag]
        self._left = [child for child in self._left if child.tag != tag]
        for element in found:
            Parameters(element, self.path).finish(text=True)
        return found

    def expect(self, *wanted: tuple[str, ...]) -> None:
        """Raise missing-element for the parameters that are absent, of several RpcErrors; takes none.

        Of each of `wanted` one has to be there; the first is the one that is called missing.
        """
        present = {str(child.tag) for child in self._left}
        space = self._name.namespace
        absent = [each[0] for each in wanted if not any(f"{{{space}}}{name}" in present for name in each)]
        if absent:
            raise errors.together([self.missing(name) for name in absent])

    def required(self, name: str, attributes: Collection[str] = ()) -> etree._Element:
        """Take the parameter `name`; raises RpcError missing-element or unknown-namespace."""
        found = self.element(name, attributes=attributes)
        if found is None:
            raise self.missing(name)
        return found

    def leaf(self, name: str, namespace: str = "") -> str | None:
        """Take the text of a parameter, without white space around it."""
        found = self.element(name, namespace)
        if found is None:
            return None
        Parameters(found, self.path).finish(text=True)
        return (found.text or "").strip()

    def choice(self, name: str, values: type[E], default: E) -> E:
        """Take an enumeration; raises RpcError invalid-value naming what is possible."""
        text = self.leaf(name)
        if text is None:
            return default
        try:
            return values(text)
        except ValueError:
            raise self.invalid(name, text, values) from None

    def words(self, name: str, longest: int, namespace: str = "") -> str:
        """Take free text of 1 to `longest` characters, empty when it is absent; raises invalid-value."""
        text = self.leaf(name, namespace)
        if text is not None and not 1 <= len(text) <= longest:
            raise self.invalid(name, text, (f"1 to {longest} characters",), namespace)
        return text or ""

    def integer(self, name: str, lowest: int, highest: int, default: int | None = None) -> int:
        """Take an integer; raises RpcError invalid-value, and missing-element unless there is a default."""
        text = self.leaf(name)
        if text is None and default is not None:
            return default
        if text is None:
            raise self.missing(name)
        if text.isascii() and text.isdigit() and len(text) <= 20 and lowest <= int(text) <= highest:
            return int(text)
        raise self.invalid(name, text, (f"{lowest}..{highest}",))

    def required_leaf(self, name: str) -> str:
        """Take the text of a required parameter; raises RpcError missing-element."""
        text = self.leaf(name)
        if text is None:
            raise self.missing(name)
        return text

    def boolean(self, name: str, namespace: str = "") -> bool | None:
        """Take a boolean, None when it is absent; raises RpcError invalid-value."""
        text = self.leaf(name, namespace)
        if text is not None and text not in _BOOLEANS:
            raise self.invalid(name, text, _BOOLEANS, namespace)
        return None if text is None else _BOOLEANS[text]

    def flag(self, name: str) -> bool:
        """Take a parameter of type empty: whether it is there. Raises RpcError invalid-value for content."""
        text = self.leaf(name)
        if text:
            raise self.invalid(name, text, ("nothing",))
        return text is not None

    def missing(self, name: str, message: str = "") -> RpcError:
        """Return the error of a parameter that is not there: missing-element.

        One that is there in another namespace, or in none, is unknown-namespace: many write `<config>`
        without its namespace, and "missing" would be a riddle.
        """
        astray = next((child for child in self._left if etree.QName(child).localname == name), None)
        if astray is None:
            return self._at(errors.missing_element(name, message or f"<{name}> is missing in {self._here}"))
        foreign = etree.QName(astray).namespace or ""
        where = f"the namespace {foreign!r}" if foreign else "no namespace"
        text = f"<{name}> in {self._here} is in {where}, it has to be in {self._name.namespace!r}"
        return self._at(errors.unknown_namespace(name, foreign, text, errors.ErrorType.PROTOCOL))

    def inside(self, name: str) -> "Parameters":
        """Take a required parameter that has parameters of its own."""
        return Parameters(self.required(name), self.path)

    def finish(self, *, text: bool = False) -> None:
        """Raise unknown-element or unknown-namespace for the parameters not taken, of several RpcErrors.

        Unless there may be `text`, that is refused with RpcError bad-element.
        """
        if self._left:
            raise errors.together([self._unknown(child) for child in self._left[:MAX_ERRORS]])
        pieces = (self.parent.text, *(child.tail for child in self.parent))
        if not text and any(piece and not piece.isspace() for piece in pieces):
            error = errors.bad_element(self._name.localname, f"text is not allowed in {self._here}")
            raise self._at(error)

    def invalid(self, name: str, text: str, possible: Iterable[str], namespace: str = "") -> RpcError:
        """Return the error invalid-value of a parameter."""
        expected = ", ".join(possible)
        message = f"<{name}> in {self._here} is {text[:64]!r}; possible: {expected}"
        error = errors.invalid_value(message, type=errors.ErrorType.PROTOCOL)
        return self._at(error, name, namespace)

    def only(self) -> etree._Element:
        """Take the one child element there has to be: the case of a choice.

        Raises RpcError missing-element when there is none, bad-element when there are several.
        """
        if not self._left:
            message = f"{self._here} is empty: it has to name a datastore or hold a configuration"
            raise self._at(errors.missing_element(self._name.localname, message))
        if len(self._left) > 1:
            extra = etree.QName(self._left[1]).localname
            raise self._at(errors.bad_element(extra, f"{self._here} takes one choice, <{extra}> is one more"))
        return self._left.pop()

    def second_choice(self, name: str) -> RpcError:
        """Return the error bad-element of a parameter that excludes another one that is there."""
        return self._at(errors.bad_element(name, f"{self._here} takes one choice, <{name}> is one more"))

    def only_action(self) -> etree._Element:
        """Take the one child of `<action>`; raises RpcError missing-element or bad-element."""
        if not self._left:
            text = "<action> is empty: it has to lead to an action"
            raise self._at(errors.missing_element("action", text))
        if len(self._left) > 1:
            extra = etree.QName(self._left[1]).localname
            text = f"an <action> leads to one action: <{extra}> is one more"
            raise self._at(errors.bad_element(extra, text))
        child = self._left.pop()
        self.finish()
        return child

    def _unknown(self, child: etree._Element) -> RpcError:
        name = etree.QName(child)
        if name.namespace not in _PREFIXES:
            foreign = name.namespace or ""
            return self._at(errors.unknown_namespace(name.localname, foreign, type=errors.ErrorType.PROTOCOL))
        message = f"<{name.localname}> is not a parameter of {self._here}"
        return self._at(errors.unknown_element(name.localname, message))

    def unknown(self, child: etree._Element) -> RpcError:
        """Return the error unknown-element or unknown-namespace for a child."""
        return self._unknown(child)

    def at(self, error: RpcError, name: str, namespace: str = "") -> RpcError:
        """Return an error of the parameter `name`."""
        return self._at(error, name, namespace)

    @property
    def _here(self) -> str:
        return f"<{self._name.localname}>"

    def _check_attributes(self, element: etree._Element, known: Collection[str], path: str) -> None:
        label = etree.QName(element).localname
        unknown = [
            name
            for attribute, name in ((each, etree.QName(each).localname) for each in element.attrib)
            if name not in known and attribute not in known
        ]
        if unknown:
            protocol = errors.ErrorType.PROTOCOL
            found = [errors.unknown_attribute(name, label, type=protocol) for name in unknown[:MAX_ERRORS]]
            raise errors.together([error.at(path, _bound(path)) for error in found])

    def _at(self, error: RpcError, name: str = "", namespace: str = "") -> RpcError:
        path = self._path_of(name, namespace)
        return error.at(path, _bound(path))

    def _path_of(self, name: str, namespace: str) -> str:
        prefix = _PREFIXES.get(namespace or self._name.namespace or "", "nc")
        return f"{self.path}/{prefix}:{name}" if name else self.path


class WithDefaults(StrEnum):
    """The retrieval modes of RFC 6243 section 3; `explicit` is the basic mode."""

    REPORT_ALL = "report-all"
    REPORT_ALL_TAGGED = "report-all-tagged"
    TRIM = "trim"
    EXPLICIT = "explicit"


def take_with_defaults(
    parameters: Parameters,
    namespace: str = WITH_DEFAULTS_NAMESPACE,
    absent: WithDefaults = WithDefaults.EXPLICIT,
) -> WithDefaults:
    """Take `<with-defaults>` (RFC 6243 section 4.5.1); raises RpcError invalid-value for what is no mode.

    `namespace` is that of the parameter, `absent` the mode without it.
    """
    mode = parameters.leaf("with-defaults", namespace)
    if mode is None:
        return absent
    try:
        return WithDefaults(mode)
    except ValueError:
        raise parameters.invalid("with-defaults", mode, WithDefaults, namespace) from None


def take_with_etag(parameters: Parameters) -> bool:
    """Take `<with-etag>` of ietf-netconf-txid: whether the reply shall have the new etag."""
    return bool(parameters.boolean("with-etag", TXID_MODULE_NAMESPACE))


def take_time(parameters: Parameters, name: str) -> int | None:
    """Take a time as microseconds since the Unix epoch; raises RpcError for one that Python does not have.

    It has to be one in UTC too, as which it is told later.
    """
    text = parameters.leaf(name)
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text) - _EPOCH
        return (_EPOCH + since - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError) as error:
        raise parameters.invalid(name, text, ("a date and time with a zone",)) from error
