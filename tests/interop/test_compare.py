"""compare between datastores over the wire (RFC 9144)."""

import pytest

from tests.support.depot import DEPOT

CMP = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"


def _body(source, target, extra=""):
    ends = f"<source>ds:{source}</source><target>ds:{target}</target>"
    return f'<compare xmlns="{CMP}" xmlns:ds="{DS}" xmlns:d="{DEPOT}">{ends}{extra}</compare>'


def _edits(depot, source="running", target="candidate", extra=""):
    reply = depot.ask(_body(source, target, extra))
    assert reply.find("{*}rpc-error") is None
    found = [{child.tag.rpartition("}")[2]: child for child in edit} for edit in reply.iter(f"{{{CMP}}}edit")]
    assert (reply.find(f"{{{CMP}}}no-matches") is None) == bool(found)
    return [
        (
            edit["operation"].text,
            edit["target"].text.removeprefix("/depot:depot"),
            *(edit[name].text for name in ("where", "point") if name in edit),
        )
        for edit in found
    ], found


def test_what_differs(depot):
    depot.accepted("<title>x</title><hall><name>a b/c</name></hall><colour>red</colour><colour>blue</colour>")
    assert _edits(depot)[0] == []
    assert (
        depot.edit('<title>y</title><level>3</level><hall nc:operation="delete"><name>a b/c</name></hall>')
        == []
    )
    edits, raw = _edits(depot)
    assert sorted(edits) == [
        ("create", "/level"),
        ("delete", "/hall=a%20b%2Fc"),
        ("replace", "/title"),
    ]
    (title,) = (edit for edit in raw if edit["operation"].text == "replace")
    assert title["value"][0].text == "y"
    assert title["source-value"][0].text == "x"
    assert title["value"][0].tag == f"{{{DEPOT}}}title"
    assert sorted(_edits(depot, "candidate", "running")[0]) == [
        ("create", "/hall=a%20b%2Fc"),
        ("delete", "/level"),
        ("replace", "/title"),
    ]


def test_the_order_of_the_user(depot):
    depot.accepted("<colour>red</colour><colour>blue</colour>")
    assert depot.edit('<colour yang:insert="first">green</colour><colour>last</colour>') == []
    assert _edits(depot)[0] == [
        ("insert", "/colour=green", "first"),
        ("insert", "/colour=last", "after", "/depot:depot/colour=blue"),
    ]
    depot.discard()
    assert depot.edit('<colour yang:insert="first">blue</colour>') == []
    assert _edits(depot)[0][0][0] == "move"


def test_filters(depot):
    assert depot.edit("<title>y</title><level>3</level><hall><name>a</name></hall>") == []
    subtree = f'<subtree-filter><depot xmlns="{DEPOT}"><title/></depot></subtree-filter>'
    assert _edits(depot, extra=subtree)[0] == [("create", "")]
    depot.accepted("<lit>true</lit>")
    assert depot.edit("<title>z</title><level>4</level>") == []
    assert _edits(depot, extra=subtree)[0] == [("replace", "/title")]
    xpath = "<xpath-filter>/d:depot/d:level</xpath-filter>"
    assert _edits(depot, extra=xpath)[0] == [("replace", "/level")]
    assert _edits(depot, extra="<all/>")[0] == [("replace", "/title"), ("replace", "/level")]


WRONG = {
    "a datastore without configuration": (
        _body("operational", "running"),
        "source",
        "ds:running, ds:candidate",
    ),
    "a datastore that was not chosen": (_body("running", "startup"), "target", "ds:running, ds:candidate"),
    "an expression that is none": (
        _body("running", "candidate", "<xpath-filter>count(/d:depot)</xpath-filter>"),
        "xpath-filter",
        "gives a number",
    ),
}


@pytest.mark.parametrize(("body", "blamed", "message"), WRONG.values(), ids=WRONG)
def test_what_is_refused(depot, body, blamed, message):
    (error,) = depot.errors(body)
    assert (error.tag, error.path) == ("invalid-value", f"/nc:rpc/cmp:compare/cmp:{blamed}")
    assert message in error.message
