"""The actions that code carries out are those that are claimed."""

from pathlib import Path

from dataplane.control.client import ControlClient
from server.northbound import claims
from server.northbound.actions import ActionReader


def test_every_claimed_action_has_a_handler(tmp_path: Path) -> None:
    handlers = ActionReader(ControlClient(tmp_path / "control.sock")).handlers()
    assert set(handlers) == claims.claimed_operations(claims.ACTIONS)
