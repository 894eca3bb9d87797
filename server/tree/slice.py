"""The slice: the part of a configuration that a change can make invalid, whole where that cannot be told.

It holds everything outside the top-most lists, and of these lists the entries that are related to a change:
changed ones, those a contained entry refers to, and those that refer to what was changed or deleted.
`unique`, min-elements and max-elements of the top-most lists are judged here, from indexes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from server.protocol.errors import RpcError
from server.schema.model import Schema
from server.tree.node import Container


@dataclass(frozen=True, slots=True)
class Slice:
    """`root` is what to hand to the validator; `whole` says that nothing was left out."""

    root: Container
    whole: bool


def slice_for(schema: Schema, old: Container, new: Container) -> Slice:
    """The part of `new` whose verdict a change from the valid `old` can have altered."""
    raise NotImplementedError


def count_and_unique_errors(schema: Schema, old: Container, new: Container) -> list[RpcError]:
    """unique, min-elements and max-elements of the top-most lists (RFC 7950 sections 15.1 to 15.3)."""
    raise NotImplementedError


def judge(
    schema: Schema, old: Container, new: Container, validate: Callable[[bytes], None]
) -> list[RpcError]:
    """Every error of `new`, given that `old` is valid; `validate` is `Validator.validate`.

    This is what validate and commit call: indexes first, then the slice to libyang, each error once.
    With `old` an empty root everything is judged.
    """
    raise NotImplementedError
