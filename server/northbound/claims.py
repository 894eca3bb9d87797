"""Which data nodes of our module the code acts on, checked against the schema both ways.

Owns the list of claimed nodes. A data node of `twincast-remote-backup` that is neither claimed here nor
taken away by the deviation module, or a claim without a node, refuses the start.
"""

from server.schema.model import Schema


def verify(schema: Schema) -> None:
    """Raise SchemaError naming every node on which schema and claims differ."""
    raise NotImplementedError
