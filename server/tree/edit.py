"""edit-config: from a payload and a tree to another tree (RFC 6241 section 7.2, RFC 7950 section 7)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from server.protocol.errors import RpcError
from server.schema.model import Schema
from server.tree.node import Container


class DefaultOperation(StrEnum):
    """The default-operation parameter (RFC 6241 section 7.2)."""

    MERGE = "merge"
    REPLACE = "replace"
    NONE = "none"


class ErrorOption(StrEnum):
    """The error-option parameter (RFC 6241 section 7.2)."""

    STOP_ON_ERROR = "stop-on-error"
    CONTINUE_ON_ERROR = "continue-on-error"
    ROLLBACK_ON_ERROR = "rollback-on-error"


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """`root` is the tree after the edit, the base itself when nothing changed; `errors` is what failed."""

    root: Container
    errors: tuple[RpcError, ...] = ()


def apply_edit(
    schema: Schema,
    base: Container,
    config_element: etree._Element,
    *,
    default_operation: DefaultOperation,
    error_option: ErrorOption,
    canonical: Callable[[bytes], bytes],
) -> EditOutcome:
    """Apply the `<config>` element of an edit-config to `base`.

    `canonical` is `Validator.canonical`. Under stop-on-error and rollback-on-error an error leaves
    `EditOutcome.root` the base; under continue-on-error what succeeded stays and all errors are returned.
    Nothing is raised for what the client got wrong.
    """
    raise NotImplementedError
