"""Ending: whatever ends first, the server is not left waiting for what is gone already."""

import os
import signal
import threading
from pathlib import Path

import pytest
from ssh2.exceptions import SSH2Error

from tests.bench.management import COMMIT, ROLES, one_leaf, profiles
from tests.support.twincast import Twincast
from tests.support.wait import wait_for


@pytest.mark.parametrize("first", [(), ("dataplane",), ("validator",), ("dataplane", "validator")])
def test_everything_told_to_end_at_once_ends_in_order(tmp_path: Path, first: tuple[str, ...]) -> None:
    """Ctrl-C and systemd tell the whole group; the listeners outlive who answered on them."""
    with Twincast(tmp_path) as twincast:
        client = twincast.client()
        client.rpc(profiles(0, 10))
        client.rpc(COMMIT)
        committed: list[int] = []

        def keep_committing() -> None:
            try:
                while True:
                    client.rpc(one_leaf(len(committed)))
                    client.rpc(COMMIT)
                    committed.append(1)
            except (OSError, RuntimeError, SSH2Error):
                return

        busy = threading.Thread(target=keep_committing)
        busy.start()
        wait_for(lambda: committed, what="commits")
        rest = [role for role in ROLES if role not in first]
        for role in (*first, *rest):
            os.kill(twincast.pid(role), signal.SIGTERM)
        twincast.process.send_signal(signal.SIGTERM)
        assert twincast.stop() == 0
        busy.join(10)
    ends = [line for line in twincast.log if " child-stopped " in line or " child-died " in line]
    assert ends
    assert all("status=0" in line for line in ends), "".join(ends)
