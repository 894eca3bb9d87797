"""Switchovers by NETCONF action on two real routers: both directions, ten in a row, traffic as the proof."""

from pathlib import Path

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.netns.test_situations import A_CHANGE, seen

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


def test_the_role_moves_by_order_and_the_stream_goes_on(tmp_path: Path) -> None:
    found = seen("orders", tmp_path)
    assert found["e-trunk"]["lost"] < A_CHANGE
    assert found["e-trunk"]["duplicates"] < 10 * A_CHANGE
    assert found["asked"] >= 2  # the new master's startup query, and what was left to ask about the group
    assert found["refused"].startswith("switchover-refused: This router is not ready")
    assert found["static"]["lost"] < A_CHANGE
