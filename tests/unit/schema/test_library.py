"""What a client is told about the modules."""

from collections.abc import Callable
from pathlib import Path

import pytest

from server.protocol.errors import ErrorTag, RpcError
from server.schema.library import capabilities, schema_list, schema_text, yang_library
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from tests.support.schema import sources_of


def library_of(schema: Schema) -> tuple[dict, dict]:
    data = yang_library(schema)
    return data["ietf-yang-library:yang-library"], data["ietf-yang-library:modules-state"]


def test_yang_library(default_schema: Schema):
    library, state = library_of(default_schema)
    (module_set,) = library["module-set"]
    modules = {item["name"]: item for item in module_set["module"]}
    announced = ["candidate", "confirmed-commit", "rollback-on-error", "validate", "xpath"]
    assert modules["ietf-netconf"]["feature"] == announced
    assert modules["ietf-yang-library"]["revision"] == "2019-01-04"
    assert modules["ietf-netconf-acm"]["revision"] == "2018-02-14"
    assert library["schema"] == [{"name": "complete", "module-set": ["complete"]}]
    names = [item["name"] for item in library["datastore"]]
    kinds = ("running", "candidate", "intended", "operational")
    assert names == [f"ietf-datastores:{kind}" for kind in kinds]
    assert library["content-id"] == state["module-set-id"] == default_schema.content_id
    conformance = {item["name"]: item["conformance-type"] for item in state["module"]}
    assert conformance["ietf-netconf-acm"] == "implement"
    assert conformance["twincast-remote-backup"] == "implement"


def test_modules_that_are_only_imported_are_told_apart(load: Callable[..., Schema]):
    library, state = library_of(load(a="import ietf-netconf-acm { prefix nacm; } leaf l { type string; }"))
    (module_set,) = library["module-set"]
    assert "ietf-netconf-acm" in {item["name"] for item in module_set["import-only-module"]}
    conformance = {item["name"]: item["conformance-type"] for item in state["module"]}
    assert conformance["ietf-netconf-acm"] == "import"
    assert conformance["a"] == "implement"


def test_deviations_and_submodules_are_reported(load: Callable[..., Schema], tmp_path: Path):
    (tmp_path / "part.yang").write_text(
        "submodule part { yang-version 1.1; belongs-to a { prefix a; } revision 2020-02-02; }"
    )
    schema = load(
        a="include part; leaf l { type string; }",
        d="import a { prefix a; } deviation /a:l { deviate not-supported; }",
    )
    library, state = library_of(schema)
    found = {item["name"]: item for item in library["module-set"][0]["module"]}
    assert found["a"] == {
        "name": "a",
        "namespace": "urn:a",
        "submodule": [{"name": "part", "revision": "2020-02-02"}],
        "deviation": ["d"],
    }
    assert state["module"][0]["deviation"] == [{"name": "d", "revision": ""}]
    assert {"identifier": "part", "version": "2020-02-02"}.items() <= schema_list(schema)[1].items()
    assert schema_text(schema, "part").startswith("submodule part")


def test_content_id_is_stable_and_changes_with_text_and_features(tmp_path: Path):
    body = {"m": "feature f; leaf l { type string; }"}
    first = load_schema(sources_of(tmp_path, **body)).content_id
    assert load_schema(sources_of(tmp_path, **body)).content_id == first
    changed = load_schema(sources_of(tmp_path, m="feature f; leaf l { type int8; }")).content_id
    assert changed != first
    file = tmp_path / "m.yang"
    ids = {load_schema(default_sources([f"{file}{suffix}"])).content_id for suffix in ("", ":")}
    assert len(ids) == 2


def test_get_schema_gives_the_text_that_was_loaded(default_schema: Schema):
    for entry in schema_list(default_schema):
        text = schema_text(default_schema, entry["identifier"], entry["version"], "yang")
        assert f"module {entry['identifier']} {{" in " ".join(text.split())
        assert entry["format"] == "ietf-netconf-monitoring:yang"
        assert entry["location"] == ["NETCONF"]


@pytest.mark.parametrize(
    ("identifier", "version", "form"),
    [("none", None, None), ("ietf-netconf", "1999-01-01", None), ("ietf-netconf", None, "ncm:yin")],
)
def test_get_schema_of_what_is_not_there(
    default_schema: Schema, identifier: str, version: str | None, form: str | None
):
    with pytest.raises(RpcError) as caught:
        schema_text(default_schema, identifier, version, form)
    assert caught.value.tag is ErrorTag.INVALID_VALUE


def test_get_schema_of_several_versions(tmp_path: Path):
    for year in (2001, 2002):
        text = (
            f"module t {{ namespace urn:t; prefix t; revision {year}-01-01; typedef x {{ type string; }} }}"
        )
        (tmp_path / f"t@{year}-01-01.yang").write_text(text)
    by_date = "import t {{ prefix t; revision-date {}-01-01; }} leaf {} {{ type t:x; }}"
    schema = load_schema(
        sources_of(tmp_path, "a", "b", a=by_date.format(2001, "a"), b=by_date.format(2002, "b"))
    )
    with pytest.raises(RpcError) as caught:
        schema_text(schema, "t")
    assert (caught.value.tag, caught.value.app_tag) == (ErrorTag.OPERATION_FAILED, "data-not-unique")
    assert "2001-01-01" in schema_text(schema, "t", "2001-01-01")


def test_capabilities(default_schema: Schema):
    found = capabilities(default_schema)
    assert found[0] == (
        "urn:ietf:params:netconf:capability:yang-library:1.1"
        f"?revision=2019-01-04&content-id={default_schema.content_id}"
    )
    assert (
        "urn:ietf:params:xml:ns:netconf:base:1.0?module=ietf-netconf&revision=2011-06-01"
        "&features=candidate,confirmed-commit,rollback-on-error,validate,xpath"
    ) in found
    version_1_1 = {module.name for module in default_schema.modules if module.yang_version == "1.1"}
    assert "twincast-remote-backup" in version_1_1
    assert not [uri for uri in found if any(f"module={name}&" in uri for name in version_1_1)]


def test_capability_names_deviations(load: Callable[..., Schema], tmp_path: Path):
    (tmp_path / "old.yang").write_text(
        "module old { namespace urn:old; prefix old; leaf l { type string; } }"
    )
    schema = load("old", "d", d="import old { prefix old; } deviation /old:l { deviate not-supported; }")
    assert capabilities(schema)[1:] == ("urn:old?module=old&deviations=d",)
