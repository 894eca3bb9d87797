"""The words of the module are those of the code: no value that is never told, none that is not explained."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

import yang
from dataplane.config import Role
from dataplane.copy_policy import CopyState, NotCopied, SubscriberType
from dataplane.forwarding.desired import ForwardingReason
from dataplane.forwarding.plane import PlaneKind
from dataplane.membership.groups import FilterMode, Origin
from dataplane.replication.peer import ChannelState, SyncState
from dataplane.roles import RoleReason

TEXT = (Path(yang.__file__).parent / "twincast-remote-backup.yang").read_text(encoding="utf-8")


def block(head: str) -> str:
    """What stands in the braces after `head`, which comes once."""
    assert TEXT.count(head) == 1
    start = end = TEXT.index(head) + len(head)
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(TEXT[end], 0)
        end += 1
    return TEXT[start:end]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("typedef copy-state {", CopyState),
        ("typedef not-copied-reason {", NotCopied),
        ("typedef subscriber-type {", SubscriberType),
        ("typedef channel-state {", ChannelState),
        ("typedef sync-state {", SyncState),
        ("typedef origin {", Origin),
        ("typedef filter-mode {", FilterMode),
        ("typedef role {", Role),
        ("leaf plane {", PlaneKind),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_enumeration_has_the_values_of_the_code(head: str, words: type[StrEnum]) -> None:
    assert re.findall(r"\benum ([\w-]+) \{", block(head)) == [each.value for each in words]


@pytest.mark.parametrize(
    ("head", "words"),
    [("leaf last-role-change-reason {", RoleReason), ("leaf forwarding-reason {", ForwardingReason)],
    ids=["last-role-change-reason", "forwarding-reason"],
)
def test_a_string_names_every_value_in_its_description(head: str, words: type[StrEnum]) -> None:
    named = re.findall(r"'([a-z-]+):?'", " ".join(block(head).split()))
    assert sorted(named) == sorted(each.value for each in words)
