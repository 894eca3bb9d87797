"""Commits reach the dataplane: the provider that the transaction asks.

Owns the conversation with the dataplane about configuration: prepare, apply, abort, revert, and giving
it the running configuration again whenever it comes back. What is said comes from `config`.
"""

from collections.abc import Sequence
from pathlib import Path

from server.protocol.errors import RpcError
from server.provider import Prepared
from server.schema.model import Schema
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.node import Container


class DataplaneProvider:
    """A `server.provider.Provider` with the dataplane behind it."""

    def __init__(self, control_path: Path, schema: Schema) -> None:
        """`control_path`: the AF_UNIX socket of the dataplane (`STATE_DIR/control.sock`)."""
        raise NotImplementedError

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return what is wrong with `root` beyond what YANG says."""
        raise NotImplementedError

    def prepare(self, old: Container, new: Container, changes: Sequence[Change]) -> Prepared:
        """Ask the dataplane; raises RpcErrors."""
        raise NotImplementedError

    def restore(self, running: Container) -> None:
        """Give the dataplane `running`, now or when it is back; does not wait."""
        raise NotImplementedError

    def state(self, selection: Selection) -> dict[str, object]:
        """Return the operational data that `selection` wants."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop the reconnecting client."""
        raise NotImplementedError
