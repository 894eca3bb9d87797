"""What is shown of a configuration is what makes it."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from cli.shell.changes import differences
from cli.shell.editing import edit_config
from cli.shell.model import Edit, Operation
from cli.shell.render import Renderer, document
from cli.shell.tokens import commands
from tests.support.shell import Typist, everything_typed, shell_model

MODEL = shell_model()
LINES = sorted({line for _, lines in everything_typed(MODEL, "twincast-remote-backup") for line in lines})


def type_all(lines: list[str]) -> list[Edit]:
    """The edits of lines typed in the system view; flags that are true by default are turned off."""
    typist = Typist(MODEL)
    typist.type("system-view")
    edits: list[Edit] = []
    for line in lines:
        typed = typist.type(line).edits
        if any(edit.operation is Operation.REMOVE for edit in typed):
            typed = typist.type(f"undo {line}").edits
        edits += typed
        typist.views = typist.views.system()
    return edits


def config(edits: list[Edit]) -> etree._Element:
    return edit_config(edits, MODEL.outline.namespaces)


def leaves(element: etree._Element, way: str = "") -> set[tuple[str, str]]:
    """Every leaf and every empty node with its way, keys included."""
    found = set()
    for child in element:
        keys = ",".join(key.text or "" for key in child if etree.QName(key).localname in {"name", "sequence"})
        below = f"{way}/{etree.QName(child).localname}[{keys}]"
        found |= leaves(child, below) if len(child) else {(below, child.text or "")}
    return found


def shown(root: etree._Element) -> list[str]:
    lines = document(Renderer(MODEL).sections(root)).splitlines()
    return [line for line in lines if line not in {"#", "return"}]


@given(st.lists(st.sampled_from(LINES), max_size=25))
def test_typing_what_is_shown_makes_the_same_configuration(lines: list[str]) -> None:
    before = config(type_all(lines))
    typist = Typist(MODEL)
    typist.type("system-view")
    edits: list[Edit] = []
    for line in shown_unmasked(before):
        if line == "#":
            typist.views = typist.views.system()
        else:
            edits += typist.type(line).edits
    assert leaves(config(edits)) == leaves(before)


def shown_unmasked(root: etree._Element) -> list[str]:
    found = []
    for section in Renderer(MODEL).sections(root):
        found += ["#", section.head] if section.head else ["#"]
        found += [line.real for line in section.lines]
    return found


def test_a_pair_as_it_is_shown() -> None:
    edits = type_all(
        [
            "remote-backup-service rbs1 peer 10.0.0.2 source 10.0.0.1 port 9900",
            "remote-backup-service rbs1 enabled",
            "remote-backup-service rbs1 tcp-md5 key hush",
            "remote-backup-service rbs1 backup-block send multicast",
            "remote-backup-service rbs1 daily-batch-backup 03:30:00",
            "remote-backup-profile rbp3 service-name rbs1",
            "remote-backup-profile rbp3 backup-id 3",
            "remote-backup-profile rbp3 vrrp vrid 7 interface e0 virtual-address 192.0.2.9",
            "remote-backup-profile rbp3 dhcp-stb igmp-copy",
            "interface access0 description the access side",
            "interface access0 remote-backup-profile rbp3",
            "interface access0 igmp query-interval 60 version 2",
            "interface access0 igmp immediate-leave",
            "interface access0 igmp group-filter 10 action permit group-prefix 239.0.0.0/8",
            "interface core0 upstream",
        ]
    )
    assert shown(config(edits)) == [
        "remote-backup-service rbs1",
        " shutdown",
        " batch-backup service-type all daily 03:30:00",
        " peer 10.0.0.2 source-address 10.0.0.1 port 9900",
        " tcp-md5 key ******",
        " backup block send",
        "remote-backup-profile rbp3",
        " backup-id 3 remote-backup-service rbs1",
        " vrrp-id 7 interface e0 virtual-address 192.0.2.9",
        " undo dhcp-stb igmp-copy",
        "interface access0",
        " description the access side",
        " remote-backup-profile rbp3",
        " igmp query-interval 60 version 2 immediate-leave",
        " igmp group-filter 10 action permit group-prefix 239.0.0.0/8",
        "interface core0",
        " upstream",
    ]


def changed(old: list[str], new: list[str]) -> list[str]:
    renderer = Renderer(MODEL)
    return list(differences(*(renderer.sections(config(type_all(lines))) for lines in (old, new))))


PROFILE = "remote-backup-profile rbp3"


def test_changes_stand_below_the_command_of_their_view() -> None:
    same = [f"{PROFILE} static-role master", "remote-backup-service a"]
    assert changed([*same, f"{PROFILE} backup-id 3"], [*same, f"{PROFILE} dhcp-stb igmp-copy"]) == [
        "  remote-backup-profile rbp3",
        "-  backup-id 3",
        "+  undo dhcp-stb igmp-copy",
    ]
    assert changed(same, same) == []


def test_what_is_new_or_gone_is_told_as_a_whole() -> None:
    assert changed([f"{PROFILE} static-role master"], ["remote-backup-service a"]) == [
        "- remote-backup-profile rbp3",
        "-  static-role master",
        "+ remote-backup-service a",
    ]


def test_a_new_key_is_a_change_that_tells_nothing() -> None:
    lines = [["remote-backup-service a tcp-md5 key one"], ["remote-backup-service a tcp-md5 key two"]]
    assert changed(*lines) == ["  remote-backup-service a", "-  tcp-md5 key ******", "+  tcp-md5 key ******"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n"), min_size=1))
def test_a_description_can_be_typed_again_whatever_it_is(text: str) -> None:
    edits = type_all(["interface e0 description x"])
    before = config(edits)
    leaf = before.find(".//{*}description")
    assert leaf is not None
    leaf.text = text
    script = "\n".join(["interface e0", *(line for line in shown_unmasked(before) if "description" in line)])
    typist = Typist(MODEL)
    typist.type("system-view")
    for _, line in commands(script):
        typed = typist.type(line)
    assert typed.edits[-1].value == text
