"""What is wrong beyond what YANG says, and the leaf that is to blame."""

import pytest

from server.northbound.checks import Checker
from server.northbound.config import ConfigReader
from server.protocol.errors import ErrorTag
from server.schema.model import Schema
from tests.unit.northbound.conftest import Make

INTERFACE = "/if:interfaces/if:interface[if:name='eth1']/trb:multicast"
SERVICE = "/trb:remote-backup/trb:remote-backup-service[trb:name='rbs2']"


def peer(port: int, source: str = "192.0.2.1") -> dict[str, object]:
    return {"address": "192.0.2.9", "source-address": source, "port": port}


@pytest.fixture
def checker(schema: Schema, reader: ConfigReader) -> Checker:
    return Checker(schema, reader)


def found(checker: Checker, tree: object) -> list[tuple[str, str]]:
    errors = checker.check(tree)  # type: ignore[arg-type]
    assert all(error.tag is ErrorTag.INVALID_VALUE and error.message for error in errors)
    assert all({"trb"} <= error.path_namespaces.keys() for error in errors)
    return [(error.app_tag, error.path) for error in errors]


def test_a_good_configuration_has_no_errors(checker: Checker, make: Make) -> None:
    tree = make(
        [{"name": "rbs1", "peer": peer(2000)}, {"name": "rbs2", "peer": peer(2001)}],
        [{"name": "a"}, {"name": "b"}],
        {
            "eth0": {"remote-backup-profile": "a"},
            "eth1": {"remote-backup-profile": "a", "access-id": 2},
            "eth2": {"remote-backup-profile": "b"},
            "eth3": {},
            "eth4": {},
        },
    )
    assert found(checker, tree) == []


def test_an_access_id_is_unique_within_its_profile(checker: Checker, make: Make) -> None:
    bound = {"remote-backup-profile": "a"}
    tree = make(None, [{"name": "a"}], {"eth0": bound, "eth1": bound})
    assert found(checker, tree) == [("access-id-not-unique", f"{INTERFACE}/trb:access-id")]


def test_two_services_cannot_have_the_same_local_end(checker: Checker, make: Make) -> None:
    tree = make([{"name": "rbs1", "peer": peer(2000)}, {"name": "rbs2", "peer": peer(2000)}])
    assert found(checker, tree) == [("port-in-use", f"{SERVICE}/trb:peer/trb:port")]


@pytest.mark.parametrize("protocol", ["igmp", "mld"])
def test_the_response_time_is_less_than_the_query_interval(
    checker: Checker, make: Make, protocol: str
) -> None:
    tree = make(None, None, {"eth1": {protocol: {"query-interval": 10}}})
    path = f"{INTERFACE}/trb:{protocol}/trb:query-max-response-time"
    assert found(checker, tree) == [("response-time-too-long", path)]


def test_another_tree_is_looked_at_again(checker: Checker, make: Make) -> None:
    bad = make(None, None, {"eth1": {"igmp": {"query-interval": 10}}})
    good = make(None, None, {"eth1": {}})
    for _ in range(2):
        assert len(found(checker, bad)) == 1
        assert found(checker, good) == []
