"""Instance paths and values with prefixes."""

import pytest

from server.schema.model import Schema
from server.schema.names import Bindings, from_xml, instance_path, parse_identifier, quoted, to_xml
from server.schema.node import TypeInfo

SHELF = "/shop:shop/shelf"
PROFILE = "/twincast-remote-backup:remote-backup/remote-backup-profile"
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
SH = "urn:test:shop"
EXPRESSION = TypeInfo("xpath1.0", has_prefix=True)


def test_error_path_of_igmp_copy(default_schema: Schema):
    path, namespaces = instance_path(default_schema.node(f"{PROFILE}/dhcp-stb/igmp-copy"), [("rbp3",)])
    assert path == "/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']/trb:dhcp-stb/trb:igmp-copy"
    assert namespaces == {"trb": "urn:twincast:yang:remote-backup"}


def test_path_through_an_augment(default_schema: Schema):
    node = default_schema.node(
        "/ietf-interfaces:interfaces/interface/twincast-remote-backup:multicast/access-id"
    )
    path, namespaces = instance_path(node, [("eth0",)])
    assert path == "/if:interfaces/if:interface[if:name='eth0']/trb:multicast/trb:access-id"
    assert namespaces == {"if": IF, "trb": "urn:twincast:yang:remote-backup"}


def test_path_of_entries(shop: Schema):
    assert instance_path(shop.node(f"{SHELF}/box"), [("a",), ("1", "2")])[0] == (
        "/sh:shop/sh:shelf[sh:name='a']/sh:box[sh:row='1'][sh:column='2']"
    )
    assert instance_path(shop.node(f"{SHELF}/tag"), [("a",)], "x")[0].endswith("/sh:tag[.='x']")
    assert instance_path(shop.node(f"{SHELF}/box"))[0] == "/sh:shop/sh:shelf/sh:box"


def test_prefix_of_two_modules(shop: Schema):
    bindings = Bindings({"sh": "urn:other"})
    path, namespaces = instance_path(shop.node("/shop:shop"), bindings=bindings)
    assert path == "/sh2:shop"
    assert namespaces == {"sh": "urn:other", "sh2": SH}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "'a'"), ("a'b", '"a\'b"'), ('a"b', "'a\"b'"), ("a'\"b", "concat('a', \"'\", '\"b')"), ("", "''")],
)
def test_quoted(value: str, expected: str):
    assert quoted(value) == expected


@pytest.mark.parametrize(
    ("leaf", "text", "nsmap", "value", "xml"),
    [
        ("sort", "x:ethernetCsmacd", {"x": IANA}, "iana-if-type:ethernetCsmacd", "ianaift:ethernetCsmacd"),
        ("drink", "wine", {None: SH}, "shop:wine", "sh:wine"),
        ("drink", " s:red-wine ", {"s": SH}, "shop:red-wine", "sh:red-wine"),
        ("mixed", "7", {None: SH}, "7", "7"),
        ("mixed", "s:wine", {"s": SH}, "shop:wine", "sh:wine"),
        ("mixed", "wine", {None: SH}, "shop:wine", "sh:wine"),
        ("name", "x:y", {}, "x:y", "x:y"),
        (
            "shows",
            "/i:interfaces/i:interface[i:name='e/0']/s:x",
            {"i": IF, "s": SH},
            "/ietf-interfaces:interfaces/interface[name='e/0']/shop:x",
            "/if:interfaces/if:interface[if:name='e/0']/sh:x",
        ),
        (
            "shows",
            "/s:shop/s:shelf[s:name=\"a\"]/s:tag[.='q']",
            {"s": SH},
            "/shop:shop/shelf[name='a']/tag[.='q']",
            "/sh:shop/sh:shelf[sh:name='a']/sh:tag[.='q']",
        ),
        ("shows", "/s:shop/s:x[3]", {"s": SH}, "/shop:shop/x[3]", "/sh:shop/sh:x[3]"),
    ],
)
def test_values_with_prefixes(
    shop: Schema, leaf: str, text: str, nsmap: dict[str | None, str], value: str, xml: str
):
    info = shop.node(f"{SHELF}/{leaf}").type
    assert from_xml(shop, info, text, nsmap) == value
    printed, declared = to_xml(shop, info, value)
    assert printed == xml
    assert from_xml(shop, info, printed, {None: SH, **declared}) == value


@pytest.mark.parametrize(
    ("leaf", "text", "nsmap"),
    [
        ("drink", "q:wine", {}),
        ("drink", "q:wine", {"q": "urn:nobody"}),
        ("shows", "/q:x", {}),
        ("shows", "no path", {None: SH}),
        ("shows", "", {None: SH}),
    ],
)
def test_prefix_that_is_not_bound(shop: Schema, leaf: str, text: str, nsmap: dict[str | None, str]):
    with pytest.raises(ValueError, match=r"prefix|not an instance"):
        from_xml(shop, shop.node(f"{SHELF}/{leaf}").type, text, nsmap)


def test_value_of_no_module(shop: Schema):
    with pytest.raises(ValueError, match="is not a module"):
        to_xml(shop, shop.node(f"{SHELF}/drink").type, "nobody:wine")


def test_parse_identifier_keeps_brackets_in_values():
    steps = parse_identifier("/a:b[a:c=']/x[']/a:d")
    assert [step.name for step in steps] == ["b", "d"]
    assert steps[0].predicates[0].value == "]/x["


@pytest.mark.parametrize(
    ("text", "value", "printed"),
    [
        (
            "/x:interfaces/x:interface[x:name='x:y']",
            "/ietf-interfaces:interfaces/ietf-interfaces:interface[ietf-interfaces:name='x:y']",
            "/if:interfaces/if:interface[if:name='x:y']",
        ),
        ("child::x:interfaces", "child::ietf-interfaces:interfaces", "child::if:interfaces"),
        ('concat("y:z", x:*)', 'concat("y:z", ietf-interfaces:*)', 'concat("y:z", if:*)'),
    ],
)
def test_the_prefixes_of_an_expression(default_schema: Schema, text: str, value: str, printed: str):
    """Those in its literals stay."""
    assert from_xml(default_schema, EXPRESSION, text, {"x": IF}) == value
    assert to_xml(default_schema, EXPRESSION, value) == (printed, {"if": IF})


def test_a_prefix_of_an_expression_has_to_be_bound(default_schema: Schema):
    with pytest.raises(ValueError, match="'y' is not bound"):
        from_xml(default_schema, EXPRESSION, "//x:a | /y:a", {"x": IF})
