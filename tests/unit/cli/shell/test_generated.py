"""The commands are made from the model: nothing of it is out of reach, and what is added is there."""

from pathlib import Path

import pytest

from cli.shell.model import Change
from tests.support.shell import Typist, everything_typed, shell_model

MODULE = "twincast-remote-backup"
LINES = dict(everything_typed(shell_model(), MODULE))


def test_every_configuration_node_of_the_module_has_its_line() -> None:
    nodes = [node for root in shell_model().outline.roots for node in root.walk()]
    wanted = {node.path for node in nodes if node.module == MODULE and node.config and node.kind != "anydata"}
    assert wanted == set(LINES)
    assert len(wanted) > 60


@pytest.mark.parametrize("path", [path for path, lines in LINES.items() if lines])
def test_every_node_can_be_typed(path: str) -> None:
    typist = Typist(shell_model())
    typist.type("system-view")
    for line in LINES[path]:
        command = typist.type(line)
        assert isinstance(command, Change)
        reached = {step.node.path for edit in command.edits for step in edit.path}
        keys = {
            f"{step.node.path}/{key}"
            for edit in command.edits
            for step in edit.path
            for key in step.node.keys
        }
        assert path in reached | keys


@pytest.mark.parametrize("path", [path for path, lines in LINES.items() if lines])
def test_every_node_can_be_undone(path: str) -> None:
    typist = Typist(shell_model())
    typist.type("system-view")
    node = shell_model().find(path)
    assert node is not None
    parent = shell_model().find(path.rpartition("/")[0])
    is_key = parent is not None and node.name in parent.keys
    line = LINES[path][-1]
    command = typist.type(f"undo {line}")
    assert isinstance(command, Change)
    [edit] = command.edits
    assert edit.node.path == (parent.path if is_key and parent is not None else path)


NEW_LEAF = """
module added-leaf {
  yang-version 1.1;
  namespace "urn:example:added-leaf";
  prefix al;
  import twincast-remote-backup { prefix trb; }
  augment "/trb:remote-backup/trb:remote-backup-profile" {
    leaf weight { type uint8 { range "1..9"; } description "How heavy it is. More words."; }
    leaf quiet { type boolean; default "true"; description "Say nothing."; }
    list window { key "day"; leaf day { type uint8; } leaf open { type string; } }
  }
}
"""


def test_a_leaf_that_is_added_to_the_model_is_in_the_shell(tmp_path: Path) -> None:
    file = tmp_path / "added-leaf.yang"
    file.write_text(NEW_LEAF)
    typist = Typist(shell_model(str(file)))
    typist.type("system-view")
    typist.type("remote-backup-profile rbp3")
    [edit] = typist.type("weight 4").edits
    assert (edit.node.namespace, edit.value) == ("urn:example:added-leaf", "4")
    assert typist.type("undo quiet").edits[0].value == "false"
    typist.type("window 3")
    assert typist.views.prompt("~") == "[~r1-window-3]"
    assert typist.type("open 08:00").edits[0].value == "08:00"
    option = next(
        item for item in typist.language.state(typist.views.leave()).options if item.word == "weight"
    )
    assert option.help == "How heavy it is"
