"""The five operations on nodes of every kind (RFC 6241 section 7.2, RFC 7950 section 7)."""

import pytest

IN_SHELF = "<shelf><side>left</side><number>1</number>{}</shelf>"
STEPS = "<step>3</step><step>1</step><step>2</step>"
VISITS = "".join(f"<visit><who>{who}</who></visit>" for who in "pqr")
HALL = f"<hall><name>a</name><row>1</row>{IN_SHELF.format(STEPS)}{VISITS}<gate>g</gate></hall>"
ALARM = "<alarm><code>c</code></alarm>"
BASE = f"<title>t</title><lit>true</lit>{ALARM}{HALL}<hall><name>b</name></hall><opening>1</opening>"
HALL_A = "/d:depot/d:hall[d:name='a']"
SHELF_A = f"{HALL_A}/d:shelf[d:side='left'][d:number='1']"

KINDS = {
    # element, what stands for it in BASE, what merge and replace make of that, its path
    "leaf": (
        "<title {}>n</title>",
        "<title>t</title>",
        "<title>n</title>",
        "<title>n</title>",
        "/d:depot/d:title",
    ),
    "leaf that has its default": (
        "<lit {}>true</lit>",
        "<lit>true</lit>",
        "<lit>true</lit>",
        "<lit>true</lit>",
        "/d:depot/d:lit",
    ),
    "leaf-list value": (
        "<opening {}>01</opening>",
        "<opening>1</opening>",
        "<opening>1</opening>",
        "<opening>1</opening>",
        "/d:depot/d:opening[.='1']",
    ),
    "container": (
        "<alarm {}><volume>3</volume></alarm>",
        "<alarm><code>c</code></alarm>",
        "<alarm><code>c</code><volume>3</volume></alarm>",
        "<alarm><volume>3</volume></alarm>",
        "/d:depot/d:alarm",
    ),
    "entry": (
        "<hall {}><name>b</name><row>2</row></hall>",
        "<hall><name>b</name></hall>",
        "<hall><name>b</name><row>2</row></hall>",
        "<hall><name>b</name><row>2</row></hall>",
        "/d:depot/d:hall[d:name='b']",
    ),
    "entry in an entry": (
        "<hall><name>a</name><shelf {}><side>left</side><number>01</number><code>z</code></shelf></hall>",
        IN_SHELF.format(STEPS),
        IN_SHELF.format(f"<code>z</code>{STEPS}"),
        "<shelf><side>left</side><number>1</number><code>z</code></shelf>",
        SHELF_A,
    ),
}


@pytest.mark.parametrize(("element", "held", "merged", "replaced", "path"), KINDS.values(), ids=KINDS)
def test_operations_on_what_is_there(depot, element, held, merged, replaced, path):
    depot.accepted(BASE)
    expected = {"merge": merged, "replace": replaced, "delete": "", "remove": ""}
    for operation, after in expected.items():
        assert depot.edit(element.format(f'nc:operation="{operation}"')) == []
        assert depot.content() == BASE.replace(held, after)
        depot.discard()
    (error,) = depot.edit(element.format('nc:operation="create"'))
    assert (error.tag, error.path) == ("data-exists", path)
    assert depot.content() == BASE


@pytest.mark.parametrize(("element", "held", "merged", "replaced", "path"), KINDS.values(), ids=KINDS)
def test_operations_on_what_is_not_there(depot, element, held, merged, replaced, path):
    depot.accepted("<hall><name>a</name></hall>")
    before = depot.content()
    for operation in ("merge", "replace", "create"):
        assert depot.edit(element.format(f'nc:operation="{operation}"')) == []
        assert replaced in depot.content()
        depot.discard()
    assert depot.edit(element.format('nc:operation="remove"')) == []
    assert depot.content() == before
    (error,) = depot.edit(element.format('nc:operation="delete"'))
    assert (error.tag, error.path) == ("data-missing", path)
    assert depot.content() == before


def test_a_default_that_nobody_set_cannot_be_deleted(depot):
    (error,) = depot.edit('<lit nc:operation="delete"/>')
    assert (error.tag, error.path) == ("data-missing", "/d:depot/d:lit")
    assert depot.edit('<lit nc:operation="create">true</lit>') == []


NONE = "<default-operation>none</default-operation>"
REPLACE = "<default-operation>replace</default-operation>"

DEFAULTS = {
    "none leaves alone": ("<hall><name>a</name><row>5</row></hall>", NONE, ""),
    "none needs what it passes": ("<hall><name>z</name><row>5</row></hall>", NONE, "data-missing"),
    "none of a value": ("<opening>7</opening>", NONE, "data-missing"),
    "an operation below none": (
        '<hall><name>z</name><row nc:operation="merge">5</row></hall>',
        NONE,
        "data-missing",
    ),
    "a container without presence is passed": (
        '<hall><name>a</name><position><column nc:operation="create">5</column></position></hall>',
        NONE,
        "",
    ),
    "a deletion below none": ('<title nc:operation="delete"/>', NONE, ""),
    "an operation below a deletion": (
        '<hall nc:operation="delete"><name>a</name><row nc:operation="merge">1</row></hall>',
        "",
        "bad-attribute",
    ),
    "a deletion of a key": ('<hall><name nc:operation="delete">a</name></hall>', "", "bad-attribute"),
    "a value that is only deleted": ('<title nc:operation="delete">far too long for a title</title>', "", ""),
}


@pytest.mark.parametrize(("element", "options", "tag"), DEFAULTS.values(), ids=DEFAULTS)
def test_default_operations(depot, element, options, tag):
    depot.accepted(BASE)
    assert [error.tag for error in depot.edit(element, options)] == ([tag] if tag else [])


def test_a_replacement_by_default_keeps_what_it_names(depot):
    depot.accepted(BASE)
    assert depot.edit("<title>n</title><hall><name>a</name></hall>", REPLACE) == []
    assert depot.content() == "<title>n</title><hall><name>a</name></hall>"


CASES = {
    "another case": ("<lower/>", "<lower/>"),
    "a case of another module": (
        "<dl:curtain>c</dl:curtain>",
        '<curtain xmlns="urn:test:depot-labels">c</curtain>',
    ),
    "a container as case": ("<hatch><size>1</size></hatch>", "<hatch><size>1</size></hatch>"),
    "the same case": ("<gate-width>1</gate-width>", "<gate>g</gate><gate-width>1</gate-width>"),
    "a deletion first": ('<gate nc:operation="delete"/><upper/>', "<upper/>"),
    "a deletion afterwards": ('<upper/><gate nc:operation="delete"/>', "<upper/>"),
    "a removal alone": ('<upper nc:operation="remove"/>', "<gate>g</gate>"),
}


@pytest.mark.parametrize(("element", "after"), CASES.values(), ids=CASES)
def test_one_case_excludes_the_others(depot, element, after):
    depot.accepted("<hall><name>a</name><gate>g</gate></hall>")
    assert depot.edit(f"<hall><name>a</name>{element}</hall>") == []
    assert depot.content() == f"<hall><name>a</name>{after}</hall>"


PLACES = {
    "first": ("r", 'yang:insert="first"', "rpq"),
    "last": ("p", 'yang:insert="last"', "qrp"),
    "before": ("r", 'yang:insert="before" yang:key="[d:who=\'q\']"', "prq"),
    "after": ("p", 'yang:insert="after" yang:key=\'[d:who="q"]\'', "qpr"),
    "a new one": ("n", 'nc:operation="create" yang:insert="first"', "npqr"),
    "a new one without a place": ("n", "", "pqrn"),
    "where it is": ("q", 'yang:insert="after" yang:key="[d:who=\'p\']"', "pqr"),
    "itself": ("q", 'yang:insert="after" yang:key="[d:who=\'q\']"', "pqr"),
}


@pytest.mark.parametrize(("who", "where", "order"), PLACES.values(), ids=PLACES)
def test_entries_are_put_where_the_user_wants_them(depot, who, where, order):
    depot.accepted(BASE)
    assert depot.edit(f"<hall><name>a</name><visit {where}><who>{who}</who></visit></hall>") == []
    held = depot.content("<hall><visit/></hall>")
    assert (
        held
        == "<hall><name>a</name>" + "".join(f"<visit><who>{each}</who></visit>" for each in order) + "</hall>"
    )


@pytest.mark.parametrize(("value", "order"), [("1", "321"), ("01", "321"), ("3", "231")])
def test_values_are_put_where_the_user_wants_them(depot, value, order):
    depot.accepted(BASE)
    step = f'<step yang:insert="before" yang:value="{value}">2</step>'
    assert depot.edit(f"<hall><name>a</name>{IN_SHELF.format(step)}</hall>") == []
    assert "".join(f"<step>{each}</step>" for each in order) in depot.content()


WRONG_PLACES = {
    "a key of nobody": (
        "visit",
        'yang:insert="after" yang:key="[d:who=\'z\']"',
        "bad-attribute",
        "missing-instance",
    ),
    "no key": ("visit", 'yang:insert="after"', "missing-attribute", ""),
    "a key that is none": ("visit", 'yang:insert="after" yang:key="q"', "bad-attribute", ""),
    "no place": ("visit", 'yang:insert="middle"', "bad-attribute", ""),
    "a prefix that is not bound": (
        "visit",
        'yang:insert="after" yang:key="[z:who=\'q\']"',
        "bad-attribute",
        "",
    ),
}


@pytest.mark.parametrize(("name", "where", "tag", "app_tag"), WRONG_PLACES.values(), ids=WRONG_PLACES)
def test_a_place_that_does_not_exist(depot, name, where, tag, app_tag):
    depot.accepted(BASE)
    (error,) = depot.edit(f"<hall><name>a</name><{name} {where}><who>p</who></{name}></hall>")
    assert (error.tag, error.app_tag, error.path) == (tag, app_tag, f"{HALL_A}/d:visit[d:who='p']")


OPTIONS = {
    "stop-on-error": [],
    "rollback-on-error": [],
    "continue-on-error": ["n", "<name>c</name>"],
}


@pytest.mark.parametrize(("option", "left"), OPTIONS.items())
def test_error_options(depot, option, left):
    depot.accepted("<lit>true</lit><hall><name>a</name></hall>")
    before = depot.content()
    given = "<title>n</title><lit>z</lit><hall><name>a</name><row>z</row></hall><hall><name>c</name></hall>"
    given += "<nothing/>"
    given += '<opening nc:operation="delete">1</opening>'
    found = depot.edit(given, f"<error-option>{option}</error-option>")
    assert {error.tag for error in found} >= {"unknown-element", "invalid-value"}
    assert (depot.content() == before) == (not left)
    assert all(part in depot.content() for part in left)


@pytest.mark.parametrize(
    ("option", "refused", "kept"),
    [("test-then-set", True, False), ("test-only", True, False), ("set", False, True)],
)
def test_test_options(depot, option, refused, kept):
    found = depot.edit("<alarm/>", f"<test-option>{option}</test-option>")
    assert [error.path for error in found] == (["/d:depot/d:alarm/d:code"] if refused else [])
    assert bool(depot.content()) == kept
    depot.discard()
    assert depot.edit("<title>x</title>", f"<test-option>{option}</test-option>") == []
    assert bool(depot.content()) == (option != "test-only")


def test_many_errors_are_found_soon_and_not_all_are_told(depot):
    wrong = "".join(f"<hall><name>{number}</name><row>z</row></hall>" for number in range(2_000))
    assert len(depot.edit(wrong)) == 256
    assert len(depot.edit("<nothing/>" * 50_000)) == 256
    assert depot.content() == ""
