"""Which metrics there are: one for every number of the model, and none whose labels have no bound."""

import re

import pytest

from server.schema.model import NodeKind, Schema, SchemaNode, load_schema
from server.schema.sources import default_sources
from server.telemetry.metrics import LIMIT, Kind, Reading, Sample, Sampler, sources

OUR_MODULES = ("twincast-remote-backup", "twincast-server", "twincast-commit-history")
STATISTICS = "/ietf-netconf-monitoring:netconf-state/statistics/"
NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

NOT_MEASURED = {
    "/twincast-remote-backup:remote-backup/remote-backup-profile/group/": "no bound on their number",
    "/twincast-commit-history:": "entries of a log",
    "/ietf-interfaces:interfaces/interface/twincast-remote-backup:multicast/vif": "a name, not a measure",
}


def numbers(schema: Schema) -> list[SchemaNode]:
    """The state leaves that are numbers, of our modules and of the statistics of RFC 6022."""
    return [
        node
        for node in schema.walk()
        if node.kind is NodeKind.LEAF
        and not node.config
        and node.type is not None
        and node.type.base in NUMBERS
        and (node.module in OUR_MODULES or node.path.startswith(STATISTICS))
    ]


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(default_sources())


def test_every_number_of_the_model_has_a_metric(schema: Schema) -> None:
    known = {source.path for source in sources()}
    missing = {node.path for node in numbers(schema)} - known
    assert {path for path in missing if not path.startswith(tuple(NOT_MEASURED))} == set()
    assert len(known) > 60


def test_what_is_left_out_is_in_the_model(schema: Schema) -> None:
    paths = [node.path for node in numbers(schema)]
    for prefix in NOT_MEASURED:
        assert any(path.startswith(prefix) for path in paths) or prefix.startswith("/twincast-commit"), prefix


def test_every_source_is_in_the_model(schema: Schema) -> None:
    for source in sources():
        assert schema.node(source.path).kind is NodeKind.LEAF


def test_no_label_is_unbounded_and_all_labels_have_a_source(schema: Schema) -> None:
    allowed = {
        "service", "profile", "interface", "client", "type", "protocol", "message", "reason", "cause",
        "state", "role", "security", "plane",
    }  # fmt: skip
    for source in sources():
        lists = sum(step.kind is NodeKind.LIST for step in schema.node(source.path).chain())
        filled = lists + len(source.fixed) + (source.reading is Reading.STATE)
        assert filled == len(source.metric.labels), source.path
        assert set(source.metric.labels) <= allowed


def test_names_are_those_of_prometheus() -> None:
    for metric in {source.metric for source in sources()}:
        assert re.fullmatch(r"twincast_[a-z]+(_[a-z]+)*", metric.name)
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert metric.help.endswith(".")
        if metric.name.endswith("_timestamp_seconds"):
            assert metric.kind is Kind.GAUGE


def test_one_name_is_one_metric() -> None:
    metrics = {source.metric for source in sources()}
    assert len({metric.name for metric in metrics}) == len(metrics)


def samples(data: dict[str, object]) -> dict[tuple[str, ...], float]:
    found: list[Sample] = list(Sampler(sources()).samples(data))
    return {(each.metric.name, *each.labels): each.value for each in found}


def test_leaves_become_samples() -> None:
    service = {
        "name": "rbs1",
        "channel-state": "connected",
        "last-up-time": "2026-01-01T00:00:01Z",
        "statistics": {"sent": {"total": 7}},
    }
    kind = {
        "type": "dhcp-stb",
        "copy-state": "active",
        "peer-setting-mismatch": True,
        "statistics": {
            "copied": {"total": 10, "query": 0, "report": 6, "leave": 3},
            "not-copied": [{"reason": "refused", "messages": 2}],
        },
    }
    profile = {"name": "rbp3", "local-role": "master", "igmp-copy-status": {"subscriber-type": [kind]}}
    found = samples(
        {
            "twincast-remote-backup:remote-backup": {
                "remote-backup-service": [service],
                "remote-backup-profile": [profile],
            }
        }
    )
    copied = "twincast_copied_messages"
    assert found == {
        ("twincast_channel_state", "rbs1", "connected"): 1,
        ("twincast_channel_last_up_timestamp_seconds", "rbs1"): 1767225601,
        ("twincast_channel_sent_records", "rbs1"): 7,
        ("twincast_profile_role", "rbp3", "master"): 1,
        ("twincast_copy_state", "rbp3", "dhcp-stb", "igmp", "active"): 1,
        ("twincast_copy_peer_mismatch", "rbp3", "dhcp-stb", "igmp"): 1,
        (copied, "rbp3", "dhcp-stb", "igmp", "query"): 0,
        (copied, "rbp3", "dhcp-stb", "igmp", "report"): 6,
        (copied, "rbp3", "dhcp-stb", "igmp", "leave"): 3,
        (copied, "rbp3", "dhcp-stb", "igmp", "other"): 1,
        ("twincast_not_copied_messages", "rbp3", "dhcp-stb", "refused", "igmp"): 2,
    }


def test_entries_beyond_the_limit_are_left_out() -> None:
    services = [{"name": f"s{number}", "channel-state": "down"} for number in range(LIMIT + 5)]
    data = {"twincast-remote-backup:remote-backup": {"remote-backup-service": services}}
    assert len(samples(data)) == LIMIT
