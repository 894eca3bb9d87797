"""Subscriptions while the dataplane does not answer."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.push_client import SN, PushClient, name_of
from tests.support.twincast import PASSWORD, Twincast

MANY = 16
"""More than there are threads that make updates."""
STATE = "<yp:datastore>ds:operational</yp:datastore><yp:periodic><yp:period>10</yp:period></yp:periodic>"
FILTERS = f'<yp:datastore-subtree-filter><filters xmlns="{SN}"/></yp:datastore-subtree-filter>'
EDITS = 50
"""They take longer than the period, so that all of the others wait by then."""


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Twincast]:
    with Twincast(tmp_path) as router:
        router.ready()
        yield router


def test_changes_of_the_configuration_are_told_all_the_same(router: Twincast) -> None:
    with ExitStack() as stack:
        watcher, reader, admin = (PushClient(router.port, "admin", PASSWORD) for _ in range(3))
        for client in (watcher, reader, admin):
            stack.callback(client.close)
        watcher.establish(f"<yp:datastore>ds:running</yp:datastore>{FILTERS}<yp:on-change/>")
        assert name_of(watcher.take()) == "push-update"
        for _ in range(MANY):
            reader.establish(STATE)
        dataplane = int((router.state_dir / "dataplane.pid").read_text())
        os.kill(dataplane, signal.SIGSTOP)
        stack.callback(os.kill, dataplane, signal.SIGCONT)
        for number in range(EDITS):
            name = f"<name>f{number}</name>"
            admin.edit(f'<filters xmlns="{SN}"><stream-filter>{name}</stream-filter></filters>')
            told = watcher.take()
            assert name_of(told) == "push-change-update"
            assert [each.text for each in told.iter(f"{{{SN}}}name")] == [f"f{number}"]
