"""A server that starts with other modules than before says so (RFC 8525 section 3)."""

import re
from contextlib import contextmanager

from tests.support.depot import MODULES
from tests.support.netconf_client import RawClient
from tests.support.server import PASSWORD, USER, running_server

REPLAY = (
    '<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">'
    "<filter><yang-library-update"
    ' xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/></filter>'
    "<startTime>2000-01-01T00:00:00Z</startTime></create-subscription>"
)


@contextmanager
def _session(folder, modules=()):
    with running_server(folder, modules) as running:
        client = RawClient(running.port, USER, password=PASSWORD)
        try:
            yield client, re.search(rb"content-id=(\w+)", client.hello())[1]
        finally:
            client.close()


def _told(client):
    """The content-ids in the notifications so far."""
    assert b"<ok/>" in client.rpc(REPLAY)
    found = []
    while b"<replayComplete" not in (message := client.receive()):
        found += re.findall(rb"<yang-library-update[^>]*><content-id>(\w+)</content-id>", message)
    return found


def test_other_modules_are_told_once(tmp_path):
    with _session(tmp_path) as (client, first):
        assert _told(client) == []
    with _session(tmp_path, MODULES) as (client, second):
        assert second != first
        assert _told(client) == [second]
    with _session(tmp_path, MODULES) as (client, third):
        assert third == second
        assert _told(client) == [second]
