"""Operations as data for libyang: the rewriting, and what comes of modules with every kind of operation."""

from pathlib import Path

import pytest

from server.protocol.errors import RpcError
from server.schema.judged_operations import rewritten
from server.schema.model import Schema, load_schema
from server.schema.sources import ModuleSources, default_sources
from server.schema.validator_child import Engine
from server.schema.validator_errors import map_errors
from server.schema.validator_wire import Request, Work
from server.schema.yang_text import YangSyntaxError, parse, render
from tests.support.schema import sources_of

BODY = """
  organization "o";
  grouping amount {
    leaf amount { type uint8; mandatory true; must ". != 13" { error-message "Not 13."; } }
  }
  container store {
    leaf label { type string; mandatory true; }
    uses amount;
    list shelf {
      key name;
      min-elements 1;
      unique place;
      leaf name { type string { length 1..8; } }
      leaf place { type string; default "left"; }
      must "place";
      action fill {
        input {
          uses amount;
          leaf from { type leafref { path "/store/shelf/name"; } }
          leaf to { type leafref { path "../from"; } }
          leaf when-left { when "../../../label"; type empty; }
          leaf speed { type uint8; default 3; }
        }
        output { list put { leaf what { type string; } config false; } }
      }
      action empty;
      notification full { leaf at { type uint8; mandatory true; } must "at > 1"; }
    }
  }
  rpc tidy { input { leaf hard { type boolean; mandatory true; } } }
  notification fire { leaf where { type string; } }
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> ModuleSources:
    return sources_of(tmp_path_factory.mktemp("yang"), depot=BODY)


@pytest.fixture(scope="module")
def engine(sources: ModuleSources) -> Engine:
    return Engine(sources)


@pytest.fixture(scope="module")
def schema(sources: ModuleSources) -> Schema:
    return load_schema(sources)


def shelf(inner: str, name: str = "a") -> bytes:
    return f'<store xmlns="urn:depot"><shelf><name>{name}</name>{inner}</shelf></store>'.encode()


def judged(engine: Engine, xml: bytes) -> bytes:
    reply = engine.judge(Request(Work.OPERATION, xml))
    assert not reply.errors
    return reply.xml


def errors(engine: Engine, schema: Schema, xml: bytes) -> tuple[RpcError, ...]:
    return map_errors(schema, engine.judge(Request(Work.OPERATION, xml)).errors, xml)


def test_the_tree_around_an_action_is_trusted(engine: Engine) -> None:
    assert b"<input><amount>7</amount>" in judged(
        engine, shelf("<fill><input><amount>7</amount></input></fill>")
    )


def test_an_action_without_parameters_has_an_input_all_the_same(engine: Engine) -> None:
    assert b"<empty>" in judged(engine, shelf("<empty><input/></empty>"))


def test_defaults_of_the_input_are_filled_in(engine: Engine) -> None:
    assert b"<speed>3</speed>" in judged(engine, shelf("<fill><input><amount>7</amount></input></fill>"))


@pytest.mark.parametrize(
    "xml",
    [
        shelf("<full><at>2</at></full>"),
        b'<fire xmlns="urn:depot"/>',
        b'<tidy xmlns="urn:depot"><input><hard>true</hard></input></tidy>',
        shelf("<fill><output><put><what>x</what></put><put><what>x</what></put></output></fill>"),
        shelf("<fill><input><amount>7</amount><from>nobody</from><to>else</to></input></fill>"),
    ],
)
def test_good_bodies(engine: Engine, xml: bytes) -> None:
    assert judged(engine, xml)


S = "/depot:store/depot:shelf[depot:name='a']"


@pytest.mark.parametrize(
    ("xml", "tag", "path"),
    [
        (shelf("<fill><input/></fill>"), "data-missing", f"{S}/depot:fill/depot:amount"),
        (
            shelf("<fill><input><amount>13</amount></input></fill>"),
            "operation-failed",
            f"{S}/depot:fill/depot:amount",
        ),
        (
            shelf("<fill><input><amount>x</amount></input></fill>"),
            "invalid-value",
            f"{S}/depot:fill/depot:amount",
        ),
        (shelf("<fill><input><what/></input></fill>"), "unknown-element", f"{S}/depot:fill"),
        (
            shelf("<fill><input><amount>1</amount><when-left/></input></fill>"),
            "unknown-element",
            f"{S}/depot:fill/depot:when-left",
        ),
        (shelf("<full/>"), "data-missing", f"{S}/depot:full/depot:at"),
        (shelf("<full><at>1</at></full>"), "operation-failed", f"{S}/depot:full"),
        (b'<tidy xmlns="urn:depot"><input/></tidy>', "data-missing", "/depot:hard"),
        (
            b'<tidy xmlns="urn:depot"><input><x xmlns="urn:nobody"/></input></tidy>',
            "unknown-namespace",
            "",
        ),
        (shelf("<fill><input/></fill>", "much too long"), "invalid-value", None),
    ],
)
def test_wrong_bodies(engine: Engine, schema: Schema, xml: bytes, tag: str, path: str | None) -> None:
    found = errors(engine, schema, xml)
    assert tag in {error.tag for error in found}
    assert path is None or path in {error.path for error in found if error.tag == tag}


def test_paths_that_climb_out_of_the_input_step_over_it(engine: Engine) -> None:
    """`../../../label` is, of the leaf when-left, the store's label: input is no node on that way."""
    whole = shelf("<fill><input><amount>1</amount><when-left/></input></fill>")
    assert engine.judge(Request(Work.OPERATION, whole)).errors
    labelled = whole.replace(b"<shelf>", b"<label>x</label><shelf>", 1)
    assert judged(engine, labelled)


def test_every_module_that_we_serve_is_read_and_written_back() -> None:
    for module in default_sources().modules:
        tree = parse(module.text())
        assert parse(render(tree)) == tree, module.name


def test_strings_of_several_lines_keep_what_they_mean() -> None:
    text = 'module a {\n    description "one\n                 two\n  three";\n}\n'
    (description,) = parse(text).children
    assert description.argument == '"one\\ntwo\\nthree"'


@pytest.mark.parametrize("text", ["", "module", "module a {", "module a { b", "module a {} c;", '"x" y;'])
def test_what_is_no_yang_is_refused(text: str) -> None:
    with pytest.raises(YangSyntaxError):
        rewritten(text)


def test_a_file_that_cannot_be_rewritten_refuses_the_start(tmp_path: Path) -> None:
    """No such file gets so far: it has been compiled. The reason would be told all the same."""
    with pytest.raises(YangSyntaxError, match="does not end"):
        rewritten("module a { leaf b {")
