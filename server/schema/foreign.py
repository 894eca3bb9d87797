"""Finds the element that libyang refuses for its namespace; its message does not name it."""

from lxml import etree

from server.schema.model import Schema
from server.schema.node import NodeKind, SchemaNode


def first_foreign(schema: Schema, xml: bytes) -> tuple[str, str] | None:
    """Return (name, namespace) of the first element in no implemented module's namespace, else None.

    What is below anydata may be in any namespace and is passed over.
    """
    known = {module.namespace for module in schema.modules if module.implemented}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        wrapper = etree.fromstring(b"<data>" + xml + b"</data>", parser)
    except etree.XMLSyntaxError:
        return None
    return _search(known, wrapper, schema.root)


def _search(known: set[str], above: etree._Element, node: SchemaNode) -> tuple[str, str] | None:
    pending = [(above, node)]
    while pending:
        element, schema_node = pending.pop()
        inner = []
        for child in element.iterchildren(tag=etree.Element):
            name = etree.QName(child)
            if (name.namespace or "") not in known:
                return name.localname, name.namespace or ""
            found = schema_node.children.get(str(child.tag))
            if found is not None and found.kind is not NodeKind.ANYDATA:
                inner.append((child, found))
        pending.extend(reversed(inner))
    return None
