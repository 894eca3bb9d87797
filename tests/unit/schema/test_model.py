"""The schema tree: what the YANG statements become."""

from collections.abc import Callable

import pytest

from server.schema.model import ConstraintKind, NodeKind, Schema

SHELF = "/shop:shop/shelf"
SH = "{urn:test:shop}"


def test_igmp_copy_as_the_operator_finds_it(default_schema: Schema):
    node = default_schema.node(
        "/twincast-remote-backup:remote-backup/remote-backup-profile/dhcp-stb/igmp-copy"
    )
    assert node.tag == "{urn:twincast:yang:remote-backup}igmp-copy"
    assert (node.kind, node.type.base, node.defaults, node.config) == (
        NodeKind.LEAF,
        "boolean",
        ("true",),
        True,
    )
    assert [must.error_app_tag for must in node.musts] == ["multicast-service-not-enabled"]
    assert [step.name for step in node.chain()] == [
        "remote-backup",
        "remote-backup-profile",
        "dhcp-stb",
        "igmp-copy",
    ]


def test_kinds(shop: Schema):
    kinds = {
        "": NodeKind.LIST,
        "/name": NodeKind.LEAF,
        "/tag": NodeKind.LEAF_LIST,
        "/place": NodeKind.CONTAINER,
        "/note": NodeKind.ANYDATA,
    }
    assert {path: shop.node(SHELF + path).kind for path in kinds} == kinds


def test_list_facts(shop: Schema):
    shelf = shop.node(SHELF)
    assert shelf.keys == (f"{SH}name",)
    assert shelf.max_elements == 4
    assert shelf.uniques == (
        ((f"{SH}row",), (f"{SH}column",)),
        ((f"{SH}place", f"{SH}spot"),),
    )
    assert shop.node(f"{SHELF}/box").keys == (f"{SH}row", f"{SH}column")
    assert shop.node(f"{SHELF}/counter/drawer").min_elements == 2
    assert shop.node(f"{SHELF}/step").user_ordered
    assert not shop.node(f"{SHELF}/tag").user_ordered


def test_presence_mandatory_and_config(shop: Schema):
    counter = shop.node(f"{SHELF}/counter")
    assert counter.presence
    assert not shop.node(f"{SHELF}/place").presence
    assert shop.node(f"{SHELF}/counter/till").mandatory
    assert not shop.node(f"{SHELF}/sold").config


def test_defaults_are_canonical(shop: Schema):
    assert shop.node(f"{SHELF}/weight").defaults == ("1.5",)
    assert shop.node(f"{SHELF}/height").defaults == ("16",)


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("type string; default x;", ("x",)),
        ("type t;", ("typed",)),
        ("type t; mandatory true;", ()),
        ("type t; default own;", ("own",)),
        ("type int8; default -0x1;", ("-1",)),
        ("type int8; default 017;", ("15",)),
        ("type decimal64 { fraction-digits 3; } default 1.000;", ("1.0",)),
        ("type identityref { base b; } default d;", ("m:d",)),
        ("type identityref { base b; } default m:d;", ("m:d",)),
    ],
)
def test_default_values(load: Callable[..., Schema], leaf: str, expected: tuple[str, ...]):
    body = "identity b; identity d { base b; } typedef t { type string; default typed; }"
    assert load(m=f"{body} leaf l {{ {leaf} }}").node("/m:l").defaults == expected


def test_leaf_list_defaults(load: Callable[..., Schema]):
    schema = load(m="leaf-list l { type string; default a; default b; }")
    assert schema.node("/m:l").defaults == ("a", "b")


def test_choices_are_flattened_into_cases(shop: Schema):
    shelf = shop.node(SHELF)
    glass, cloth, loose = (shelf.children[f"{SH}{name}"] for name in ("glass", "cloth", "loose"))
    (choice, case), (other_choice, other_case) = glass.cases[0], cloth.cases[0]
    assert choice == other_choice
    assert (case, other_case) == ("glass", "cloth")
    assert [name for _, name in loose.cases] == ["glass", "loose"]
    assert loose.cases[0] == glass.cases[0]
    assert shelf.default_cases == {choice: "glass"}


def test_groupings_and_refinements_are_expanded(shop: Schema):
    label, country = shop.node(f"{SHELF}/label"), shop.node(f"{SHELF}/origin/country")
    assert (label.defaults, label.module, country.namespace) == (("none",), "shop", "urn:test:shop")
    (when,) = label.whens
    assert (when.expression, when.context.path) == ("row = 1", SHELF)
    (when,) = shop.node(f"{SHELF}/lamp").whens
    assert when.context.path == f"{SHELF}/lamp"


def test_augments_are_in_the_tree_of_their_target(default_schema: Schema):
    node = default_schema.node("/ietf-interfaces:interfaces/interface/twincast-remote-backup:multicast")
    assert node.parent is not None
    assert (node.module, node.parent.module) == ("twincast-remote-backup", "ietf-interfaces")
    assert node in default_schema.walk("twincast-remote-backup")
    assert node not in default_schema.walk("ietf-interfaces")


def test_when_of_augment_choice_and_case(load: Callable[..., Schema]):
    schema = load(
        a="container top { leaf x { type string; } }",
        b="""import a { prefix a; }
             augment /a:top {
               when "a:x = 'aug'";
               choice c {
                 when "a:x = 'choice'";
                 case one { when "a:x = 'case'"; leaf l { type string; when "../a:x = 'leaf'"; } }
               }
             }""",
    )
    node = schema.node("/a:top/b:l")
    found = {when.expression: when.context.path for when in node.whens}
    assert found == {
        "a:x = 'aug'": "/a:top",
        "a:x = 'choice'": "/a:top",
        "a:x = 'case'": "/a:top",
        "../a:x = 'leaf'": "/a:top/b:l",
    }


def test_features_prune(load: Callable[..., Schema], shop: Schema):
    assert "/shop:shop/cellar" in {node.path for node in shop.walk()}
    schema = load(
        m="""feature on; container c { if-feature "not on"; }
             choice x { case y { if-feature "not on"; leaf l { type string; } } }
             leaf k { if-feature on; type string; } rpc r { if-feature "not on"; }"""
    )
    assert [node.path for node in schema.walk()] == ["/m:k"]
    assert not schema.operations


def test_features_of_modules_that_are_import_only_are_off(load: Callable[..., Schema]):
    schema = load(
        "user",
        other="feature f; grouping g { leaf l { if-feature f; type string; } leaf k { type string; } }",
        user="import other { prefix other; } uses other:g;",
    )
    assert [node.path for node in schema.walk()] == ["/user:k"]


def test_deviations(load: Callable[..., Schema]):
    schema = load(
        a="""container c { leaf gone { type string; } leaf l { type string; default x; }
                           list e { key k; leaf k { type string; } } }""",
        d="""import a { prefix a; }
             deviation /a:c/a:gone { deviate not-supported; }
             deviation /a:c/a:l { deviate replace { type uint8; default 1; } deviate add { must ". > 0"; } }
             deviation /a:c/a:e { deviate add { max-elements 3; } }""",
    )
    assert [node.path for node in schema.walk()] == ["/a:c", "/a:c/l", "/a:c/e", "/a:c/e/k"]
    leaf = schema.node("/a:c/l")
    assert (leaf.type.base, leaf.defaults, [must.expression for must in leaf.musts]) == (
        "uint8",
        ("1",),
        [". > 0"],
    )
    assert schema.node("/a:c/e").max_elements == 3
    assert schema.by_name["a"].deviated_by == ("d",)


def test_deviated_away_in_our_own_module(default_schema: Schema):
    paths = {node.path for node in default_schema.walk()}
    service = "/twincast-remote-backup:remote-backup/remote-backup-service"
    assert f"{service}/none" in paths
    deviating = default_schema.by_name.get("twincast-remote-backup-deviations")
    if deviating is not None and "/trb:tcp-md5/trb:tcp-md5" in deviating.text:
        assert f"{service}/tcp-md5" not in paths


def test_nacm_extensions_are_inherited(load: Callable[..., Schema], shop: Schema):
    assert shop.node(f"{SHELF}/code").default_deny_all
    schema = load(
        m="""import ietf-netconf-acm { prefix nacm; }
             container c { nacm:default-deny-write;
                           container d { nacm:default-deny-all; leaf l { type string; } } }
             leaf free { type string; }"""
    )
    node = schema.node("/m:c/d/l")
    assert (node.default_deny_write, node.default_deny_all) == (True, True)
    assert not schema.node("/m:c").default_deny_all
    assert not schema.node("/m:free").default_deny_write


def test_types(shop: Schema):
    def info(name: str):
        return shop.node(f"{SHELF}/{name}").type

    assert (info("since").base, info("row").range, info("code").length) == ("string", "1..10", "3..5")
    assert info("drink").identities == {"shop:wine", "shop:red-wine"}
    assert "iana-if-type:ethernetCsmacd" in info("sort").identities
    assert [member.base for member in info("mixed").members] == ["uint8", "identityref"]
    prefixed = {"drink", "sort", "shows", "hints", "mixed"}
    leaves = {node.name: node.type for node in shop.node(SHELF).children.values() if node.type}
    assert {name for name, found in leaves.items() if found.has_prefix} == prefixed
    assert not info("hints").require_instance or info("hints").base == "instance-identifier"


def test_leafref_types(load: Callable[..., Schema]):
    schema = load(
        m="""identity b; identity d { base b; }
             leaf id { type identityref { base b; } }
             leaf one { type leafref { path /m:id; } }
             leaf two { type leafref { path /m:one; } }
             leaf any { type union { type uint8; type leafref { path /m:two; } } }
             typedef ref { type leafref { path /m:id; require-instance false; } }
             leaf loose { type ref; }"""
    )
    assert schema.node("/m:two").type.target is schema.node("/m:one")
    assert all(schema.node(f"/m:{name}").type.has_prefix for name in ("one", "two", "any", "loose"))
    assert not schema.node("/m:loose").type.require_instance
    assert schema.node("/m:loose").leafref.require_instance is False
    assert {item.node.name for item in schema.leafrefs_to[schema.node("/m:id")]} == {"one", "loose"}


def test_operations(shop: Schema):
    found = {(item.kind, item.name): item for item in shop.operations if item.module == "shop"}
    assert set(found) == {("action", "empty"), ("notification", "sold-out")}
    action = found["action", "empty"]
    assert action.parent is shop.node(SHELF)
    assert [node.name for node in action.output.children.values()] == ["removed"]
    assert (shop.node(SHELF).actions, shop.node(SHELF).notifications) == (("empty",), ("sold-out",))
    rpc = shop.rpcs["{urn:ietf:params:xml:ns:netconf:base:1.0}edit-config"]
    names = {node.name for node in rpc.input.walk()}
    assert {"target", "candidate", "default-operation", "test-option", "config"} <= names
    assert "url" not in names


def test_constraints_are_those_of_configuration(default_schema: Schema):
    assert default_schema.constraints
    assert all(item.node.config for item in default_schema.constraints)
    musts = [item for item in default_schema.constraints if item.kind is ConstraintKind.MUST]
    assert all(item in item.node.musts for item in musts)


def test_our_constraints_are_all_bounded(default_schema: Schema):
    """A slice is the whole tree as soon as one constraint is not: that would cost every commit its speed."""
    ours = [item for item in default_schema.constraints if item.node.module.startswith("twincast-")]
    assert ours
    assert not [item.expression for item in ours if item.unbounded]


def test_errors_of_pyang_name_the_file(load: Callable[..., Schema]):
    from server.schema.sources import SchemaError

    with pytest.raises(SchemaError, match=r"m\.yang:5: .*nope"):
        load(m="leaf l { type leafref { path /m:nope; } }")
