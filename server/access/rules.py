"""The rules of the access control model (RFC 8341 section 3.3), in the form that decisions are made from.

Owns the types only. `policy` reads them from the configuration, `nacm` decides by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from server.schema.node import Tag


class Access(StrEnum):
    """The access operations (RFC 8341 section 3.2.2)."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    EXEC = "exec"


ALL_ACCESS = frozenset(Access)
ANY = "*"
"""Matches every module, operation, notification or group."""


class RuleKind(StrEnum):
    """What a rule is about; GENERAL is one without a rule-type, which is about everything."""

    GENERAL = "general"
    OPERATION = "protocol-operation"
    NOTIFICATION = "notification"
    DATA = "data-node"


@dataclass(frozen=True, slots=True)
class PathStep:
    """One node of a rule's path; `keys` are the predicates, and a key without one may have any value."""

    tag: Tag
    keys: Mapping[Tag, str]


RulePath = tuple[PathStep, ...]
"""The nodes from the top level down; () is `/`, which is everything."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `name` is that of the operation or notification, `path` None where the kind has none.

    A DATA rule whose path names nothing that there is has no effect: its `path` is None.
    """

    kind: RuleKind
    permit: bool
    module: str = ANY
    name: str = ANY
    path: RulePath | None = None
    access: frozenset[Access] = ALL_ACCESS


@dataclass(frozen=True, slots=True)
class RuleList:
    """Rules for the members of some groups, in order."""

    groups: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything below `/nacm`; the defaults are those of the YANG module.

    `groups`: user → the groups that the configuration puts him into.
    """

    enabled: bool = True
    read_default: bool = True
    write_default: bool = False
    exec_default: bool = True
    external_groups: bool = True
    groups: Mapping[str, frozenset[str]] | None = None
    rule_lists: tuple[RuleList, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `groups` are those that the transport or the server itself reports.

    `recovery`: nothing is denied to this session (RFC 8341 section 3.3.1).
    """

    user: str
    groups: frozenset[str] = frozenset()
    recovery: bool = False
