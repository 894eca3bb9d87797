"""The access control decision against a brute-force model of RFC 8341, on data of every shape."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.access.nacm import Grants
from server.access.rules import ALL_ACCESS, Access, Identity, PathStep, Policy, Rule, RuleKind, RuleList
from server.schema.model import Schema, load_schema
from server.tree.location import Location
from server.tree.node import Branch, Container, Entry, ListNode, Node
from server.tree.xml import parse_config, to_xml
from tests.support import access_model as model
from tests.support.schema import sources_of

HOUSE = """
  import ietf-netconf-acm { prefix nacm; }
  container house {
    leaf name { type string; }
    list room { key "floor number";
      leaf floor { type uint8; } leaf number { type uint8; } leaf colour { type string; }
      list chair { key "id"; leaf id { type uint8; } leaf legs { type uint8; } }
    }
    container safe { nacm:default-deny-all; leaf code { type string; } }
    container alarm { nacm:default-deny-write; leaf armed { type boolean; } }
    leaf-list guest { type string; }
  }
  leaf open { type boolean; }
"""
CELLAR = """
  import house { prefix house; }
  augment /house:house/house:room { leaf damp { type boolean; } }
  container cellar { list rack { key "id"; leaf id { type uint8; } leaf bottle { type string; } } }
"""


@cache
def schema() -> Schema:
    with tempfile.TemporaryDirectory() as folder:
        return load_schema(sources_of(Path(folder), "house", "cellar", house=HOUSE, cellar=CELLAR))


def h(name: str) -> str:
    return f"{{urn:house}}{name}"


def c(name: str) -> str:
    return f"{{urn:cellar}}{name}"


HOUSE_PATH = h("house")
ROOM_PATH = f"{HOUSE_PATH}/{h('room')}"
KEYS = {
    ROOM_PATH: [h("floor"), h("number")],
    f"{ROOM_PATH}/{h('chair')}": [h("id")],
    f"{c('cellar')}/{c('rack')}": [c("id")],
}
MARKS = {"all": {f"{HOUSE_PATH}/{h('safe')}"}, "write": {f"{HOUSE_PATH}/{h('alarm')}"}}

NUMBER = st.sampled_from(["1", "2"])
ROOM_KEYS = st.fixed_dictionaries({}, optional={h("floor"): NUMBER, h("number"): NUMBER})
ID = st.fixed_dictionaries({}, optional={h("id"): NUMBER})
TOP = (h("house"), {})
PLACE = st.one_of(
    st.just([]),
    st.just([TOP]),
    st.sampled_from(["name", "safe", "alarm", "guest"]).map(lambda name: [TOP, (h(name), {})]),
    st.just([TOP, (h("safe"), {}), (h("code"), {})]),
    st.just([TOP, (h("alarm"), {}), (h("armed"), {})]),
    ROOM_KEYS.map(lambda keys: [TOP, (h("room"), keys)]),
    st.tuples(ROOM_KEYS, st.sampled_from([h("floor"), h("colour"), c("damp")])).map(
        lambda pair: [TOP, (h("room"), pair[0]), (pair[1], {})]
    ),
    st.tuples(ROOM_KEYS, ID).map(lambda pair: [TOP, (h("room"), pair[0]), (h("chair"), pair[1])]),
    st.tuples(ROOM_KEYS, ID).map(
        lambda pair: [TOP, (h("room"), pair[0]), (h("chair"), pair[1]), (h("legs"), {})]
    ),
    st.just([(h("open"), {})]),
    st.just([(c("cellar"), {})]),
    NUMBER.map(lambda number: [(c("cellar"), {}), (c("rack"), {c("id"): number})]),
)
RULE = st.fixed_dictionaries(
    {
        "module": st.sampled_from(["*", "*", "house", "cellar", "ietf-netconf"]),
        "subject": st.one_of(
            st.tuples(st.just("path"), PLACE),
            st.tuples(st.just("path"), PLACE),
            st.tuples(st.just("operation"), st.sampled_from(["*", "get", "kill-session"])),
            st.tuples(st.just("notification"), st.just("*")),
            st.just(("general", None)),
        ),
        "access": st.one_of(st.none(), st.sets(st.sampled_from([str(each) for each in Access]))),
        "permit": st.booleans(),
    }
)
LIST = st.fixed_dictionaries(
    {
        "groups": st.lists(st.sampled_from(["*", "staff", "guests"]), max_size=2),
        "rules": st.lists(RULE, max_size=5),
    }
)
POLICY = st.fixed_dictionaries(
    {
        "enabled": st.sampled_from([True, True, True, False]),
        "read": st.booleans(),
        "write": st.booleans(),
        "exec": st.booleans(),
        "external": st.booleans(),
        "groups": st.dictionaries(st.sampled_from(["staff", "guests"]), st.just(["ann"])),
        "lists": st.lists(LIST, max_size=3),
    }
)
EXTERNAL = st.sets(st.sampled_from(["staff", "guests"]), max_size=1)


def plain(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy in the model's words."""

    def rule(each: dict[str, Any]) -> dict[str, Any]:
        kind, value = each["subject"]
        found = {"operation": None, "notification": None, "path": None}
        if kind != "general":
            found[kind] = value
        return {**each, **found}

    lists = [{**each, "rules": [rule(one) for one in each["rules"]]} for each in policy["lists"]]
    return {**policy, "lists": lists}


def typed(policy: dict[str, Any]) -> Policy:
    """The policy in the server's words."""
    groups: dict[str, frozenset[str]] = {}
    for name, members in policy["groups"].items():
        for user in members:
            groups[user] = groups.get(user, frozenset()) | {name}
    return Policy(
        policy["enabled"],
        policy["read"],
        policy["write"],
        policy["exec"],
        policy["external"],
        groups,
        tuple(
            RuleList(frozenset(each["groups"]), tuple(map(typed_rule, each["rules"])))
            for each in policy["lists"]
        ),
    )


def typed_rule(each: dict[str, Any]) -> Rule:
    kind, value = each["subject"]
    access = ALL_ACCESS if each["access"] is None else frozenset(map(Access, each["access"]))
    path = tuple(PathStep(tag, keys) for tag, keys in value) if kind == "path" else None
    kinds = {
        "path": RuleKind.DATA,
        "operation": RuleKind.OPERATION,
        "notification": RuleKind.NOTIFICATION,
        "general": RuleKind.GENERAL,
    }
    name = value if kind in ("operation", "notification") else "*"
    return Rule(kinds[kind], each["permit"], each["module"], name, path, access)


@st.composite
def house(draw: st.DrawFn) -> bytes:
    """Data as XML."""
    maybe = st.booleans()
    chairs = draw(st.lists(NUMBER, unique=True, max_size=2))
    rooms = draw(st.lists(st.tuples(NUMBER, NUMBER), unique=True, max_size=4))
    inner = "".join(f"<chair><id>{each}</id><legs>4</legs></chair>" for each in sorted(chairs))
    damp = '<damp xmlns="urn:cellar">true</damp>' if draw(maybe) else ""
    parts = [
        "<name>n</name>" if draw(maybe) else "",
        *(
            f"<room><floor>{floor}</floor><number>{number}</number><colour>red</colour>{inner}{damp}</room>"
            for floor, number in sorted(rooms)
        ),
        "<safe><code>1</code></safe>" if draw(maybe) else "",
        "<alarm><armed>true</armed></alarm>" if draw(maybe) else "",
        "<guest>a</guest><guest>b</guest>" if draw(maybe) else "",
    ]
    racks = "".join(f"<rack><id>{each}</id><bottle>b</bottle></rack>" for each in sorted(chairs))
    text = f'<house xmlns="urn:house">{"".join(parts)}</house>' if any(parts) else ""
    text += '<open xmlns="urn:house">true</open>'
    text += f'<cellar xmlns="urn:cellar">{racks}</cellar>' if racks else ""
    return f"<data>{text}</data>".encode()


def grants(policy: dict[str, Any], external: set[str]) -> Grants:
    return Grants(typed(policy), Identity("ann", frozenset(external)))


def flat(elements: Any) -> list[bytes]:
    return sorted(etree.tostring(element, method="c14n") for element in elements)


@given(policy=POLICY, external=EXTERNAL, data=house())
def test_what_may_be_read_is_what_the_model_leaves(
    policy: dict[str, Any], external: set[str], data: bytes
) -> None:
    element = etree.fromstring(data)
    root = parse_config(schema(), element)
    seen = grants(policy, external).reach(Access.READ).visible(root)
    expected = model.visible(
        plain(policy), model.rules_of(plain(policy), "ann", external), element, KEYS, MARKS
    )
    printed = etree.fromstring(b"<data>" + b"".join(to_xml(schema(), seen)) + b"</data>")
    assert flat(printed) == flat(expected)
    if flat(expected) == flat(element):
        assert seen is root


def locations(node: Container | Entry, at: Location) -> list[tuple[Location, Node | Entry]]:
    found: list[tuple[Location, Node | Entry]] = []
    for child in node:
        below = at.child(child.schema)
        if isinstance(child, ListNode):
            for entry in child:
                found.append((below.entry(entry.key), entry))
                found += locations(entry, below.entry(entry.key))
        else:
            found.append((below, child))
            if isinstance(child, Container):
                found += locations(child, below)
    return found


def implicit(node: Node | Entry) -> bool:
    return isinstance(node, Container) and not node.schema.presence


def chain_of(location: Location) -> list[model.Step]:
    keys = iter(location.keys)
    chain = []
    for node in location.schema.chain():
        values = dict(zip(node.keys, next(keys), strict=True)) if node.keys else {}
        chain.append((node.tag, values))
    return chain


@given(
    policy=POLICY,
    external=EXTERNAL,
    data=house(),
    access=st.sampled_from([Access.READ, Access.CREATE, Access.UPDATE, Access.DELETE]),
)
def test_every_node_is_decided_as_the_model_decides(
    policy: dict[str, Any], external: set[str], data: bytes, access: Access
) -> None:
    root = parse_config(schema(), etree.fromstring(data))
    reach = grants(policy, external).reach(access)
    rules = model.rules_of(plain(policy), "ann", external)

    def allowed(location: Location) -> bool:
        return model.decide_data(
            plain(policy), rules, str(access), location.schema.module, chain_of(location), MARKS
        )

    for location, node in locations(root, Location(schema().root)):
        assert reach.permits(location) is allowed(location)
        inside = [(location, node)]
        if isinstance(node, Branch):
            inside += locations(node, location)
        denied = list(reach.denied(location, node))
        assert not any(allowed(each) for each in denied)
        assert (not denied) is all(allowed(each) for each, inner in inside if not implicit(inner))


@cache
def everything() -> Container:
    """An instance of every node, and for every list an entry that no rule names."""
    chairs = "".join(f"<chair><id>{each}</id><legs>4</legs></chair>" for each in (1, 2, 3))
    own = f'<colour>red</colour>{chairs}<damp xmlns="urn:cellar">true</damp>'
    rooms = "".join(
        f"<room><floor>{floor}</floor><number>{number}</number>{own}</room>"
        for floor in (1, 2, 3)
        for number in (1, 2, 3)
    )
    rest = "<safe><code>1</code></safe><alarm><armed>true</armed></alarm><guest>a</guest>"
    racks = "".join(f"<rack><id>{each}</id><bottle>b</bottle></rack>" for each in (1, 2, 3))
    text = f'<house xmlns="urn:house"><name>n</name>{rooms}{rest}</house><open xmlns="urn:house">true</open>'
    text += f'<cellar xmlns="urn:cellar">{racks}</cellar>'
    return parse_config(schema(), etree.fromstring(f"<data>{text}</data>"))


def names_entries_in_part(policy: dict[str, Any]) -> bool:
    paths = [rule["path"] or [] for each in plain(policy)["lists"] for rule in each["rules"]]
    return any(tag == h("room") and len(keys) == 1 for path in paths for tag, keys in path)


@given(policy=POLICY, external=EXTERNAL)
def test_all_that_can_be_below_a_node(policy: dict[str, Any], external: set[str]) -> None:
    reach = grants(policy, external).reach(Access.READ)
    rules = model.rules_of(plain(policy), "ann", external)
    nodes = [location for location, _ in locations(everything(), Location(schema().root))]
    places = {
        at.place: model.decide_data(plain(policy), rules, "read", at.schema.module, chain_of(at), MARKS)
        for at in nodes
    }
    for at in nodes:
        place = at.place
        expected = all(allowed for each, allowed in places.items() if each[: len(place)] == place)
        told = reach.permits_all_below(at)
        if told is not expected:  # it may be too careful where a rule leaves a key open
            assert expected
            assert names_entries_in_part(policy)


@given(
    policy=POLICY,
    external=EXTERNAL,
    module=st.sampled_from(["house", "ietf-netconf"]),
    name=st.sampled_from(["get", "kill-session", "close-session", "delete-config", "sweep"]),
    denied=st.booleans(),
)
def test_operations_are_decided_as_the_model_decides(
    policy: dict[str, Any], external: set[str], module: str, name: str, denied: bool
) -> None:
    rules = model.rules_of(plain(policy), "ann", external)
    expected = model.decide_operation(plain(policy), rules, module, name, denied)
    assert grants(policy, external).may_execute(module, name, default_deny=denied) is expected
