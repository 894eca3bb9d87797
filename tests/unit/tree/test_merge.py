"""What a three-way merge makes of one change on each side, and what it calls a conflict."""

import pytest

from server.tree.diff import diff
from server.tree.merge import Side, merge
from tests.support.trees import bed, garden, text, tree

B = "/g:garden/g:bed[g:name='a']"
BED = "<bed><name>a</name>{}</bed>"
SOWING = "".join(f"<sowing><day>{day}</day></sowing>" for day in (1, 2, 3))
QUEUE = "<queue>1</queue><queue>2</queue>"


def _tree(inner):
    return tree(garden(), bed(inner) if inner else "")


def _merged(base, ours, theirs, prefer=Side.OURS):
    merged = merge(_tree(base), _tree(ours), _tree(theirs), prefer)
    found = text(garden(), merged.root)
    return [at.path for at in merged.conflicts], found.removeprefix(bed("")[:-9]).removesuffix("</garden>")


CLEAN = {
    "different leaves": (
        "<owner>x</owner>",
        "<owner>y</owner>",
        f"<owner>x</owner>{BED.format('')}",
        f"<owner>y</owner>{BED.format('')}",
    ),
    "leaves of one entry": (
        BED.format("<row>1</row><code>1</code>"),
        BED.format("<row>2</row><code>1</code>"),
        BED.format("<row>1</row><code>2</code>"),
        BED.format("<row>2</row><code>2</code>"),
    ),
    "the same value": ("<owner>x</owner>", "<owner>y</owner>", "<owner>y</owner>", "<owner>y</owner>"),
    "the same entry": (
        "",
        BED.format("<row>1</row>"),
        BED.format("<row>1</row>"),
        BED.format("<row>1</row>"),
    ),
    "the same deletion": ("<owner>x</owner>", "", "", ""),
    "a deletion of what stayed": (BED.format("<row>1</row>"), "", BED.format("<row>1</row>"), ""),
    "values of a leaf-list": (
        "<tag>a</tag><tag>b</tag>",
        "<tag>b</tag><tag>c</tag>",
        "<tag>a</tag><tag>b</tag><tag>d</tag>",
        "<tag>b</tag><tag>c</tag><tag>d</tag>",
    ),
    "a container without presence on both sides": (
        BED.format(""),
        BED.format("<water><litres>1</litres></water>"),
        BED.format("<water><day>1</day></water>"),
        BED.format("<water><litres>1</litres><day>1</day></water>"),
    ),
    "the order on one side, a new value on the other": (
        QUEUE,
        "<queue>2</queue><queue>1</queue>",
        f"{QUEUE}<queue>3</queue>",
        "<queue>2</queue><queue>3</queue><queue>1</queue>",
    ),
    "new values in different gaps": (
        QUEUE,
        f"<queue>0</queue>{QUEUE}",
        f"{QUEUE}<queue>3</queue>",
        f"<queue>0</queue>{QUEUE}<queue>3</queue>",
    ),
    "a leaf on one side, its entry moved on the other": (
        BED.format(SOWING),
        BED.format(SOWING.replace("<day>1</day>", "<day>1</day><seed>s</seed>")),
        BED.format("".join(f"<sowing><day>{day}</day></sowing>" for day in (3, 1, 2))),
        BED.format(
            "".join(f"<sowing><day>{day}</day></sowing>" for day in (3, 1, 2)).replace(
                "<day>1</day>", "<day>1</day><seed>s</seed>"
            )
        ),
    ),
    "cases of a choice on one side": (
        BED.format("<mulch>m</mulch>"),
        BED.format("<mesh>1</mesh>"),
        BED.format("<row>1</row><mulch>m</mulch>"),
        BED.format("<row>1</row><mesh>1</mesh>"),
    ),
}


@pytest.mark.parametrize(("base", "ours", "theirs", "expected"), CLEAN.values(), ids=CLEAN)
def test_what_goes_together(base, ours, theirs, expected):
    for prefer in Side:
        assert _merged(base, ours, theirs, prefer) == ([], expected)
        assert _merged(base, theirs, ours, prefer) == ([], expected)


CONFLICTS = {
    "a value": ("<owner>x</owner>", "<owner>y</owner>", "<owner>z</owner>", ["/g:garden/g:owner"]),
    "a value and its deletion": ("<owner>x</owner>", "<owner>y</owner>", "", ["/g:garden/g:owner"]),
    "a value that neither had": ("", "<owner>y</owner>", "<owner>z</owner>", ["/g:garden/g:owner"]),
    "an entry that one deleted": (
        BED.format("<row>1</row>"),
        BED.format("<row>2</row>"),
        "",
        [B],
    ),
    "an entry that both created": ("", BED.format("<row>1</row>"), BED.format("<code>1</code>"), [B]),
    "a presence container that one deleted": (
        BED.format("<soil><depth>1</depth></soil>"),
        BED.format("<soil><depth>2</depth></soil>"),
        BED.format(""),
        [f"{B}/g:soil"],
    ),
    "two orders": (
        f"{QUEUE}<queue>3</queue>",
        "<queue>2</queue><queue>1</queue><queue>3</queue>",
        "<queue>3</queue><queue>1</queue><queue>2</queue>",
        ["/g:garden/g:queue"],
    ),
    "new values in one gap": (
        QUEUE,
        f"{QUEUE}<queue>3</queue>",
        f"{QUEUE}<queue>4</queue>",
        ["/g:garden/g:queue"],
    ),
    "two values": (
        BED.format("<row>1</row><code>1</code>"),
        BED.format("<row>2</row><code>2</code>"),
        BED.format("<row>3</row><code>3</code>"),
        [f"{B}/g:row", f"{B}/g:code"],
    ),
}
IN_ORDER = {
    "new values in one gap": (
        f"{QUEUE}<queue>4</queue><queue>3</queue>",
        f"{QUEUE}<queue>3</queue><queue>4</queue>",
    )
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_what_is_a_conflict(case):
    base, ours, theirs, conflicts = CONFLICTS[case]
    kept, lost = IN_ORDER.get(case, (ours, theirs))
    assert _merged(base, ours, theirs, Side.OURS) == (conflicts, kept)
    assert _merged(base, ours, theirs, Side.THEIRS) == (conflicts, lost)
    assert _merged(base, theirs, ours, Side.OURS) == (conflicts, lost)


CASES = {
    "two new cases": ("", "<mulch>m</mulch>", "<mesh>1</mesh>", ["mulch"]),
    "one case left for two others": (
        "<mulch>m</mulch>",
        "<mesh>1</mesh><peg>p</peg>",
        "<glass><panes>1</panes></glass>",
        ["mesh", "peg"],
    ),
    "a case that one changes and the other leaves": (
        "<mulch>m</mulch>",
        "<mulch>n</mulch>",
        "<mesh>1</mesh>",
        ["mulch"],
    ),
}


@pytest.mark.parametrize(("base", "ours", "theirs", "named"), CASES.values(), ids=CASES)
def test_cases_of_a_choice_exclude_each_other(base, ours, theirs, named):
    trees = [BED.format(each) for each in (base, ours, theirs)]
    conflicts, found = _merged(*trees, Side.OURS)
    assert found == trees[1]
    assert set(conflicts) <= {f"{B}/g:{name}" for name in named}
    assert conflicts
    conflicts, found = _merged(*trees, Side.THEIRS)
    assert found == trees[2]
    assert set(conflicts) == {f"{B}/g:{name}" for name in named}


def test_what_nobody_changed_is_the_same_object():
    base = _tree(BED.format("<row>1</row>") + "<bed><name>b</name></bed>" + QUEUE)
    ours = _tree(BED.format("<row>2</row>") + "<bed><name>b</name></bed>" + QUEUE)
    assert merge(base, base, ours, Side.OURS).root is ours
    assert merge(base, ours, base, Side.OURS).root is ours
    both = merge(base, ours, _tree(BED.format("<row>1</row>") + QUEUE), Side.OURS)
    assert both.conflicts == ()
    assert not diff(both.root, _tree(BED.format("<row>2</row>") + QUEUE))
