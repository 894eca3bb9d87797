"""Any other YANG module beside ours: validated, stored and served, with no dataplane behind it."""

import pytest

from tests.support.netconf import config, refused
from tests.support.server import running_server

NAMESPACE = "urn:test:shelf"

MODULE = """
module shelf {
  yang-version 1.1;
  namespace "urn:test:shelf";
  prefix sh;
  feature lamp;
  feature lock;
  identity kind;
  identity box { base kind; }
  identity crate { base kind; }
  container shelf {
    list item {
      key "name";
      ordered-by user;
      leaf name { type string; }
      leaf kind { type identityref { base kind; } }
      leaf beside { type leafref { path "../../item/name"; } }
      leaf weight {
        type decimal64 { fraction-digits 2; range "0..100"; }
        must ". < 50 or ../kind = 'sh:crate'" { error-app-tag "too-heavy"; error-message "needs a crate"; }
      }
    }
    leaf-list label { type string; max-elements 2; }
    choice access {
      leaf open { type empty; }
      container door { presence "there is a door"; leaf key { type string; mandatory true; } }
    }
    leaf lamp { if-feature lamp; type boolean; default "true"; }
    leaf lock { if-feature lock; type boolean; }
  }
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    module = folder / "shelf.yang"
    module.write_text(MODULE)
    with running_server(folder, [f"{module}:lamp"]) as running:
        yield running


def _edit(session, inner, **options):
    shelf = f'<shelf xmlns="{NAMESPACE}">{inner}</shelf>'
    return session.edit_config(config(shelf), target="candidate", **options)


def _found(session, name, source="running"):
    data = session.get_config(source).data
    return [element.text for element in data.iter(f"{{{NAMESPACE}}}{name}")]


def _item(name, inner="", attributes=""):
    return f'<item {attributes} xmlns:yang="urn:ietf:params:xml:ns:yang:1"><name>{name}</name>{inner}</item>'


def test_its_configuration_survives_in_canonical_form(server, session):
    _edit(session, _item("b", "<weight>07.50</weight>") + _item("a", "<beside>b</beside>"))
    _edit(session, _item("first", attributes='nc:operation="create" yang:insert="first"'))
    _edit(
        session,
        "<label>x</label><label>w</label><item><name>a</name><kind>box</kind></item>",
    )
    session.commit()
    assert server.terminate("server") == 0
    assert server.start_server() == "ready"
    with server.connect() as again:
        assert _found(again, "name") == ["first", "b", "a"]
        assert _found(again, "weight") == ["7.5"]
        assert [value.rpartition(":")[2] for value in _found(again, "kind")] == ["box"]
        assert sorted(_found(again, "label")) == ["w", "x"]


@pytest.mark.parametrize(
    ("inner", "tag", "app_tag"),
    [
        ("<item><name>a</name><weight>60</weight></item>", "operation-failed", "too-heavy"),
        ("<item><name>a</name><beside>nobody</beside></item>", "data-missing", "instance-required"),
        ("<label>1</label><label>2</label><label>3</label>", "operation-failed", "too-many-elements"),
        ("<door/>", "data-missing", None),
    ],
)
def test_it_is_validated(session, inner, tag, app_tag):
    _edit(session, inner)
    error = refused(session.commit)
    assert (error.tag, error.app_tag) == (tag, app_tag)
    assert "/sh:shelf" in error.path


@pytest.mark.parametrize(
    ("inner", "tag"),
    [
        ("<item><name>a</name><kind>cupboard</kind></item>", "invalid-value"),
        ("<item><name>a</name><weight>1.234</weight></item>", "invalid-value"),
        ("<lock>true</lock>", "unknown-element"),
    ],
)
def test_it_is_checked_at_once(session, inner, tag):
    assert refused(_edit, session, inner).tag == tag


def test_one_case_takes_the_place_of_another(session):
    _edit(session, "<open/>")
    _edit(session, "<door><key>k</key></door>")
    assert _found(session, "open", "candidate") == []
    session.commit()
    assert _found(session, "key") == ["k"]


def test_features_are_what_was_asked_for(session):
    (capability,) = [uri for uri in session.server_capabilities if uri.startswith(NAMESPACE)] or [""]
    assert "lock" not in capability.partition("features=")[2]
    _edit(session, "<lamp>false</lamp>")
    session.commit()
    assert _found(session, "lamp") == ["false"]
    assert "module shelf" in session.get_schema("shelf").data
