"""Values as clients write them and as they come back, by every type of YANG (RFC 7950 section 9)."""

import pytest

DL = 'xmlns:d="urn:test:depot-labels"'
DK = 'xmlns:dk="urn:test:depot-kinds"'
BOX = "/d:depot/d:hall[d:name='a']/d:shelf[d:side='left'][d:number='1']/d:box"

STORED = {
    "white space around a number": ("<level> 007 </level>", "<level>7</level>"),
    "a sign": ("<level>+5</level>", "<level>5</level>"),
    "bits in another order": ("<modes>quiet  fast</modes>", "<modes>fast quiet</modes>"),
    "no bits": ("<modes/>", "<modes/>"),
    "empty": ("<flag></flag>", "<flag/>"),
    "decimal64": ("<ratio>+01.500</ratio>", "<ratio>1.5</ratio>"),
    "comments, instructions and CDATA": (
        "<title>a<!-- - -->b<?p i?><![CDATA[<]]></title>",
        "<title>ab&lt;</title>",
    ),
    "line ends": (
        "<dl:title>a&#13;&#10; b </dl:title>",
        '<title xmlns="urn:test:depot-labels">a&#13;\n b </title>',
    ),
    "an identity of the leaf's module": (
        "<kind>pallet</kind>",
        '<kind xmlns:d="urn:test:depot">d:pallet</kind>',
    ),
    "an identity of a module with the same prefix": ("<kind>dl:crate</kind>", f"<kind {DL}>d:crate</kind>"),
    "a prefix bound to another module": (f"<kind {DL}>d:crate</kind>", f"<kind {DL}>d:crate</kind>"),
    "an identity in a union": ("<either>dl:crate</either>", f"<either {DL}>d:crate</either>"),
    "an enumeration behind an identity in a union": ("<either>crate</either>", "<either>crate</either>"),
    "an enumeration before an identity in a union": (
        "<enum-first>pallet</enum-first>",
        "<enum-first>pallet</enum-first>",
    ),
    "an identity behind an enumeration in a union": (
        "<enum-first>dk:crate</enum-first>",
        f"<enum-first {DK}>dk:crate</enum-first>",
    ),
    "a string with a pattern before an identity": (
        "<name-first>12</name-first>",
        "<name-first>12</name-first>",
    ),
    "an identity behind a string with a pattern": (
        "<name-first>dk:crate</name-first>",
        f"<name-first {DK}>dk:crate</name-first>",
    ),
    "an instance-identifier": (
        '<loose-pointer>/d:depot/d:hall[d:name="a"]/d:row</loose-pointer>',
        "<loose-pointer xmlns:d=\"urn:test:depot\">/d:depot/d:hall[d:name='a']/d:row</loose-pointer>",
    ),
    "an instance-identifier with an identity as key": (
        f"<loose-pointer>{BOX}[d:kind='dk:crate']</loose-pointer>",
        f"<loose-pointer xmlns:d=\"urn:test:depot\" {DK}>{BOX}[d:kind='dk:crate']</loose-pointer>",
    ),
    "anydata": (
        '<notes><x xmlns="urn:x" xmlns:q="urn:q" q:a="1">&lt;</x></notes>',
        '<notes xmlns="urn:test:depot"><x xmlns="urn:x" xmlns:q="urn:q" q:a="1">&lt;</x></notes>',
    ),
    "anyxml that is text": ("<scrap> t </scrap>", '<scrap xmlns="urn:test:depot"> t </scrap>'),
}


@pytest.mark.parametrize(("given", "stored"), STORED.values(), ids=STORED)
def test_a_value_comes_back_in_its_canonical_form(depot, given, stored):
    assert depot.edit(given) == []
    assert depot.validate() == []
    held = depot.content()
    assert held == stored
    whole = f'<config><depot xmlns="urn:test:depot">{held}</depot></config>'
    copied = f"<copy-config><target><candidate/></target><source>{whole}</source></copy-config>"
    assert depot.errors(copied) == []
    assert depot.content() == held


REFUSED = {
    "a title that is too short": "<title/>",
    "a boolean in capitals": "<lit>TRUE</lit>",
    "a percentage of 101": "<level>101</level>",
    "a hexadecimal number": "<level>0x10</level>",
    "no number": "<level/>",
    "a type without value that has one": "<flag>x</flag>",
    "a bit twice": "<modes>fast fast</modes>",
    "a bit that is none": "<modes>slow</modes>",
    "binary that is none": "<blob>A</blob>",
    "binary that is too long": "<blob>AAAAAAAAAAAAAAAA</blob>",
    "too many digits": "<ratio>1.2345</ratio>",
    "a union of which no member fits": "<either>10</either>",
    "a union with a prefix that is not bound": "<either>zz:crate</either>",
    "an identity that is none": "<kind>crate</kind>",
    "the base of the identities": "<kind>dk:kind</kind>",
    "an identity with a prefix that is not bound": "<kind>zz:crate</kind>",
    "no identity": "<kind/>",
    "an identity without a name": "<kind>dk:</kind>",
    "an instance-identifier of no node": "<pointer>/d:depot/d:nothing</pointer>",
    "no instance-identifier": "<pointer/>",
    "what a deviation has narrowed": "<narrowed>abcd</narrowed>",
}


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
def test_a_value_that_its_type_refuses(depot, given):
    (error,) = depot.edit(given)
    name = given.strip("<").partition(">")[0].rstrip("/")
    assert (error.type, error.tag, error.path) == ("application", "invalid-value", f"/d:depot/d:{name}")
    assert depot.content() == ""


@pytest.mark.parametrize(
    "given",
    [
        "<notes>text</notes>",
        "<scrap>text<b/></scrap>",
        '<scrap><b xmlns=""/></scrap>',
        '<notes><b xmlns="urn:x"/> text</notes>',
    ],
)
def test_anydata_that_would_not_come_back_as_it_was(depot, given):
    (error,) = depot.edit(given)
    assert error.tag == "bad-element"
    assert error.path in ("/d:depot/d:notes", "/d:depot/d:scrap")


def test_an_instance_identifier_through_modules_with_the_same_prefix_is_refused_in_words(depot):
    (error,) = depot.edit("<dl:title>x</dl:title><pointer>/d:depot/dl:title</pointer>")
    assert error.tag == "operation-not-supported"
    assert "same prefix" in error.message


UNKNOWN = {
    "a feature that is off": ("<rail>x</rail>", "unknown-element"),
    "what a deviation has taken away": ("<removed>x</removed>", "unknown-element"),
    "state": ("<state>x</state>", "unknown-element"),
    "an action": ("<ring/>", "unknown-element"),
    "a node of the other module's name": ("<dl:lit>true</dl:lit>", "unknown-element"),
    "an element in a leaf": ("<title>a<b/></title>", "unknown-element"),
    "a namespace of nobody": ('<title xmlns="urn:nobody">a</title>', "unknown-namespace"),
    "no namespace": ('<title xmlns="">a</title>', "unknown-namespace"),
    "text in a container": ("text", "bad-element"),
    "a leaf twice": ("<title>a</title><title>b</title>", "bad-element"),
    "a leaf-list value twice": ("<opening>1</opening><opening>01</opening>", "bad-element"),
    "two cases": ("<hall><name>a</name><gate>g</gate><dl:curtain>c</dl:curtain></hall>", "bad-element"),
    "two cases further down": ("<hall><name>a</name><upper/><lower/></hall>", "bad-element"),
    "an entry without a key": ("<hall><row>1</row></hall>", "missing-element"),
    "an attribute": ('<title foo="1">a</title>', "unknown-attribute"),
    "an operation in no namespace": ('<title operation="delete"/>', "unknown-attribute"),
    "an operation that is only a default": ('<title nc:operation="none"/>', "bad-attribute"),
    "insert where the system orders": (
        '<hall yang:insert="first"><name>a</name></hall>',
        "unknown-attribute",
    ),
}


@pytest.mark.parametrize(("given", "tag"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_an_edit_must_not_hold(depot, given, tag):
    (error,) = depot.edit(given)
    assert (error.type, error.tag) == ("application", tag)
    assert error.path.startswith("/d:depot")
    assert depot.content() == ""


def test_features_that_are_on(depot):
    depot.accepted("<crane>x</crane><crane-or-rail>y</crane-or-rail>")
    ledger = '<ledger xmlns="urn:test:ledger"><{0}>x</{0}></ledger>'
    assert depot.edit_roots(ledger.format("ink")) == []
    (error,) = depot.edit_roots(ledger.format("wax"))
    assert (error.tag, error.path) == ("unknown-element", "/l:ledger/l:wax")


def test_top_level_nodes_of_the_same_name(depot):
    roots = '<depot xmlns="urn:test:depot"><title>a</title></depot>'
    roots += '<depot xmlns="urn:test:depot-labels"><title>b</title></depot>'
    roots += '<parts xmlns="urn:test:depot"><part><id>7</id><weight>1</weight></part></parts>'
    assert depot.edit_roots(roots) == []
    held = depot.data("<get-config><source><candidate/></source></get-config>")
    for root in (
        '<depot xmlns="urn:test:depot"><title>a</title></depot>',
        '<depot xmlns="urn:test:depot-labels"><title>b</title></depot>',
        '<parts xmlns="urn:test:depot"><part><id>7</id><weight>1.0</weight></part></parts>',
    ):
        assert root in held
