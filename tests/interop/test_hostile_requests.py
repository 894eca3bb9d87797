"""Requests that are wrong, odd or hostile: what is answered, what ends the session (RFC 6241, RFC 6242)."""

import contextlib

import pytest
from lxml import etree

from server.protocol.messages import BASE_1_0, BASE_1_1
from tests.support.depot import DEPOT, SPACES, DepotClient, Refusal
from tests.support.netconf import NC
from tests.support.netconf_client import RawClient
from tests.support.server import PASSWORD, USER

READ = "<get-config><source><running/></source><filter/></get-config>"
PREFIXED = "<n:get-config><n:source><n:running/></n:source><n:filter/></n:get-config>"
WITH_DEFAULTS = 'xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"'
MONITORING = 'xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"'


def rpc(body=READ, attributes='message-id="1"'):
    return f'<rpc xmlns="{NC}" {attributes}>{body}</rpc>'


def chunked(message):
    data = message if isinstance(message, bytes) else message.encode()
    return b"\n#%d\n%s\n##\n" % (len(data), data)


def answer(client, data):
    """The reply to bytes as they are."""
    client.write(data)
    return etree.fromstring(client.receive())


ACCEPTED = {
    "attributes that come back": rpc(
        attributes='message-id="a&amp;&quot;" x="1" xmlns:y="urn:y" y:z="&lt;" xml:lang="en"'
    ),
    "an empty message-id": rpc(attributes='message-id=""'),
    "a prefix": f'<n:rpc xmlns:n="{NC}" message-id="1">{PREFIXED}</n:rpc>',
    "another default namespace": f'<n:rpc xmlns:n="{NC}" xmlns="urn:x" message-id="1">{PREFIXED}</n:rpc>',
    "comments and instructions": rpc(f"<!-- - --><?a b?>{READ}"),
    "an XML declaration": f'<?xml version="1.0" encoding="UTF-8"?>\n{rpc()}',
    "a byte order mark": "\ufeff" + rpc(),
    "white space first": f" \n{rpc()}",
    "another order of the parameters": rpc("<get-config><filter/><source><running/></source></get-config>"),
}


@pytest.mark.parametrize("message", ACCEPTED.values(), ids=ACCEPTED)
def test_a_request_that_is_only_odd(depot, message):
    reply = answer(depot, chunked(message))
    sent = etree.fromstring(message.removeprefix("\ufeff").strip().encode())
    assert reply.tag == f"{{{NC}}}rpc-reply"
    assert reply.attrib == sent.attrib
    assert reply.find("nc:data", SPACES) is not None


def test_a_message_in_chunks_of_one_byte(depot):
    chunks = b"".join(b"\n#1\n%c" % byte for byte in rpc().encode())
    assert answer(depot, chunks + b"\n##\n").find("nc:data", SPACES) is not None


MALFORMED = {
    "no XML": "hello",
    "white space": " ",
    "an element that is not closed": rpc("<get>").replace("</rpc>", ""),
    "two documents": rpc() + rpc(),
    "a document type": f"<!DOCTYPE rpc>{rpc()}",
    "an entity": f'<?xml version="1.0"?><!DOCTYPE rpc [<!ENTITY a "b">]>{rpc("<get>&a;</get>")}',
    "an entity of nobody": rpc("<get>&a;</get>"),
    "NUL": rpc("<get>\0</get>"),
    "a reference to NUL": rpc("<get>&#0;</get>"),
    "no UTF-8": rpc("<get>").encode() + b"\xff</get></rpc>",
    "UTF-16": rpc().encode("utf-16"),
    "a prefix that is not bound": rpc("<x:get/>"),
    "an attribute twice": rpc('<get a="1" a="2"/>'),
    "deep nesting": rpc("<a>" * 200 + "</a>" * 200),
    "very deep nesting": rpc("<a>" * 50_000),
    "a text beyond ten million characters": rpc("x" * 10_500_000),
    "no namespace": '<rpc message-id="1"><get/></rpc>',
    "another namespace": '<rpc xmlns="urn:x" message-id="1"><get/></rpc>',
    "a reply": f'<rpc-reply xmlns="{NC}" message-id="1"><ok/></rpc-reply>',
    "a second hello": f'<hello xmlns="{NC}"><capabilities/></hello>',
}


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_answered_and_the_session_goes_on(depot, message):
    (error,) = answer(depot, chunked(message)).findall("nc:rpc-error", SPACES)
    refusal = Refusal.read(error)
    assert (refusal.type, refusal.tag) == ("rpc", "malformed-message")
    assert "\n" not in refusal.message
    assert len(refusal.message) < 300
    assert depot.data(READ) == ""


ENVELOPES = {
    "no message-id": (rpc(attributes=""), "rpc", "missing-attribute", "message-id"),
    "no operation": (rpc(""), "protocol", "missing-element", "rpc"),
    "two operations": (rpc(READ + READ), "protocol", "unknown-element", "get-config"),
    "an operation of nobody": (rpc('<get xmlns="urn:x"/>'), "protocol", "operation-not-supported", ""),
    "an rpc of a module that nobody carries out": (
        rpc(f'<open xmlns="{DEPOT}"><who>x</who></open>'),
        "protocol",
        "operation-not-supported",
        "",
    ),
}


@pytest.mark.parametrize(("message", "kind", "tag", "named"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_is_wrong(depot, message, kind, tag, named):
    (error,) = answer(depot, chunked(message)).findall("nc:rpc-error", SPACES)
    refusal = Refusal.read(error)
    assert (refusal.type, refusal.tag) == (kind, tag)
    assert not named or named in [text for _, text in refusal.info]


CANDIDATE = "<target><candidate/></target>"
PARAMETERS = {
    "an attribute of an operation": ('<get x="1"/>', "unknown-attribute", "/nc:rpc/nc:get"),
    "an attribute of a filter": (
        '<get><filter x="1"/></get>',
        "unknown-attribute",
        "/nc:rpc/nc:get/nc:filter",
    ),
    "an attribute of a datastore": (
        '<lock><target><candidate x="1"/></target></lock>',
        "unknown-attribute",
        "/nc:rpc/nc:lock/nc:target/nc:candidate",
    ),
    "an operation of the whole configuration": (
        f'<edit-config>{CANDIDATE}<config xmlns:n="{NC}" n:operation="delete"/></edit-config>',
        "unknown-attribute",
        "/nc:rpc/nc:edit-config/nc:config",
    ),
    "text in an operation": (
        "<discard-changes>x</discard-changes>",
        "bad-element",
        "/nc:rpc/nc:discard-changes",
    ),
    "text beside a datastore": (
        "<lock><target>x<candidate/></target></lock>",
        "bad-element",
        "/nc:rpc/nc:lock/nc:target",
    ),
    "text in a datastore": (
        "<lock><target><candidate>x</candidate></target></lock>",
        "bad-element",
        "/nc:rpc/nc:lock/nc:target/nc:candidate",
    ),
    "an element in a datastore": (
        "<lock><target><candidate><x/></candidate></target></lock>",
        "unknown-element",
        "/nc:rpc/nc:lock/nc:target/nc:candidate",
    ),
    "two datastores": (
        "<lock><target><candidate/><running/></target></lock>",
        "bad-element",
        "/nc:rpc/nc:lock/nc:target",
    ),
    "a datastore of nobody": (
        "<lock><target><x/></target></lock>",
        "unknown-element",
        "/nc:rpc/nc:lock/nc:target",
    ),
    "a datastore of another namespace": (
        '<lock><target><candidate xmlns="urn:x"/></target></lock>',
        "unknown-namespace",
        "/nc:rpc/nc:lock/nc:target",
    ),
    "a parameter twice": (f"<lock>{CANDIDATE}{CANDIDATE}</lock>", "bad-element", "/nc:rpc/nc:lock"),
    "no session-id": ("<kill-session/>", "missing-element", "/nc:rpc/nc:kill-session"),
    "session 0": (
        "<kill-session><session-id>0</session-id></kill-session>",
        "invalid-value",
        "/nc:rpc/nc:kill-session/nc:session-id",
    ),
    "defaults in no way": (
        f"<get><with-defaults {WITH_DEFAULTS}>x</with-defaults></get>",
        "invalid-value",
        "/nc:rpc/nc:get/ncwd:with-defaults",
    ),
    "no identifier": (f"<get-schema {MONITORING}/>", "missing-element", "/nc:rpc/ncm:get-schema"),
    "an unknown parameter of get-schema": (
        f"<get-schema {MONITORING}><identifier>depot</identifier><x/></get-schema>",
        "unknown-element",
        "/nc:rpc/ncm:get-schema",
    ),
    "close-session with a parameter": (
        "<close-session><x/></close-session>",
        "unknown-element",
        "/nc:rpc/nc:close-session",
    ),
}


@pytest.mark.parametrize(("body", "tag", "path"), PARAMETERS.values(), ids=PARAMETERS)
def test_a_parameter_that_is_wrong(depot, body, tag, path):
    (error,) = depot.errors(body)
    assert (error.type, error.tag, error.path) == ("protocol", tag, path)


def test_copy_config_takes_with_defaults(depot):
    explicit = f"<with-defaults {WITH_DEFAULTS}>explicit</with-defaults>"
    copied = f"<copy-config>{CANDIDATE}<source><running/></source>{explicit}</copy-config>"
    assert depot.errors(copied) == []


def test_attributes_of_a_configuration_that_is_no_edit(depot):
    source = f'<source><config><depot xmlns="{DEPOT}">{{}}</depot></config></source>'
    content = '<notes><x xmlns="urn:x" a="1"/></notes>'
    assert depot.errors(f"<copy-config>{CANDIDATE}{source.format(content)}</copy-config>") == []
    assert depot.errors(f"<validate>{source.format(content)}</validate>") == []
    operation = f'<title xmlns:n="{NC}" n:operation="merge">x</title>'
    (error,) = depot.errors(f"<validate>{source.format(operation)}</validate>")
    assert (error.tag, error.path) == ("unknown-attribute", "/d:depot/d:title")


def test_every_listed_schema_can_be_had(depot):
    state = f"<netconf-state {MONITORING}><schemas/></netconf-state>"
    listed = etree.fromstring(depot.data(f"<get><filter>{state}</filter></get>"))
    found = {
        tuple(entry.findtext(f"{{*}}{name}") for name in ("identifier", "version"))
        for entry in listed.iterfind(".//{*}schema")
    }
    assert {("depot-parts", "2026-11-22"), ("depot", "2026-11-23"), ("depot-limits", "2026-11-23")} <= found
    for name, version in found:
        asked = f"<identifier>{name}</identifier><version>{version}</version><format>yang</format>"
        text = depot.ask(f"<get-schema {MONITORING}>{asked}</get-schema>")[0].text
        assert f"module {name}" in text


def test_yang_library_says_what_is_loaded(depot):
    library = (
        '<yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"><module-set/></yang-library>'
    )
    loaded = etree.fromstring(depot.data(f"<get><filter>{library}</filter></get>"))
    modules = {entry.findtext("{*}name"): entry for entry in loaded.iterfind(".//{*}module")}
    facts = {
        name: [child.text for child in modules["depot"].iterfind(f".//{{*}}{name}")]
        for name in ("feature", "deviation", "revision")
    }
    assert facts == {
        "feature": ["crane"],
        "deviation": ["depot-limits"],
        "revision": ["2026-11-23", "2026-11-22"],
    }
    assert [child.text for child in modules["ledger"].iterfind("{*}feature")] == ["ink"]
    hello = depot.greeting.decode()
    assert "urn:test:ledger?module=ledger&amp;revision=2026-11-23&amp;features=ink" in hello
    assert "module=depot" not in hello


@pytest.fixture
def raw(shared_server):
    """A session of its own, to be broken."""
    with contextlib.closing(RawClient(shared_server.port, USER, password=PASSWORD)) as client:
        yield client


BROKEN_FRAMES = [
    b"\n#0\n\n##\n",
    b"\n#01\nx\n##\n",
    b"\n#4294967296\n",
    b"\n#-1\n",
    b"#5\nhello",
    b"\r\n#5\r\nhello",
    b"\n##\n",
    rpc().encode() + b"]]>]]>",
]


@pytest.mark.parametrize("data", BROKEN_FRAMES)
def test_framing_that_is_broken_ends_the_session(raw, data):
    raw.hello()
    raw.write(data)
    with pytest.raises(EOFError):
        raw.receive()


def hello(*capabilities, extra="", namespace=NC):
    listed = "".join(f"<capability>{uri}</capability>" for uri in capabilities)
    inner = f"<capabilities>{listed}</capabilities>{extra}"
    return f'<hello xmlns="{namespace}">{inner}</hello>]]>]]>'.encode()


REFUSED_HELLOS = {
    "no base": hello("urn:x"),
    "nothing": hello(),
    "no capabilities": f'<hello xmlns="{NC}"/>]]>]]>'.encode(),
    "a session-id": hello(BASE_1_0, extra="<session-id>4</session-id>"),
    "another namespace": hello(BASE_1_0, namespace="urn:x"),
    "a request": rpc().encode() + b"]]>]]>",
    "no XML": b"hello]]>]]>",
    "two megabytes": hello("x" * 2_000_000),
}


@pytest.mark.parametrize("data", REFUSED_HELLOS.values(), ids=REFUSED_HELLOS)
def test_a_hello_that_ends_the_session(raw, data):
    raw.channel.subsystem("netconf")
    raw.write(data)
    assert b"<session-id>" in raw.receive()
    with pytest.raises(EOFError):
        raw.receive()


ACCEPTED_HELLOS = {
    "white space around a capability": (hello(f"\n {BASE_1_1} "), True),
    "the old base": (hello(BASE_1_0), False),
    "elements of nobody": (hello(BASE_1_0, extra='<x xmlns="urn:x"/>'), False),
}


@pytest.mark.parametrize(("data", "chunks"), ACCEPTED_HELLOS.values(), ids=ACCEPTED_HELLOS)
def test_a_hello_with_the_first_request_right_behind_it(raw, data, chunks):
    raw.channel.subsystem("netconf")
    raw.write(data + (chunked(rpc()) if chunks else rpc().encode() + b"]]>]]>"))
    received = b""
    while b"</rpc-reply>" not in received:
        size, part = raw.channel.read(65536)
        assert size > 0
        received += part
    assert (b"\n#" in received.partition(b"]]>]]>")[2]) == chunks


def test_a_session_of_the_old_base_ends_with_a_malformed_message(raw):
    """malformed-message must not be sent to a peer of base:1.0 (RFC 6241 appendix A)."""
    raw.hello((BASE_1_0,))
    raw.write(b"<rpc]]>]]>")
    with pytest.raises(EOFError):
        raw.receive()


def test_the_end_of_a_message_in_a_value_does_not_end_one(depot, raw):
    marked = "]]&gt;]]&gt;"
    depot.accepted(f'<notes><x xmlns="urn:x" a="{marked}">{marked}</x></notes><dl:title>{marked}</dl:title>')
    raw.hello((BASE_1_0,))
    for _ in range(2):
        assert raw.rpc(READ.replace("<filter/>", "")).count(marked.encode()) == 3
    depot.empty()


def test_too_many_elements_are_refused_before_they_cost_memory(shared_server):
    with contextlib.closing(DepotClient(shared_server.port)) as client:
        (error,) = client.errors("<discard-changes>" + "<a/>" * 4_100_000 + "</discard-changes>")
        assert error.tag == "malformed-message"
        assert client.errors("<discard-changes/>") == []
