"""libyang's verdicts, as NETCONF says them. Guards the mapping against a libyang that words them anew."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.protocol.errors import ErrorTag, ErrorType, RpcError
from server.schema.model import Schema
from server.schema.sources import ModuleSources
from server.schema.validator_child import Engine
from server.schema.validator_errors import map_errors
from server.schema.validator_wire import Phase, RawError, Request, Work

IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"


@pytest.fixture(scope="module")
def engine(shop_sources: ModuleSources) -> Engine:
    return Engine(shop_sources)


def shelf(inner: str = "", name: str = "a") -> str:
    return f"<shelf><name>{name}</name>{inner}</shelf>"


def wrapped(inner: str) -> bytes:
    return f'<shop xmlns="urn:test:shop">{inner}</shop>'.encode()


def verdict(engine: Engine, schema: Schema, xml: bytes, work: Work = Work.VALIDATE) -> tuple[RpcError, ...]:
    return map_errors(schema, engine.judge(Request(work, xml)).errors, xml)


def brief(error: RpcError) -> tuple[str, str, str]:
    return str(error.tag), error.path, error.app_tag


S = "/sh:shop/sh:shelf"
A = f"{S}[sh:name='a']"

# (content of the shop element, tag, path, app-tag, error-info, part of the message); the first rows are what
# canonical finds too.
READING = [
    (shelf("<row>11</row>"), "invalid-value", f"{A}/sh:row", "", {}, '"11" is not in the range 1..10'),
    (shelf("<row>x</row>"), "invalid-value", f"{A}/sh:row", "", {}, '"x"'),
    (shelf("<row/>"), "invalid-value", f"{A}/sh:row", "", {}, "needs a value of type uint8"),
    (shelf(name="ABC"), "invalid-value", f"{S}/sh:name", "lower", {}, "lower case only"),
    (shelf(name="abcdefghi"), "invalid-value", f"{S}/sh:name", "", {}, "1..8"),
    (shelf("<code>toolong</code>"), "invalid-value", f"{A}/sh:code", "", {}, "not acceptable"),
    (shelf("<weight>9</weight>"), "invalid-value", f"{A}/sh:weight", "", {}, "1.0..5.0"),
    (shelf("<colour>green</colour>"), "invalid-value", f"{A}/sh:colour", "", {}, "green"),
    (shelf("<flags>old</flags>"), "invalid-value", f"{A}/sh:flags", "", {}, "old"),
    (shelf("<image>*</image>"), "invalid-value", f"{A}/sh:image", "", {}, "Base64"),
    (shelf("<reserved>x</reserved>"), "invalid-value", f"{A}/sh:reserved", "", {}, "no value"),
    (shelf("<drink>tea</drink>"), "invalid-value", f"{A}/sh:drink", "", {}, "tea"),
    (
        shelf("<mixed>300</mixed>"),
        "invalid-value",
        f"{A}/sh:mixed",
        "",
        {},
        "fits none of the types of mixed",
    ),
    (shelf("<since>2020</since>"), "invalid-value", f"{A}/sh:since", "", {}, "pattern"),
    (shelf("<shows>/x:y</shows>"), "invalid-value", f"{A}/sh:shows", "", {}, "x:y"),
    (shelf("<nope/>"), "unknown-element", A, "", {"bad-element": "nope"}, "<nope> in <shelf>"),
    ("<nope/>", "unknown-element", "/sh:shop", "", {"bad-element": "nope"}, "<nope> in <shop>"),
    (
        shelf('<row xmlns="urn:nobody">1</row>'),
        "unknown-namespace",
        A,
        "",
        {"bad-element": "row", "bad-namespace": "urn:nobody"},
        "urn:nobody",
    ),
    ("<shelf><row>1</row></shelf>", "missing-element", S, "", {"bad-element": "name"}, "<name>"),
    (
        shelf("<box><row>1</row></box>"),
        "missing-element",
        f"{A}/sh:box[sh:row='1']",
        "",
        {"bad-element": "column"},
        "<column>",
    ),
    (shelf("<sold>1</sold>"), "unknown-element", f"{A}/sh:sold", "", {"bad-element": "sold"}, "state data"),
    (
        shelf('<row colour="red">1</row>'),
        "unknown-attribute",
        f"{A}/sh:row",
        "",
        {"bad-attribute": "colour", "bad-element": "row"},
        "colour",
    ),
    (
        shelf('<row xmlns:q="urn:nobody" q:colour="red">1</row>'),
        "unknown-attribute",
        f"{A}/sh:row",
        "",
        {"bad-attribute": "colour", "bad-element": "row"},
        "colour",
    ),
    (shelf("words"), "invalid-value", A, "", {}, "neither a value nor elements"),
]

JUDGING = [
    (shelf("<tidy>false</tidy>"), "operation-failed", f"{A}/sh:tidy", "untidy", {}, "has to be tidy"),
    (shelf("<clean>false</clean>"), "operation-failed", f"{A}/sh:clean", "must-violation", {}, ". = 'true'"),
    (shelf("<dry>false</dry>"), "operation-failed", f"{A}/sh:dry", "must-violation", {}, "keep it dry"),
    (
        shelf("<above>b</above>"),
        "data-missing",
        f"{A}/sh:above",
        "instance-required",
        {},
        'no shelf has the name "b"',
    ),
    (
        shelf('<shows xmlns:s="urn:test:shop">/s:shop/s:shelf[s:name="z"]</shows>'),
        "data-missing",
        f"{A}/sh:shows",
        "instance-required",
        {},
        "does not exist",
    ),
    (shelf("<lamp>x</lamp>"), "unknown-element", f"{A}/sh:lamp", "", {"bad-element": "lamp"}, "../row = 5"),
    (
        shelf("<glass>x</glass><cloth>y</cloth>"),
        "bad-element",
        A,
        "",
        {"bad-element": "cloth"},
        "exclude each other",
    ),
    (
        shelf("<row>1</row><row>2</row>"),
        "bad-element",
        f"{A}/sh:row",
        "",
        {"bad-element": "row"},
        "given twice",
    ),
    (shelf() + shelf(), "bad-element", A, "", {"bad-element": "shelf"}, "given twice"),
    (
        "".join(shelf(name=name) for name in "abcde"),
        "operation-failed",
        S,
        "too-many-elements",
        {},
        "at most 4",
    ),
    (
        shelf("<tag>x</tag><tag>y</tag><tag>z</tag>"),
        "operation-failed",
        f"{A}/sh:tag",
        "too-many-elements",
        {},
        "at most 2",
    ),
    ("<cellar/>", "data-missing", "/sh:shop/sh:cellar/sh:depth", "", {}, "depth is mandatory"),
    (
        shelf("<code>abcd</code>"),
        "operation-failed",
        f"{A}/sh:code",
        "must-violation",
        {},
        "breaks the rule",
    ),
    (
        shelf("<old-code>wxyz</old-code>"),
        "data-missing",
        f"{A}/sh:old-code",
        "instance-required",
        {},
        "this value",
    ),
]


def check(error: RpcError, tag: str, path: str, app_tag: str, info: dict[str, str], words: str) -> None:
    assert brief(error) == (tag, path, app_tag)
    assert {item.name: item.text for item in error.info} == info
    assert words in error.message
    assert error.type is ErrorType.APPLICATION
    assert error.path_namespaces == {"sh": "urn:test:shop"}


@pytest.mark.parametrize(("inner", "tag", "path", "app_tag", "info", "words"), READING)
@pytest.mark.parametrize("work", [Work.CANONICAL, Work.VALIDATE])
def test_what_cannot_be_read(engine, shop, work, inner, tag, path, app_tag, info, words):
    (error,) = verdict(engine, shop, wrapped(inner), work)
    check(error, tag, path, app_tag, info, words)


@pytest.mark.parametrize(("inner", "tag", "path", "app_tag", "info", "words"), JUDGING)
def test_what_breaks_a_constraint(engine, shop, inner, tag, path, app_tag, info, words):
    assert not verdict(engine, shop, wrapped(inner), Work.CANONICAL)
    (error,) = verdict(engine, shop, wrapped(inner))
    check(error, tag, path, app_tag, info, words)


def test_mixed_content_in_anydata(engine: Engine, shop: Schema):
    (error,) = verdict(engine, shop, wrapped(shelf('<note><x xmlns="urn:x">secret<y/></x></note>')))
    assert error.tag is ErrorTag.INVALID_VALUE
    assert "secret" not in error.message


def test_unique_names_every_leaf(engine: Engine, shop: Schema):
    both = "<row>1</row><column>1</column>"
    (error,) = verdict(engine, shop, wrapped(shelf(both, "a") + shelf(both, "b")))
    assert (error.tag, error.app_tag) == (ErrorTag.OPERATION_FAILED, "data-not-unique")
    assert {item.name for item in error.info} == {"non-unique"}
    assert {item.namespace for item in error.info} == {"urn:ietf:params:xml:ns:yang:1"}
    expected = {f"{S}[sh:name='{name}']/sh:{leaf}" for name in "ab" for leaf in ("row", "column")}
    assert {item.text for item in error.info} == expected
    place = "<place><spot>3</spot></place>"
    (error,) = verdict(engine, shop, wrapped(shelf(place, "a") + shelf(place, "b")))
    assert {item.text for item in error.info} == {f"{S}[sh:name='{name}']/sh:place/sh:spot" for name in "ab"}


def test_all_errors_at_once(engine: Engine, shop: Schema):
    errors = verdict(engine, shop, wrapped(shelf("<counter/><above>q</above>")))
    counter = f"{A}/sh:counter"
    assert {brief(error) for error in errors} == {
        ("data-missing", counter, "missing-choice"),
        ("data-missing", f"{counter}/sh:till", ""),
        ("operation-failed", f"{counter}/sh:drawer", "too-few-elements"),
        ("operation-failed", f"{counter}/sh:bell", "too-few-elements"),
        ("data-missing", f"{A}/sh:above", "instance-required"),
    }
    choice = next(error for error in errors if error.app_tag == "missing-choice")
    assert [(item.name, item.text) for item in choice.info] == [("missing-choice", "staff")]


def test_partial_data_may_lack_entries(engine: Engine, shop: Schema):
    content = "<counter><till>x</till><person>p</person></counter>"
    raw = engine.judge(Request(Work.VALIDATE, wrapped(shelf(content)))).errors
    whole = map_errors(shop, raw, b"")
    assert {error.path.rpartition("/")[2] for error in whole} == {"sh:drawer", "sh:bell"}
    (left,) = map_errors(shop, raw, b"", partial=True)
    assert left.path.endswith("sh:bell")


@pytest.mark.parametrize(
    ("xml", "tag", "info"),
    [
        (b'<nope xmlns="urn:test:shop"/>', "unknown-element", {"bad-element": "nope"}),
        (b"<nope/>", "unknown-namespace", {"bad-element": "nope", "bad-namespace": ""}),
        (b'<nope xmlns="urn:x"/>', "unknown-namespace", {"bad-element": "nope", "bad-namespace": "urn:x"}),
        (
            b'<key-chains xmlns="urn:ietf:params:xml:ns:yang:ietf-key-chain"/>',
            "unknown-namespace",
            {"bad-element": "key-chains", "bad-namespace": "urn:ietf:params:xml:ns:yang:ietf-key-chain"},
        ),
        (b'<shop xmlns="urn:test:shop">', "operation-failed", {}),
        (b"\xff", "operation-failed", {}),
    ],
)
def test_top_level(engine: Engine, shop: Schema, xml: bytes, tag: str, info: dict[str, str]):
    for work in Work:
        (error,) = verdict(engine, shop, xml, work)
        assert error.tag == tag
        assert {item.name: item.text for item in error.info} == info


def test_secret_values_are_never_quoted(engine: Engine, shop: Schema):
    for inner in ("<code>hunter2-hunter2</code>", "<old-code>hunt</old-code>", "<code>abcd</code>"):
        for error in verdict(engine, shop, wrapped(shelf(inner))):
            told = f"{error.message} {error.path} {error.info}"
            assert "hunt" not in told
            assert 'value "abcd"' not in told


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("<row>007</row>", "<row>7</row>"),
        ("<weight> 2.500 </weight>", "<weight>2.5</weight>"),
        ("<flags>sold new</flags>", "<flags>new sold</flags>"),
        ("<row> 7\n</row>", "<row>7</row>"),
        ("<since>2026-01-01T01:00:00+01:00</since>", "<since>2026-01-01T00:00:00+00:00</since>"),
        ("<label>a&#13;b</label>", "<label>a&#13;b</label>"),
        ("<label>&lt;&amp;&gt; \"'\t\n</label>", "<label>&lt;&amp;&gt; \"'\t\n</label>"),
        ("<place/>", "<place/>"),
        ("<step>2</step><step>1</step>", "<step>2</step><step>1</step>"),
        ("<tag>b</tag><tag>a</tag>", "<tag>a</tag><tag>b</tag>"),
        ('<note><any xmlns="urn:x">1</any></note>', '<note><any xmlns="urn:x">1</any></note>'),
        (
            f'<sort xmlns:q="{IANA}">q:ethernetCsmacd</sort>',
            f'<sort xmlns:ianaift="{IANA}">ianaift:ethernetCsmacd</sort>',
        ),
        (
            '<shows xmlns:q="urn:test:shop">/q:shop/q:shelf[q:name="a"]</shows>',
            "<shows xmlns:sh=\"urn:test:shop\">/sh:shop/sh:shelf[sh:name='a']</shows>",
        ),
    ],
)
def test_canonical_values(engine: Engine, given: str, printed: str):
    reply = engine.judge(Request(Work.CANONICAL, wrapped(shelf(given))))
    assert not reply.errors
    assert reply.xml == wrapped(shelf(printed))
    assert engine.judge(Request(Work.CANONICAL, reply.xml)) == reply


def test_canonical_puts_keys_first_and_keeps_siblings(engine: Engine):
    xml = wrapped("<shelf><row>1</row><name>b</name></shelf>" + shelf(name="a"))
    xml += b'<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>'
    reply = engine.judge(Request(Work.CANONICAL, xml))
    shop_xml = wrapped(shelf(name="a") + "<shelf><name>b</name><row>1</row></shelf>")
    assert shop_xml in reply.xml
    assert b"<interfaces " in reply.xml


@pytest.mark.parametrize("work", [Work.CANONICAL, Work.VALIDATE])
def test_nothing_is_valid(engine: Engine, work: Work):
    reply = engine.judge(Request(work, b""))
    assert (reply.xml, reply.errors) == (b"", ())


def test_both_engines_have_the_same_modules_and_features(engine: Engine, shop: Schema):
    """libyang's own modules that carry no data are extra; of two it has a later revision built in.

    Two of its own are imported here too, and implemented there whatever it is told.
    """
    loaded = engine.modules()
    built_in = {"ietf-yang-types", "ietf-inet-types"}
    for module in shop.modules:
        revision, implemented, features = loaded[module.name]
        wanted = module.implemented or module.name in ("ietf-yang-metadata", "ietf-yang-schema-mount")
        assert (implemented, features) == (wanted, frozenset(module.features))
        assert revision == module.revision or module.name in built_in
    extra = {name for name, (_, implemented, _) in loaded.items() if implemented} - set(shop.by_name)
    assert extra == {"yang", "default"}


def test_known_crash_stays_in_the_child(shop_sources: ModuleSources, shop: Schema, engine: Engine):
    """The input that ends libyang when all errors are asked for at once is answered with one error."""
    xml = wrapped("<shelf><name>ABC</name><row>99</row><nope/></shelf>")
    assert len(verdict(engine, shop, xml)) == 1


def test_message_is_cut_to_a_length(engine: Engine, shop: Schema):
    (error,) = verdict(engine, shop, wrapped(shelf(f"<colour>{'x' * 100_000}</colour>")))
    assert len(error.message) < 1_100


def test_a_message_nobody_knows_says_nothing_of_the_data(shop: Schema):
    (error,) = map_errors(shop, [RawError(Phase.CONSTRAINT, "secret stuff", "/shop:shop")], b"")
    assert (error.tag, error.path) == (ErrorTag.OPERATION_FAILED, "/sh:shop")
    assert "secret" not in error.message
    (error,) = map_errors(shop, [RawError(Phase.PARSE, "secret stuff", "")], b"")
    assert "secret" not in error.message


def test_modules_that_libyang_refuses(tmp_path: Path):
    from server.schema.sources import SchemaError
    from tests.support.schema import sources_of

    sources = sources_of(tmp_path, m='leaf l { type string { pattern "[a-z"; } }')
    with pytest.raises(SchemaError, match=r"m\.yang: libyang: .*not valid"):
        Engine(sources)


def test_nothing_is_printed(shop_sources: ModuleSources):
    """libyang prints what it finds unless it is told to keep it."""
    code = (
        "import sys; from server.schema.sources import ModuleSources;"
        "from server.schema.validator_child import Engine; from server.schema.validator_wire import *;"
        "e = Engine(ModuleSources.from_json(sys.stdin.read()));"
        "assert e.judge(Request(Work.VALIDATE, b'<x/>')).errors"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=shop_sources.to_json(),
        text=True,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert (done.stdout, done.stderr) == ("", "")
