"""get-data and edit-data over the wire (RFC 8526), with origins (RFC 8342)."""

import pytest
from lxml import etree

from tests.support.depot import DEPOT

NCDS = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"
OR = "urn:ietf:params:xml:ns:yang:ietf-origin"
LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
_BOUND = f'xmlns="{NCDS}" xmlns:ds="{DS}" xmlns:or="{OR}" xmlns:d="{DEPOT}"'
PATH = "/nc:rpc/ncds:get-data/ncds"


def _get(datastore, extra="", wanted=None):
    if wanted is not None:
        extra = f'<subtree-filter><depot xmlns="{DEPOT}">{wanted}</depot></subtree-filter>{extra}'
    return f"<get-data {_BOUND}><datastore>ds:{datastore}</datastore>{extra}</get-data>"


def _edit(datastore, inner, extra=""):
    config = f'<config><depot xmlns="{DEPOT}">{inner}</depot></config>'
    return f"<edit-data {_BOUND}><datastore>{datastore}</datastore>{extra}{config}</edit-data>"


def _data(depot, body):
    reply = depot.ask(body)
    found = reply.find(f"{{{NCDS}}}data")
    assert found is not None, etree.tostring(reply)
    return found


def _leaves(data):
    return {etree.QName(leaf).localname: leaf.text for leaf in data.iter() if not len(leaf) and leaf.text}


def _origins(data):
    return {
        etree.QName(element).localname: element.get(f"{{{OR}}}origin")
        for element in data.iter()
        if element.get(f"{{{OR}}}origin")
    }


def test_the_conventional_datastores(depot):
    depot.accepted("<title>x</title>")
    assert depot.edit("<title>y</title>") == []
    for datastore, title in (("running", "x"), ("intended", "x"), ("candidate", "y")):
        assert _leaves(_data(depot, _get(datastore, wanted=""))) == {"title": title}


def test_operational_has_defaults_and_origins(depot):
    depot.accepted("<title>x</title><opening>8</opening>")
    wanted = "<title/><opening/><level/>"
    found = _data(depot, _get("operational", "<with-origin/>", wanted))
    assert {"title", "opening", "level"} == set(_leaves(found))
    assert _origins(found) == {"depot": "or:intended", "level": "or:default"}
    assert _origins(_data(depot, _get("operational", wanted=wanted))) == {}
    explicit = "<with-defaults>explicit</with-defaults>"
    assert set(_leaves(_data(depot, _get("operational", explicit, wanted)))) == {"title", "opening"}


def test_state_has_no_origin(depot):
    library = f'<subtree-filter><yang-library xmlns="{LIBRARY}"/></subtree-filter>'
    found = _data(depot, _get("operational", f"{library}<with-origin/>"))
    assert _origins(found) == {}
    names = {each.text for each in found.iter(f"{{{LIBRARY}}}name")}
    assert {"ds:operational", "ds:intended", "ds:running"} <= {
        f"ds:{name.rpartition(':')[2]}" for name in names
    }
    assert {"ietf-netconf-nmda", "ietf-origin"} <= names


ORIGIN_FILTERS = {
    "<origin-filter>or:default</origin-filter>": {"level"},
    "<origin-filter>or:intended</origin-filter>": {"title"},
    "<origin-filter>or:origin</origin-filter>": {"title", "level"},
    "<origin-filter>or:intended</origin-filter><origin-filter>or:default</origin-filter>": {"title", "level"},
    "<negated-origin-filter>or:default</negated-origin-filter>": {"title"},
    "<origin-filter>or:learned</origin-filter>": set(),
}


@pytest.mark.parametrize(("asked", "names"), ORIGIN_FILTERS.items(), ids=ORIGIN_FILTERS)
def test_origin_filters(depot, asked, names):
    depot.accepted("<title>x</title>")
    assert set(_leaves(_data(depot, _get("operational", asked, "<title/><level/>")))) == names


def test_config_filter(depot):
    depot.accepted("<title>x</title>")
    for asked, expected in (("true", {"depot"}), ("false", {"netconf-state"})):
        both = f'<subtree-filter><depot xmlns="{DEPOT}"/><netconf-state xmlns="urn:ietf:params:xml:ns:yang:'
        both += 'ietf-netconf-monitoring"/></subtree-filter>'
        found = _data(depot, _get("operational", f"{both}<config-filter>{asked}</config-filter>"))
        assert {etree.QName(each).localname for each in found} == expected
    assert len(_data(depot, _get("running", "<config-filter>false</config-filter>"))) == 0


def test_xpath_filter(depot):
    depot.accepted("<title>x</title><hall><name>a</name></hall>")
    found = _data(depot, _get("running", "<xpath-filter>/d:depot/d:hall[d:name='a']</xpath-filter>"))
    assert _leaves(found) == {"name": "a"}


DEPTHS = {
    "the top": ("", "1", "depot"),
    "two levels": ("", "2", "depot title hall name"),
    "a selected list": ("<depot/>", "1", "depot"),
    "entries": ("<depot><hall/></depot>", "1", "depot hall name"),
    "what a match selects": ("<depot><title>x</title></depot>", "1", "depot"),
    "a node and one below it": ("<depot/><depot><hall><name/></hall></depot>", "1", "depot hall name"),
    "everything": ("", "unbounded", "depot title hall name"),
    "an expression": ("/d:depot", "1", "depot"),
    "an expression, two levels": ("/d:depot", "2", "depot title hall name"),
    "an expression with a node below": ("/d:depot | /d:depot/d:hall/d:name", "1", "depot hall name"),
}


@pytest.mark.parametrize(("wanted", "levels", "names"), DEPTHS.values(), ids=DEPTHS)
def test_max_depth(depot, wanted, levels, names):
    depot.accepted("<title>x</title><hall><name>a</name></hall>")
    bound = wanted.replace("<depot", f'<depot xmlns="{DEPOT}"')
    subtree = f"<subtree-filter>{bound}</subtree-filter>"
    asked = f"<xpath-filter>{wanted}</xpath-filter>" if "d:" in wanted else subtree if wanted else ""
    found = _data(depot, _get("running", f"{asked}<max-depth>{levels}</max-depth>"))
    assert [etree.QName(each).localname for each in found.iterdescendants()] == names.split()


WRONG = {
    "max-depth": (_get("running", "<max-depth>0</max-depth>"), "max-depth", "invalid-value"),
    "no such datastore": (_get("dynamic"), "datastore", "invalid-value"),
    "a datastore that was not chosen": (_get("startup"), "datastore", "invalid-value"),
    "no identity": (_get("running").replace("ds:running", "running"), "datastore", "invalid-value"),
    "an origin that is none": (
        _get("operational", "<origin-filter>or:nobody</origin-filter>"),
        "origin-filter",
        "invalid-value",
    ),
    "origins of running": (
        _get("running", "<origin-filter>or:intended</origin-filter>"),
        "origin-filter",
        "invalid-value",
    ),
    "with-origin of running": (_get("running", "<with-origin/>"), "with-origin", "invalid-value"),
    "config-filter": (
        _get("running", "<config-filter>yes</config-filter>"),
        "config-filter",
        "invalid-value",
    ),
    "with-defaults": (
        _get("running", "<with-defaults>all</with-defaults>"),
        "with-defaults",
        "invalid-value",
    ),
    "an expression that is none": (
        _get("running", "<xpath-filter>1</xpath-filter>"),
        "xpath-filter",
        "invalid-value",
    ),
}


@pytest.mark.parametrize(("body", "blamed", "tag"), WRONG.values(), ids=WRONG)
def test_what_is_refused(depot, body, blamed, tag):
    (error,) = depot.errors(body)
    assert (error.type, error.tag, error.path) == ("protocol", tag, f"{PATH}:{blamed}")


def test_without_a_datastore(depot):
    (error,) = depot.errors(f"<get-data {_BOUND}/>")
    assert (error.tag, error.info) == ("missing-element", (("bad-element", "datastore"),))


def test_two_filters(depot):
    (error,) = depot.errors(_get("running", "<xpath-filter>/*</xpath-filter>", wanted=""))
    assert (error.tag, error.info) == ("bad-element", (("bad-element", "xpath-filter"),))


def test_edit_data(depot):
    assert depot.errors(_edit("ds:candidate", "<title>x</title><hall><name>a</name></hall>")) == []
    assert "<title>x</title>" in depot.content(source="candidate")
    removed = (
        '<hall xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><name>a</name></hall>'
    )
    assert depot.errors(_edit("ds:candidate", removed)) == []
    (error,) = depot.errors(_edit("ds:candidate", removed))
    assert (error.tag, error.path) == ("data-missing", "/d:depot/d:hall[d:name='a']")
    replaced = "<default-operation>replace</default-operation>"
    assert depot.errors(_edit("ds:candidate", "<opening>8</opening>", replaced)) == []
    assert depot.content(source="candidate") == "<opening>8</opening>"


@pytest.mark.parametrize("datastore", ["running", "startup", "intended", "operational", "dynamic"])
def test_edit_data_of_what_cannot_be_written(depot, datastore):
    (error,) = depot.errors(_edit(f"ds:{datastore}", "<title>x</title>"))
    assert (error.tag, error.path) == ("invalid-value", "/nc:rpc/ncds:edit-data/ncds:datastore")


def test_edit_data_is_done_wholly_or_not_at_all(depot):
    errors = depot.errors(_edit("ds:candidate", "<title>x</title><level>none</level>"))
    assert [error.tag for error in errors] == ["invalid-value"]
    assert depot.content(source="candidate") == ""


def test_the_defaults_of_operational_are_announced(depot):
    assert b"with-operational-defaults:1.0?basic-mode=report-all" in depot.greeting


@pytest.mark.parametrize(
    ("operation", "name"), [("lock", "target"), ("unlock", "target"), ("validate", "source")]
)
def test_lock_and_validate_by_identity(depot, operation, name):
    def asked(datastore):
        named = f"<datastore {_BOUND}>ds:{datastore}</datastore>"
        return f"<{operation}><{name}>{named}</{name}></{operation}>"

    if operation == "unlock":
        assert depot.errors(asked("candidate").replace("unlock", "lock")) == []
    assert depot.errors(asked("candidate")) == []
    (error,) = depot.errors(asked("operational"))
    assert (error.tag, error.path) == ("invalid-value", f"/nc:rpc/nc:{operation}/nc:{name}/ncds:datastore")
    if operation == "lock":
        assert depot.errors(asked("candidate").replace("lock>", "unlock>")) == []
