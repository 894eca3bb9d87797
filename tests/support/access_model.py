"""A brute-force model of RFC 8341 on XML, written from the RFC's steps: it shares no code with the server.

A rule is a plain dict: `module`, `operation`, `notification`, `path` (a list of (tag, {key tag: value})),
`access` (a set of words, or None for any) and `permit`. A policy is a dict as `decide_data` reads it.
"""

from copy import deepcopy
from typing import Any

from lxml import etree

Step = tuple[str, dict[str, str]]
Model = dict[str, Any]


def rules_of(policy: Model, user: str, groups: set[str]) -> list[Model]:
    mine = {name for name, members in policy["groups"].items() if user in members}
    if policy["external"]:
        mine |= groups
    found = []
    if mine:
        for rule_list in policy["lists"]:
            if "*" in rule_list["groups"] or mine & set(rule_list["groups"]):
                found += rule_list["rules"]
    return found


def decide_data(
    policy: Model, rules: list[Model], access: str, module: str, chain: list[Step], marks: dict[str, set[str]]
) -> bool:
    """Section 3.4.5 for the node at the end of `chain`; `marks` are the schema paths with a default-deny."""
    if not policy["enabled"]:
        return True
    for rule in rules:
        if rule["module"] not in ("*", module) or rule["operation"] or rule["notification"]:
            continue
        if rule["access"] is not None and access not in rule["access"]:
            continue
        if rule["path"] is not None and not path_matches(rule["path"], chain):
            continue
        return bool(rule["permit"])
    names = [tag for tag, _ in chain]
    above = {"/".join(names[: count + 1]) for count in range(len(names))}
    if above & marks["all"] or (access != "read" and above & marks["write"]):
        return False
    return bool(policy["read" if access == "read" else "write"])


def path_matches(path: list[Step], chain: list[Step]) -> bool:
    """The node that the path names, or one below it."""
    if len(path) > len(chain):
        return False
    for (wanted, keys), (tag, values) in zip(path, chain, strict=False):
        if wanted != tag or any(values.get(key) != value for key, value in keys.items()):
            return False
    return True


def decide_operation(policy: Model, rules: list[Model], module: str, name: str, denied: bool) -> bool:
    """Section 3.4.4."""
    if not policy["enabled"] or name == "close-session":
        return True
    for rule in rules:
        if rule["module"] not in ("*", module) or rule["notification"] or rule["path"] is not None:
            continue
        if rule["operation"] not in (None, "*", name):
            continue
        if rule["access"] is not None and "exec" not in rule["access"]:
            continue
        return bool(rule["permit"])
    if denied or (module == "ietf-netconf" and name in ("kill-session", "delete-config")):
        return False
    return bool(policy["exec"])


def visible(
    policy: Model,
    rules: list[Model],
    data: etree._Element,
    keys: dict[str, list[str]],
    marks: dict[str, set[str]],
) -> etree._Element:
    """What may be read of the children of `data`; `keys`: schema path of a list → the tags of its keys.

    A node that is denied goes with all below it, a container that was left empty goes, and so does an
    entry of which a key is denied.
    """
    kept = deepcopy(data)

    def visit(parent: etree._Element, above: list[Step]) -> None:
        for child in list(parent):
            where = "/".join([tag for tag, _ in above] + [child.tag])
            values = {key: child.findtext(key) or "" for key in keys.get(where, [])}
            chain = [*above, (child.tag, values)]
            had = len(child)
            if not decide_data(policy, rules, "read", etree.QName(child).namespace[4:], chain, marks):
                parent.remove(child)
                continue
            visit(child, chain)
            lost_key = any(child.find(key) is None for key in keys.get(where, []))
            if lost_key or (had and not len(child) and where not in keys):
                parent.remove(child)

    visit(kept, [])
    return kept
