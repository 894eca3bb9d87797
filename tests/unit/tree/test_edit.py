"""edit-config against a real validator: one table of what works, one of what is refused."""

import pytest

from server.protocol.errors import ErrorTag
from server.schema.model import Schema
from server.schema.validator import Validator
from server.tree.edit import DefaultOperation, EditOutcome, ErrorOption, apply_edit
from server.tree.node import Container
from tests.support.trees import bed, config, text, tree


def edited(
    schema: Schema,
    judge: Validator,
    base: Container,
    payload: str,
    default: str = "merge",
    option: str = "rollback-on-error",
) -> EditOutcome:
    return apply_edit(
        schema,
        base,
        config(payload),
        default_operation=DefaultOperation(default),
        error_option=ErrorOption(option),
        canonical=judge.canonical,
    )


TWO_BEDS = "<bed><name>a</name><row>1</row></bed><bed><name>b</name><row>2</row></bed>"

# (before, payload, after, default-operation)
WORKING = {
    "merge adds a leaf": (
        TWO_BEDS,
        "<bed><name>a</name><code>7</code></bed>",
        "<bed><name>a</name><row>1</row><code>7</code></bed><bed><name>b</name><row>2</row></bed>",
        "merge",
    ),
    "keys may come last": (
        "",
        "<bed><row>1</row><name>a</name></bed>",
        "<bed><name>a</name><row>1</row></bed>",
        "merge",
    ),
    "values become canonical": (
        "",
        "<bed><name>a</name><row> 07 </row><plant><kind>g:basil</kind><number>+3</number></plant></bed>",
        "<bed><name>a</name><row>7</row><plant><kind>basil</kind><number>3</number></plant></bed>",
        "merge",
    ),
    "a key is matched in canonical form": (
        "<bed><name>a</name><plant><kind>basil</kind><number>3</number></plant></bed>",
        "<bed><name>a</name><plant><kind>g:basil</kind><number>003</number><label>x</label></plant></bed>",
        "<bed><name>a</name><plant><kind>basil</kind><number>3</number><label>x</label></plant></bed>",
        "merge",
    ),
    "a key to delete is matched in canonical form": (
        "<bed><name>a</name><plant><kind>basil</kind><number>3</number></plant></bed>",
        (
            "<bed><name>a</name><plant nc:operation='delete'>"
            "<kind>g:basil</kind><number>+3</number></plant></bed>"
        ),
        "<bed><name>a</name></bed>",
        "merge",
    ),
    "delete an entry": (
        TWO_BEDS,
        "<bed nc:operation='delete'><name>a</name></bed>",
        "<bed><name>b</name><row>2</row></bed>",
        "merge",
    ),
    "delete a leaf without a value": (
        TWO_BEDS,
        "<bed><name>a</name><row nc:operation='delete'/></bed>",
        "<bed><name>a</name></bed><bed><name>b</name><row>2</row></bed>",
        "merge",
    ),
    "remove what is not there": (
        TWO_BEDS,
        "<bed nc:operation='remove'><name>z</name></bed>",
        TWO_BEDS,
        "merge",
    ),
    "replace an entry": (
        TWO_BEDS,
        "<bed nc:operation='replace'><name>a</name><code>1</code></bed>",
        "<bed><name>a</name><code>1</code></bed><bed><name>b</name><row>2</row></bed>",
        "merge",
    ),
    "merge inside replace": (
        "<bed><name>a</name><water><litres>1</litres><day>2</day></water></bed>",
        "<bed nc:operation='replace'><name>a</name><water nc:operation='merge'><day>3</day></water></bed>",
        "<bed><name>a</name><water><litres>1</litres><day>2</day><day>3</day></water></bed>",
        "merge",
    ),
    "default-operation replace": (
        TWO_BEDS + "<owner>o</owner>",
        "<owner>p</owner>",
        "<owner>p</owner>",
        "replace",
    ),
    "default-operation none": (
        TWO_BEDS,
        "<bed><name>a</name><row nc:operation='replace'>5</row></bed>",
        "<bed><name>a</name><row>5</row></bed><bed><name>b</name><row>2</row></bed>",
        "none",
    ),
    "none passes containers without presence": (
        TWO_BEDS,
        "<bed><name>a</name><water><litres nc:operation='create'>5</litres></water></bed>",
        (
            "<bed><name>a</name><row>1</row><water><litres>5</litres></water></bed>"
            "<bed><name>b</name><row>2</row></bed>"
        ),
        "none",
    ),
    "an empty container vanishes": (
        "<bed><name>a</name><water><litres>1</litres></water></bed>",
        "<bed><name>a</name><water><litres nc:operation='delete'/></water></bed>",
        "<bed><name>a</name></bed>",
        "merge",
    ),
    "a presence container stays": (
        "",
        "<bed><name>a</name><soil/></bed>",
        "<bed><name>a</name><soil/></bed>",
        "merge",
    ),
    "another case takes the place": (
        "<bed><name>a</name><glass><panes>2</panes></glass></bed>",
        "<bed><name>a</name><mesh>4</mesh></bed>",
        "<bed><name>a</name><mesh>4</mesh></bed>",
        "merge",
    ),
    "the same case stays": (
        "<bed><name>a</name><mesh>4</mesh></bed>",
        "<bed><name>a</name><peg>x</peg></bed>",
        "<bed><name>a</name><mesh>4</mesh><peg>x</peg></bed>",
        "merge",
    ),
    "insert first": (
        "<queue>1</queue><queue>2</queue>",
        "<queue yang:insert='first'>3</queue>",
        "<queue>3</queue><queue>1</queue><queue>2</queue>",
        "merge",
    ),
    "insert after moves": (
        "<queue>1</queue><queue>2</queue><queue>3</queue>",
        "<queue yang:insert='after' yang:value='03'>1</queue>",
        "<queue>2</queue><queue>3</queue><queue>1</queue>",
        "merge",
    ),
    "insert an entry before": (
        "<visit><place>p</place></visit>",
        "<visit yang:insert='before' yang:key=\"[g:place='p']\"><place>q</place></visit>",
        "<visit><place>q</place></visit><visit><place>p</place></visit>",
        "merge",
    ),
    "without insert an entry stays": (
        "<queue>1</queue><queue>2</queue>",
        "<queue>1</queue>",
        "<queue>1</queue><queue>2</queue>",
        "merge",
    ),
    "leaf-list value deleted": (
        "<tag>a</tag><tag>b</tag>",
        "<tag nc:operation='delete'>a</tag>",
        "<tag>b</tag>",
        "merge",
    ),
    "anydata": (
        "",
        "<remarks nc:operation='replace'><x xmlns='urn:x'>1</x></remarks>",
        "<remarks><x xmlns='urn:x'>1</x></remarks>",
        "merge",
    ),
}


@pytest.mark.parametrize("case", WORKING)
def test_edit(case: str, schema: Schema, judge: Validator) -> None:
    before, payload, after, default = WORKING[case]
    outcome = edited(schema, judge, tree(schema, bed(before)), bed(payload), default)
    assert [str(error) for error in outcome.errors] == []
    assert text(schema, outcome.root) == text(schema, tree(schema, bed(after)))


def test_delete_everything_leaves_no_container(schema: Schema, judge: Validator) -> None:
    base = tree(schema, bed("<owner>x</owner>"))
    assert text(schema, edited(schema, judge, base, bed("<owner nc:operation='delete'/>")).root) == ""


AT_A = "/g:garden/g:bed[g:name='a']"

# (payload, tag, path, app-tag, bad-element or bad-attribute)
REFUSED = {
    "unknown leaf": (
        "<bed><name>a</name><colour>1</colour></bed>",
        "unknown-element",
        f"{AT_A}/g:colour",
        "",
        "colour",
    ),
    "unknown namespace": ("<x xmlns='urn:x'/>", "unknown-namespace", "/g:garden", "", "x"),
    "state data": (
        "<bed><name>a</name><harvest>1</harvest></bed>",
        "unknown-element",
        f"{AT_A}/g:harvest",
        "",
        "harvest",
    ),
    "missing key": ("<bed><row>1</row></bed>", "missing-element", "/g:garden/g:bed", "", "name"),
    "leaf twice": ("<owner>a</owner><owner>b</owner>", "bad-element", "/g:garden/g:owner", "", "owner"),
    "entry twice": (
        "<bed><name>n</name></bed><bed><name>n</name></bed>",
        "bad-element",
        "/g:garden/g:bed[g:name='n']",
        "",
        "bed",
    ),
    "entry twice in two spellings": (
        (
            "<bed><name>a</name><plant><kind>basil</kind><number>3</number></plant>"
            "<plant><kind>g:basil</kind><number>+3</number></plant></bed>"
        ),
        "bad-element",
        f"{AT_A}/g:plant[g:kind='garden:basil'][g:number='3']",
        "",
        "plant",
    ),
    "two cases": (
        "<bed><name>a</name><mulch>x</mulch><mesh>1</mesh></bed>",
        "bad-element",
        f"{AT_A}/g:mesh",
        "",
        "mesh",
    ),
    "bad operation": (
        "<owner nc:operation='destroy'>x</owner>",
        "bad-attribute",
        "/g:garden/g:owner",
        "",
        "operation",
    ),
    "create inside delete": (
        "<bed nc:operation='delete'><name>a</name><row nc:operation='create'>1</row></bed>",
        "bad-attribute",
        f"{AT_A}/g:row",
        "",
        "operation",
    ),
    "key deleted": (
        "<bed><name nc:operation='delete'>a</name></bed>",
        "bad-attribute",
        f"{AT_A}/g:name",
        "",
        "operation",
    ),
    "unknown attribute": (
        "<owner colour='red'>x</owner>",
        "unknown-attribute",
        "/g:garden/g:owner",
        "",
        "colour",
    ),
    "insert in system order": (
        "<tag yang:insert='first'>x</tag>",
        "unknown-attribute",
        "/g:garden/g:tag[.='x']",
        "",
        "insert",
    ),
    "insert without a point": (
        "<queue yang:insert='after'>3</queue>",
        "missing-attribute",
        "/g:garden/g:queue[.='3']",
        "",
        "value",
    ),
    "insert at a missing point": (
        "<queue yang:insert='after' yang:value='99'>3</queue>",
        "bad-attribute",
        "/g:garden/g:queue[.='3']",
        "missing-instance",
        "value",
    ),
    "insert nowhere": (
        "<queue yang:insert='middle'>3</queue>",
        "bad-attribute",
        "/g:garden/g:queue[.='3']",
        "",
        "insert",
    ),
    "wrong value": ("<bed><name>a</name><row>300</row></bed>", "invalid-value", f"{AT_A}/g:row", "", ""),
    "unknown identity": (
        "<bed><name>a</name><plant><kind>g:tree</kind><number>1</number></plant></bed>",
        "invalid-value",
        "*",
        "",
        "",
    ),
    "unbound prefix": (
        "<bed><name>a</name><plant><kind>nix:tree</kind><number>1</number></plant></bed>",
        "invalid-value",
        "*",
        "",
        "",
    ),
    "data exists": ("<bed nc:operation='create'><name>a</name></bed>", "data-exists", AT_A, "", ""),
    "data missing": (
        "<bed nc:operation='delete'><name>z</name></bed>",
        "data-missing",
        "/g:garden/g:bed[g:name='z']",
        "",
        "",
    ),
    "leaf missing": (
        "<bed><name>a</name><row nc:operation='delete'/></bed>",
        "data-missing",
        f"{AT_A}/g:row",
        "",
        "",
    ),
    "leaf-list value missing": (
        "<tag nc:operation='delete'>x</tag>",
        "data-missing",
        "/g:garden/g:tag[.='x']",
        "",
        "",
    ),
    "text in a container": ("soil", "bad-element", "/g:garden", "", "garden"),
    "element in a leaf": (
        "<owner><owner/></owner>",
        "unknown-element",
        "/g:garden/g:owner/g:owner",
        "",
        "owner",
    ),
}


@pytest.mark.parametrize("option", ["rollback-on-error", "stop-on-error"])
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, option: str, schema: Schema, judge: Validator) -> None:
    payload, tag, path, app_tag, blamed = REFUSED[case]
    base = tree(schema, bed("<bed><name>a</name></bed>"))
    outcome = edited(schema, judge, base, bed(payload), option=option)
    assert outcome.root is base
    error = outcome.errors[0]
    assert (error.tag, error.app_tag) == (ErrorTag(tag), app_tag)
    assert path in ("*", error.path)
    assert not blamed or error.info[0].text == blamed
    assert len(outcome.errors) == 1


def test_none_needs_the_parent(schema: Schema, judge: Validator) -> None:
    base = tree(schema, bed("<bed><name>a</name></bed>"))
    payload = bed("<bed><name>z</name><row nc:operation='create'>1</row></bed>")
    outcome = edited(schema, judge, base, payload, default="none")
    assert [(error.tag, error.path) for error in outcome.errors] == [
        (ErrorTag.DATA_MISSING, "/g:garden/g:bed[g:name='z']")
    ]


def test_all_errors_of_a_request_are_reported(schema: Schema, judge: Validator) -> None:
    payload = bed(
        "<bed><name>a</name><row>x</row></bed><bed><name>b</name><row>1</row></bed>"
        "<bed><name>c</name><code>y</code></bed><bed><row>1</row></bed><owner nc:operation='eat'>o</owner>"
    )
    outcome = edited(schema, judge, tree(schema, ""), payload)
    assert sorted(error.tag for error in outcome.errors) == [
        "bad-attribute", "invalid-value", "invalid-value", "missing-element"
    ]  # fmt: skip


def test_continue_on_error_keeps_what_succeeded(schema: Schema, judge: Validator) -> None:
    base = tree(schema, bed("<bed><name>a</name><row>1</row></bed>"))
    payload = bed(
        "<bed nc:operation='create'><name>a</name><code>1</code></bed>"
        "<bed><name>b</name><row>x</row></bed>"
        "<bed><name>c</name><row>3</row><code nc:operation='delete'/></bed>"
        "<owner>o</owner><strict>perhaps</strict>"
    )
    outcome = edited(schema, judge, base, payload, option="continue-on-error")
    assert sorted((error.tag.value, error.path) for error in outcome.errors) == [
        ("data-exists", "/g:garden/g:bed[g:name='a']"),
        ("data-missing", "/g:garden/g:bed[g:name='c']/g:code"),
        ("invalid-value", "/g:garden/g:bed[g:name='b']/g:row"),
        ("invalid-value", "/g:garden/g:strict"),
    ]
    after = bed("<owner>o</owner><bed><name>a</name><row>1</row></bed><bed><name>c</name><row>3</row></bed>")
    assert text(schema, outcome.root) == after


def test_an_edit_that_changes_nothing_returns_the_base(schema: Schema, judge: Validator) -> None:
    base = tree(schema, bed(TWO_BEDS))
    assert edited(schema, judge, base, bed(TWO_BEDS)).root is base
    assert edited(schema, judge, base, bed(TWO_BEDS), default="replace").root is base


def test_an_edit_shares_what_it_does_not_touch(schema: Schema, judge: Validator) -> None:
    base = tree(schema, bed(TWO_BEDS))
    garden = "{urn:test:garden}garden"
    after = edited(schema, judge, base, bed("<bed><name>a</name><code>1</code></bed>")).root
    before_beds = list(base.branch(garden).entries("{urn:test:garden}bed"))  # type: ignore[union-attr]
    after_beds = list(after.branch(garden).entries("{urn:test:garden}bed"))  # type: ignore[union-attr]
    assert before_beds[1] is after_beds[1]
    assert before_beds[0] is not after_beds[0]


def test_deep_unknown_nesting_is_one_error(schema: Schema, judge: Validator) -> None:
    payload = "<a>" * 200 + "</a>" * 200
    outcome = edited(schema, judge, tree(schema, ""), bed(payload))
    assert [error.tag for error in outcome.errors] == [ErrorTag.UNKNOWN_ELEMENT]


def test_ten_thousand_entries_in_one_payload(schema: Schema, judge: Validator) -> None:
    payload = "".join(f"<tool><id>{number}</id><works/></tool>" for number in range(10_000))
    outcome = edited(schema, judge, tree(schema, ""), payload)
    assert outcome.errors == ()
    assert text(schema, outcome.root).count("<works/>") == 10_000
