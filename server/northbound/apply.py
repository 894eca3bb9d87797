"""Commits reach the dataplane: the provider that the transaction asks.

Owns the conversation with the dataplane about configuration: prepare, apply, abort, revert, and giving
it the running configuration again whenever it comes back. What is said comes from `config`.

A dataplane that dies between prepare and apply does not undo a commit: the commit is durable by then and
the dataplane is given it when it is back.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataplane.config import Refusal, Subject
from dataplane.control.client import (
    Accepted,
    ConfigDelta,
    ControlClient,
    Event,
    Generation,
    NotInStep,
    Refused,
    RequestFailed,
    Unavailable,
)
from server.northbound.actions import ActionReader
from server.northbound.checks import Checker
from server.northbound.config import ConfigReader
from server.northbound.events import notice
from server.northbound.names import trb
from server.northbound.state import StateReader
from server.protocol.errors import RpcError, RpcErrors, operation_failed
from server.provider import ActionHandler, Notice
from server.schema.model import Schema, SchemaNode
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.location import Location
from server.tree.node import Container

_log = logging.getLogger("twincast.server.northbound.apply")

AWAY_TIMEOUT: Final = 5.0
"""Seconds a commit waits for a dataplane that is away; the supervisor restarts one within a second."""
POLL: Final = 0.2
"""Seconds between looks at whether the dataplane acts on running, besides being told of connections."""
RETRY: Final = 1.0
"""Seconds until a configuration that the dataplane failed on is given again."""


@dataclass(frozen=True, slots=True)
class _InStep:
    """The dataplane of connection `epoch` acts on `root` and calls that `generation`."""

    epoch: int
    generation: Generation
    root: Container


class DataplaneProvider:
    """A `server.provider.Provider` with the dataplane behind it."""

    def __init__(self, control_path: Path, schema: Schema) -> None:
        """`control_path`: the AF_UNIX socket of the dataplane (`STATE_DIR/control.sock`)."""
        self._reader = ConfigReader(schema)
        self._checker = Checker(schema, self._reader)
        self._tell: Callable[[Notice], None] | None = None
        self._client = ControlClient(control_path, self._happened)
        self._state = StateReader(schema, self._client)
        self._actions = ActionReader(self._client)
        self._conversation = threading.Lock()
        self._changed = threading.Condition()
        self._running: Container | None = None
        self._in_step: _InStep | None = None
        self._closing = False
        self._pause = threading.Event()
        self._restorer = threading.Thread(target=self._keep_in_step, name="dataplane-restore", daemon=True)
        self._client.start()
        self._restorer.start()

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return what is wrong with `root` beyond what YANG says."""
        return self._checker.check(root)

    def prepare(self, old: Container, new: Container, changes: Sequence[Change]) -> "PreparedChange":
        """Ask the dataplane whether it can have `new`; raises RpcErrors.

        A change that means nothing to the dataplane does not ask it, nor wait for it.
        """
        delta = self._reader.delta(old, new, changes)
        if delta.empty:
            return PreparedChange(self, old, new, None, 0)
        deadline = time.monotonic() + AWAY_TIMEOUT
        while True:
            step = self._wait_in_step(old, deadline)
            try:
                answer = self._ask(step, new, delta)
            except Unavailable:
                continue
            except RequestFailed as error:
                raise RpcErrors([operation_failed(f"The dataplane failed: {error}.")]) from error
            if isinstance(answer, Refused):
                raise RpcErrors([self._blame(refusal) for refusal in answer.refusals])
            if isinstance(answer, Accepted):
                return PreparedChange(self, old, new, answer.token, step.epoch)

    def _ask(self, step: _InStep, new: Container, delta: ConfigDelta) -> Accepted | Refused | NotInStep:
        with self._conversation:
            answer = self._client.prepare(step.generation, delta)
            if isinstance(answer, NotInStep):
                answer = self._client.prepare(None, self._reader.whole(new))
            return answer

    def restore(self, running: Container) -> None:
        """Give the dataplane `running`, now or when it is back; does not wait."""
        with self._changed:
            self._running = running
            self._in_step = None
            self._changed.notify_all()

    def state(self, selection: Selection) -> dict[str, object]:
        """Return the operational data that `selection` wants; nothing while the dataplane is away."""
        return self._state.read(selection)

    def connected(self) -> bool:
        """Whether there is a dataplane now."""
        return self._client.epoch > 0

    def actions(self) -> Mapping[str, ActionHandler]:
        """Return what carries out the actions of our module."""
        return self._actions.handlers()

    def listen(self, tell: Callable[[Notice], None]) -> None:
        """Tell what the dataplane announces, as notifications of our module."""
        self._tell = tell

    def _happened(self, event: Event, suppressed: int) -> None:
        if self._tell is not None:
            self._tell(notice(event, suppressed))

    def close(self) -> None:
        """Stop the reconnecting client; a commit that waits for the dataplane is refused."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._pause.set()
        self._client.close()
        self._restorer.join(timeout=5.0)

    def act(self, prepared: "PreparedChange", root: Container, token: int | None, *, undo: bool) -> None:
        """Switch the dataplane to `root`, which was prepared or applied under `token`; raises RpcErrors.

        One that went away since is given `root` when it is back.
        """
        with self._conversation:
            step = self._in_step if self._is_in_step() else None
            if token is None:
                self._note(root, step)
            elif step is None or prepared.epoch != step.epoch:
                self._note(root, None)
            else:
                self._note(root, self._switch(step.epoch, root, token, undo=undo))

    def _switch(self, epoch: int, root: Container, token: int, *, undo: bool) -> _InStep | None:
        try:
            generation = self._client.revert(token) if undo else self._client.apply(token)
        except Unavailable:
            _log.warning("dataplane-away-in-commit", extra={"undo": undo})
            return None
        except RequestFailed as error:
            if self._client.epoch != epoch:  # another dataplane answered, which knows nothing of it
                return None
            with self._changed:
                self._in_step = None
                self._changed.notify_all()
            raise RpcErrors([operation_failed(f"The dataplane failed: {error}.")]) from error
        return _InStep(epoch, generation, root)

    def _note(self, root: Container, step: _InStep | None) -> None:
        with self._changed:
            self._running = root
            self._in_step = step and _InStep(step.epoch, step.generation, root)
            self._changed.notify_all()

    def forget(self, token: int) -> None:
        """Abort what was prepared; a dataplane that is away has forgotten it by itself."""
        try:
            self._client.abort(token)
        except (Unavailable, RequestFailed) as error:
            _log.warning("abort-failed", extra={"reason": str(error)})

    def _wait_in_step(self, root: Container, deadline: float) -> _InStep:
        """Return what the dataplane acts on, once that is `root`; raises RpcErrors after `deadline`."""
        with self._changed:
            if self._running is not root:
                self._running, self._in_step = root, None
                self._changed.notify_all()
            step = self._in_step
            while step is None or not self._is_in_step():
                left = deadline - time.monotonic()
                if left <= 0 or self._closing:
                    message = "The dataplane is away; nothing was changed."
                    raise RpcErrors([operation_failed(message, app_tag="dataplane-away")])
                self._changed.wait(min(left, POLL))
                step = self._in_step
            return step

    def _is_in_step(self) -> bool:
        return self._in_step is not None and self._in_step.epoch == self._client.epoch

    def _keep_in_step(self) -> None:
        """Give the dataplane the running configuration whenever it has another: it came back, or failed."""
        epoch = 0
        while not self._closing:
            connected = self._client.wait_connected(after=epoch, timeout=POLL)
            if connected is not None:
                epoch = connected[0]
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._running is not None, POLL)
            if self._client.epoch and not self._is_in_step() and not self._restore():
                self._pause.wait(RETRY)

    def _restore(self) -> bool:
        """Restore running; return False when the dataplane failed on it."""
        with self._conversation:
            root, epoch = self._running, self._client.epoch
            if root is None or not epoch or self._is_in_step():
                return True
            try:
                generation = self._client.restore(self._reader.whole(root))
            except Unavailable:
                return True
            except RequestFailed as error:
                _log.error("restore-failed", extra={"reason": str(error)})
                return False
            with self._changed:
                if self._running is root:  # else there is another by now, and this goes round again
                    self._in_step = _InStep(epoch, generation, root)
                    self._changed.notify_all()
        _log.info("dataplane-restored", extra={"generation": generation.number})
        return True

    def _blame(self, refusal: Refusal) -> RpcError:
        """Return the refusal with the instance path of the leaf to blame."""
        schema = self._schema_of(refusal)
        error = operation_failed(refusal.message, app_tag=refusal.app_tag)
        return Location(schema, ((refusal.name,),)).blame(error)

    def _schema_of(self, refusal: Refusal) -> SchemaNode:
        entry = {
            Subject.SERVICE: self._reader.services,
            Subject.PROFILE: self._reader.profiles,
            Subject.INTERFACE: self._reader.interfaces,
        }[refusal.subject]
        wanted = [trb(step) for step in refusal.leaf.split("/")]
        below = (node for node in entry.walk() if node is not entry)
        return next((node for node in below if _steps(node, len(wanted)) == wanted), entry)


def _steps(node: SchemaNode, count: int) -> list[str]:
    return [step.tag for step in node.chain()[-count:]]


class PreparedChange:
    """A change that the dataplane accepted: a `server.provider.Prepared`."""

    def __init__(
        self, provider: DataplaneProvider, old: Container, new: Container, token: int | None, epoch: int
    ) -> None:
        self._provider = provider
        self._old = old
        self._new = new
        self._token = token
        self.epoch: Final = epoch

    def apply(self) -> None:
        """Switch; when it returns the dataplane acts on the new configuration, or will when it is back."""
        self._provider.act(self, self._new, self._token, undo=False)

    def abort(self) -> None:
        """Give back what prepare reserved."""
        if self._token is not None:
            self._provider.forget(self._token)

    def revert(self) -> None:
        """Return to the configuration before `apply`."""
        self._provider.act(self, self._old, self._token, undo=True)
