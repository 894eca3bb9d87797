"""What stands behind the configuration: the seam between the datastores and whatever acts on a commit.

Owns the two protocols only. A commit calls `check` while it validates, `prepare` once everything is
valid, then `apply` on what prepare returned; `abort` and `revert` undo the latter two. One
implementation talks to the dataplane; others serve modules that have nothing behind them, and tests.
"""

from collections.abc import Sequence
from typing import Protocol

from server.protocol.errors import RpcError
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.node import Container


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

    def close(self) -> None:
        """Stop; nothing is called afterwards."""
