"""What of an error a user may see: none may tell what he may not read (RFC 8341 section 3.2.5). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from server.access.reach import Reach
from server.protocol.errors import ErrorTag, ErrorType, RpcError
from server.schema import names
from server.schema.model import Schema
from server.schema.node import NodeKind
from server.tree.location import Location
from server.tree.members import Key

HIDDEN: Final = "the configuration is not acceptable together with data that you may not read"


def censored(schema: Schema, readable: Reach, error: RpcError) -> RpcError:
    """Return the error as whoever may read as far as `readable` may see it.

    An error about a node that is hidden keeps its tag only, a message that mentions one, or goes with info
    that does, loses its words.
    """
    if error.type is not ErrorType.APPLICATION or error.tag is ErrorTag.ACCESS_DENIED:
        return error
    if _hides(schema, readable, error.path, error.path_namespaces):
        return RpcError(error.tag, HIDDEN, error.type)
    shown = tuple(info for info in error.info if not _hides(schema, readable, info.text, info.namespaces))
    mentioned = any(_hides(schema, readable, path, namespaces) for path, namespaces in error.mentions)
    if shown == error.info and not mentioned:
        return error
    return replace(error, info=shown, message=HIDDEN)


def distinct(errors: Iterable[RpcError]) -> tuple[RpcError, ...]:
    """Return errors without repetitions: how many told nothing is not told either."""
    found: dict[tuple[object, ...], RpcError] = {}
    for error in errors:
        info = tuple((each.name, each.text) for each in error.info)
        found.setdefault((error.type, error.tag, error.app_tag, error.path, error.message, info), error)
    return tuple(found.values())


def _hides(schema: Schema, readable: Reach, path: str, namespaces: Mapping[str, str]) -> bool:
    """Whether `path` leads to a node that may not be read; what is no path of a data node hides nothing."""
    if not path.startswith("/"):
        return False
    location = locate(schema, path, namespaces)
    return location is not None and not readable.permits_all_above(location)


def locate(schema: Schema, path: str, namespaces: Mapping[str, str]) -> Location | None:
    """Return where an instance path leads, as far as it names data nodes; None when it names none.

    An entry whose key the path leaves out stands for all of them.
    """
    node = schema.root
    keys: list[Key] = []
    try:
        steps = names.parse_identifier(path)
    except ValueError:
        return None
    for step in steps:
        below = node.children.get(f"{{{namespaces.get(step.prefix, '')}}}{step.name}")
        if below is None:
            break
        node = below
        if node.kind is NodeKind.LIST:
            values = {item.name: item.value for item in step.predicates}
            keys.append(tuple(values.get(node.children[tag].name, "") for tag in node.keys))
    return None if node is schema.root else Location(node, tuple(keys))
