"""From a candidate to what can be committed: what the server has to delete goes, the rest is judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.protocol.errors import RpcError
from server.schema.model import Schema
from server.tree.diff import Change, diff
from server.tree.node import Container
from server.tree.whens import without_false_whens

Judgement = Callable[[Container, Container, Sequence[Change]], Sequence[RpcError]]
"""`judge(old, new, changes)`: every error of `new`, given that `old` is valid."""


@dataclass(frozen=True, slots=True)
class Settled:
    """`root` is what the configuration becomes, `changes` lead there; `errors` is what is wrong with it."""

    root: Container
    changes: tuple[Change, ...]
    errors: tuple[RpcError, ...]


def settle(schema: Schema, judge: Judgement, old: Container, new: Container) -> Settled:
    """Judge the step from the valid `old` to `new`, without nodes whose `when` it makes false.

    One deletion can make another `when` false, so this goes on until there is nothing left to delete.
    """
    while True:
        changes = diff(old, new)
        errors = tuple(judge(old, new, changes)) if changes else ()
        pruned = without_false_whens(schema, old, new, errors)
        if pruned is None:
            return Settled(new, changes, errors)
        new = pruned
