"""What stands behind the configuration: the seam between the datastores and whatever acts on a commit.

Owns the protocols only. A commit calls `check` while it validates, `prepare` once everything is
valid, then `apply` on what prepare returned; `abort` and `revert` undo the latter two. One
implementation talks to the dataplane; others serve modules that have nothing behind them, and tests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from server.protocol.errors import RpcError
from server.schema.model import Operation
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.location import Location
from server.tree.members import Key
from server.tree.node import Container


@dataclass(frozen=True, slots=True)
class Invocation:
    """An rpc or action with what it works on. `keys` has the key of every list above an action.

    `input` has the parameters in canonical form, defaults filled in.
    """

    operation: Operation
    keys: tuple[Key, ...]
    input: Container

    @property
    def location(self) -> Location:
        """The node that an action belongs to; the operation's own for an rpc."""
        return Location(self.operation.parent or self.operation.input, self.keys)

    def blame(self, error: RpcError, leaf: str = "") -> RpcError:
        """The error at a parameter, or at the operation itself."""
        node = next((child for child in self.operation.input.children.values() if child.name == leaf), None)
        return Location(node or self.operation.input, self.keys).blame(error)


ActionHandler: TypeAlias = Callable[[Invocation], Mapping[str, object]]
"""Carries out an action and returns its output as RFC 7951-like data; raises RpcError. Runs on the thread
of the session that asks."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened. `data` is the content but for `suppressed`, `time` microseconds since 1970.

    `suppressed` of the same kind were left out before it came here.
    """

    path: str
    keys: tuple[Key, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)
    time: int = 0
    suppressed: int = 0


class Prepared(Protocol):
    """A change that was accepted: everything that could be refused has been refused already.

    Exactly one of `apply` and `abort` follows a successful prepare; `revert` may follow `apply`.
    None of them raises for a foreseeable reason; what they raise is a fault, logged and undone.
    """

    def apply(self) -> None:
        """Make the prepared configuration the one that is acted on; must not fail foreseeably."""

    def abort(self) -> None:
        """Give back what prepare reserved; the old configuration was never left."""

    def revert(self) -> None:
        """Return to the configuration before `apply`."""


@runtime_checkable
class Watched(Protocol):
    """A provider with a process behind it that may be away."""

    def connected(self) -> bool:
        """Whether it is there now."""


class Provider(Protocol):
    """Acts on committed configuration and knows the operational state.

    `check` is pure and may run on any thread; `prepare`, `restore` and the methods of `Prepared` run
    under the writer lock; `state` runs on the thread of the session that asks.
    """

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return what is wrong with `root` beyond what YANG says; run by validate and by commit."""

    def prepare(self, old: Container, new: Container, changes: Sequence[Change]) -> Prepared:
        """Reserve what going from `old` to `new` needs.

        Raises RpcErrors with instance paths for what cannot be had; nothing has changed then. Waits
        up to 5 s for a dataplane that is away, then refuses.
        """

    def restore(self, running: Container) -> None:
        """Act on `running` from scratch: at start, and again when the dataplane came back.

        Does not wait for a dataplane that is away; it gets the configuration when it is back.
        """

    def state(self, selection: Selection) -> dict[str, object]:
        """Return operational data that `selection` wants, as RFC 7951-like Python data."""

    def actions(self) -> Mapping[str, ActionHandler]:
        """Return what carries out the actions of the modules it serves, by the action's schema path."""

    def listen(self, tell: Callable[[Notice], None]) -> None:
        """Tell what happens from now on, as notifications; `tell` never blocks."""

    def close(self) -> None:
        """Stop; nothing is called afterwards."""
