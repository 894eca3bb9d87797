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
    return _search(schema, known, wrapper)


def _search(schema: Schema, known: set[str], above: etree._Element) -> tuple[str, str] | None:
    pending = [(above, schema.root)]
    while pending:
        element, schema_node = pending.pop()
        inner = []
        for child in element.iterchildren(tag=etree.Element):
            name = etree.QName(child)
            if (name.namespace or "") not in known:
                return name.localname, name.namespace or ""
            found = schema_node.children.get(str(child.tag)) or _body(schema, schema_node, child)
            if found is not None and found.kind is not NodeKind.ANYDATA:
                inner.append((child, found))
        pending.extend(reversed(inner))
    return None


def _body(schema: Schema, node: SchemaNode, element: etree._Element) -> SchemaNode | None:
    """The content of an operation; `<input>` and `<output>`, which no path counts, change nothing."""
    operation = schema.operation_at(node, str(element.tag))
    if operation is not None:
        return operation.output if operation.kind == "notification" else operation.input
    return node if etree.QName(element).localname in {"input", "output"} else None
