"""edit-config, copy-config and delete-config (RFC 6241 sections 7.2 to 7.4).

What is judged here are names, types, keys and whether data exists; must, when, leafref, mandatory, unique
and counts only where test-option asks for it, else at validate and commit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from server.access.guard import Guard
from server.access.rules import Access
from server.datastores.judge import Judge, refuse
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.handler import Handlers, base
from server.operations.inline import Inline
from server.operations.parameters import (
    Parameters,
    Source,
    refuse_unsupported,
    take_source,
    take_with_defaults,
)
from server.protocol import errors
from server.protocol.errors import RpcError
from server.protocol.messages import Ok, Reply
from server.protocol.session import Peer
from server.schema.model import NodeKind, Schema
from server.telemetry.sessions import Session
from server.tree.edit import DefaultOperation, EditOutcome, ErrorOption, Gate, apply_edit
from server.tree.node import Container
from server.tree.payload import Operation, Step


class TestOption(StrEnum):
    """The test-option parameter (RFC 6241 section 7.2)."""

    __test__ = False  # the name is the RFC's, not a test's

    TEST_THEN_SET = "test-then-set"
    SET = "set"
    TEST_ONLY = "test-only"


_NEEDED: Final = {
    Operation.CREATE: frozenset({Access.CREATE}),
    Operation.MERGE: frozenset({Access.CREATE, Access.UPDATE}),
    Operation.REPLACE: frozenset({Access.CREATE, Access.UPDATE}),
    Operation.DELETE: frozenset({Access.DELETE}),
    Operation.REMOVE: frozenset({Access.DELETE}),
    Operation.NONE: frozenset[Access](),
}
"""What a user has to be permitted who may not read the node, so that the answer tells him nothing of it."""


@dataclass(frozen=True, slots=True)
class EditConfig:
    """Parameters of edit-config; the target is the candidate, the only one that can be written."""

    config: etree._Element
    default_operation: DefaultOperation
    test_option: TestOption
    error_option: ErrorOption

    @classmethod
    def parse(cls, operation: etree._Element) -> "EditConfig":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation)
        _take_candidate(parameters)
        default_operation = parameters.choice("default-operation", DefaultOperation, DefaultOperation.MERGE)
        # without the parameter nothing is tested: the candidate may be incomplete until it is validated
        test_option = parameters.choice("test-option", TestOption, TestOption.SET)
        error_option = parameters.choice("error-option", ErrorOption, ErrorOption.STOP_ON_ERROR)
        if parameters.element("url") is not None:
            refuse_unsupported("url", "edit-config")
        config = parameters.required("config")
        parameters.finish()
        return cls(config, default_operation, test_option, error_option)


@dataclass(frozen=True, slots=True)
class CopyConfig:
    """Parameters of copy-config; the target is the candidate."""

    source: Source

    @classmethod
    def parse(cls, operation: etree._Element) -> "CopyConfig":
        """Read the parameters; raises RpcError invalid-value when source and target are the same."""
        parameters = Parameters(operation)
        _take_candidate(parameters)
        source = take_source(parameters, "source", inline=True)
        take_with_defaults(parameters)
        parameters.finish()
        if source.datastore is Datastore.CANDIDATE:
            raise parameters.invalid("source", Datastore.CANDIDATE, ("anything but the target",))
        return cls(source)


def _take_candidate(parameters: Parameters) -> None:
    target = take_source(parameters, "target", inline=False).datastore
    if target is not Datastore.CANDIDATE:
        message = "running cannot be written directly: the target is the candidate, followed by <commit>"
        raise errors.operation_not_supported(message)


class Edit:
    """The operations that write the candidate."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        guard: Guard,
        judge: Judge,
        inline: Inline,
        canonical: Callable[[bytes], bytes],
    ) -> None:
        """`canonical` is `Validator.canonical`."""
        self._schema = schema
        self._guard = guard
        self._store = store
        self._judge = judge
        self._inline = inline
        self._canonical = canonical

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            base("edit-config"): self.edit_config,
            base("copy-config"): self.copy_config,
            base("delete-config"): self.delete_config,
        }

    def edit_config(self, session: Session, operation: etree._Element) -> Reply:
        """Apply an edit to the candidate, wholly or, under continue-on-error, as far as it goes."""
        parameters = EditConfig.parse(operation)
        failed: list[RpcError] = []
        peer = session.peer
        self._store.edit(
            session.session_id, lambda candidate: self._edited(peer, candidate, parameters, failed)
        )
        refuse(failed)
        return Ok()

    def copy_config(self, session: Session, operation: etree._Element) -> Reply:
        """Replace the candidate by running or by the configuration in the request."""
        source = CopyConfig.parse(operation).source
        root = (
            self._store.root(Datastore.RUNNING)
            if source.config is None
            else self._inline.parse(source.config)
        )
        peer = session.peer
        self._store.edit(session.session_id, lambda candidate: self._guard.permitted(peer, candidate, root))
        return Ok()

    def delete_config(self, _session: Session, operation: etree._Element) -> Reply:
        """Refuse: running must not be deleted, and no other datastore can be (RFC 6241 section 7.4)."""
        parameters = Parameters(operation)
        target = take_source(parameters, "target", inline=False).datastore
        parameters.finish()
        raise errors.operation_not_supported(f"{target} cannot be deleted")

    def _gate(self, peer: Peer) -> Gate | None:
        blind = self._guard.blind(peer)
        if blind is None:
            return None

        def gate(step: Step) -> RpcError | None:
            implicit = step.schema.kind is NodeKind.CONTAINER and not step.schema.presence
            if implicit and step.operation in (Operation.MERGE, Operation.NONE):
                return None
            return blind(step.location, _NEEDED[step.operation])

        return gate

    def _edited(
        self, peer: Peer, candidate: Container, parameters: EditConfig, failed: list[RpcError]
    ) -> Container:
        outcome = apply_edit(
            self._schema,
            candidate,
            parameters.config,
            default_operation=parameters.default_operation,
            error_option=parameters.error_option,
            canonical=self._canonical,
            gate=self._gate(peer),
        )
        if parameters.error_option is not ErrorOption.CONTINUE_ON_ERROR:
            refuse(outcome.errors)
        self._guard.permitted(peer, candidate, outcome.root)
        if parameters.test_option is not TestOption.SET:
            self._test(outcome)
        failed.extend(outcome.errors)
        return candidate if parameters.test_option is TestOption.TEST_ONLY else outcome.root

    def _test(self, outcome: EditOutcome) -> None:
        errors_found = self._judge.settle(self._store.root(Datastore.RUNNING), outcome.root).errors
        if errors_found:
            refuse([*outcome.errors, *errors_found])
