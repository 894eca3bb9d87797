"""Which nodes are told of on change: what rests until something happens."""

import pytest

from server.push.notifiable import RESTLESS, STATIC, Notifiable
from server.push.patch import edits
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.tree.build import Streamed, from_data, with_streams
from server.tree.xml import to_xml

PROFILE = "/twincast-remote-backup:remote-backup/remote-backup-profile"
SERVICE = "/twincast-remote-backup:remote-backup/remote-backup-service"
INTERFACE = "/ietf-interfaces:interfaces/interface"


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(default_sources())


@pytest.fixture(scope="module")
def notifiable(schema: Schema) -> Notifiable:
    return Notifiable.of(schema)


def test_what_is_named_is_there(schema: Schema) -> None:
    for path in (*RESTLESS, *STATIC):
        assert not schema.node(path).config


def test_no_counter_is_told(schema: Schema, notifiable: Notifiable) -> None:
    """Large unsigned state leaves are counters, but for a speed and the numbers of commits."""
    resting = {f"{INTERFACE}/speed", "/twincast-commit-history:commit-history/commit/commit-id"}
    resting.add("/ietf-interfaces:interfaces-state/interface/speed")
    for node in schema.walk():
        if not node.config and node.type is not None and node.type.base == "uint64":
            assert notifiable.leaves_out(node) == (node.path not in resting), node.path


@pytest.mark.parametrize(
    "path",
    [
        f"{PROFILE}/local-role",
        f"{PROFILE}/igmp-copy-status/subscriber-type/copy-state",
        f"{PROFILE}/igmp-copy",
        f"{SERVICE}/channel-state",
        f"{SERVICE}/peer-mismatch/local-value",
        f"{INTERFACE}/oper-status",
    ],
)
def test_what_rests_is_told(schema: Schema, notifiable: Notifiable, path: str) -> None:
    if path == f"{PROFILE}/igmp-copy":
        path = f"{PROFILE}/dhcp-stb/igmp-copy"
    assert not notifiable.leaves_out(schema.node(path))


def test_memberships_are_not_even_asked_for(schema: Schema, notifiable: Notifiable) -> None:
    def parts() -> None:
        raise AssertionError("asked for")

    profile = {"name": "p", "local-role": "master", "group": Streamed(parts)}  # type: ignore[arg-type]
    tree, _ = with_streams(
        schema, {"twincast-remote-backup:remote-backup": {"remote-backup-profile": [profile]}}
    )
    xml = b"".join(to_xml(schema, notifiable.pruned(tree)))
    assert b"master" in xml
    assert b"group" not in xml


def test_values_of_a_state_leaf_list_are_told_one_by_one(schema: Schema, notifiable: Notifiable) -> None:
    def bound(*names: str) -> object:
        profile = {"name": "p", "bound-interface": list(names)}
        data = {"twincast-remote-backup:remote-backup": {"remote-backup-profile": [profile]}}
        return notifiable.pruned(from_data(schema, data))

    found = edits([bound("a", "b", "c"), bound("d", "c", "b")])  # type: ignore[list-item]
    assert [(str(edit.kind), edit.location.value) for edit in found] == [("delete", "a"), ("create", "d")]


def test_what_has_nothing_of_it_is_the_same_object(schema: Schema, notifiable: Notifiable) -> None:
    data = {"twincast-server:server": {"limits": {"sessions": 7}}}
    tree = from_data(schema, data)
    assert notifiable.pruned(tree) is tree
