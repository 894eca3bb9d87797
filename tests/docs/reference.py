"""Makes docs/reference from the YANG modules and the command line: `python -m tests.docs.reference`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.main import parser
from cli.reference.commands import Argument, Command, read
from server.schema.compiler import compile_modules
from server.schema.sources import default_sources

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
MODULES = ("twincast-remote-backup", "twincast-server", "twincast-commit-history")
HEAD = "<!-- Made from the YANG module by `python -m tests.docs.reference`; a test holds it to that. -->"
GROUPS = {"container", "list", "choice", "case", "rpc", "action", "notification", "input", "output"}
LEAVES = {"leaf", "leaf-list"}


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and text of each page."""
    compiled = {each.source.name: each.statement for each in compile_modules(default_sources(()))}
    for name in MODULES:
        yield f"{name}.md", _page(compiled[name])
    top = read(parser())
    lines = ["# The command twincast", "", HEAD.replace("the YANG module", "`--help`"), ""]
    for command in top.commands:
        lines += _command(command)
    yield "commands.md", "\n".join(lines).rstrip() + "\n"


def _command(command: Command) -> list[str]:
    lines = [f"## {' '.join(command.words)}", "", command.description or command.summary, ""]
    if command.arguments:
        lines += ["| option | what it does |", "| --- | --- |"]
        lines += [f"| {_usage(each)} | {_cell(each.help)} |" for each in command.arguments]
        lines.append("")
    if command.closing:
        lines += [command.closing, ""]
    for below in command.commands:
        lines += _command(below)
    return lines


def _usage(argument: Argument) -> str:
    value = argument.value or ("{" + ",".join(argument.choices) + "}" if argument.choices else "")
    names = ", ".join(argument.flags)
    return f"`{f'{names} {value}'.strip()}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def _page(module: Any) -> str:
    lines = [f"# {module.arg}", "", HEAD, "", _text(module), ""]
    for child in module.i_children:
        lines += _section(child, f"/{child.arg}")
    for augment in module.search("augment"):
        for child in augment.i_children:
            lines += _section(child, f"{_plain(augment.arg)}/{child.arg}")
    return "\n".join(lines).rstrip() + "\n"


def _plain(path: str) -> str:
    return "/".join(step.rpartition(":")[2] for step in path.split("/"))


def _section(node: Any, path: str) -> list[str]:
    """A heading for a container or list with a table of its leaves, then the same for what is below it."""
    if node.keyword in LEAVES:
        return [f"## {path}", "", *_table([node])]
    lines = [f"## {path}", "", _about(node), ""]
    children = list(_through_choices(node))
    if leaves := [child for child in children if child.keyword in LEAVES]:
        lines += _table(leaves)
    for child in children:
        if child.keyword not in LEAVES:
            lines += _section(child, f"{path}/{child.arg or child.keyword}")
    return lines


def _through_choices(node: Any) -> Iterator[Any]:
    for child in getattr(node, "i_children", []):
        if child.keyword in {"choice", "case"}:
            yield from _through_choices(child)
        elif child.keyword not in {"input", "output"} or child.i_children:
            yield child


def _about(node: Any) -> str:
    kind = str(node.keyword)
    if node.keyword == "list" and (key := node.search_one("key")) is not None:
        kind += f" by {key.arg}"
    if node.search_one("presence") is not None:
        kind += " with presence"
    if getattr(node, "i_config", None) is False:
        kind += ", state"
    return f"*{kind}.* {_text(node)}".rstrip()


def _table(leaves: list[Any]) -> list[str]:
    lines = ["| leaf | type | default | what it says |", "| --- | --- | --- | --- |"]
    for leaf in leaves:
        name = leaf.arg + ("\\*" if leaf.keyword == "leaf-list" else "")
        state = "state. " if getattr(leaf, "i_config", None) is False else ""
        mandatory = "mandatory" if leaf.search_one("mandatory", "true") is not None else ""
        default = " ".join(f"`{each.arg}`" for each in leaf.search("default")) or mandatory
        lines.append(f"| {name} | {_type(leaf)} | {default} | {state}{_text(leaf)} |")
    return [*lines, ""]


def _type(leaf: Any) -> str:
    """The name of the type, its range or length, the words of an enumeration, and the units."""
    kind = leaf.search_one("type")
    words = [f"`{kind.arg}`"]
    words += [f"`{each.arg}`" for name in ("range", "length") for each in kind.search(name)]
    words += [", ".join(f"`{each.arg}`" for each in kind.search("enum"))]
    if kind.arg == "union":
        words.append(" or ".join(f"`{each.arg}`" for each in kind.search("type")))
    if (units := leaf.search_one("units")) is not None:
        words.append(str(units.arg))
    return " ".join(word for word in words if word)


def _text(node: Any) -> str:
    said = node.search_one("description")
    return "" if said is None else _cell(said.arg)


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
