"""Parameters of operations: what is wrong is said with its name and its place."""

from enum import StrEnum

import pytest
from lxml import etree

from server.datastores.locks import Datastore
from server.operations.parameters import Parameters, take_time
from server.operations.sources import Offer, take_source
from server.protocol.errors import ErrorTag, RpcError

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


def _parameters(inner):
    return Parameters(etree.fromstring(f'<edit-config xmlns="{NC}">{inner}</edit-config>'))


def _info(error):
    return {element.name: element.text for element in error.info}


def test_what_is_taken_is_not_left_over():
    parameters = _parameters("<!-- note --><a> 1 </a><?note?><b/>")
    assert parameters.leaf("a") == "1"
    assert parameters.leaf("b") == ""
    assert parameters.leaf("c") is None
    parameters.finish()


def test_an_unknown_parameter():
    with pytest.raises(RpcError) as refused:
        _parameters("<surprise/>").finish()
    assert refused.value.tag is ErrorTag.UNKNOWN_ELEMENT
    assert _info(refused.value) == {"bad-element": "surprise"}
    assert refused.value.path == "/nc:rpc/nc:edit-config"
    assert refused.value.path_namespaces == {"nc": NC}
    assert "<edit-config>" in refused.value.message


@pytest.mark.parametrize(
    ("namespace", "where"), [("", "no namespace"), ("urn:other", "the namespace 'urn:other'")]
)
def test_a_required_parameter_that_stands_in_another_namespace(namespace, where):
    with pytest.raises(RpcError) as refused:
        _parameters(f'<config xmlns="{namespace}"/>').required("config")
    assert refused.value.tag is ErrorTag.UNKNOWN_NAMESPACE
    assert _info(refused.value) == {"bad-element": "config", "bad-namespace": namespace}
    assert refused.value.message == f"<config> in <edit-config> is in {where}, it has to be in {NC!r}"


def test_a_parameter_of_another_namespace():
    with pytest.raises(RpcError) as refused:
        _parameters('<target xmlns="urn:other"/>').finish()
    assert refused.value.tag is ErrorTag.UNKNOWN_NAMESPACE
    assert _info(refused.value) == {"bad-element": "target", "bad-namespace": "urn:other"}


def test_a_missing_parameter():
    with pytest.raises(RpcError) as refused:
        _parameters("").required("config")
    assert refused.value.tag is ErrorTag.MISSING_ELEMENT
    assert _info(refused.value) == {"bad-element": "config"}


def test_a_parameter_that_stands_twice():
    with pytest.raises(RpcError) as refused:
        _parameters("<a/><a/>").leaf("a")
    assert refused.value.tag is ErrorTag.BAD_ELEMENT


def test_a_leaf_with_elements_inside():
    with pytest.raises(RpcError) as refused:
        _parameters("<a><b/></a>").leaf("a")
    assert refused.value.tag is ErrorTag.UNKNOWN_ELEMENT
    assert refused.value.path == "/nc:rpc/nc:edit-config/nc:a"


def test_an_enumeration():
    assert _parameters("<color>blue</color>").choice("color", Color, Color.RED) is Color.BLUE
    assert _parameters("").choice("color", Color, Color.RED) is Color.RED
    with pytest.raises(RpcError) as refused:
        _parameters("<color>green</color>").choice("color", Color, Color.RED)
    assert refused.value.tag is ErrorTag.INVALID_VALUE
    assert "red, blue" in refused.value.message
    assert refused.value.path == "/nc:rpc/nc:edit-config/nc:color"


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "4294967296", "9" * 5000, "٣", "0" * 30 + "5"])
def test_what_is_no_session_id(text):
    with pytest.raises(RpcError) as refused:
        _parameters(f"<session-id>{text}</session-id>").integer("session-id", 1, 2**32 - 1)
    assert refused.value.tag is ErrorTag.INVALID_VALUE
    assert len(refused.value.message) < 200


def test_an_integer():
    assert _parameters("<n> 4294967295 </n>").integer("n", 1, 2**32 - 1) == 4294967295


@pytest.mark.parametrize("datastore", list(Datastore))
def test_a_datastore(datastore):
    source = take_source(_parameters(f"<source><{datastore}/></source>"), "source", Offer(startup=True))
    assert source.datastore is datastore


@pytest.mark.parametrize(
    ("inner", "tag"),
    [
        ("", ErrorTag.MISSING_ELEMENT),
        ("<source/>", ErrorTag.MISSING_ELEMENT),
        ("<source><running/><candidate/></source>", ErrorTag.BAD_ELEMENT),
        ("<source><startup/></source>", ErrorTag.OPERATION_NOT_SUPPORTED),
        ("<source><url>http://localhost/</url></source>", ErrorTag.OPERATION_NOT_SUPPORTED),
        ("<source><operational/></source>", ErrorTag.UNKNOWN_ELEMENT),
        ('<source><running xmlns="urn:other"/></source>', ErrorTag.UNKNOWN_NAMESPACE),
        ("<source><config/></source>", ErrorTag.UNKNOWN_ELEMENT),
    ],
)
def test_what_is_no_datastore(inner, tag):
    with pytest.raises(RpcError) as refused:
        take_source(_parameters(inner), "source", Offer())
    assert refused.value.tag is tag


def test_a_configuration_in_the_request():
    source = take_source(
        _parameters("<source><config><x/></config></source>"), "source", Offer(), inline=True
    )
    assert source.datastore is None
    assert source.config is not None
    assert len(source.config) == 1


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59-00:01",  # in the year 10000 of UTC
        "0001-01-01T00:00:00+00:01",
        "2030-02-30T00:00:00Z",
        "2030-01-01T00:00:00",
        "soon",
    ],
)
def test_a_time_that_cannot_be_told_in_utc(text):
    with pytest.raises(RpcError) as refused:
        take_time(_parameters(f"<stop-time>{text}</stop-time>"), "stop-time")
    assert refused.value.tag is ErrorTag.INVALID_VALUE
    assert refused.value.path == "/nc:rpc/nc:edit-config/nc:stop-time"


def test_the_last_time_that_there_is():
    last = take_time(_parameters("<stop-time>9999-12-31T23:59:59+00:00</stop-time>"), "stop-time")
    assert last == 253_402_300_799_000_000
