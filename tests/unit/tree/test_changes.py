"""Changes as they are shown: whole elements with their namespaces, and nothing that nobody may read."""

import pytest
from lxml import etree

from server.schema.model import Schema, load_schema
from server.tree.changes import Shower
from server.tree.diff import diff
from tests.support.schema import sources_of
from tests.support.trees import tree

VAULT = """
  import ietf-netconf-acm { prefix nacm; }
  container vault {
    leaf name { type string; }
    leaf-list tag { type string; ordered-by user; }
    list box {
      key "name"; ordered-by user;
      leaf name { type string; }
      leaf code { nacm:default-deny-all; type string; }
      container inner { leaf code { nacm:default-deny-all; type string; } leaf size { type int8; } }
    }
    anydata note;
  }
"""


@pytest.fixture(scope="module")
def vault(tmp_path_factory) -> Schema:
    return load_schema(sources_of(tmp_path_factory.mktemp("yang"), vault=VAULT))


def _shown(schema, before, after):
    trees = [
        tree(schema, f'<vault xmlns="urn:vault">{inner}</vault>' if inner else "")
        for inner in (before, after)
    ]
    found = list(Shower(schema).shown(diff(*trees)))
    for each in found:
        for xml in (each.before, each.after):
            assert not xml or etree.QName(etree.fromstring(xml)).namespace == "urn:vault"
    return [
        (
            each.operation,
            each.location.path,
            each.follows.path if each.follows else "",
            each.before,
            each.after,
        )
        for each in found
    ]


def test_a_leaf(vault):
    before, after = ('<name xmlns="urn:vault">%s</name>' % name for name in "ab")  # noqa: UP031
    assert _shown(vault, "<name>a</name>", "<name>b</name>") == [
        ("replace", "/vault:vault/vault:name", "", before, after)
    ]


def test_a_whole_subtree_has_its_namespace_once(vault):
    whole = '<vault xmlns="urn:vault"><name>a</name></vault>'
    assert _shown(vault, "", "<name>a</name>") == [("create", "/vault:vault", "", "", whole)]
    assert _shown(vault, "<name>a</name>", "") == [("delete", "/vault:vault", "", whole, "")]


def test_where_it_stands_in_a_list_of_the_users(vault):
    ((operation, path, point, _, _),) = _shown(
        vault, "<box><name>a</name></box>", "<box><name>a</name></box><box><name>b</name></box>"
    )
    assert (operation, path, point) == (
        "create",
        "/vault:vault/vault:box[vault:name='b']",
        "/vault:vault/vault:box[vault:name='a']",
    )
    ((operation, path, point, before, after),) = _shown(vault, "<tag>a</tag>", "<tag>a</tag><tag>b</tag>")
    assert (operation, path, point) == (
        "create",
        "/vault:vault/vault:tag[.='b']",
        "/vault:vault/vault:tag[.='a']",
    )
    assert (before, after) == ("", '<tag xmlns="urn:vault">b</tag>')


SECRET = "<code>1234</code><inner><code>1234</code><size>3</size></inner>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"<box><name>a</name>{SECRET}</box>"),
        (f"<box><name>a</name>{SECRET}</box>", ""),
        ("<name>x</name>", f"<name>x</name><box><name>a</name>{SECRET}</box>"),
        ("<box><name>a</name></box>", f"<box><name>a</name>{SECRET}</box>"),
        (f"<box><name>a</name>{SECRET}</box>", "<box><name>a</name><code>5</code></box>"),
    ],
)
def test_what_nobody_may_read_is_changed_without_its_value(vault, before, after):
    found = _shown(vault, before, after)
    assert found
    assert "1234" not in repr(found)
    assert "code>" not in repr(found)


def test_what_stands_beside_a_secret_is_told(vault):
    ((_, _, _, _, after),) = _shown(vault, "", f"<box><name>a</name>{SECRET}</box>")
    box = "<box><name>a</name><inner><size>3</size></inner></box>"
    assert after == f'<vault xmlns="urn:vault">{box}</vault>'


def test_anydata(vault):
    note = '<note xmlns="urn:vault"><x xmlns="urn:x">1</x></note>'
    ((operation, _, _, _, after),) = _shown(vault, "<name>x</name>", f"<name>x</name>{note}")
    assert operation == "create"
    assert etree.fromstring(after).findtext("{urn:x}x") == "1"
