"""What a client is pushed makes its copy what the datastore is, whatever happens to that."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.push.change_update import push_change_update
from server.push.patch import EditKind, edits
from server.push.update import push_update
from server.schema.model import Schema, load_schema
from server.tree.build import from_data
from server.tree.node import Container
from server.tree.xml import to_xml
from tests.support.patching import YP, Receiver, plain
from tests.support.schema import sources_of

BODY = """
  container top {
    leaf a { type string; }
    leaf id { type identityref { base kind; } }
    leaf-list set { type string; }
    leaf-list queue { type string; ordered-by user; }
    container flag { presence "p"; leaf x { type string; } }
    container plain { leaf y { type string; } }
    list item {
      key "k j"; leaf k { type string; } leaf j { type uint8; } leaf v { type string; }
      list step { key n; ordered-by user; leaf n { type string; } leaf w { type string; } }
    }
    list step { key n; ordered-by user; leaf n { type string; } leaf w { type string; } }
  }
  identity kind; identity one { base kind; } identity two { base kind; }
"""
KEYS = {"item": ("k", "j"), "step": ("n",)}
ORDERED = ("queue", "step")
CONTAINERS = ("top", "plain", "data")

TEXTS = st.sampled_from(["a", "b", "c", "d/e", "f,g", "h=i", "é", "<j>", "k l", "100%", "'", "m:n"])


@cache
def schema() -> Schema:
    return load_schema(sources_of(Path(mkdtemp(prefix="push")), pt=BODY))


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


STEPS = st.lists(
    st.fixed_dictionaries({"n": TEXTS, "w": optional(TEXTS)}), unique_by=lambda e: e["n"], max_size=5
)
ITEMS = st.lists(
    st.fixed_dictionaries({"k": TEXTS, "j": st.integers(0, 2), "v": optional(TEXTS), "step": STEPS}),
    unique_by=lambda entry: (entry["k"], entry["j"]),
    max_size=4,
)
TOPS = st.fixed_dictionaries(
    {
        "a": optional(TEXTS),
        "id": optional(st.sampled_from(["one", "two"])),
        "set": st.lists(TEXTS, unique=True, max_size=4),
        "queue": st.lists(TEXTS, unique=True, max_size=6),
        "flag": optional(st.fixed_dictionaries({"x": optional(TEXTS)})),
        "plain": optional(st.fixed_dictionaries({"y": optional(TEXTS)})),
        "item": ITEMS,
        "step": STEPS,
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[Container]:
    """Some states of a datastore, each a small step from another, so that much stays."""
    data = [draw(TOPS)]
    for _ in range(draw(st.integers(1, 5))):
        before = draw(st.sampled_from(data))
        names = draw(st.sets(st.sampled_from(sorted(before)), max_size=3))
        other = draw(TOPS)
        data.append({**before, **{name: other[name] for name in names}})
    return [from_data(schema(), {"pt:top": each}) for each in data]


def element(pieces: list[bytes]) -> Any:
    return etree.fromstring(b"".join(pieces))


def expected(tree: Container) -> Any:
    return plain(element([b"<data>", *to_xml(schema(), tree), b"</data>"]), CONTAINERS, ORDERED)


def update(patch: int, trees: list[Container]) -> Any:
    return element(push_change_update(schema(), 1, patch, edits(trees), 1 << 20))


@given(histories(), st.data())
def test_a_copy_follows_the_datastore(states: list[Container], data: st.DataObject) -> None:
    """Whatever states are told one by one, and whatever together (dampening)."""
    client = Receiver(KEYS, {"pt": "urn:pt"})
    client.take(element(push_update(1, to_xml(schema(), states[0]), 1 << 20)))
    told = 0
    while told < len(states) - 1:
        now = data.draw(st.integers(told + 1, len(states) - 1))
        client.take(update(told, states[told : now + 1]))
        told = now
        assert plain(client.root, CONTAINERS, ORDERED) == expected(states[told])


@given(histories())
def test_what_came_back_to_what_it_was_is_told(states: list[Container]) -> None:
    """RFC 8641 section 3.3: every node that was not at rest, or one above it, is in the update."""
    trees = [*states, states[0]]
    told = [edit.location for edit in edits(trees)]
    for before, after in pairwise(trees):
        for edit in edits([before, after]):
            assert any(_holds(location, edit.location) for location in told)


def _holds(above: Any, location: Any) -> bool:
    chain = location.schema.chain()
    return (
        above.schema in chain
        and location.keys[: len(above.keys)] == above.keys
        and (above.value is None or above.value == location.value)
    )


@given(histories(), st.sets(st.sampled_from([str(kind) for kind in EditKind])))
def test_kinds_that_are_excluded_are_not_told(states: list[Container], excluded: set[str]) -> None:
    both = [states[0], states[-1]]
    kept = [(edit.kind, edit.location, edit.point) for edit in edits(both, excluded)]
    every = [(edit.kind, edit.location, edit.point) for edit in edits(both)]
    assert kept == [each for each in every if each[0] not in excluded]


@given(histories())
def test_a_patch_has_ids_of_its_own(states: list[Container]) -> None:
    found = update(0, [states[0], states[-1]])
    ids = [each.text for each in found.iter(f"{YP}edit-id")]
    assert len(ids) == len(set(ids))
