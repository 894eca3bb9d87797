"""Every kind of frame goes from the wire through capture, engine and channel to the peer's table."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.lab.namespaces import user_namespaces_problem
from tests.netns.frame_kinds import OUTER_TYPE, WITHOUT_LEAVE, group, subscriber
from tests.support.kinds import KINDS
from tests.support.scapy_runner import described

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(user_namespaces_problem() is not None, reason="user namespaces are off"),
]


def test_thirty_kinds_of_subscribers_on_the_backup(tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    command = [sys.executable, "-m", "tests.netns.scenarios", "frame-kinds", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: Any = json.loads(file.read_text())
    assert len(found["joined"]) == 30
    for kind in KINDS:
        entry, where = found["joined"][str(kind)], subscriber(kind)
        assert entry is not None, f"{kind} did not arrive"
        assert entry["subscriber"] == where.text(), kind
        assert entry["subscriber-type"] == ("pppoe-stb" if where.pppoe_session else "dhcp-stb"), kind
        assert entry["origin"] == "copied", kind
        assert entry["filter-mode"] == "exclude", kind
        _asked_where_it_is(kind, found["asked"][str(kind)])
    assert found["stay"] == sorted(str(kind) for kind in KINDS if kind.protocol == WITHOUT_LEAVE)
    assert found["gone_from_master"]


def _asked_where_it_is(kind: Any, asked: list[dict[str, Any]]) -> None:
    """A leave is followed by queries about the group, with the subscriber's tags and in its session."""
    if kind.protocol == WITHOUT_LEAVE:
        assert asked == [], kind
        return
    where = subscriber(kind)
    assert len(asked) >= 2, kind
    for query in asked:
        assert query["tags"] == described(kind, kind.messages()["join"], OUTER_TYPE)["tags"], kind
        assert query["session"] == where.pppoe_session, kind
        assert "differs" not in query, kind
        assert query["destination"] == group(kind), kind
        if where.pppoe_session:
            assert query["destination_mac"] == where.mac.hex(":"), kind
