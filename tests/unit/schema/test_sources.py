"""Selecting modules: what is found, what is implied, and what is said when something is missing."""

from pathlib import Path

import pytest

from server.schema.compiler import compile_modules
from server.schema.model import load_schema
from server.schema.resolve import resolve
from server.schema.sources import (
    ModuleChoice,
    ModuleSources,
    SchemaError,
    default_sources,
    parse_module_argument,
    standard_folders,
)
from server.schema.validator_child import Engine
from tests.support.schema import sources_of

SERVED = {
    "ietf-netconf",
    "ietf-netconf-monitoring",
    "ietf-netconf-with-defaults",
    "ietf-yang-library",
    "ietf-datastores",
    "ietf-interfaces",
    "iana-if-type",
    "ietf-yang-types",
    "ietf-inet-types",
    "twincast-remote-backup",
}


def test_default_selection_has_what_a_server_needs():
    sources = default_sources()
    assert {module.name for module in sources.implemented} >= SERVED
    library = next(module for module in sources.modules if module.name == "ietf-yang-library")
    assert library.revision == "2019-01-04"
    acm = next(module for module in sources.modules if module.name == "ietf-netconf-acm")
    assert acm.implemented


def test_json_both_ways():
    sources = default_sources()
    assert ModuleSources.from_json(sources.to_json()) == sources
    with pytest.raises(ValueError, match="not a selection"):
        ModuleSources.from_json('{"modules": 1}')


@pytest.mark.parametrize(
    ("suffix", "features"),
    [("", None), (":", ()), (":one", ("one",)), (":one, two", ("one", "two"))],
)
def test_module_argument(tmp_path: Path, suffix: str, features: tuple[str, ...] | None):
    file = tmp_path / "a.yang"
    file.write_text("module a { namespace urn:a; prefix a; feature one; feature two; }")
    choice = parse_module_argument(f"{file}{suffix}")
    assert (choice.name, choice.path, choice.features) == ("a", str(file), features)


def test_all_features_are_on_unless_named(tmp_path: Path):
    file = tmp_path / "a.yang"
    file.write_text("module a { namespace urn:a; prefix a; feature one; feature two; }")
    for suffix, expected in (("", ("one", "two")), (":two", ("two",)), (":", ())):
        module = next(item for item in default_sources([f"{file}{suffix}"]).modules if item.name == "a")
        assert module.features == expected


def test_users_module_takes_the_place_of_a_standard_one(tmp_path: Path):
    original = next(folder / "ietf-interfaces.yang" for folder in standard_folders() if folder.name == "ietf")
    copy = tmp_path / "ietf-interfaces.yang"
    copy.write_text(original.read_text())
    module = next(item for item in default_sources([f"{copy}:if-mib"]).modules if item.name == copy.stem)
    assert (module.path, module.features) == (str(copy), ("if-mib",))


def test_imports_are_found_in_yang_path_and_below(tmp_path: Path):
    deep = tmp_path / "lib" / "deep"
    deep.mkdir(parents=True)
    (deep / "types@2020-01-01.yang").write_text(
        "module types { namespace urn:types; prefix t; revision 2020-01-01; typedef x { type string; } }"
    )
    file = tmp_path / "a.yang"
    file.write_text("module a { namespace urn:a; prefix a; import types { prefix t; } leaf l { type t:x; } }")
    sources = default_sources([str(file)], [tmp_path / "lib"])
    found = next(module for module in sources.modules if module.name == "types")
    assert (found.revision, found.implemented) == ("2020-01-01", False)
    assert load_schema(sources).node("/a:l").type.base == "string"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("module a {\n  namespace urn:a;\n  prefix a;\n  leaf l {\n", 4, "end of file"),
        (
            "module a {\n  namespace urn:a;\n  prefix a;\n  import none { prefix n; }\n}\n",
            4,
            "'none' is not found",
        ),
        ("module a {\n  namespace urn:a;\n  prefix a;\n  leaf l { type nothing; }\n}\n", 4, "nothing"),
        (
            "module a {\n  namespace urn:a;\n  prefix a;\n  leaf l { type string; must 'a ='; }\n}\n",
            4,
            "XPath",
        ),
        ("module b {\n  namespace urn:a;\n  prefix a;\n}\n", 1, "named 'b'"),
        ("submodule a {\n  belongs-to b { prefix b; }\n}\n", 1, "submodule"),
        ("nonsense\n", 1, "."),
        ("module a {\n  namespace urn:a;\n  prefix a;\n  lief l { type string; }\n}\n", 4, "lief"),
    ],
)
def test_error_names_file_line_and_cause(tmp_path: Path, text: str, line: int, what: str):
    file = tmp_path / "a.yang"
    file.write_text(text)
    with pytest.raises(SchemaError, match=what) as caught:
        load_schema(default_sources([str(file)]))
    assert str(caught.value).startswith(f"{file}:{line}")


def test_missing_file_folder_and_feature(tmp_path: Path):
    with pytest.raises(SchemaError, match=r"nowhere\.yang: no such YANG file"):
        default_sources(["nowhere.yang"])
    with pytest.raises(SchemaError, match="no such folder"):
        default_sources([], [tmp_path / "none"])
    file = tmp_path / "a.yang"
    file.write_text("module a { namespace urn:a; prefix a; }")
    with pytest.raises(SchemaError, match="has no feature 'x'"):
        default_sources([f"{file}:x"])
    file.write_bytes(b"module a { namespace urn:a; prefix a; description '\xff'; }")
    with pytest.raises(SchemaError, match="not UTF-8"):
        default_sources([str(file)])


@pytest.mark.parametrize(
    "use",
    [
        "leaf l { type identityref { base other:b; } }",
        "augment /other:top { leaf l { type string; } }",
        "leaf l { type leafref { path /other:top/other:name; } }",
        "leaf l { type string; must '/other:top'; }",
        "leaf l { when '/other:top/other:name'; type string; }",
        "deviation /other:top/other:name { deviate not-supported; }",
    ],
)
def test_module_whose_nodes_or_identities_are_used_is_implemented(tmp_path: Path, use: str):
    other = "identity b; typedef t { type string; } container top { leaf name { type string; } }"
    sources = sources_of(tmp_path, "user", other=other, user=f"import other {{ prefix other; }} {use}")
    assert {module.name for module in sources.implemented} == {"user", "other"}
    assert compile_modules(sources)


@pytest.mark.parametrize(
    ("definitions", "use"),
    [
        ("typedef ref { type leafref { path /other:top/other:name; } }", "leaf l { type other:ref; }"),
        (
            "typedef ref { type leafref { path /other:top/other:name; } } typedef outer { type ref; }",
            "leaf l { type other:outer; }",
        ),
        ("typedef id { type identityref { base b; } }", "leaf l { type other:id; }"),
        ("grouping g { leaf l { type identityref { base b; } } }", "uses other:g;"),
        (
            "grouping g { uses h; } grouping h { leaf l { type leafref { path /other:top/other:name; } } }",
            "uses other:g;",
        ),
    ],
)
def test_what_a_used_definition_refers_to_is_implemented(tmp_path: Path, definitions: str, use: str):
    other = f"identity b; {definitions} container top {{ leaf name {{ type string; }} }}"
    sources = sources_of(tmp_path, "user", other=other, user=f"import other {{ prefix other; }} {use}")
    assert {module.name for module in sources.implemented} == {"user", "other"}
    schema = load_schema(sources)
    assert not [item for item in schema.constraints if item.unbounded]
    loaded = Engine(sources).modules()
    assert loaded["other"][1]


def test_standard_modules_load_in_both_engines():
    """All that pyang brings along at once, except ietf-dslite, which libyang refuses without features."""
    files = [file for folder in standard_folders() for file in sorted(folder.glob("*.yang"))]
    chosen = [
        file for file in files if not file.read_text().startswith("submodule") and "dslite" not in file.name
    ]
    sources = default_sources([str(file) for file in chosen])
    schema = load_schema(sources)
    loaded = Engine(sources).modules()
    for module in schema.modules:
        assert loaded[module.name][1] or not module.implemented
    assert len(schema.modules) > 60
    assert not [item.expression for item in schema.constraints if item.unbounded]


def test_module_whose_typedefs_are_used_is_import_only(tmp_path: Path):
    other = "identity b; typedef t { type string; } container top;"
    user = "import other { prefix other; } leaf l { type other:t; }"
    sources = sources_of(tmp_path, "user", other=other, user=user)
    assert [module.name for module in sources.implemented] == ["user"]
    assert [node.path for node in load_schema(sources).walk()] == ["/user:l"]


def test_submodules_belong_to_the_selection(tmp_path: Path):
    (tmp_path / "part.yang").write_text(
        "submodule part { yang-version 1.1; belongs-to whole { prefix w; } feature f;"
        " container c { leaf l { if-feature f; type string; } } }"
    )
    sources = sources_of(tmp_path, whole="include part;")
    assert [(item.name, item.submodule) for item in sources.modules] == [("whole", False), ("part", True)]
    schema = load_schema(sources)
    assert schema.node("/whole:c/l").namespace == "urn:whole"
    assert schema.by_name["whole"].submodules[0].name == "part"


def test_newest_revision_unless_one_is_asked_for(tmp_path: Path):
    for year in (2001, 2003, 2002):
        typedef = f"typedef y{year} {{ type string; }}"
        text = f"module t {{ namespace urn:t; prefix t; revision {year}-01-01; {typedef} }}"
        (tmp_path / f"t@{year}-01-01.yang").write_text(text)
    for date, expected in (("", "2003-01-01"), ("revision-date 2002-01-01;", "2002-01-01")):
        sources = sources_of(
            tmp_path, "u", u=f"import t {{ prefix t; {date} }} leaf l {{ type t:y{expected[:4]}; }}"
        )
        assert [module.revision for module in sources.modules if module.name == "t"] == [expected]
        assert compile_modules(sources)
    with pytest.raises(SchemaError, match="'t@1999-01-01' is not found"):
        sources_of(tmp_path, "u", u="import t { prefix t; revision-date 1999-01-01; }")


def test_resolve_takes_each_module_from_the_first_folder(tmp_path: Path):
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "m.yang").write_text(f"module m {{ namespace urn:m; prefix m; container {name}; }}")
    sources = resolve([ModuleChoice("m")], [tmp_path / "first", tmp_path / "second"])
    assert Path(sources.modules[0].path).parent.name == "first"
