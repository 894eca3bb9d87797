"""edit-config, copy-config and delete-config (RFC 6241 sections 7.2 to 7.4).

What is judged here are names, types, keys and whether data exists; must, when, leafref, mandatory, unique
and counts only where test-option asks for it, else at validate and commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lxml import etree

from server.access.guard import Guard
from server.access.rules import Access
from server.datastores.history import Cause
from server.datastores.judge import Judge, refuse
from server.datastores.locks import Datastore
from server.datastores.premises import Premise, check
from server.datastores.store import Store
from server.datastores.transaction import Committed
from server.operations.handler import Handlers, author, base
from server.operations.inline import Configurations
from server.operations.parameters import Parameters, WithDefaults, take_with_defaults, take_with_etag
from server.operations.sources import Offer, Source, Url, take_source, take_url
from server.operations.urls import Urls
from server.protocol import errors
from server.protocol.errors import RpcError
from server.protocol.messages import Ok, Reply
from server.protocol.session import Peer
from server.schema.model import NodeKind, Schema
from server.telemetry.audit import Trail
from server.telemetry.sessions import Session
from server.tree.diff import diff
from server.tree.edit import DefaultOperation, EditOutcome, ErrorOption, Gate, apply_edit
from server.tree.etag import ETAG
from server.tree.node import Container, empty_root
from server.tree.steps import Operation, Step
from server.tree.xml import to_xml
from server.xpath.defaults import Defaults


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
    """Parameters of edit-config; `config` is None where `source` is a URL."""

    target: Datastore
    source: Source
    default_operation: DefaultOperation
    test_option: TestOption
    error_option: ErrorOption
    with_etag: bool = False

    @classmethod
    def parse(cls, operation: etree._Element, offer: Offer) -> "EditConfig":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation)
        parameters.expect(("target",), ("config", "url"))
        target = _take_target(parameters, offer).datastore
        if target is Datastore.STARTUP or target is None:
            raise parameters.invalid("target", target or "", ("running", "candidate"))
        default_operation = parameters.choice("default-operation", DefaultOperation, DefaultOperation.MERGE)
        # without the parameter nothing is tested: the candidate may be incomplete until it is validated
        test_option = parameters.choice("test-option", TestOption, TestOption.SET)
        error_option = parameters.choice("error-option", ErrorOption, ErrorOption.STOP_ON_ERROR)
        url = take_url(parameters, offer)
        source = take_edit(parameters, url)
        with_etag = take_with_etag(parameters)
        parameters.finish()
        return cls(target, source, default_operation, test_option, error_option, with_etag)


def take_edit(parameters: Parameters, url: Url | None) -> Source:
    """Take `<config>` of an edit unless its content is at `url`; raises RpcError when it has both or none."""
    if url is None:
        return Source(config=parameters.required("config", (ETAG,)))
    if parameters.element("config") is not None:
        raise parameters.second_choice("config")
    return Source(url=url)


@dataclass(frozen=True, slots=True)
class CopyConfig:
    """Parameters of copy-config."""

    target: Source
    source: Source
    mode: WithDefaults

    @classmethod
    def parse(cls, operation: etree._Element, offer: Offer) -> "CopyConfig":
        """Read the parameters; raises RpcError invalid-value when source and target are the same."""
        parameters = Parameters(operation)
        parameters.expect(("target",), ("source",))
        target = _take_target(parameters, offer, url=True)
        source = take_source(parameters, "source", offer, inline=True, url=True)
        mode = take_with_defaults(parameters)
        parameters.finish()
        if source.is_same(target):
            given = source.datastore or "a URL"
            raise parameters.invalid("source", given, ("anything but the target",))
        return cls(target, source, mode)


def _take_target(parameters: Parameters, offer: Offer, *, url: bool = False) -> Source:
    target = take_source(parameters, "target", offer, url=url)
    if target.datastore is Datastore.RUNNING and not offer.writable_running:
        message = "running cannot be written directly: the target is the candidate, followed by <commit>"
        raise parameters.at(errors.operation_not_supported(message), "target")
    return target


class Edit:
    """The operations that write a datastore, or what a URL has."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        guard: Guard,
        judge: Judge,
        configurations: Configurations,
        urls: Urls,
        canonical: Callable[[bytes], bytes],
    ) -> None:
        """`canonical` is `Validator.canonical`."""
        self._schema = schema
        self._guard = guard
        self._store = store
        self._judge = judge
        self._configurations = configurations
        self._urls = urls
        self._offer = Offer.of(schema, urls.schemes)
        self._canonical = canonical
        self._defaults = Defaults(schema)

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            base("edit-config"): self.edit_config,
            base("copy-config"): self.copy_config,
            base("delete-config"): self.delete_config,
        }

    def edit_config(self, session: Session, operation: etree._Element) -> Reply:
        """Apply an edit to its target, wholly or, under continue-on-error, as far as it goes.

        Running is changed as by a commit: what is not valid is refused.
        """
        return self.edit(session, EditConfig.parse(operation, self._offer))

    def edit(self, session: Session, parameters: EditConfig) -> Reply:
        """Carry out an edit whose parameters are read; raises RpcError or RpcErrors."""
        source = parameters.source
        config = source.config if source.url is None else self._urls.read(source.url)
        if config is None:
            raise ValueError("an edit without content")
        outcomes: list[EditOutcome] = []
        try:
            root = self._write(
                session,
                parameters.target,
                lambda old: self._edited(session, old, parameters, config, outcomes),
            )
        except Exception:
            _note_named(session.trail, outcomes)
            raise
        if parameters.error_option is ErrorOption.CONTINUE_ON_ERROR:
            refuse(outcomes[0].errors)
        return Ok(etag=self._guard.etag(session.peer, root) if parameters.with_etag else "")

    def copy_config(self, session: Session, operation: etree._Element) -> Reply:
        """Replace the target by the source; a URL gets what the user may read of it."""
        parameters = CopyConfig.parse(operation, self._offer)
        root = self._configurations.root(parameters.source, session.session_id)
        peer, mode = session.peer, parameters.mode
        if parameters.target.url is not None:  # before the defaults: what is in use depends on what there is
            root = self._guard.visible(peer, root)
        tagged = mode is WithDefaults.REPORT_ALL_TAGGED and parameters.target.url is not None
        if tagged or mode is WithDefaults.REPORT_ALL:
            root = self._defaults.filled(root, marked=tagged)
        elif mode is WithDefaults.TRIM:
            root = self._defaults.trimmed(root)
        if parameters.target.url is not None:
            visible = self._guard.visible(peer, root)
            self._urls.write(parameters.target.url, to_xml(self._schema, visible, tagged=tagged))
            return Ok()
        target, source = parameters.target.datastore, parameters.source.datastore
        judged = target is not Datastore.CANDIDATE and source is not Datastore.RUNNING
        self._write(session, target, lambda old: self._replaced(session, old, root, judged=judged))
        return Ok()

    def _permit(self, peer: Peer, old: Container, new: Container, *, judged: bool) -> Container:
        """Return `new` when the user may go there from `old`; raises RpcError and RpcErrors.

        `judged`: it is going to be, so that references to what is not there are refused.
        """
        self._guard.permitted(peer, old, new)
        if judged:
            self._guard.check_references(peer, old, new)
        return new

    def delete_config(self, session: Session, operation: etree._Element) -> Reply:
        """Empty startup or delete what a URL has; running and candidate cannot be (RFC 6241 section 7.4)."""
        parameters = Parameters(operation)
        target = take_source(parameters, "target", self._offer, url=True)
        parameters.finish()
        if target.url is not None:
            self._urls.delete(target.url)
            return Ok()
        if target.datastore is not Datastore.STARTUP:
            message = f"{target.datastore} cannot be deleted; startup and what a URL has can"
            raise parameters.at(errors.operation_not_supported(message), "target")
        nothing = empty_root(self._schema.root)
        self._write(session, Datastore.STARTUP, lambda old: self._replaced(session, old, nothing))
        return Ok()

    def _write(
        self, session: Session, target: Datastore | None, change: Callable[[Container], Container]
    ) -> Container:
        """Change a datastore, and note what was changed; return what it is then."""
        step: list[Container] = []

        def noted(old: Container) -> Container:
            new = change(old)
            step.extend((old, new))
            return new

        try:
            committed = self._store_changed(session, target, noted)
        except Exception:
            if step:
                session.trail.touched(diff(*step))
            raise
        if committed is not None:
            session.trail.touched(committed.changes, committed.commit_id)
            return committed.root
        old, new = step
        session.trail.touched(diff(old, new))
        return new if target is not Datastore.RUNNING else old

    def _store_changed(
        self, session: Session, target: Datastore | None, change: Callable[[Container], Container]
    ) -> Committed | None:
        if target is Datastore.RUNNING:
            return self._store.replace(author(session), change, Cause.EDIT)
        if target is Datastore.STARTUP:
            self._store.save(session.session_id, change)
        else:
            self._store.edit(session.session_id, change)
        return None

    def _replaced(
        self, session: Session, old: Container, new: Container, *, judged: bool = False
    ) -> Container:
        try:
            return self._permit(session.peer, old, new, judged=judged)
        except Exception:
            session.trail.touched(diff(old, new))
            raise

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
        self,
        session: Session,
        old: Container,
        parameters: EditConfig,
        config: etree._Element,
        outcomes: list[EditOutcome],
    ) -> Container:
        peer = session.peer
        outcome = apply_edit(
            self._schema,
            old,
            config,
            default_operation=parameters.default_operation,
            error_option=parameters.error_option,
            canonical=self._canonical,
            gate=self._gate(peer),
            sees=self._guard.sight(peer),
        )
        outcomes.append(outcome)
        premises = [Premise(peer, at, known) for at, known in outcome.premises]
        if parameters.target is Datastore.RUNNING:
            check(peer.username, old, premises, self._guard.visible)
        if parameters.error_option is not ErrorOption.CONTINUE_ON_ERROR:
            refuse(outcome.errors)
        self._permit(peer, old, outcome.root, judged=parameters.target is not Datastore.CANDIDATE)
        if parameters.test_option is not TestOption.SET:
            self._test(peer, outcome)
        if parameters.test_option is TestOption.TEST_ONLY:
            return old
        if parameters.target is Datastore.CANDIDATE:  # it is the commit that relies on them
            self._store.premises(session.session_id).add(premises)
        return outcome.root

    def _test(self, peer: Peer, outcome: EditOutcome) -> None:
        running = self._store.root(Datastore.RUNNING)
        self._guard.check_references(peer, running, outcome.root)
        errors_found = self._judge.settle(running, outcome.root).errors
        if errors_found:
            refuse([*outcome.errors, *errors_found])


def _note_named(trail: Trail, outcomes: Sequence[EditOutcome]) -> None:
    """Note what an edit that was refused names, unless it is known what it would have changed."""
    if outcomes and not trail.count:
        payload = outcomes[0].payload
        trail.named((step.location for step in payload.leaves()), sum(1 for _ in payload.leaves()))
