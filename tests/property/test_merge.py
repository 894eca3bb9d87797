"""The three-way merge against a model that knows nodes by their paths only."""

from hypothesis import given
from hypothesis import strategies as st

from server.tree.diff import diff
from server.tree.location import Place
from server.tree.merge import Side, merge
from tests.support.gardens import GARDENS, ORDERED, Data, data_of, plain, tree
from tests.support.merging import Flat, Path, expected_conflicts, flat, orders


def path_of(place: Place) -> Path:
    """A place of the tree as a path of the model, which begins below `/garden`."""
    found: list[str] = []
    for tag, key in place[1:]:
        found.append(tag.rpartition("}")[2])
        if isinstance(key, tuple):
            found += key
        elif key is not None:
            found.append(key)
    return tuple(found)


def is_order(path: Path) -> bool:
    return path[-1] in ORDERED


@given(GARDENS, GARDENS, GARDENS, st.sampled_from(Side))
def test_against_the_model(base: Data, ours: Data, theirs: Data, prefer: Side) -> None:
    merged = merge(tree(base), tree(ours), tree(theirs), prefer)
    told = {path_of(at.place) for at in merged.conflicts}
    conflicts = expected_conflicts(base, ours, theirs)
    assert {path for path in told if not is_order(path)} == conflicts
    was, mine, other = flat(base), flat(ours), flat(theirs)
    preferred = mine if prefer is Side.OURS else other
    expected: Flat = {}
    for path in {*was, *mine, *other}:
        if any(path[: len(each)] == each for each in conflicts):
            side = preferred
        else:
            side = mine if mine.get(path) != was.get(path) else other
        if path in side:
            expected[path] = side[path]
    assert flat(data_of(merged.root)) == expected


@given(GARDENS, GARDENS, GARDENS)
def test_the_sides_are_alike(base: Data, ours: Data, theirs: Data) -> None:
    one = merge(tree(base), tree(ours), tree(theirs), Side.OURS)
    other = merge(tree(base), tree(theirs), tree(ours), Side.THEIRS)
    assert {at.path for at in one.conflicts} == {at.path for at in other.conflicts}
    assert not diff(one.root, other.root)


@given(GARDENS, GARDENS, st.sampled_from(Side))
def test_where_one_side_alone_has_changes(base: Data, changed: Data, prefer: Side) -> None:
    for ours, theirs in ((changed, base), (base, changed), (changed, changed)):
        merged = merge(tree(base), tree(ours), tree(theirs), prefer)
        assert merged.conflicts == ()
        assert plain(data_of(merged.root)) == plain(changed)


@given(GARDENS, GARDENS, GARDENS, st.sampled_from(Side))
def test_the_order_that_one_side_alone_has_changed(
    base: Data, ours: Data, theirs: Data, prefer: Side
) -> None:
    merged = merge(tree(base), tree(ours), tree(theirs), prefer)
    told = {path_of(at.place) for at in merged.conflicts}
    was, mine, other = orders(base), orders(ours), orders(theirs)
    result = orders(data_of(merged.root))
    for path, keys in result.items():
        before = was.get(path)
        if any(each[: len(path)] == path or path[: len(each)] == each for each in told):
            continue
        if before == other.get(path):
            assert keys == mine.get(path)
        elif before == mine.get(path) or mine.get(path) == other.get(path):
            assert keys == other.get(path)


@given(GARDENS, GARDENS, GARDENS)
def test_what_is_preferred_is_all_there(base: Data, ours: Data, theirs: Data) -> None:
    """Updated with prefer-candidate, a candidate loses nothing of its own; then there is nothing to merge."""
    merged = merge(tree(base), tree(ours), tree(theirs), Side.OURS)
    again = merge(tree(theirs), merged.root, tree(theirs), Side.THEIRS)
    assert again.conflicts == ()
    assert again.root is merged.root or not diff(again.root, merged.root)
    mine, was, result = flat(ours), flat(base), flat(data_of(merged.root))
    assert all(result.get(path) == value for path, value in mine.items() if was.get(path) != value)
