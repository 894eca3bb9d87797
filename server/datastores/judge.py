"""The verdict on a configuration: what YANG says, then what stands behind it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from server.datastores.settle import Settled, settle
from server.protocol.errors import RpcError, RpcErrors
from server.schema.model import Schema
from server.schema.validator import Validator
from server.tree.diff import Change
from server.tree.node import Container, empty_root
from server.tree.slice import Slicer

Unserved = Callable[[Container], Sequence[RpcError]]


class Checks(Protocol):
    """What stands behind the configuration and finds faults; a `server.provider.Provider` is one."""

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return what is wrong with `root` beyond what YANG says."""


class Judge:
    """Finds every error of a configuration; used by validate, commit and the start of the server."""

    def __init__(
        self, schema: Schema, validator: Validator, provider: Checks, unserved: Unserved = lambda _root: ()
    ) -> None:
        """`unserved` tells what modules define as configuration but this server does not do."""
        self._schema = schema
        self._slicer = Slicer(schema)
        self._validator = validator
        self._provider = provider
        self._unserved = unserved

    def change(
        self, old: Container, new: Container, changes: Sequence[Change] | None = None
    ) -> Sequence[RpcError]:
        """Return the errors of `new`, given that `old` is valid; costs what the two differ in.

        `changes` is `diff(old, new)` where that is known already.
        The provider is asked about what YANG finds valid only, so that it need not expect less.
        """
        if new is old:
            return ()
        unserved = self._unserved(new)
        if unserved:
            return unserved
        errors = self._slicer.judge(old, new, self._validator.validate, changes)
        return errors or self._provider.check(new)

    def settle(self, old: Container, new: Container) -> Settled:
        """Judge the step from the valid `old` to `new`, without what the server itself has to delete."""
        return settle(self._schema, self.change, old, new)

    def whole(self, root: Container) -> Sequence[RpcError]:
        """Return the errors of `root`, with nothing known to be valid."""
        return self.change(empty_root(self._schema.root), root)


def refuse(errors: Sequence[RpcError]) -> None:
    """Raise RpcErrors when there are any."""
    if errors:
        raise RpcErrors(tuple(errors))
