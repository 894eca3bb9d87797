"""Names with prefixes: instance paths for errors, and values whose XML form carries prefixes.

In the tree an identityref or instance-identifier is kept with module names as prefixes (RFC 7951 sections
6.8 and 6.11); in XML the prefixes are those that the element's namespace declarations bind (RFC 7950
sections 9.10.3 and 9.13.2).
"""

from collections.abc import Mapping, Sequence

from server.schema.model import Schema
from server.schema.node import SchemaNode, TypeInfo


def from_xml(schema: Schema, type_info: TypeInfo, text: str, nsmap: Mapping[str | None, str]) -> str:
    """Return the module-name form of the XML text of a value; other types come back as they are.

    `nsmap` are the namespace declarations in scope (lxml's `element.nsmap`). Raises ValueError when a
    prefix is not bound or a namespace is no module's.
    """
    raise NotImplementedError


def to_xml(schema: Schema, type_info: TypeInfo, value: str) -> tuple[str, dict[str, str]]:
    """Return (XML text, prefix → namespace to declare) of a value in module-name form."""
    raise NotImplementedError


def instance_path(
    node: SchemaNode, keys: Sequence[Sequence[str]] = (), value: str | None = None
) -> tuple[str, dict[str, str]]:
    """Return (path, prefix → namespace) of an instance of `node`.

    `keys` has one tuple of key values for every list on the way, outermost first; it may stop early (the
    remaining lists are named without predicates). `value` is the value of a leaf-list entry.
    Example: `/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']/trb:dhcp-stb/trb:igmp-copy`.
    """
    raise NotImplementedError
