"""validate, commit and discard-changes (RFC 6241 sections 8.3.4 and 8.6.4)."""

from dataclasses import dataclass

from lxml import etree

from server.datastores.judge import Judge, refuse
from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.operations.handler import Handlers, base
from server.operations.inline import Inline
from server.operations.parameters import Parameters, Source, take_source
from server.protocol.messages import Ok, Reply
from server.telemetry.sessions import Session


@dataclass(frozen=True, slots=True)
class Validate:
    """Parameters of validate."""

    source: Source

    @classmethod
    def parse(cls, operation: etree._Element) -> "Validate":
        """Read the parameters; raises RpcError."""
        parameters = Parameters(operation)
        source = take_source(parameters, "source", inline=True)
        parameters.finish()
        return cls(source)


class Commit:
    """The operations between candidate and running.

    commit takes no parameter: `<confirmed>` and its like belong to a capability that is not announced.
    """

    def __init__(self, store: Store, judge: Judge, inline: Inline) -> None:
        self._store = store
        self._judge = judge
        self._inline = inline

    def handlers(self) -> Handlers:
        """Return the operations of this file."""
        return {
            base("validate"): self.validate,
            base("commit"): self.commit,
            base("discard-changes"): self.discard_changes,
        }

    def validate(self, _session: Session, operation: etree._Element) -> Reply:
        """Report every error of a configuration; nothing changes."""
        source = Validate.parse(operation).source
        if source.config is not None:
            refuse(self._judge.whole(self._inline.parse(source.config)))
            return Ok()
        running = self._store.root(Datastore.RUNNING)
        refuse(self._judge.settle(running, self._store.root(source.datastore or Datastore.RUNNING)).errors)
        return Ok()

    def commit(self, session: Session, operation: etree._Element) -> Reply:
        """Make the candidate running; the reply comes once it is durable and acted on."""
        Parameters(operation).finish()
        self._store.commit(session.session_id)
        return Ok()

    def discard_changes(self, session: Session, operation: etree._Element) -> Reply:
        """Make the candidate what running is."""
        Parameters(operation).finish()
        self._store.discard(session.session_id)
        return Ok()
