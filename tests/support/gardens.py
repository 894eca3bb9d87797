"""Gardens as plain data, for properties: nodes whose order, keys and existence differ in kind."""

from typing import Any

from hypothesis import strategies as st

from server.tree.build import from_data
from server.tree.node import Branch, Container, Leaf, LeafList, ListNode, Node
from tests.support.trees import garden

Data = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "c"])
SMALL = st.integers(1, 3)

KEYS = {"bed": "name", "sowing": "day"}
CONTAINERS = ("garden", "water")
"""Those without presence; `soil` has it."""
ORDERED = ("sowing", "note", "queue")


def optional(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    """Any of these members, or none."""
    return st.fixed_dictionaries({}, optional=members)


SOWINGS = st.lists(optional(seed=NAMES), max_size=3).flatmap(
    lambda inner: st.permutations([1, 2, 3]).map(
        lambda days: [{"day": day, **each} for day, each in zip(days, inner, strict=False)]
    )
)
BED = optional(
    row=SMALL,
    soil=st.just({"depth": 1}),
    water=optional(litres=SMALL, day=st.lists(SMALL, unique=True, max_size=3)),
    sowing=SOWINGS,
    note=st.lists(NAMES, unique=True, max_size=3),
)
GARDENS = optional(
    owner=NAMES,
    bed=st.dictionaries(NAMES, BED, max_size=3).map(
        lambda beds: [{"name": name, **inner} for name, inner in beds.items()]
    ),
    tag=st.lists(NAMES, unique=True, max_size=3),
    queue=st.lists(SMALL, unique=True, max_size=3),
)
"""What stands below `/garden`."""


def tree(data: Data) -> Container:
    """The tree of what stands below `/garden`."""
    return from_data(garden(), {"garden:garden": data})


def data_of(root: Container) -> Data:
    """What stands below `/garden`, values as strings."""
    found = _branch(root)
    return dict(found.get("garden", {}))


def _branch(branch: Branch) -> Data:
    return {child.schema.name: _value(child) for child in branch}


def _value(node: Node) -> Any:
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, LeafList):
        return list(node)
    if isinstance(node, ListNode):
        return [_branch(entry) for entry in node]
    assert isinstance(node, Container)
    return _branch(node)


def plain(data: Any, name: str = "") -> Any:
    """Comparable: without what is empty, values as strings, in an order only where the user gave it."""
    if isinstance(data, dict):
        inner = {key: plain(value, key) for key, value in data.items()}
        return {key: value for key, value in inner.items() if value}
    if isinstance(data, list):
        members = [plain(each) for each in data]
        return members if name in ORDERED else sorted(members, key=repr)
    return str(data)
