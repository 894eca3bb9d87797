"""Reads the access control configuration (ietf-netconf-acm, RFC 8341) into rules. Pure.

Reading costs once for each configuration: equal `/nacm` containers give the same policy.
"""

from collections.abc import Iterator
from typing import Final

from server.access.rules import (
    ALL_ACCESS,
    ANY,
    Access,
    PathStep,
    Policy,
    Rule,
    RuleKind,
    RuleList,
    RulePath,
)
from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode, Tag
from server.tree.node import Branch, Container, Entry

NAMESPACE: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"


def _tag(name: str) -> Tag:
    return f"{{{NAMESPACE}}}{name}"


class PolicyReader:
    """Reads the trees of one schema; safe for many threads, which share the last result."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._last: tuple[Container | None, Policy] = (None, Policy())

    def read(self, root: Container) -> Policy:
        """Return what `root` says below `/nacm`, defaults filled in."""
        nacm = root.branch(_tag("nacm"))
        last, policy = self._last
        if nacm is not last:
            policy = Policy() if nacm is None else self._policy(nacm)
            self._last = nacm, policy
        return policy

    def _policy(self, nacm: Container) -> Policy:
        return Policy(
            enabled=nacm.value(_tag("enable-nacm")) != "false",
            read_default=nacm.value(_tag("read-default")) != "deny",
            write_default=nacm.value(_tag("write-default")) == "permit",
            exec_default=nacm.value(_tag("exec-default")) != "deny",
            external_groups=nacm.value(_tag("enable-external-groups")) != "false",
            groups=_groups(nacm.branch(_tag("groups"))),
            rule_lists=tuple(self._rule_list(entry) for entry in nacm.entries(_tag("rule-list"))),
        )

    def _rule_list(self, entry: Entry) -> RuleList:
        groups = frozenset(entry.values(_tag("group")))
        return RuleList(groups, tuple(self._rule(rule) for rule in entry.entries(_tag("rule"))))

    def _rule(self, entry: Entry) -> Rule:
        kind, name, path = self._subject(entry)
        return Rule(
            kind=kind,
            permit=entry.value(_tag("action")) == "permit",
            module=entry.value(_tag("module-name")) or ANY,
            name=name,
            path=path,
            access=_access(entry.value(_tag("access-operations"))),
        )

    def _subject(self, entry: Branch) -> tuple[RuleKind, str, RulePath | None]:
        operation = entry.value(_tag("rpc-name"))
        notification = entry.value(_tag("notification-name"))
        path = entry.value(_tag("path"))
        if operation is not None:
            return RuleKind.OPERATION, operation, None
        if notification is not None:
            return RuleKind.NOTIFICATION, notification, None
        if path is not None:
            return RuleKind.DATA, ANY, self.path(path)
        return RuleKind.GENERAL, ANY, None

    def path(self, text: str) -> RulePath | None:
        """Return the steps of a path in module-name form; None for one that names no node of the schema.

        The last step may be an action or a notification.
        """
        if text == names.ALL_CONTENTS:
            return ()
        try:
            return tuple(self._steps(text))
        except (ValueError, KeyError):
            return None

    def _steps(self, text: str) -> Iterator[PathStep]:
        """Raises ValueError or KeyError for what is not in the schema."""
        node: SchemaNode | None = self._schema.root
        module = ""
        for step in names.parse_identifier(text):
            module = step.prefix or module
            tag = f"{{{self._schema.by_name[module].namespace}}}{step.name}"
            if node is None:
                raise ValueError(f"{text!r} goes on below an action, a notification or a leaf")
            below = node.children.get(tag)
            if below is None and step.name not in (*node.actions, *node.notifications):
                raise ValueError(f"{text!r} names no node of the schema")
            yield PathStep(tag, {} if below is None else _keys(below, step))
            node = below


def _keys(node: SchemaNode, step: names.Step) -> dict[Tag, str]:
    if step.predicates and node.kind is not NodeKind.LIST:
        raise ValueError("only a list has keys")
    return {f"{{{node.namespace}}}{item.name}": item.value for item in step.predicates}


def _groups(groups: Container | None) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in () if groups is None else groups.entries(_tag("group")):
        for user in group.values(_tag("user-name")):
            found.setdefault(user, set()).add(group.key[0])
    return {user: frozenset(names_of_groups) for user, names_of_groups in found.items()}


def _access(bits: str | None) -> frozenset[Access]:
    if bits is None or bits == ANY:
        return ALL_ACCESS
    return frozenset(map(Access, bits.split()))
