"""XPath filters on get and get-config over the wire (RFC 6241 section 8.9)."""

import pytest

from tests.support.depot import DEPOT

KINDS = "urn:test:depot-kinds"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
BOUND = f'xmlns:d="{DEPOT}" xmlns:other="{KINDS}" xmlns:m="{MONITORING}"'
PATH = "/nc:rpc/nc:get-config/nc:filter"

HALLS = (
    "<title>north</title><level>5</level><kind>dk:crate</kind>"
    "<hall><name>a</name><next>b</next><visit><who>z</who><why>1</why></visit><visit><who>y</who></visit></hall>"
    "<hall><name>b</name><gate>big</gate><gate-width>3</gate-width></hall><hall><name>c</name></hall>"
    "<colour>red</colour><colour>blue</colour>"
)


def _filter(select):
    quoted = select.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'<filter type="xpath" {BOUND} select="{quoted}"/>'


def _config(depot, select):
    body = depot.data(f"<get-config><source><candidate/></source>{_filter(select)}</get-config>")
    return body.removeprefix('<depot xmlns="urn:test:depot">').removesuffix("</depot>")


def _refused(depot, select):
    (error,) = depot.errors(f"<get-config><source><running/></source>{_filter(select)}</get-config>")
    return error


@pytest.fixture
def filled(depot):
    assert depot.edit(HALLS) == []
    return depot


SELECTED = {
    "a leaf": ("/d:depot/d:title", "<title>north</title>"),
    "an entry by its key": ("/d:depot/d:hall[d:name='c']", "<hall><name>c</name></hall>"),
    "a leaf of an entry, with its key": (
        "/d:depot/d:hall[d:name='b']/d:gate",
        "<hall><name>b</name><gate>big</gate></hall>",
    ),
    "a leaf of all entries": (
        "/d:depot/d:hall/d:gate-width",
        "<hall><name>b</name><gate-width>3</gate-width></hall>",
    ),
    "a union, in the order of the schema": (
        "//d:level | //d:title",
        "<title>north</title><level>5</level>",
    ),
    "names without a prefix": ("/depot/hall[name='c']", "<hall><name>c</name></hall>"),
    "a search": ("//*[. = 'big']", "<hall><name>b</name><gate>big</gate></hall>"),
    "a comparison of numbers": (
        "//d:hall[d:gate-width > 2]/d:name",
        "<hall><name>b</name></hall>",
    ),
    "another entry's value": (
        "//d:hall[d:name = //d:hall[d:name='a']/d:next]/d:name",
        "<hall><name>b</name></hall>",
    ),
    "the last one": ("//d:hall[last()]", "<hall><name>c</name></hall>"),
    "the user's order": (
        "//d:visit/d:who",
        "<hall><name>a</name><visit><who>z</who></visit><visit><who>y</who></visit></hall>",
    ),
    "a value of a leaf-list": ("//d:colour[. = 'blue']", "<colour>blue</colour>"),
    "a text node": ("/d:depot/d:title/text()", "<title>north</title>"),
    "functions": (
        "//d:hall[starts-with(d:gate, 'b') and not(d:next)]/d:gate-width",
        "<hall><name>b</name><gate-width>3</gate-width></hall>",
    ),
    "nothing": ("/d:depot/d:hall[d:name='z']", ""),
}


@pytest.mark.parametrize(("select", "expected"), SELECTED.values(), ids=SELECTED)
def test_what_is_selected(filled, select, expected):
    assert _config(filled, select) == expected


def test_an_identity_by_the_prefix_of_the_filter(filled):
    assert "crate" in _config(filled, "/d:depot/d:kind[. = 'other:crate']")
    assert "crate" in _config(filled, "/d:depot/d:kind[derived-from-or-self(., 'other:crate')]")
    assert _config(filled, "/d:depot/d:kind[. = 'd:crate']") == ""


def test_everything(filled):
    assert _config(filled, "/") == filled.content()
    assert _config(filled, "/d:depot") == filled.content()


def test_state_that_is_asked_for(depot):
    running = "/m:netconf-state/m:datastores/m:datastore[m:name='running']"
    data = depot.data(f"<get>{_filter(running)}</get>")
    assert data.count("<datastore>") == 1
    data = depot.data(f"<get>{_filter('//m:session[m:username]/m:session-id')}</get>")
    assert "<session-id>" in data
    assert "<username>" not in data


WRONG = {
    "no expression": ("", "bad-attribute", "ends too early"),
    "half of one": ("/d:depot[", "bad-attribute", "ends too early"),
    "an unknown prefix": ("/x:depot", "bad-attribute", "prefix 'x' at character 2 is not bound"),
    "an unknown function": ("//d:hall[frob(.)]", "bad-attribute", "there is no function frob()"),
    "an axis that is none": ("/sideways::d:depot", "bad-attribute", "'sideways' at character 2 is no axis"),
    "a variable": ("//d:hall[$x]", "bad-attribute", "variables"),
    "a stray character": ("/d:depot#", "bad-attribute", "'#' at character 9"),
    "a literal without an end": ("/d:depot['abc]", "bad-attribute", "the literal at character 10 has no end"),
    "a literal in no place": ("/d:depot 'abc'", "bad-attribute", "unexpected literal at character 10"),
    "the wrong number of arguments": (
        "//d:hall[contains(d:name)]",
        "bad-attribute",
        "contains() takes 2 arguments",
    ),
    "a number": ("count(//d:hall)", "invalid-value", "gives a number"),
    "a string": ("string(//d:hall)", "invalid-value", "gives a string"),
    "a path on a string": ("'a'/d:depot", "bad-attribute", "no set of nodes"),
    "too deep": ("(" * 60 + "1" + ")" * 60, "bad-attribute", "levels"),
    "too many operators": ("1" + "+1" * 300, "bad-attribute", "in a row"),
    "too long": ("/d:depot" + " " * 20_000 + "/*", "bad-attribute", "longer than"),
}


@pytest.mark.parametrize(("select", "tag", "message"), WRONG.values(), ids=WRONG)
def test_an_expression_that_is_refused(filled, select, tag, message):
    assert filled.errors("<commit/>") == []
    error = _refused(filled, select)
    assert (error.type, error.tag, error.path) == ("protocol", tag, PATH)
    assert message in error.message
    if tag == "bad-attribute":
        assert error.info == (("bad-attribute", "select"), ("bad-element", "filter"))


def test_a_filter_without_an_expression(depot):
    (error,) = depot.errors('<get-config><source><running/></source><filter type="xpath"/></get-config>')
    assert (error.tag, error.info) == (
        "missing-attribute",
        (("bad-attribute", "select"), ("bad-element", "filter")),
    )


HOPELESS = ("//*[count(//*[count(//*) > 1]) > 1]", "//d:hall" + "[(//*)[//*]]" * 40)


@pytest.mark.parametrize("select", HOPELESS)
def test_an_expression_that_takes_too_long_ends(depot, select):
    depot.accepted("".join(f"<hall><name>h{number}</name></hall>" for number in range(300)))
    error = _refused(depot, select)
    assert (error.type, error.tag, error.app_tag, error.path) == (
        "protocol",
        "resource-denied",
        "xpath-limit",
        PATH,
    )
    assert depot.data(f"<get-config><source><running/></source>{_filter('//d:title')}</get-config>") == ""


def test_it_is_announced(depot):
    assert b"urn:ietf:params:netconf:capability:xpath:1.0<" in depot.greeting
