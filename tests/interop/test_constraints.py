"""What validation says: tag, app-tag, path and info (RFC 7950 sections 8.3 and 15)."""

import random

import pytest

HALL = "/d:depot/d:hall[d:name='{}']".format


def hall(name, inner=""):
    return f"<hall><name>{name}</name>{inner}</hall>"


def shelf(side, number, inner=""):
    return f"<shelf><side>{side}</side><number>{number}</number>{inner}</shelf>"


PLACE = "<row>1</row><position><column>2</column></position>"
CLIMATE = (
    "<climate><gas/><guard><name>x</name></guard><guard><name>y</name></guard><shift>1</shift></climate>"
)

BROKEN = {
    "mandatory": ("<alarm/>", "data-missing", "", "/d:depot/d:alarm/d:code"),
    "a mandatory choice": (
        CLIMATE.replace("<gas/>", ""),
        "data-missing",
        "missing-choice",
        "/d:depot/d:climate",
    ),
    "too few entries": (
        CLIMATE.replace("<guard><name>y</name></guard>", ""),
        "operation-failed",
        "too-few-elements",
        "/d:depot/d:climate/d:guard",
    ),
    "too few values": (
        CLIMATE.replace("<shift>1</shift>", ""),
        "operation-failed",
        "too-few-elements",
        "/d:depot/d:climate/d:shift",
    ),
    "too many values": (
        "".join(f"<opening>{number}</opening>" for number in range(4)),
        "operation-failed",
        "too-many-elements",
        "/d:depot/d:opening",
    ),
    "too many entries in an entry": (
        hall("a", "".join(shelf("left", number) for number in range(4))),
        "operation-failed",
        "too-many-elements",
        f"{HALL('a')}/d:shelf",
    ),
    "a must with words of its own": (
        hall("a", "<next>a</next>"),
        "operation-failed",
        "own-neighbour",
        f"{HALL('a')}/d:next",
    ),
    "a must without": (
        hall("a", "<alone>true</alone>") + hall("b"),
        "operation-failed",
        "must-violation",
        f"{HALL('a')}/d:alone",
    ),
    "a when": (hall("a", "<dark>true</dark>"), "unknown-element", "", f"{HALL('a')}/d:dark"),
    "a when of an augment": (
        hall("a", "<row>2</row><dl:row>x</dl:row>"),
        "unknown-element",
        "",
        f"{HALL('a')}/d2:row",
    ),
    "a leafref": (hall("a", "<next>z</next>"), "data-missing", "instance-required", f"{HALL('a')}/d:next"),
    "a leafref into nested lists": (
        hall("a", "<shelf-code>z</shelf-code>"),
        "data-missing",
        "instance-required",
        f"{HALL('a')}/d:shelf-code",
    ),
    "an instance-identifier": (
        "<pointer>/d:depot/d:title</pointer>",
        "data-missing",
        "instance-required",
        "/d:depot/d:pointer",
    ),
    "a key with brackets and quotes": (
        hall("a']/d:row[x='", "<alone>true</alone>") + hall("b"),
        "operation-failed",
        "must-violation",
        "/d:depot/d:hall[d:name=\"a']/d:row[x='\"]/d:alone",
    ),
}


@pytest.mark.parametrize(("given", "tag", "app_tag", "path"), BROKEN.values(), ids=BROKEN)
def test_a_constraint_that_is_broken(depot, given, tag, app_tag, path):
    assert depot.edit(given) == []
    (error,) = depot.validate()
    assert (error.type, error.tag, error.app_tag, error.path) == ("application", tag, app_tag, path)
    assert depot.errors("<commit/>") == [error]


def test_the_missing_choice_is_named(depot):
    assert depot.edit(CLIMATE.replace("<gas/>", "")) == []
    assert [error.info for error in depot.validate()] == [(("missing-choice", "heating"),)]


@pytest.mark.parametrize(
    ("given", "leaves"),
    [
        (
            hall("a", PLACE) + hall("b", PLACE),
            [f"{HALL(name)}/{leaf}" for name in "ab" for leaf in ("d:row", "d:position/d:column")],
        ),
        (
            hall("a", shelf("left", 1, "<code>x</code>") + shelf("right", 1, "<code>x</code>")),
            [f"{HALL('a')}/d:shelf[d:side='{side}'][d:number='1']/d:code" for side in ("left", "right")],
        ),
    ],
)
def test_what_is_not_unique_is_named(depot, given, leaves):
    assert depot.edit(given) == []
    (error,) = depot.validate()
    assert (error.tag, error.app_tag) == ("operation-failed", "data-not-unique")
    assert error.info == tuple(("non-unique", leaf) for leaf in leaves)


VALID = {
    "a leafref that requires no instance": hall("a", "<hint>z</hint>"),
    "a leafref into another entry": hall("a", "<shelf-code>z</shelf-code>")
    + hall("b", shelf("left", 1, "<code>z</code>")),
    "a when that holds": "<lit>false</lit>" + hall("a", "<dark>true</dark>"),
    "a when of an augment that holds": hall("a", "<row>4</row><dl:row>x</dl:row><dl:name>3</dl:name>"),
    "counts within their bounds": CLIMATE,
    "unique with a leaf missing": hall("a", "<row>1</row>") + hall("b", "<row>1</row>"),
}


@pytest.mark.parametrize("given", VALID.values(), ids=VALID)
def test_a_constraint_that_holds(depot, given):
    depot.accepted(given)


def test_a_change_elsewhere_breaks_a_constraint(depot):
    depot.accepted(hall("a", "<next>b</next>") + hall("b"))
    assert depot.edit('<hall nc:operation="delete"><name>b</name></hall>') == []
    assert [error.app_tag for error in depot.validate()] == ["instance-required"]


DARK = "<lit>false</lit>" + hall("b", "<dark>true</dark>")
LABELLED = hall("b", "<row>4</row><dl:row>x</dl:row><dl:name>3</dl:name>")

DELETED = {
    "a leaf in every entry": (DARK, "<lit>true</lit>", "<lit>true</lit>" + hall("b")),
    "by a default": (DARK, '<lit nc:operation="delete"/>', hall("b")),
    "what an augment has added": (LABELLED, hall("b", "<row>1</row>"), hall("b", "<row>1</row>")),
}


@pytest.mark.parametrize(("before", "given", "after"), DELETED.values(), ids=DELETED)
def test_what_a_change_elsewhere_leaves_without_its_when_is_deleted(depot, before, given, after):
    """RFC 7950 section 8.2; the candidate follows with the commit."""
    depot.accepted(before)
    assert depot.edit(given, "<test-option>test-then-set</test-option>") == []
    assert depot.validate() == []
    assert depot.errors("<commit/>") == []
    assert depot.content() == depot.content(source="running") == after


def test_what_is_changed_without_its_when_is_refused(depot):
    """RFC 7950 section 8.3.2."""
    depot.accepted(DARK)
    assert depot.edit("<lit>true</lit>" + hall("b", "<dark>false</dark>")) == []
    for errors in (depot.validate(), depot.errors("<commit/>")):
        assert [(error.tag, error.path) for error in errors] == [("unknown-element", f"{HALL('b')}/d:dark")]
    assert "<dark>true</dark>" in depot.content(source="running")


@pytest.mark.parametrize("seed", range(3))
def test_a_change_is_judged_as_the_whole_would_be(depot, seed):
    """`validate` of the candidate looks at a slice, of the same configuration in the request at all of it.

    Nodes without their `when` are deleted where they are old, and there is nothing old to a request.
    """
    choose = random.Random(seed)
    verdicts = set()
    for _ in range(60):
        depot.edit(_some_edit(choose))
        held = depot.data("<get-config><source><candidate/></source></get-config>")
        whole = depot.errors(f"<validate><source><config>{held}</config></source></validate>")
        sliced = depot.validate()
        assert _without_whens(sliced) == _without_whens(whole)
        assert bool(depot.errors("<commit/>")) == bool(sliced)
        verdicts.add(bool(sliced))
        if sliced:
            depot.discard()
    assert verdicts == {True, False}


def _without_whens(errors):
    return sorted(repr(error) for error in errors if error.tag != "unknown-element")


def _some_edit(choose):
    parts = [
        f"<lit>{choose.choice(['true', 'false'])}</lit>",
        _some_operation(choose, "alarm", choose.choice(["", "<code>1</code>"])),
        "<pointer>/d:depot/d:hall[d:name='a']</pointer>",
        *(_some_hall(choose, name) for name in choose.sample(["a", "b", "c"], choose.randint(1, 3))),
    ]
    return "".join(part for part in parts if choose.random() < 0.6)


def _some_hall(choose, name):
    parts = [
        f"<row>{choose.choice([1, 4])}</row>",
        "<position><column>1</column></position>",
        f"<next>{choose.choice('abc')}</next>",
        f"<shelf-code>{choose.choice('xy')}</shelf-code>",
        _some_operation(choose, "dark", "true"),
        "<dl:row>r</dl:row>",
        *(shelf(side, 1, f"<code>{choose.choice('xy')}</code>") for side in ("left", "right")),
        choose.choice(["<upper/>", "<gate>g</gate>", "<dl:curtain>c</dl:curtain>"]),
    ]
    chosen = "".join(part for part in parts if choose.random() < 0.35)
    return _some_operation(choose, "hall", f"<name>{name}</name>{chosen}")


def _some_operation(choose, name, inner):
    operation = choose.choice(["merge", "merge", "replace", "remove"])
    return f'<{name} nc:operation="{operation}">{inner}</{name}>'
