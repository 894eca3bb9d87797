"""The outline comes from the server's own modules, once, and is kept for that server alone."""

import json
from pathlib import Path

import pytest
from lxml import etree

from cli.shell.link import LinkError
from cli.shell.netconf import Netconf
from cli.shell.schema import outline
from server.schema.library import yang_library
from server.schema.model import load_schema
from server.schema.outlining import outline_of
from server.schema.sources import default_sources

LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
SOURCES = default_sources()
SCHEMA = load_schema(SOURCES)


class Hello:
    """The part of a link that is asked here."""

    def __init__(self, content: str) -> None:
        name = "urn:ietf:params:netconf:capability:yang-library:1.1"
        self.capabilities = frozenset({f"{name}?revision=2019-01-04&content-id={content}"})


class Server(Netconf):
    """Serves our modules; `names` takes the place of module names in its library."""

    def __init__(self, content: str = "one", names: dict[str, str] | None = None) -> None:
        super().__init__(Hello(content))
        self.fetched = 0
        self._names = names or {}

    def get(self, chosen: etree._Element | None = None, defaults: str = "") -> etree._Element:
        [modules] = yang_library(SCHEMA)["ietf-yang-library:yang-library"]["module-set"]
        data = etree.Element("data")
        library = etree.SubElement(data, f"{{{LIBRARY}}}yang-library")
        for kind in ("module", "import-only-module"):
            for module in modules[kind]:
                entry = etree.SubElement(library, f"{{{LIBRARY}}}{kind}")
                name = self._names.get(module["name"], module["name"])
                etree.SubElement(entry, f"{{{LIBRARY}}}name").text = name
                etree.SubElement(entry, f"{{{LIBRARY}}}revision").text = module.get("revision", "")
                for feature in module.get("feature", ()):
                    etree.SubElement(entry, f"{{{LIBRARY}}}feature").text = feature
        return data

    def schema(self, name: str, revision: str) -> str:
        self.fetched += 1
        return next(item.text for item in SCHEMA.modules if (item.name, item.revision) == (name, revision))


def test_it_is_that_of_the_servers_modules_and_is_asked_for_once(tmp_path: Path) -> None:
    server = Server()
    made = outline(server, "router1", tmp_path)
    assert made == outline_of(SOURCES)
    fetched = server.fetched
    assert fetched == len(SCHEMA.modules)
    assert outline(server, "router1", tmp_path) == made
    assert server.fetched == fetched


@pytest.mark.parametrize(("content", "place"), [("two", "router1"), ("one", "router2")])
def test_other_modules_and_other_servers_are_asked_anew(tmp_path: Path, content: str, place: str) -> None:
    outline(Server(), "router1", tmp_path)
    other = Server(content)
    outline(other, place, tmp_path)
    assert other.fetched


def test_what_was_kept_badly_is_made_anew(tmp_path: Path) -> None:
    outline(Server(), "router1", tmp_path)
    [kept] = tmp_path.glob("outline-*.json")
    whole = kept.read_text()
    for broken in ("", whole[:100], json.dumps({"roots": 3})):
        kept.write_text(broken)
        server = Server()
        outline(server, "router1", tmp_path)
        assert server.fetched
    assert kept.read_text() == whole


def test_without_a_place_to_keep_it_the_shell_works_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert outline(Server(), "router1", tmp_path / "file").roots


@pytest.mark.parametrize("name", ["../../escape", "a/b", "", "x" * 200])
def test_a_module_cannot_be_named_like_a_file_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(LinkError, match="cannot be one"):
        outline(Server(names={"ietf-interfaces": name}), "router1", tmp_path)
