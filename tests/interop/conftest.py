"""One server for all tests that do not harm it, with an empty running before each of them."""

from contextlib import ExitStack

import pytest

from tests.support.depot import MODULES, DepotClient
from tests.support.push_client import PushClient
from tests.support.server import running_server


@pytest.fixture(autouse=True)
def _prompt_client(monkeypatch):
    """ncclient looks for something to send ten times a second; a test has many requests."""
    monkeypatch.setattr("ncclient.transport.session.TICK", 0.005)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("server"), MODULES) as running:
        yield running


@pytest.fixture(scope="module")
def server(shared_server):
    return shared_server


@pytest.fixture
def connect(server):
    """Open a session that ends with the test."""
    server.empty()
    with ExitStack() as stack:
        yield lambda: stack.enter_context(server.connect())


@pytest.fixture
def session(connect):
    return connect()


@pytest.fixture
def clients(server):
    """Open sessions that read what is pushed and notified; they end with the test."""
    server.empty()
    with ExitStack() as stack:

        def connect() -> PushClient:
            client = PushClient(server.port)
            stack.callback(client.close)
            return client

        yield connect


@pytest.fixture(scope="session")
def depot_session(shared_server):
    """A session without ncclient, which hides too much of the requests and answers."""
    client = DepotClient(shared_server.port)
    yield client
    client.close()


@pytest.fixture
def depot(depot_session):
    """The session of `depot_session` with candidate and running empty."""
    depot_session.empty()
    return depot_session
