"""The querier, judged by a Linux bridge that snoops between router and real hosts of every version."""

from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.netns.test_situations import A_CHANGE, seen

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]
STRAY = 200
"""Packets of another kind than the stream's 5,000 that an STB may get meanwhile: queries, neighbours."""


def test_rule_17_a_bridge_that_snoops_learns_our_querier_and_forwards_by_it(tmp_path: Path) -> None:
    found = seen("snooping", tmp_path)
    assert (found["querier"], found["port"]) == ("10.20.0.1", "to-a")
    for version in ("2", "3"):
        assert found["streams"][version]["lost"] < A_CHANGE
        assert found["streams"][version]["others"] < STRAY
    assert found["failover"]["lost"] < A_CHANGE
    assert found["failover"]["origin"] in ("local", "both")
    assert found["forgotten"]
    assert found["version 1"]["lost"] < A_CHANGE
    assert found["mld"]["querier"].startswith("fe80:")
    assert found["mld"]["port"] == "to-a"
    assert found["mld"]["kept"]


def test_rule_17_a_bridge_that_asks_is_elected_and_no_stream_ends_between_its_queries(tmp_path: Path) -> None:
    found = seen("foreign-querier", tmp_path)
    assert found["silent"]
    assert found["lost"] < A_CHANGE
    assert found["sent"] > 10_000
