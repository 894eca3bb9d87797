"""What libyang says, as NETCONF says it: RFC 6241 appendix A, RFC 7950 sections 8.3.1 and 15.

libyang gives no error-tag and, for several errors, no app-tag: both follow from its message by one table,
`_RULES`. Messages quote values; those of nodes that are default-deny-all never reach a client.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from server.protocol.errors import (
    YANG_NAMESPACE,
    ErrorType,
    InfoElement,
    RpcError,
    data_missing,
    invalid_value,
    missing_element,
    operation_failed,
    unknown_attribute,
    unknown_element,
    unknown_namespace,
)
from server.protocol.errors import bad_element as protocol_bad_element
from server.schema.foreign import first_foreign
from server.schema.model import Schema
from server.schema.names import Bindings, real_type
from server.schema.node import NodeKind, SchemaNode
from server.schema.validator_paths import Located, child_named, locate
from server.schema.validator_wire import Phase, RawError

MAX_MESSAGE = 1_000
"""Characters: a message may quote a value as long as the client likes."""

_APPLICATION = ErrorType.APPLICATION


@dataclass(frozen=True, slots=True)
class _Case:
    """One error on its way: what libyang said, where, and what the client sent."""

    schema: Schema
    raw: RawError
    match: re.Match[str] | None
    located: Located | None
    xml: bytes
    bindings: Bindings

    def said(self, group: str) -> str:
        """A part of libyang's message; empty when no pattern fits it."""
        return self.match[group] if self.match is not None else ""

    @property
    def node(self) -> SchemaNode:
        """The node the error is at; the schema root for the top level."""
        return self.located.node if self.located is not None else self.schema.root

    @property
    def name(self) -> str:
        """The name of that node."""
        return self.node.name or "data"

    @property
    def secret(self) -> bool:
        """Whether values must not be quoted."""
        return self.node.default_deny_all

    def at_child(self, name: str) -> Located | None:
        """The instance called `name` below the node; the node itself when there is no such child."""
        child = child_named(self.node, name)
        if child is None:
            return self.located
        return self.located.child(child) if self.located is not None else Located(child)


_Outcome = tuple[RpcError, Located | None]
_Rule = Callable[[_Case], _Outcome]


def map_errors(
    schema: Schema, raw_errors: Iterable[RawError], xml: bytes, *, partial: bool = False
) -> tuple[RpcError, ...]:
    """Return the errors for the client, without repetitions, each with its instance path.

    `xml` is what was judged: it tells the element that a message does not name. With `partial`, too few
    entries of a list are no error.
    """
    found: list[RpcError] = []
    seen: set[tuple[str, str, str]] = set()
    for raw in raw_errors:
        error, located = _map(schema, raw, xml)
        if partial and _is_count_of_list(error, located):
            continue
        identity = (error.tag, error.path, error.message)
        if identity not in seen:
            seen.add(identity)
            found.append(error)
    return tuple(found)


def _is_count_of_list(error: RpcError, located: Located | None) -> bool:
    is_list = located is not None and located.node.kind is NodeKind.LIST
    return is_list and error.app_tag == "too-few-elements"


def _map(schema: Schema, raw: RawError, xml: bytes) -> _Outcome:
    located = locate(schema, raw.path)
    rule, match = _rule_for(raw, located)
    case = _Case(schema, raw, match, located, xml, Bindings())
    error, where = rule(case)
    return _with_path(error, where, case.bindings), where


def _rule_for(raw: RawError, located: Located | None) -> tuple[_Rule, re.Match[str] | None]:
    for phase, pattern, rule in _RULES:
        match = pattern.search(raw.message) if phase in {None, raw.phase} else None
        if match is not None:
            return rule, match
    if raw.phase is Phase.PARSE:
        is_value = located is not None and located.node.type is not None
        return (_value if is_value else _unreadable), None
    return (_own_words if raw.app_tag else _other_constraint), None


def _with_path(error: RpcError, where: Located | None, bindings: Bindings) -> RpcError:
    path = where.path(bindings) if where is not None else ""
    message = error.message
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]}…"
    return replace(error, message=message, path=path, path_namespaces=dict(bindings.namespaces))


def _bad_element(name: str, message: str) -> RpcError:
    return protocol_bad_element(name, message, _APPLICATION)


_OF_INTEGERS = {
    f"{sign}int{bits}": f"{-(2 ** (bits - 1)) if not sign else 0}..{2 ** (bits - (not sign)) - 1}"
    for bits in (8, 16, 32, 64)
    for sign in ("", "u")
}
"""What integers can be without a restriction (RFC 7950 section 9.2)."""
_PATTERN_TEXT = '"{value}" does not match the pattern {pattern}'

# Rules for data that cannot be read.


def _unknown_node(case: _Case) -> _Outcome:
    name = case.said("name")
    above = f" in <{case.name}>" if case.located is not None else ""
    return unknown_element(name, f"there is no element <{name}>{above}", _APPLICATION), case.located


def _unknown_namespace(case: _Case) -> _Outcome:
    foreign = first_foreign(case.schema, case.xml)
    if foreign is None:
        return unknown_element("", "an element is in no known namespace", _APPLICATION), case.located
    return unknown_namespace(*foreign), case.located


def _missing_key(case: _Case) -> _Outcome:
    key = case.said("name")
    return missing_element(key, f"an entry of {case.name} lacks its key <{key}>", _APPLICATION), case.located


def _state_data(case: _Case) -> _Outcome:
    name = case.said("name")
    return unknown_element(name, f"<{name}> is state data, not configuration", _APPLICATION), case.located


def _attribute(case: _Case) -> _Outcome:
    name = case.said("name")
    error = unknown_attribute(name, case.name, type=_APPLICATION)
    return error, case.located


def _value(case: _Case) -> _Outcome:
    """A value that its type refuses; what the module's author says about it wins (RFC 7950 9.4.4)."""
    return invalid_value(_value_text(case), app_tag=case.raw.app_tag), case.located


def _value_text(case: _Case) -> str:
    """Say what is wrong with a value; one of a secret node is not quoted."""
    if case.secret:
        return f"the value of {case.name} is not acceptable"
    info = real_type(case.node.type) if case.node.type is not None else None
    for pattern, text in _VALUE_TEXTS:
        match = pattern.search(case.raw.message)
        if match is not None and info is not None:
            allowed = {
                "range": info.range or _OF_INTEGERS.get(info.base, info.base),
                "length": info.length,
                "name": case.name,
                "possible": ", ".join(sorted(info.enums)),
            }
            return text.format(**allowed, **match.groupdict())
    return " ".join(case.raw.message.split())


def _content(case: _Case) -> _Outcome:
    """The text would be quoted as it stands in the request, so it is left out."""
    return invalid_value(f"the content of <{case.name}> is neither a value nor elements"), case.located


def _text_in_anydata(case: _Case) -> _Outcome:
    name = case.said("name")
    return _bad_element(name, f"<{name}> takes elements, not text"), case.at_child(name)


def _unreadable(case: _Case) -> _Outcome:
    return operation_failed("the data cannot be read as configuration"), case.located


# Rules for constraints: RFC 7950 section 15.


def _not_unique(case: _Case) -> _Outcome:
    entries = [locate(case.schema, case.said(group)) for group in ("first", "second")]
    leaves = case.said("leaves").split()
    found = [entry.below(path) for path in leaves for entry in entries if entry is not None]
    info = tuple(_non_unique(leaf) for leaf in found if leaf is not None)
    names = " and ".join(leaves)
    text = f"two entries of {case.name} have the same {names}"
    error = replace(operation_failed(text, app_tag="data-not-unique"), info=info)
    return error, case.located


def _non_unique(leaf: Located) -> InfoElement:
    bindings = Bindings()
    path = leaf.path(bindings)
    return InfoElement("non-unique", path, YANG_NAMESPACE, bindings.namespaces)


def _count(case: _Case) -> _Outcome:
    few = case.said("amount") == "few"
    limit = case.node.min_elements if few else case.node.max_elements
    many = "entries" if case.node.kind is NodeKind.LIST else "values"
    text = f"{case.name} has too {case.said('amount')} {many}: at {'least' if few else 'most'} {limit}"
    tag = "too-few-elements" if few else "too-many-elements"
    where = case.located.without_own_keys() if case.located is not None else None
    return operation_failed(text, app_tag=tag), where


def _leafref(case: _Case) -> _Outcome:
    constraint = case.node.leafref
    target = constraint.target if constraint is not None else None
    value = "this value" if case.secret else f'"{case.said("value")}"'
    if target is not None and target.parent is not None and target.parent.name:
        text = f"no {target.parent.name} has the {target.name} {value}"
    else:
        text = f"nothing has the value {value} that {case.name} refers to"
    return data_missing(text, app_tag="instance-required"), case.located


def _instance(case: _Case) -> _Outcome:
    value = "" if case.secret else f" {case.said('value')}"
    text = f"the instance{value} that {case.name} refers to does not exist"
    return data_missing(text, app_tag="instance-required"), case.located


def _mandatory(case: _Case) -> _Outcome:
    name = case.said("name")
    return data_missing(f"{name} is mandatory and missing"), case.at_child(name)


def _mandatory_choice(case: _Case) -> _Outcome:
    name = case.said("name")
    error = data_missing(f"one case of the choice {name} has to be there", app_tag="missing-choice")
    return replace(error, info=(InfoElement("missing-choice", name, YANG_NAMESPACE),)), case.located


def _when(case: _Case) -> _Outcome:
    text = f"<{case.name}> may not be here: its condition {case.said('condition')} is false"
    return unknown_element(case.name, text, _APPLICATION), case.located


def _two_cases(case: _Case) -> _Outcome:
    second = case.said("second")
    members = [
        child for child in case.node.children.values() if any(name == second for _choice, name in child.cases)
    ]
    name = members[0].name if members else second
    text = f"cases {case.said('first')} and {second} exclude each other"
    return _bad_element(name, text), case.located


def _duplicate(case: _Case) -> _Outcome:
    name = case.said("name")
    return _bad_element(name, f"<{name}> is given twice"), case.located


def _must(case: _Case) -> _Outcome:
    """A must without error-message; its XPath is the module's text, not the client's data."""
    text = f"{case.name} breaks the rule {case.said('condition')}"
    return operation_failed(text, app_tag=case.raw.app_tag or "must-violation"), case.located


def _own_words(case: _Case) -> _Outcome:
    """A must with an error-message of its own (RFC 7950 sections 7.5.4.1, 15.4)."""
    return operation_failed(case.raw.message, app_tag=case.raw.app_tag or "must-violation"), case.located


def _other_constraint(case: _Case) -> _Outcome:
    return operation_failed(f"{case.name} is not valid here", app_tag=case.raw.app_tag), case.located


_VALUE_TEXTS = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (r'^Unsatisfied range - value "(?P<value>.*)" is out of', '"{value}" is not in the range {range}'),
        (
            r'^Unsatisfied length - string "(?P<value>.*)" length',
            'the length of "{value}" is not in {length}',
        ),
        (r'^Unsatisfied pattern - "(?P<value>.*)" does not match "(?P<pattern>.*)"', _PATTERN_TEXT),
        (
            r'^Invalid union value "(?P<value>.*?)" - no matching',
            '"{value}" fits none of the types of {name}',
        ),
        (
            r'^Value "(?P<value>.*)" is out of type \S+ min/max bounds',
            '"{value}" is not in the range {range}',
        ),
        (r'^Invalid enumeration value "(?P<value>.*)"', '"{value}" is none of {possible}'),
        (r'^Invalid type (?P<type>\S+) value "(?P<value>.*)"', '"{value}" is not of the type {type}'),
        (r"^Invalid empty value size", "{name} takes no value"),
        (r"^Invalid type (?P<type>\S+) empty value", "{name} needs a value of type {type}"),
    )
)
_UNIQUE = (
    r'^Unique data leaf\(s\) "(?P<leaves>[^"]*)" not satisfied in "(?P<first>.*)" and '
    r'"(?P<second>.*)"\.$'
)
_RULES: tuple[tuple[Phase | None, re.Pattern[str], _Rule], ...] = tuple(
    (phase, re.compile(pattern, re.DOTALL), rule)
    for phase, pattern, rule in (
        (Phase.PARSE, r'^Node "(?P<name>[^"]+)" not found (?:as a child of|in the) ', _unknown_node),
        (Phase.PARSE, r'^No module with namespace "[^"]*" in the context\.$', _unknown_namespace),
        (Phase.PARSE, r"^Missing XML namespace\.$", _unknown_namespace),
        (Phase.PARSE, r'^List instance is missing its key "(?P<name>[^"]+)"\.$', _missing_key),
        (None, r'^Unexpected data state node "(?P<name>[^"]+)" found\.$', _state_data),
        (Phase.PARSE, r'^Missing mandatory prefix for XML metadata "(?P<name>[^"]+)"\.$', _attribute),
        (Phase.PARSE, r'for metadata "(?:[^":]+:)?(?P<name>[^":]+)"\.$', _attribute),
        (Phase.PARSE, r'^Annotation definition for attribute "(?:[^":]+:)?(?P<name>[^":]+)"', _attribute),
        (Phase.PARSE, r"^Invalid character sequence ", _content),
        (Phase.PARSE, r'^Text value ".*" inside an anydata node "(?P<name>[^"]+)" found', _text_in_anydata),
        (Phase.PARSE, r"^Mixed XML content ", _content),
        (
            None,
            _UNIQUE,
            _not_unique,
        ),
        (Phase.CONSTRAINT, r'^Too (?P<amount>few|many) "[^"]*" instances\.$', _count),
        (Phase.CONSTRAINT, r'^Invalid leafref value "(?P<value>.*)" - ', _leafref),
        (
            Phase.CONSTRAINT,
            r'^Invalid instance-identifier "(?P<value>.*)" value - required instance',
            _instance,
        ),
        (Phase.CONSTRAINT, r'^Mandatory node "(?P<name>[^"]+)" instance does not exist\.$', _mandatory),
        (Phase.CONSTRAINT, r'^Mandatory choice "(?P<name>[^"]+)" data do not exist\.$', _mandatory_choice),
        (Phase.CONSTRAINT, r'^When condition (?P<condition>".*") not satisfied\.$', _when),
        (
            Phase.CONSTRAINT,
            r'^Data for both cases "(?P<first>[^"]+)" and "(?P<second>[^"]+)" exist\.$',
            _two_cases,
        ),
        (Phase.CONSTRAINT, r'^Duplicate instance of "(?P<name>[^"]+)"\.$', _duplicate),
        (Phase.CONSTRAINT, r'^Must condition (?P<condition>".*") not satisfied\.$', _must),
    )
)
