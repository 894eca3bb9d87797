"""Where libyang's built-in ietf types of 2025-12-22 judge otherwise than the texts of 2013 that we serve.

A client that reads the served modules expects pyang's verdict, which goes by their text. This list is what
it may be surprised by; a change of it is a change for users.
"""

from collections.abc import Callable

import pytest

from server.schema.model import Schema
from server.schema.sources import ModuleSources, SchemaError
from server.schema.validator_child import Engine
from server.schema.validator_wire import Request, Work
from tests.support.schema import sources_of

# (type, value, accepted by the text of 2013); the validator says the opposite.
DIFFERENCES = [
    ("yang:date-and-time", "2026-13-01T00:00:00Z", True),
    ("yang:date-and-time", "2026-01-32T00:00:00Z", True),
    ("yang:date-and-time", "2026-01-01T24:00:00Z", True),
    ("yang:date-and-time", "2026-01-01T00:00:00+23:00", True),
    ("yang:yang-identifier", "xmlish", False),
    ("inet:ipv4-address", "10.0.0.1%eth-0", False),
    ("inet:ipv6-address", "fe80::1%eth-0", False),
    ("inet:uri", "no-scheme", True),
    ("inet:host", "_service.example.net", True),
]
# (type, value, accepted, canonical value)
SAME = [
    ("yang:date-and-time", "2026-01-01T00:00:00.5Z", True, "2026-01-01T00:00:00.5Z"),
    ("yang:date-and-time", "2026-01-01T01:00:00+01:00", True, "2026-01-01T00:00:00+00:00"),
    ("yang:date-and-time", "2026-01-01 00:00:00Z", False, ""),
    ("yang:date-and-time", "2026-01-01T00:00:00", False, ""),
    ("yang:mac-address", "AA:BB:CC:DD:EE:FF", True, "aa:bb:cc:dd:ee:ff"),
    ("yang:hex-string", "0A:0B", True, "0a:0b"),
    ("yang:uuid", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", True, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    ("inet:ipv4-address", "10.0.0.1", True, "10.0.0.1"),
    ("inet:ipv4-address", "10.0.0.256", False, ""),
    ("inet:ipv4-address-no-zone", "10.0.0.1%1", False, ""),
    ("inet:ipv6-address-no-zone", "2001:DB8::0:1", True, "2001:db8::1"),
    ("inet:ipv4-prefix", "10.0.0.5/8", True, "10.0.0.0/8"),
    ("inet:port-number", "65536", False, ""),
    ("inet:domain-name", "example.net", True, "example.net"),
    ("inet:host", "example.net", True, "example.net"),
    ("inet:uri", "urn:x", True, "urn:x"),
]
ONLY_BUILT_IN = [
    "yang:date",
    "yang:date-no-zone",
    "yang:time",
    "yang:time-no-zone",
    "yang:language-tag",
    "yang:hours32",
    "yang:minutes32",
    "yang:seconds32",
    "yang:centiseconds32",
    "yang:milliseconds32",
    "yang:microseconds32",
    "yang:microseconds64",
    "yang:nanoseconds32",
    "yang:nanoseconds64",
    "inet:email-address",
    "inet:host-name",
    "inet:protocol-number",
    "inet:upper-layer-protocol-number",
    "inet:ip-address-link-local",
    "inet:ip-address-and-prefix",
]
BODY = """import ietf-yang-types { prefix yang; } import ietf-inet-types { prefix inet; }
          container c { %s }"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, dict[str, str]]:
    names = sorted({row[0] for row in [*DIFFERENCES, *SAME]} | set(ONLY_BUILT_IN))
    types = {name: f"l{number}" for number, name in enumerate(names)}
    leaves = " ".join(f"leaf {leaf} {{ type {name}; }}" for name, leaf in types.items())
    return Engine(sources_of(tmp_path_factory.mktemp("types"), m=BODY % leaves)), types


def judge(engine: tuple[Engine, dict[str, str]], type_name: str, value: str) -> tuple[bool, str]:
    judge_, types = engine
    leaf = types[type_name]
    xml = f'<c xmlns="urn:m"><{leaf}>{value}</{leaf}></c>'.encode()
    reply = judge_.judge(Request(Work.CANONICAL, xml))
    text = reply.xml.decode()
    return not reply.errors, text.partition(f"<{leaf}>")[2].partition("</")[0]


def accepted_by_the_text(load: Callable[..., Schema], type_name: str, value: str) -> bool:
    """pyang checks a default against the typedefs of the served module."""
    try:
        load(m=BODY % f'leaf l {{ type {type_name}; default "{value}"; }}')
    except SchemaError as error:
        if "default" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize(("type_name", "value", "served"), DIFFERENCES)
def test_differences(load: Callable[..., Schema], engine, type_name: str, value: str, served: bool):
    assert accepted_by_the_text(load, type_name, value) is served
    assert judge(engine, type_name, value)[0] is not served


@pytest.mark.parametrize(("type_name", "value", "accepted", "canonical"), SAME)
def test_what_both_agree_on(
    load: Callable[..., Schema], engine, type_name: str, value: str, accepted: bool, canonical: str
):
    assert accepted_by_the_text(load, type_name, value) is accepted
    assert judge(engine, type_name, value) == (accepted, canonical)


@pytest.mark.parametrize("name", ONLY_BUILT_IN)
def test_types_that_only_the_built_in_modules_have(load: Callable[..., Schema], name: str):
    """pyang refuses them at start, so no module that uses them is served half."""
    with pytest.raises(SchemaError, match="not found"):
        load(m=BODY % f"leaf l {{ type {name}; }}")


def test_served_revision_is_the_one_reported(shop: Schema, shop_sources: ModuleSources):
    built_in = Engine(shop_sources).modules()
    for name in ("ietf-yang-types", "ietf-inet-types"):
        assert shop.by_name[name].revision == "2013-07-15"
        assert built_in[name][0] == "2025-12-22"
