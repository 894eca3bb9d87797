"""A push-change-update: the edits of a YANG patch in XML (RFC 8641 section 4.3.2)."""

from collections.abc import Iterator, Sequence
from typing import Final

from server.push.errors import PUSH
from server.push.patch import Edit, EditKind, target
from server.push.update import bounded
from server.schema.model import Schema
from server.schema.node import SchemaNode
from server.tree.diff import Changed
from server.tree.node import AnyData, Entry, Leaf
from server.tree.xml import Printer, escape

PUSH_CHANGE_UPDATE: Final = "push-change-update"


def push_change_update(
    schema: Schema, number: int, patch: int, edits: Sequence[Edit], most: int, *, incomplete: bool = False
) -> list[bytes]:
    """Return the notification's content in pieces; raises TooBigError beyond `most` octets."""
    begin = f'<{PUSH_CHANGE_UPDATE} xmlns="{PUSH}"><id>{number}</id><datastore-changes><yang-patch>'
    missing = "<incomplete-update/>" if incomplete else ""
    end = f"</yang-patch></datastore-changes>{missing}</{PUSH_CHANGE_UPDATE}>"
    pieces = bounded(_edits(schema, edits), most)
    return [f"{begin}<patch-id>{patch}</patch-id>".encode(), *pieces, end.encode()]


def _edits(schema: Schema, edits: Sequence[Edit]) -> Iterator[bytes]:
    printer = Printer(schema)
    for number, edit in enumerate(edits, 1):
        yield f"<edit><edit-id>edit{number}</edit-id><operation>{edit.kind}</operation>".encode()
        yield f"<target>{escape(target(edit.location))}</target>".encode()
        if edit.kind in (EditKind.INSERT, EditKind.MOVE):
            yield _place(edit).encode()
        if edit.value is not None:
            yield b"<value>"
            yield from _value(printer, edit.location.schema, edit.value)
            yield b"</value>"
        yield b"</edit>"


def _place(edit: Edit) -> str:
    if edit.point is None:
        return "<where>first</where>"
    return f"<point>{escape(target(edit.point))}</point><where>after</where>"


def _value(printer: Printer, schema: SchemaNode, value: Changed) -> Iterator[bytes]:
    """The node as an element that declares its namespace itself."""
    pieces = _printed(printer, value)
    first = next(pieces)
    if schema.parent is not None and schema.parent.namespace == schema.namespace and not _is_any(value):
        start = f"<{schema.name}".encode()
        first = b"".join((start, f' xmlns="{schema.namespace}"'.encode(), first.removeprefix(start)))
    yield first
    yield from pieces


def _is_any(value: Changed) -> bool:
    return isinstance(value, AnyData)


def _printed(printer: Printer, value: Changed) -> Iterator[bytes]:
    if isinstance(value, Entry):
        yield printer.entry(value)
    elif isinstance(value, Leaf):
        yield printer.leaf(value.schema, value.value).encode()
    else:
        yield from printer.pieces(value)
