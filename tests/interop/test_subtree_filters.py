"""Subtree filters over data of our own, along RFC 6241 sections 6.2 to 6.4."""

import pytest

from tests.support.depot import DEPOT

BOX = '<box><kind xmlns:dk="urn:test:depot-kinds">dk:crate</kind></box>'
A = (
    "<hall><name>a</name><row>4</row>"
    "<shelf><side>left</side><number>1</number><tag>x</tag><tag>y</tag>"
    f"{BOX}</shelf>"
    "<shelf><side>right</side><number>1</number><code>C</code></shelf>"
    "<visit><who>q</who></visit><visit><who>p</who></visit>"
    '<row xmlns="urn:test:depot-labels">four</row></hall>'
)
B = "<hall><name>b</name><position><column>1</column></position></hall>"
C = "<hall><name>c</name><row>4</row></hall>"
KIND = '<kind xmlns:d="urn:test:depot-labels">d:crate</kind>'
NOTES = '<notes xmlns="urn:test:depot"><x xmlns="urn:x">1</x></notes>'
REST = "<opening>1</opening><opening>2</opening><colour>red</colour><colour>blue</colour>"
LABEL = '<title xmlns="urn:test:depot-labels">lt</title>'
ALL = f"<title>t</title><lit>true</lit>{KIND}{NOTES}<alarm><code>c</code></alarm>{A}{B}{C}{REST}{LABEL}"
ROW_A = "<hall><name>a</name><row>4</row></hall>"
NUMBERS = (
    "<shelf><side>left</side><number>1</number></shelf><shelf><side>right</side><number>1</number></shelf>"
)


@pytest.fixture(scope="module")
def filled(depot_session):
    depot_session.empty()
    depot_session.accepted(ALL)
    assert depot_session.edit_roots(OTHER + LEDGER) == []
    assert depot_session.errors("<commit/>") == []
    return depot_session


WANTED = {
    "everything": ("", ALL),
    # 6.2.3 and 6.2.4: containment and selection
    "a leaf": ("<title/>", "<title>t</title>"),
    "a list": ("<hall/>", A + B + C),
    "a leaf of all entries": ("<hall><row/></hall>", ROW_A + C),
    "a container of some entries": ("<hall><position/></hall>", B),
    "the keys": ("<hall><name/></hall>", "".join(f"<hall><name>{name}</name></hall>" for name in "abc")),
    "a presence container": ("<alarm/>", "<alarm><code>c</code></alarm>"),
    "anydata": ("<notes/>", NOTES),
    "what is not there": ("<ratio/>", ""),
    "what is not in the schema": ("<nothing/>", ""),
    "what is not in the schema beside what is": ("<nothing/><title/>", "<title>t</title>"),
    "something in a leaf": ("<title><x/></title>", ""),
    "a choice": ("<hall><door/></hall>", ""),
    # 6.2.5: content match
    "a key": ("<hall><name>a</name></hall>", A),
    "a key, and a leaf": ("<hall><name>a</name><row/></hall>", ROW_A),
    "a key, and a leaf of inner entries": (
        "<hall><name>a</name><shelf><number/></shelf></hall>",
        f"<hall><name>a</name>{NUMBERS}</hall>",
    ),
    "a leaf that is no key": ("<hall><row>4</row><name/></hall>", ROW_A + C),
    "a leaf that is no key, alone": ("<hall><row>4</row></hall>", A + C),
    "two leaves": ("<hall><name>c</name><row>4</row></hall>", C),
    "two leaves of which one differs": ("<hall><name>b</name><row>4</row></hall>", ""),
    "a key with two values": ("<hall><name>a</name><name>b</name></hall>", ""),
    "white space around": ("<hall>\n <name>\n a </name>\n <row/>\n</hall>", ROW_A),
    "CDATA and comments": ("<hall><!-- x --><name><![CDATA[a]]></name><?x y?><row/></hall>", ROW_A),
    "a sibling": ("<title>t</title><lit/>", "<title>t</title><lit>true</lit>"),
    "a sibling that differs": ("<title>u</title><lit/>", ""),
    "a value of a leaf-list": ("<opening>2</opening><title/>", "<title>t</title><opening>2</opening>"),
    "two values of a leaf-list": (
        "<colour>blue</colour><colour>red</colour><title/>",
        "<title>t</title><colour>red</colour><colour>blue</colour>",
    ),
    "a value of a leaf-list that is missing": ("<opening>1</opening><opening>9</opening><title/>", ""),
    "a default that was not set": ("<level>50</level><title/>", ""),
    "an identity": ("<kind>dl:crate</kind><title/>", f"<title>t</title>{KIND}"),
    "an identity of another module": ("<kind>dk:crate</kind><title/>", ""),
    "an identity as key": (
        "<hall><shelf><box><kind>dk:crate</kind></box></shelf></hall>",
        f"<hall><name>a</name><shelf><side>left</side><number>1</number>{BOX}</shelf></hall>",
    ),
    # 6.2.2: attribute match
    "an attribute that nothing has": ('<hall x="1"/>', ""),
    "an attribute beside": ('<hall x="1"/><title/>', "<title>t</title>"),
    # 6.2.1: namespaces
    "another namespace": ("<hall><dl:row/></hall>", f"<hall><name>a</name>{A[A.index('<row xmlns') :]}"),
    "any namespace": ('<title xmlns=""/>', f"<title>t</title>{LABEL}"),
    "a key in any namespace": (
        '<hall><name xmlns="">a</name><dl:row/></hall>',
        f"<hall><name>a</name>{A[A.index('<row xmlns') :]}",
    ),
    "a namespace of nobody": ('<title xmlns="urn:nobody"/>', ""),
    # 6.4: several together
    "several entries": ("<hall><name>a</name><row/></hall><hall><name>b</name></hall>", ROW_A + B),
    "the same twice": ("<hall><name>c</name></hall><hall><name>c</name><row/></hall>", C),
    "order of the user": (
        "<hall><name>a</name><visit/></hall>",
        "<hall><name>a</name><visit><who>q</who></visit><visit><who>p</who></visit></hall>",
    ),
}


@pytest.mark.parametrize(("wanted", "expected"), WANTED.values(), ids=WANTED)
def test_a_filter_selects(filled, wanted, expected):
    assert filled.content(wanted, "running") == expected


OTHER = '<depot xmlns="urn:test:depot-labels"><title>other</title></depot>'
LEDGER = '<ledger xmlns="urn:test:ledger"><owner>o</owner></ledger>'

TOPS = {
    "an empty filter": ("", ""),
    "several": (
        f'<ledger xmlns="urn:test:ledger"/><depot xmlns="{DEPOT}"><title/></depot>',
        f'<depot xmlns="{DEPOT}"><title>t</title></depot>{LEDGER}',
    ),
    "the same twice": (
        f'<depot xmlns="{DEPOT}"><title/></depot><depot xmlns="{DEPOT}"><lit/></depot>',
        f'<depot xmlns="{DEPOT}"><title>t</title><lit>true</lit></depot>',
    ),
    "any namespace": (
        '<depot xmlns=""><title/></depot>',
        f'<depot xmlns="{DEPOT}"><title>t</title>{LABEL}</depot>{OTHER}',
    ),
    "a namespace of nobody": ('<depot xmlns="urn:nobody"><title/></depot>', ""),
}


@pytest.mark.parametrize("operation", ["get", "get-config"])
@pytest.mark.parametrize(("wanted", "expected"), TOPS.values(), ids=TOPS)
def test_filters_at_the_top(filled, operation, wanted, expected):
    source = "<source><running/></source>" if operation == "get-config" else ""
    assert filled.data(f"<{operation}>{source}<filter>{wanted}</filter></{operation}>") == expected


def test_filters_of_state(filled):
    own = filled.greeting.decode().partition("<session-id>")[2].partition("<")[0]
    monitoring = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
    session = f"<sessions><session><session-id>{own}</session-id><username/></session></sessions>"
    wanted = f'<netconf-state xmlns="{monitoring}">{session}<datastores/></netconf-state>'
    state = filled.data(f"<get><filter>{wanted}</filter></get>")
    assert state.count("<session>") == 1
    assert f"<session><session-id>{own}</session-id><username>admin</username></session>" in state
    assert "<datastore><name>candidate</name></datastore><datastore><name>running</name></datastore>" in state
