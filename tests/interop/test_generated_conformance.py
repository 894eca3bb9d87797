"""Every configuration leaf of our modules at the boundaries of its type, generated from the modules by pyang.

pyang's own types judge a pool of values for each leaf: what they take the server has to take in an
edit-config, and everything else it has to refuse as invalid-value with the path of the leaf. Nothing here
names a leaf: a new one is covered by being there.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from pyang import context, repository, statements

from server.schema.sources import own_modules, standard_folders
from tests.support.depot import DepotClient, Refusal
from tests.support.netconf import NC

OURS = "twincast-"
DATA = ("container", "list", "leaf", "leaf-list", "choice", "case")
USUAL = (
    *(
        "",
        "0",
        "1",
        "-1",
        "7",
        "255",
        "256",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "1.5",
        "0x10",
        "+1",
    ),
    *("true", "false", "TRUE", "a", "A", "rbp3", "a b", "a:b", "\\u00e4", "*", "/", "x" * 1025),
    *("192.0.2.1", "192.0.2.256", "2001:db8::1", "fe80::1%eth0", "fe80::1", "2001:db8::g", "192.0.2.0/24"),
    *("2001:db8::/32", "192.0.2.0/33", "00:00:00", "23:59:59", "24:00:00", "8:30:00", "02:00:00:00:00:01"),
    *("2026-11-23T08:00:00Z", "master", "backup", "permit", "deny", "send", "none", "ianaift:ethernetCsmacd"),
)
_PREFIXED = ("identityref", "instance-identifier")


@cache
def modules() -> tuple[Any, ...]:
    """Our modules as pyang compiles them, with everything that they import."""
    folders = [str(Path(choice.path).parent) for choice in own_modules()] + [
        str(f) for f in standard_folders()
    ]
    compiler = context.Context(repository.FileRepository(":".join(folders), use_env=False))
    found = [
        compiler.add_module(choice.path, Path(choice.path).read_text(encoding="utf-8"))
        for choice in own_modules()
        if choice.name.startswith(OURS)
    ]
    compiler.add_module("ietf-interfaces", _text("ietf-interfaces"))
    compiler.validate()
    assert not [error for error in compiler.errors if "error" in str(error[1]).lower()]
    return (*found, compiler.get_module("ietf-interfaces"))


def _text(name: str) -> str:
    (path,) = [file for folder in standard_folders() for file in folder.glob(f"{name}.yang")]
    return path.read_text(encoding="utf-8")


def leaves() -> Iterator[Any]:
    """Every configuration leaf and leaf-list that one of our modules defines."""

    def below(node: Any) -> Iterator[Any]:
        for child in getattr(node, "i_children", ()):
            if child.keyword not in DATA or getattr(child, "i_config", True) is False:
                continue
            if child.keyword in ("leaf", "leaf-list"):
                if child.i_module.arg.startswith(OURS):
                    yield child
            else:
                yield from below(child)

    for module in modules():
        yield from below(module)


def path_of(node: Any) -> str:
    return str(statements.mk_path_str(node, with_prefixes=False))


def typed(node: Any) -> Any:
    """The type statement that has the values: a leafref's is that of the leaf it refers to."""
    kind = node.search_one("type")
    while getattr(kind, "i_typedef", None) is not None and kind.arg != "leafref":
        if kind.i_type_spec is not None and kind.i_type_spec.name != "leafref":
            break
        kind = kind.i_typedef.search_one("type")
    target = getattr(getattr(kind, "i_type_spec", None), "i_target_node", None)
    return kind if target is None else typed(target)


def accepted(node: Any, value: str) -> bool:
    """What pyang says of a value; it also takes hexadecimal, which is for modules alone (RFC 7950 9.2.1)."""
    spec = typed(node).i_type_spec
    found: list[Any] = []
    parsed = spec.str_to_val(found, node.pos, value, node.i_module)
    if parsed is None or found or (isinstance(parsed, int) and value.startswith("0x")):
        return False
    return bool(spec.validate(found, node.pos, parsed, node.i_module)) and not found


def boundaries(node: Any) -> set[str]:
    """Values at and beside the ends of the type's ranges and lengths, and its enumerated names."""
    found: set[str] = set()
    spec: Any = typed(node).i_type_spec
    while spec is not None:
        for low, high in getattr(spec, "ranges", None) or ():
            for end in (low, high):
                if isinstance(end, int):
                    found |= {str(end - 1), str(end), str(end + 1)}
        for low, high in getattr(spec, "lengths", None) or ():
            for end in (low, high):
                if isinstance(end, int) and end < 2_000:
                    found |= {"a" * size for size in (end - 1, end, end + 1) if size >= 0}
        found |= {name for name, _ in getattr(spec, "enums", None) or ()}
        spec = getattr(spec, "base", None)
    return found


def usable(node: Any) -> str:
    """Some value that the leaf takes, for the keys on the way to another."""
    pool = ["a", "eth0", "1", "192.0.2.1", *sorted(boundaries(node)), *USUAL]
    return next(value for value in pool if value and accepted(node, value))


def request(node: Any, value: str) -> str:
    """`<config>` content with the leaf at this value, and the keys of the lists around it."""
    parts = f"<{node.arg}>{escape(value)}</{node.arg}>"
    inner = node
    while inner.parent is not None and inner.parent.keyword not in ("module", "submodule"):
        inner = _instance(inner)
        above = inner.parent
        if above is None or above.keyword in ("module", "submodule"):
            break
        keys = "".join(
            f"<{key.arg}>{escape(usable(key))}</{key.arg}>"
            for key in getattr(above, "i_key", ()) or ()
            if key is not node
        )
        space = f' xmlns="{_namespace(above)}"'
        parts = f"<{above.arg}{space}>{keys}{_spaced(inner, above, parts)}</{above.arg}>"
        inner = above
    return parts


def _instance(node: Any) -> Any:
    """The node, or the case or choice that it is in, as seen from its parent data node."""
    while node.parent is not None and node.parent.keyword in ("choice", "case"):
        node = node.parent
    return node


def _spaced(inner: Any, above: Any, parts: str) -> str:
    """Declare the namespace where an augment begins."""
    if _namespace(inner) == _namespace(above) or " xmlns=" in parts.partition(">")[0]:
        return parts
    name = parts.partition(">")[0]
    return parts.replace(name, f'{name} xmlns="{_namespace(inner)}"', 1)


def _namespace(node: Any) -> str:
    return str(node.i_module.search_one("namespace").arg)


def cases() -> list[Any]:
    found = [leaf for leaf in leaves() if typed(leaf).arg not in _PREFIXED]
    return [pytest.param(leaf, id=path_of(leaf)) for leaf in found]


def test_there_are_leaves_of_every_module_that_can_be_configured() -> None:
    names = {leaf.i_module.arg for leaf in leaves()}
    assert "twincast-remote-backup" in names
    assert len(cases()) > 50


@pytest.mark.parametrize("leaf", cases())
def test_values_are_taken_and_refused_as_the_type_says(depot: DepotClient, leaf: Any) -> None:
    for value in sorted(boundaries(leaf) | set(USUAL)):
        found = depot.errors(
            f'<edit-config><target><candidate/></target><config xmlns="{NC}">{request(leaf, value)}'
            "</config></edit-config>"
        )
        expected = accepted(leaf, value)
        assert (found == []) is expected, (value[:80], found)
        if not expected:
            assert refused_where(found, leaf), (value[:80], found)
    depot.discard()


def refused_where(found: list[Refusal], leaf: Any) -> bool:
    """Whether the one error is invalid-value at the leaf; a key's may be told at its entry."""
    (error,) = found
    last = error.path.rpartition("/")[2].partition("[")[0].rpartition(":")[2]
    is_key = leaf in (getattr(leaf.parent, "i_key", ()) or ())
    return error.tag == "invalid-value" and (last == leaf.arg or (is_key and last == leaf.parent.arg))
