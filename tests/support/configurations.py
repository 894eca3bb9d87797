"""Configurations of our own modules, drawn from what pyang knows of them: most nearly valid, many broken.

A draw walks the schema: nodes come or stay away, lists get entries with keys from a few names, so that
references meet their targets or miss them, and now and then something is wrong on purpose: a value that the
type refuses, a mandatory node or key that is missing, a second case of a choice, a node given twice, an
unknown element, an entry twice.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Final
from xml.sax.saxutils import escape

from tests.interop.test_generated_conformance import USUAL, accepted, boundaries, modules, typed

NAMES: Final = (
    "a",
    "b",
    "eth0",
    "eth1",
    "rbs1",
    "192.0.2.1",
    "192.0.2.2",
    "2001:db8::1",
    "08:30:00",
    "1",
    "2000",
)
"""Values that many leaves take; keys and references are made of them."""
ODD: Final = (
    *(" 7", "7 ", "\t8\n", "007", "-0", "+7", "0x1F", "1e3", "7.0", " true", "True", "1", " a", "a ", "a\nb"),
    *("::ffff:192.0.2.1", "2001:DB8::1", "2001:0db8:0::0001", "1:2:3:4:5:6:7:8:9", "192.0.2.01", "192.0.2"),
    *(
        "::",
        "0.0.0.0",
        "255.255.255.255",
        "1::2::3",
        "fe80::1%1",
        "239.1.1.1/4",
        "ff3e::/16",
        "\u00e9",
        "\U0001f600",
    ),
    *(
        "24:00:00",
        "23:59:60",
        "\u0663",
        "master ",
        "tls",
        "ssh",
        "$5$salt$hash",
        "$0$clear",
        "ianaift:l2vlan",
    ),
)
"""Values at which judges may part."""
FAULTS: Final = 0.006
"""How often each single thing goes wrong."""
USUALLY: Final = 0.8
"""How often a value is one of the few that others are made of too."""
USABLE: Final = {
    "authorized-key/key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43,
    "cert-to-name/fingerprint": ":".join(["04", *["00"] * 32]),
}
"""Values with a form that the server looks at and YANG cannot say."""
_DATA: Final = ("container", "list", "leaf", "leaf-list", "choice", "case", "anydata")


def configuration(random: Random) -> str:
    """Sibling top-level elements."""
    draw = _Draw(random, likely=random.choice((0.08, 0.2, 0.4)), faults=random.choice((0.0, FAULTS, FAULTS)))
    made = [draw.node(root) for root in roots() if random.random() < 0.8]
    return "".join(made) or draw.node(roots()[0])


@cache
def roots() -> tuple[Any, ...]:
    """The top-level containers that hold configuration of ours."""
    found = [child for module in modules() for child in module.i_children if _configurable(child)]
    return tuple(child for child in found if child.keyword == "container")


def _configurable(node: Any) -> bool:
    return node.keyword in _DATA and getattr(node, "i_config", True) is not False


@cache
def values(leaf: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """A few values that a leaf takes, all of the pool that it takes, and all that it does not."""
    identities = (each for found in _IDENTITIES.values() for each in found)
    pool = dict.fromkeys((*NAMES, *sorted(boundaries(leaf)), *USUAL, *ODD, *identities))
    taken = tuple(value for value in pool if _takes(leaf, value))
    refused = tuple(value for value in pool if not _takes(leaf, value))
    few = tuple(value for value in taken if value in NAMES)[:3]
    usable = USABLE.get(f"{leaf.parent.arg}/{leaf.arg}")
    if usable is not None:
        return (usable,), (usable,), refused
    return few or taken[:6] or ("",), taken or ("",), refused or ("\u00e4",)


def _takes(leaf: Any, value: str) -> bool:
    if typed(leaf).arg == "identityref":
        return value in _IDENTITIES[str(typed(leaf).search_one("base").arg).rpartition(":")[2]]
    if typed(leaf).arg in ("empty", "instance-identifier", "leafref"):
        return value == ""
    return accepted(leaf, value)


_IDENTITIES: Final = {
    "interface-type": ("ianaift:ethernetCsmacd", "ianaift:l2vlan"),
    "cert-to-name": ("x509c2n:common-name", "x509c2n:san-any"),
}
"""Base → some that are derived from it."""
_BOUND: Final = (
    'xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type" '
    'xmlns:x509c2n="urn:ietf:params:xml:ns:yang:ietf-x509-cert-to-name"'
)


@dataclass(slots=True)
class _Draw:
    """One configuration being made. `likely`: how often an optional node is there."""

    random: Random
    likely: float
    faults: float

    def wrong(self) -> bool:
        return self.random.random() < self.faults

    def node(self, node: Any) -> str:
        """One node with what is in it, as often as it may be there, mostly."""
        if node.keyword in ("leaf", "leaf-list"):
            return self._values(node)
        if node.keyword == "list":
            return self._entries(node)
        return self._element(node, self._below(node))

    def _below(self, node: Any, without: tuple[Any, ...] = ()) -> str:
        children = [child for child in node.i_children if _configurable(child) and child not in without]
        inner = "".join(self._child(child) for child in children)
        if self.wrong():
            inner += self.random.choice(("<bogus/>", '<x xmlns="urn:nobody"/>', "text"))
        return inner

    def _child(self, child: Any) -> str:
        if child.keyword == "choice":
            return self._choice(child)
        wanted = self.random.random() < self.likely or (self._mandatory(child) and not self.wrong())
        if not wanted and not (child.keyword == "container" and child.search_one("presence") is None):
            return ""
        made = self.node(child)
        return made + made if made and self.wrong() else made

    def _choice(self, choice: Any) -> str:
        cases = [case for case in choice.i_children if _configurable(case)]
        many = 2 if self.wrong() else int(self.random.random() < self.likely)
        chosen = self.random.sample(cases, min(many, len(cases)))
        return "".join(self._below(case) if case.keyword == "case" else self._child(case) for case in chosen)

    def _mandatory(self, node: Any) -> bool:
        statement = node.search_one("mandatory") or node.search_one("min-elements")
        return statement is not None and statement.arg not in ("false", "0")

    def _values(self, node: Any) -> str:
        many = 1 if node.keyword == "leaf" else self.random.randint(1, 2)
        return "".join(self._element(node, escape(self._value(node))) for _ in range(many))

    def _value(self, node: Any) -> str:
        few, taken, refused = values(node)
        if self.wrong():
            return self.random.choice(refused)
        return self.random.choice(few if self.random.random() < USUALLY else taken)

    def _entries(self, node: Any) -> str:
        keys = tuple(getattr(node, "i_key", ()) or ())
        many = self.random.choice((1, 1, 2, 3))
        named = {tuple(self._value(key) for key in keys): None for _ in range(many)}
        return "".join(self._entry(node, keys, each) for each in named)

    def _entry(self, node: Any, keys: tuple[Any, ...], named: tuple[str, ...]) -> str:
        given = [
            self._element(key, escape(value))
            for key, value in zip(keys, named, strict=True)
            if not self.wrong()
        ]
        return self._element(node, "".join(given) + self._below(node, keys))

    def _element(self, node: Any, inner: str) -> str:
        """The element; the namespace is said everywhere, it is the module's where the node was defined."""
        space = node.i_module.search_one("namespace").arg
        bound = f" {_BOUND}" if node.keyword == "leaf" and typed(node).arg == "identityref" else ""
        return f'<{node.arg} xmlns="{space}"{bound}>{inner}</{node.arg}>'
