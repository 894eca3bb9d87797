"""Nothing acknowledged is lost, nothing is half done, whichever process dies when."""

import random
import threading

import pytest
from ncclient.transport import TransportError

from tests.support.netconf import SPACES, edit, make_empty, names, profile, service
from tests.support.server import ServerUnderTest, running_server
from tests.support.wait import wait_for

ENTRIES = 5
SEED = 20261123


@pytest.fixture
def server(tmp_path):
    with running_server(tmp_path) as running:
        yield running


def _commit_in_a_loop(server, acknowledged):
    """Write the number of the commit into every entry until the server is gone."""
    try:
        with server.connect() as session:
            for number in range(acknowledged[-1] + 1, 4096):
                edit(session, _numbered(number))
                session.commit()
                acknowledged.append(number)
    except (TransportError, OSError):
        pass


def _numbered(number):
    flag = f"<dhcp-stb><igmp-copy>{_flag(number)}</igmp-copy></dhcp-stb>"
    first = profile(f"<service-name>rbs1</service-name><backup-id>{number}</backup-id>", "first")
    return service() + first + "".join(profile(flag, f"rbp{each}") for each in range(ENTRIES))


def _wait_for_commits(acknowledged, count):
    enough = acknowledged[-1] + count
    wait_for(lambda: acknowledged[-1] >= enough, what="commits", timeout=60, interval=0.001)


def _flag(number):
    return "true" if number % 2 else "false"


def _stored(server):
    """The number in running, once every entry of it is seen to be of the same commit."""
    with server.connect() as session:
        data = session.get_config("running").data
    number = int(data.findtext(".//trb:backup-id", default="0", namespaces=SPACES))
    flags = {element.text for element in data.iterfind(".//trb:igmp-copy", SPACES)}
    assert flags == ({_flag(number)} if number else set())
    return number


def test_kill_of_the_server_at_any_moment_during_commits(server):
    chance = random.Random(SEED)
    acknowledged = [0]
    for _ in range(6):
        client = threading.Thread(target=_commit_in_a_loop, args=(server, acknowledged))
        client.start()
        _wait_for_commits(acknowledged, chance.randint(1, 12))
        server.kill("server")
        client.join(60)
        assert not client.is_alive()
        assert server.start_server() == "ready"
        stored = _stored(server)
        assert acknowledged[-1] <= stored <= acknowledged[-1] + 1
        acknowledged.append(stored)


def test_kill_of_the_validator_in_the_middle_of_a_validate(server):
    with server.connect() as session:
        body = "".join(
            profile("<dhcp-stb><igmp-copy>true</igmp-copy></dhcp-stb>", f"p{i}") for i in range(3000)
        )
        edit(session, body)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(session.validate().ok))
        asking.start()
        server.kill("validator")
        server.start_validator()
        asking.join(60)
        assert answers == [True]
        assert len(names(session)) == 3000


def test_sigterm_ends_orderly_and_everything_is_there_again(server):
    with server.connect() as session:
        edit(session, profile())
        session.commit()
        edit(session, profile(name="rbp4"))
        assert server.terminate("server") == 0
    assert server.start_server() == "ready"
    with server.connect() as session:
        assert names(session, "running") == ["rbp3"]
        assert names(session) == ["rbp3"]
        make_empty(session)


def test_a_second_server_in_the_same_folder_is_refused(server):
    first = server.processes.pop("server")
    try:
        assert "in use by another server" in server.start_server()
        assert server.processes.pop("server").wait(20) == 1
    finally:
        server.processes["server"] = first
    with server.connect() as session:
        assert names(session, "running") == []


def test_a_damaged_file_keeps_the_server_from_starting(tmp_path):
    (tmp_path / "twincast.db").write_bytes(b"not a database" * 1000)
    server = ServerUnderTest(tmp_path)
    with pytest.raises(AssertionError, match=r"failed: .*twincast\.db is damaged"):
        server.start()
    server.stop()
