"""Origins of operational nodes, filters by them, and how deep an answer goes; also of streamed lists."""

from collections.abc import Iterator

import pytest

from server.schema.model import Schema, load_schema
from server.tree.build import Streamed, from_data, with_streams
from server.tree.depth import limited, top_level
from server.tree.node import Container
from server.tree.origins import ORIGIN_NAMESPACE, Origin, OriginPrinter, Sieve
from server.tree.xml import merge, to_xml
from server.xpath.defaults import Defaults
from tests.support.schema import sources_of

BODY = """
  container top {
    leaf label { type string; }
    leaf-list tag { type string; }
    container limits { leaf high { type uint8; default "7"; } leaf-list low { type uint8; default "1"; } }
    list shop { key name; leaf name { type string; } leaf open { type boolean; }
      leaf seen { type boolean; config false; }
      list visit { config false; key who; leaf who { type string; } } }
  }
"""
SET = {"og:top": {"label": "x", "tag": ["a"], "shop": [{"name": "one", "open": True}]}}
OF_ITSELF = {"og:top": {"tag": ["a", "b"], "shop": [{"name": "two", "open": False}]}}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    return load_schema(sources_of(tmp_path_factory.mktemp("yang"), og=BODY))


def visits() -> Iterator[list[dict[str, object]]]:
    yield [{"who": "v"}]
    yield [{"who": "w"}]


def operational(schema: Schema, intended: Container) -> Container:
    return Defaults(schema).filled(merge(intended, from_data(schema, OF_ITSELF)))


def printed(schema: Schema, root: Container, intended: Container, *, tagged: bool = False) -> str:
    text = b"".join(OriginPrinter(schema, tagged=tagged).pieces(root, intended)).decode()
    return text.replace(f' xmlns:or="{ORIGIN_NAMESPACE}"', "").replace(' xmlns="urn:og"', "")


def test_every_origin(schema: Schema) -> None:
    intended = from_data(schema, SET)
    assert printed(schema, operational(schema, intended), intended) == (
        '<top or:origin="or:intended"><label>x</label><tag>a</tag><tag or:origin="or:system">b</tag>'
        '<limits or:origin="or:default"><high>7</high><low>1</low></limits>'
        "<shop><name>one</name><open>true</open></shop>"
        '<shop or:origin="or:system"><name>two</name><open>false</open></shop></top>'
    )


def test_an_origin_beside_the_attribute_of_a_default(schema: Schema) -> None:
    intended = from_data(schema, {"og:top": {"limits": {"low": [3]}}})
    text = printed(schema, Defaults(schema).filled(intended), intended, tagged=True)
    assert '<high or:origin="or:default" xmlns:wd=' in text
    assert "<low>3</low>" in text


FILTERED = {
    Origin.INTENDED: ["label", "tag", "shop"],
    Origin.SYSTEM: ["tag", "shop"],
    Origin.DEFAULT: ["limits"],
}


@pytest.mark.parametrize("origin", Origin)
def test_the_sieve_keeps_one_origin_and_all_state(schema: Schema, origin: Origin) -> None:
    intended = from_data(schema, SET)
    seen = from_data(schema, {"og:top": {"shop": [{"name": "three", "seen": True}]}})
    passed = Sieve(origins=frozenset({origin})).of(merge(operational(schema, intended), seen), intended)
    (top,) = passed
    assert isinstance(top, Container)
    names = [child.schema.name for child in top]
    assert names == list(dict.fromkeys([*FILTERED[origin], "shop"]))
    assert b"<name>three</name><seen>true</seen>" in b"".join(to_xml(schema, passed))


def test_configuration_and_state_together_are_everything(schema: Schema) -> None:
    intended = from_data(schema, SET)
    seen = from_data(schema, {"og:top": {"shop": [{"name": "one", "seen": True}]}})
    whole = merge(intended, seen)
    apart = [Sieve(config=config).of(whole, intended) for config in (True, False)]
    assert b"".join(to_xml(schema, merge(*apart))) == b"".join(to_xml(schema, whole))
    assert b"".join(to_xml(schema, apart[0])) == b"".join(to_xml(schema, intended))
    assert b"<label>" not in b"".join(to_xml(schema, apart[1]))


def test_streams_stay_streams(schema: Schema) -> None:
    entry = {"name": "one", "visit": Streamed(visits)}
    state, above = with_streams(schema, {"og:top": {"shop": [entry]}})
    intended = from_data(schema, SET)
    passed = Sieve(config=False).of(limited(4)(merge(intended, state)), intended)
    pieces = OriginPrinter(schema, above).pieces(passed, intended)
    text = b"".join(pieces).decode()
    assert text.count("<visit>") == 2
    assert 'or:origin="or:intended"' in text
    assert "<shop><name>one</name><visit><who>v</who></visit>" in text


def test_nothing_of_a_stream_is_no_entry(schema: Schema) -> None:
    entry = {"name": "two", "visit": Streamed(lambda: iter(()))}
    state, above = with_streams(schema, {"og:top": {"shop": [entry]}})
    assert b"".join(OriginPrinter(schema, above).pieces(state, state)) == b""
    inside = with_streams(schema, {"og:top": {"shop": [{**entry, "seen": True}]}})[0]
    assert b"<seen>true</seen>" in b"".join(OriginPrinter(schema, above).pieces(inside, inside))


def test_levels(schema: Schema) -> None:
    root = from_data(schema, SET)
    texts = [b"".join(to_xml(schema, top_level(root, levels))).decode() for levels in (1, 2, 3)]
    assert texts[0] == '<top xmlns="urn:og"/>' or texts[0] == '<top xmlns="urn:og"></top>'
    assert "<label>x</label><tag>a</tag><shop><name>one</name></shop>" in texts[1]
    assert texts[2] == b"".join(to_xml(schema, root)).decode()
