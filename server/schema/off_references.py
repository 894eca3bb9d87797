"""Leaves that a feature has switched off, taken out of a module before libyang reads it. Pure.

libyang implements whatever a leafref points into before it looks at features, so that the data of modules
that nobody serves would be valid for it.
"""

from collections.abc import Collection

from server.schema.yang_text import Statement, parse, render


def without_off_references(text: str, features: Collection[str]) -> str:
    """Return the module without its leafrefs that depend on a feature of its own that is not in `features`.

    A module that has none comes back letter by letter. Raises YangSyntaxError.
    """
    if "leafref" not in text or "if-feature" not in text:
        return text
    module = parse(text)
    defined = (child.value for child in module.children if child.keyword == "feature")
    off = frozenset(defined).difference(features)
    return render(module) if off and _prune(module, off) else text


def _prune(statement: Statement, off: Collection[str]) -> bool:
    kept = [child for child in statement.children if not _is_off_reference(child, off)]
    pruned = len(kept) < len(statement.children)
    statement.children[:] = kept
    for child in kept:
        pruned = _prune(child, off) or pruned
    return pruned


def _is_off_reference(statement: Statement, off: Collection[str]) -> bool:
    if statement.keyword not in ("leaf", "leaf-list"):
        return False
    kind = statement.first("type")
    conditions = (child.value for child in statement.children if child.keyword == "if-feature")
    return kind is not None and kind.value == "leafref" and any(each in off for each in conditions)
