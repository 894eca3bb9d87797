"""Hello, rpc and rpc-reply: what is read, what is echoed, how errors look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.protocol.errors import (
    YANG_NAMESPACE,
    ErrorTag,
    InfoElement,
    RpcError,
    data_missing,
    invalid_value,
    lock_denied,
    operation_failed,
)
from server.protocol.messages import (
    BASE_NAMESPACE,
    BadRpcError,
    Data,
    Errors,
    Hello,
    NotNetconfError,
    Ok,
    Rpc,
    encode_hello,
    encode_reply,
    parse_message,
)

OK = Ok()
NC = {"nc": BASE_NAMESPACE, "yang": YANG_NAMESPACE}


def rpc(text: str) -> Rpc:
    message = parse_message(etree.fromstring(text))
    assert isinstance(message, Rpc)
    return message


def bad_rpc(text: str) -> BadRpcError:
    with pytest.raises(BadRpcError) as caught:
        parse_message(etree.fromstring(text))
    return caught.value


def reply_to(text: str, reply=OK):
    return etree.fromstring(b"".join(encode_reply(rpc(text).envelope, reply)))


def errors_of(*errors: RpcError):
    root = etree.fromstring(b"".join(encode_reply(None, Errors(errors))))
    return root.findall("nc:rpc-error", NC)


def test_hello():
    root = etree.fromstring(b"".join(encode_hello(["urn:a", "urn:b?x=1&y=2"], 7)))
    assert parse_message(root) == Hello(("urn:a", "urn:b?x=1&y=2"), "7")


def test_hello_without_session_id_and_with_white_space():
    listed = "<capabilities><capability>\n urn:a \n</capability></capabilities>"
    text = f'<hello xmlns="{BASE_NAMESPACE}">{listed}</hello>'
    assert parse_message(etree.fromstring(text)) == Hello(("urn:a",))


@pytest.mark.parametrize(
    "text", ["<rpc message-id='1'><get/></rpc>", "<a/>", f"<rpc-reply xmlns='{BASE_NAMESPACE}'/>"]
)
def test_other_documents_are_not_netconf(text):
    with pytest.raises(NotNetconfError):
        parse_message(etree.fromstring(text))


def test_rpc_holds_its_operation():
    request = rpc(f'<rpc xmlns="{BASE_NAMESPACE}" message-id="m1"> <get/> </rpc>')
    assert request.message_id == "m1"
    assert request.operation.tag == f"{{{BASE_NAMESPACE}}}get"


def test_all_attributes_come_back_as_in_rfc_6241_section_4_1():
    root = reply_to(
        f'<rpc message-id="101" xmlns="{BASE_NAMESPACE}" xmlns:ex="http://example.net/content/1.0" '
        'ex:user-id="fred" plain="&lt;&#13;&quot;" xml:lang="de"><get/></rpc>'
    )
    assert root.tag == f"{{{BASE_NAMESPACE}}}rpc-reply"
    assert dict(root.attrib) == {
        "message-id": "101",
        "{http://example.net/content/1.0}user-id": "fred",
        "plain": '<\r"',
        "{http://www.w3.org/XML/1998/namespace}lang": "de",
    }
    assert root.nsmap == {None: BASE_NAMESPACE, "ex": "http://example.net/content/1.0"}
    assert root.find("nc:ok", NC) is not None


@pytest.mark.parametrize("default", ["", ' xmlns="urn:other"', ' xmlns=""', f' xmlns="{BASE_NAMESPACE}"'])
@pytest.mark.parametrize(
    "reply", [Ok(), Errors((operation_failed("x"),)), Data.data([b'<a xmlns="urn:x"/>'])]
)
def test_reply_to_a_prefixed_request_is_in_the_netconf_namespace(default, reply):
    root = reply_to(
        f'<p:rpc xmlns:p="{BASE_NAMESPACE}"{default} message-id="1" p:x="y"><p:get/></p:rpc>', reply
    )
    assert etree.QName(root).localname == "rpc-reply"
    assert all(etree.QName(node).namespace == BASE_NAMESPACE for node in (root, root[0]))
    assert root.get(f"{{{BASE_NAMESPACE}}}x") == "y"
    assert root.nsmap["p"] == BASE_NAMESPACE


def test_other_attributes_come_back_without_a_message_id():
    error = bad_rpc(f'<rpc xmlns="{BASE_NAMESPACE}" xmlns:e="urn:e" e:a="b"><get/></rpc>')
    root = etree.fromstring(b"".join(encode_reply(error.envelope, Errors((error.error,)))))
    assert dict(root.attrib) == {"{urn:e}a": "b"}
    assert root.findtext("nc:rpc-error/nc:error-tag", None, NC) == "missing-attribute"
    assert root.findtext("nc:rpc-error/nc:error-type", None, NC) == "rpc"
    info = root.find("nc:rpc-error/nc:error-info", NC)
    assert [(etree.QName(node).localname, node.text) for node in info] == [
        ("bad-attribute", "message-id"),
        ("bad-element", "rpc"),
    ]


def test_an_rpc_holds_exactly_one_operation():
    assert bad_rpc(f'<rpc xmlns="{BASE_NAMESPACE}" message-id="1"/>').error.tag is ErrorTag.MISSING_ELEMENT
    two = bad_rpc(f'<rpc xmlns="{BASE_NAMESPACE}" message-id="1"><get/><put/></rpc>').error
    assert two.tag is ErrorTag.UNKNOWN_ELEMENT
    assert two.info == (InfoElement("bad-element", "put"),)


def test_data_pieces_are_passed_on_untouched():
    piece = b'<a xmlns="urn:a"/>' * 1000
    pieces = encode_reply(None, Data.data([piece]))
    assert any(each is piece for each in pieces)
    root = etree.fromstring(b"".join(pieces))
    assert len(root.find("nc:data", NC)) == 1000


def test_data_in_another_namespace():
    root = etree.fromstring(b"".join(encode_reply(None, Data.data([b"module m {}"], "urn:monitoring"))))
    assert root.findtext("{urn:monitoring}data") == "module m {}"


def test_error_in_full():
    error = invalid_value("bad \x00 < value", app_tag="out-of-range").at("/t:a[t:n='x']/t:b", {"t": "urn:t"})
    (node,) = errors_of(error)
    assert {etree.QName(child).localname: child.text for child in node} == {
        "error-type": "application",
        "error-tag": "invalid-value",
        "error-severity": "error",
        "error-app-tag": "out-of-range",
        "error-path": "/t:a[t:n='x']/t:b",
        "error-message": "bad \ufffd < value",
    }
    assert node.find("nc:error-path", NC).nsmap["t"] == "urn:t"
    assert node.find("nc:error-message", NC).get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


def test_elements_of_an_error_stand_in_the_order_of_the_schema():
    error = lock_denied("held", 4).at("/t:a", {"t": "urn:t"})
    error.app_tag = "x"
    (node,) = errors_of(error)
    assert [etree.QName(child).localname for child in node] == [
        "error-type",
        "error-tag",
        "error-severity",
        "error-app-tag",
        "error-path",
        "error-message",
        "error-info",
    ]
    assert node.findtext("nc:error-info/nc:session-id", None, NC) == "4"


def test_info_of_yang_is_in_its_own_namespace():
    error = data_missing("no choice", "missing-choice")
    error.info = (InfoElement("missing-choice", "role", YANG_NAMESPACE),)
    (node,) = errors_of(error)
    assert node.findtext("nc:error-info/yang:missing-choice", None, NC) == "role"


def test_several_errors():
    assert len(errors_of(operation_failed("a"), operation_failed("b"))) == 2


NAMES = st.from_regex(r"[a-wyz][a-z0-9.-]{0,5}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=10)


@given(st.dictionaries(NAMES, TEXTS), st.dictionaries(NAMES, TEXTS), TEXTS)
def test_any_attributes_come_back(plain, qualified, message_id):
    request = etree.Element(f"{{{BASE_NAMESPACE}}}rpc", nsmap={None: BASE_NAMESPACE, "q": "urn:q"})
    request.set("message-id", message_id)
    for name, value in plain.items():
        request.set(name, value)
    for name, value in qualified.items():
        request.set(f"{{urn:q}}{name}", value)
    etree.SubElement(request, f"{{{BASE_NAMESPACE}}}get")
    message = parse_message(etree.fromstring(etree.tostring(request)))
    assert isinstance(message, Rpc)
    reply = etree.fromstring(b"".join(encode_reply(message.envelope, Ok())))
    assert dict(reply.attrib) == dict(request.attrib)
    assert reply.nsmap == request.nsmap


def test_the_etag_of_an_ok():
    element = etree.fromstring(b"".join(encode_reply(None, Ok(etag="x1"))))
    assert element[0].attrib == {"{urn:ietf:params:xml:ns:netconf:txid:1.0}etag": "x1"}


def test_error_info_with_elements_inside():
    error = operation_failed("x")
    inside = (InfoElement("path", "/p:a", namespaces={"p": "urn:p"}), InfoElement("value", "<1>"))
    error.info = (InfoElement("mismatch", namespace="urn:m", children=inside),)
    reply = etree.fromstring(b"".join(encode_reply(None, Errors((error,)))))
    mismatch = reply.find(".//{urn:m}mismatch")
    assert [(child.tag, child.text) for child in mismatch] == [
        ("{urn:m}path", "/p:a"),
        ("{urn:m}value", "<1>"),
    ]
    assert mismatch[0].nsmap["p"] == "urn:p"
