"""One server for a file of tests, with an empty running before each of them."""

from contextlib import ExitStack

import pytest

from tests.support.netconf import make_empty
from tests.support.server import running_server


@pytest.fixture(autouse=True)
def _prompt_client(monkeypatch):
    """ncclient looks for something to send ten times a second; a test has many requests."""
    monkeypatch.setattr("ncclient.transport.session.TICK", 0.005)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def connect(server):
    """Open a session that ends with the test."""
    with ExitStack() as stack:
        with server.connect() as session:
            make_empty(session)
        yield lambda: stack.enter_context(server.connect())


@pytest.fixture
def session(connect):
    return connect()
