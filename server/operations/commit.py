"""validate, commit, cancel-commit and discard-changes (RFC 6241 sections 8.3.4, 8.4 and 8.6.4), and update of
private candidates (draft-ietf-netconf-privcand).
"""

from dataclasses import dataclass
from typing import Final

from lxml import etree

from server.access.guard import Guard
from server.datastores.candidates import Resolution
from server.datastores.confirmed import DEFAULT_TIMEOUT, CommitRequest
from server.datastores.judge import Judge, refuse
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.handler import Handlers, author, base
from server.operations.inline import Configurations
from server.operations.parameters import (
    HISTORY_NAMESPACE,
    PRIVATE_CANDIDATE_NAMESPACE,
    Parameters,
    take_with_etag,
)
from server.operations.sources import Offer, Source, take_source
from server.protocol.messages import Ok, Reply
from server.telemetry.sessions import Session
from server.tree.diff import diff
from server.tree.node import Container


@dataclass(frozen=True, slots=True)
class Validate:
    """Parameters of validate."""

    source: Source

    @classmethod
    def parse(cls, operation: etree._Element, offer: Offer) -> "Validate":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation)
        source = take_source(parameters, "source", offer, inline=True, url=True, identity=True)
        parameters.finish()
        return cls(source)


MAX_TIMEOUT: Final = 2**32 - 1
"""Seconds; confirm-timeout is a uint32."""


MAX_LABEL: Final = 64
MAX_COMMENT: Final = 1024
"""Characters, as twincast-commit-history says."""


@dataclass(frozen=True, slots=True)
class Reason:
    """The user's words about a commit."""

    label: str = ""
    comment: str = ""

    @classmethod
    def take(cls, parameters: Parameters) -> "Reason":
        """Take `<label>` and `<comment>` of twincast-commit-history; raises RpcError."""
        label = parameters.words("label", MAX_LABEL, HISTORY_NAMESPACE)
        return cls(label, parameters.words("comment", MAX_COMMENT, HISTORY_NAMESPACE))


def parse_commit(operation: etree._Element) -> tuple[CommitRequest, Reason, bool]:
    """Read the parameters of commit, and whether the new etag is asked for; raises RpcError.

    confirm-timeout and persist mean nothing without `<confirmed/>`: who sends them expects to be asked for a
    confirmation and must not get a commit that is final.
    """
    parameters = Parameters(operation)
    confirmed = parameters.flag("confirmed")
    timeout = parameters.integer("confirm-timeout", 1, MAX_TIMEOUT, 0)
    request = CommitRequest(
        confirmed, timeout or DEFAULT_TIMEOUT, parameters.leaf("persist"), parameters.leaf("persist-id")
    )
    reason = Reason.take(parameters)
    with_etag = take_with_etag(parameters)
    parameters.finish()
    for name, given in (("confirm-timeout", timeout), ("persist", request.persist is not None)):
        if given and not confirmed:
            message = f"<{name}> goes with <confirmed/>, which is missing"
            raise parameters.missing("confirmed", message)
    return request, reason, with_etag


class Commit:
    """The operations between candidate and running."""

    def __init__(
        self, store: Store, guard: Guard, judge: Judge, configurations: Configurations, offer: Offer
    ) -> None:
        self._store = store
        self._guard = guard
        self._judge = judge
        self._configurations = configurations
        self._offer = offer

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            base("validate"): self.validate,
            base("commit"): self.commit,
            base("cancel-commit"): self.cancel_commit,
            base("discard-changes"): self.discard_changes,
            f"{{{PRIVATE_CANDIDATE_NAMESPACE}}}update": self.update,
        }

    def validate(self, session: Session, operation: etree._Element) -> Reply:
        """Report every error of a configuration; nothing changes."""
        source = Validate.parse(operation, self._offer).source
        root = self._configurations.root(source, session.session_id)
        if source.datastore is None:
            refuse(self._judge.whole(root))
        else:
            running = self._store.root(Datastore.RUNNING)
            self._guard.check_references(session.peer, running, root)
            refuse(self._judge.settle(running, root).errors)
        return Ok()

    def commit(self, session: Session, operation: etree._Element) -> Reply:
        """Make the candidate running; the reply comes once it is durable and acted on.

        Refused when running is not what edits of the candidate took it to be (see `premises`).
        """
        request, reason, with_etag = parse_commit(operation)
        peer = session.peer
        step: list[Container] = []

        def permit(old: Container, new: Container) -> None:
            step.extend((old, new))
            self._store.premises(session.session_id).check(peer.username, old, self._guard.visible)
            self._guard.permitted(peer, old, new)
            self._guard.check_references(peer, old, new)

        try:
            committed = self._store.commit(author(session, reason.label, reason.comment), request, permit)
        except Exception:
            if step:
                session.trail.touched(diff(*step))
            raise
        if committed is not None:
            session.trail.touched(committed.changes, committed.commit_id)
        root = step[0] if committed is None else committed.root
        return Ok(etag=self._guard.etag(peer, root) if with_etag else "")

    def cancel_commit(self, session: Session, operation: etree._Element) -> Reply:
        """Undo the confirmed commit that waits; running is as before it when the reply comes."""
        parameters = Parameters(operation)
        persist_id = parameters.leaf("persist-id")
        parameters.finish()
        self._store.cancel(author(session), persist_id)
        return Ok()

    def discard_changes(self, session: Session, operation: etree._Element) -> Reply:
        """Make the candidate what running is, or a private one what it was made or updated from."""
        Parameters(operation).finish()
        self._store.discard(session.session_id)
        return Ok()

    def update(self, session: Session, operation: etree._Element) -> Reply:
        """Merge what has changed in running into the private candidate of the session."""
        parameters = Parameters(operation)
        resolution = parameters.choice("resolution-mode", Resolution, Resolution.REVERT_ON_CONFLICT)
        parameters.finish()
        before = self._store.root(Datastore.CANDIDATE, session.session_id)
        self._store.update(session.session_id, resolution)
        session.trail.touched(diff(before, self._store.root(Datastore.CANDIDATE, session.session_id)))
        return Ok()
