"""with-defaults in every mode, and the attribute `default` in edits, over the wire (RFC 6243)."""

import pytest
from lxml import etree

from tests.support.depot import DEPOT

NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
ATTRIBUTE = "urn:ietf:params:xml:ns:netconf:default:1.0"
TAGGED = f'xmlns:wd="{ATTRIBUTE}" wd:default="true"'
MODES = ("explicit", "trim", "report-all", "report-all-tagged")


def _read(depot, mode, operation="get-config", wanted=""):
    filtered = f'<filter><depot xmlns="{DEPOT}">{wanted}</depot></filter>'
    source = "<source><candidate/></source>" if operation == "get-config" else ""
    asked = f'<with-defaults xmlns="{NAMESPACE}">{mode}</with-defaults>'
    body = depot.data(f"<{operation}>{source}{filtered}{asked}</{operation}>")
    return {
        (etree.QName(leaf).localname, leaf.text, leaf.get(f"{{{ATTRIBUTE}}}default"))
        for leaf in etree.fromstring(f"<all>{body}</all>").iter()
        if not len(leaf) and leaf.text
    }


def test_it_is_announced(depot):
    assert b"with-defaults:1.0?basic-mode=explicit&amp;also-supported=report-all,report-all-tagged,trim<" in (
        depot.greeting
    )


@pytest.mark.parametrize("operation", ["get", "get-config"])
def test_the_four_modes(depot, operation):
    depot.accepted("<lit>true</lit><title>x</title><opening>8</opening>")
    explicit = {("lit", "true", None), ("title", "x", None), ("opening", "8", None)}
    wanted = "<lit/><title/><opening/><level/><kind/>"
    assert _read(depot, "explicit", operation, wanted) == explicit
    assert _read(depot, "trim", operation, wanted) == {("title", "x", None)}
    found = _read(depot, "report-all", operation, wanted)
    assert explicit < found
    assert {name for name, _, tag in found if tag} == set()
    tagged = _read(depot, "report-all-tagged", operation, wanted)
    assert explicit < tagged
    assert {(name, value) for name, value, _ in tagged} == {(name, value) for name, value, _ in found}
    assert {name for name, _, tag in tagged if tag == "true"} == {"kind", "level"}


@pytest.mark.parametrize("mode", ["report-all", "report-all-tagged"])
def test_a_configuration_gets_no_defaults_of_state(depot, mode):
    asked = f'<with-defaults xmlns="{NAMESPACE}">{mode}</with-defaults>'
    for source in ("running", "candidate"):
        body = depot.data(f"<get-config><source><{source}/></source>{asked}</get-config>")
        assert "<enable-nacm" in body
        assert "netconf-state" not in body
        assert "denied-operations" not in body
    assert "<in-bad-hellos" in depot.data(f"<get>{asked}</get>")  # which its owner tells


def test_a_filter_finds_what_is_reported(depot):
    assert ("lit", "true", None) in _read(depot, "report-all", wanted="<lit>true</lit>")
    assert _read(depot, "report-all", wanted="<lit>false</lit>") == set()
    assert _read(depot, "explicit", wanted="<lit>true</lit>") == set()


def test_a_default_whose_condition_is_a_default(depot):
    depot.accepted("<hall><name>a</name></hall>")
    names = {name for name, _, _ in _read(depot, "report-all", wanted="<hall/>")}
    assert "name" in names
    assert "dark" not in names


@pytest.mark.parametrize("operation", ["merge", "replace", "create"])
def test_a_leaf_that_is_said_to_be_the_default(depot, operation):
    depot.accepted("<title>x</title>")
    lit = f'<lit {TAGGED} nc:operation="{operation}">true</lit>'
    assert depot.edit(lit) == []
    assert "<lit>" not in depot.content()
    if operation != "create":
        depot.accepted("<lit>false</lit>")
        assert depot.edit(lit) == []
        assert "<lit>" not in depot.content()


def test_a_leaf_that_is_wrongly_said_to_be_the_default(depot):
    (error,) = depot.edit(f"<lit {TAGGED}>false</lit>")
    assert (error.type, error.tag, error.path) == ("application", "invalid-value", "/d:depot/d:lit")
    (error,) = depot.edit(f"<title {TAGGED}>x</title>")
    assert (error.tag, error.path) == ("invalid-value", "/d:depot/d:title")
    (error,) = depot.edit(f'<lit xmlns:wd="{ATTRIBUTE}" wd:default="perhaps">true</lit>')
    assert (error.tag, error.info[0]) == ("bad-attribute", ("bad-attribute", "default"))
    assert depot.edit(f'<lit xmlns:wd="{ATTRIBUTE}" wd:default="false">true</lit>') == []
    assert "<lit>true</lit>" in depot.content()


def test_what_was_read_tagged_can_be_written_back(depot):
    depot.accepted("<title>x</title><hall><name>a</name></hall>")
    before = depot.content()
    asked = f'<with-defaults xmlns="{NAMESPACE}">report-all-tagged</with-defaults>'
    filtered = f'<filter><depot xmlns="{DEPOT}"/></filter>'
    tagged = depot.data(f"<get-config><source><candidate/></source>{filtered}{asked}</get-config>")
    assert "wd:default" in tagged
    assert depot.edit_roots("", "<default-operation>replace</default-operation>") == []
    assert depot.edit_roots(tagged) == []
    assert depot.content() == before
    source = f"<source><config>{tagged}</config></source>"
    assert depot.errors(f"<copy-config><target><candidate/></target>{source}</copy-config>") == []
    assert depot.content() == before


def test_copies_in_another_mode(depot):
    depot.accepted("<lit>true</lit><title>x</title>")

    def copied(mode):
        asked = f'<with-defaults xmlns="{NAMESPACE}">{mode}</with-defaults>'
        body = f"<target><candidate/></target><source><running/></source>{asked}"
        assert depot.errors(f"<copy-config>{body}</copy-config>") == []
        return depot.content("<lit/><title/><kind/>")

    assert copied("trim") == "<title>x</title>"
    assert "<kind" in copied("report-all")
    assert copied("explicit") == copied("report-all-tagged") == "<title>x</title><lit>true</lit>"


def test_a_mode_that_is_none(depot):
    asked = f'<with-defaults xmlns="{NAMESPACE}">most</with-defaults>'
    (error,) = depot.errors(f"<get>{asked}</get>")
    assert (error.tag, error.path) == ("invalid-value", "/nc:rpc/nc:get/ncwd:with-defaults")
    assert "report-all-tagged" in error.message
