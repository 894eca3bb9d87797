"""State of the dataplane pushed: with its events, and periodically."""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import SPACES, TRB, request
from tests.support.push_client import YP, PushClient, name_of
from tests.support.twincast import PASSWORD
from tests.support.wait import wait_for

YANG = "urn:ietf:params:xml:ns:yang:1"
SWITCHOVER = (
    f'<action xmlns="{YANG}"><remote-backup xmlns="{TRB}"><remote-backup-profile><name>rbp3</name>'
    "<switchover/></remote-backup-profile></remote-backup></action>"
)
EVERYTHING = f'<yp:datastore-subtree-filter><remote-backup xmlns="{TRB}"/></yp:datastore-subtree-filter>'
PROFILE = "/twincast-remote-backup:remote-backup/remote-backup-profile=rbp3"


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo")) as running:
        running.configure(free_port(), arbitration="<static-role>master</static-role>")
        running.connected()
        yield running


@pytest.fixture
def client(duo: Duo) -> Iterator[PushClient]:
    one = PushClient(duo.routers[0].port, "admin", PASSWORD)
    yield one
    one.close()


def of_operational(trigger: str) -> str:
    return f"<yp:datastore>ds:operational</yp:datastore>{EVERYTHING}{trigger}"


def edits(update: etree._Element) -> dict[str, str]:
    return {
        edit.findtext(f"{{{YP}}}target", ""): "".join(edit.find(f"{{{YP}}}value").itertext())
        for edit in update.iter(f"{{{YP}}}edit")
        if edit.find(f"{{{YP}}}value") is not None
    }


def test_an_event_of_the_dataplane_is_a_change_of_its_state(duo: Duo, client: PushClient) -> None:
    client.establish(of_operational("<yp:on-change/>"))
    first = client.take()
    assert name_of(first) == "push-update"
    role = first.findtext(".//trb:local-role", "", SPACES)
    assert role in ("master", "backup")
    assert first.find(".//trb:statistics", SPACES) is None
    assert first.find(".//trb:groups-count", SPACES) is None
    assert request(duo.sessions[0], SWITCHOVER).ok
    told: dict[str, str] = {}
    while f"{PROFILE}/local-role" not in told:
        told.update(edits(client.take()))
    assert told[f"{PROFILE}/local-role"] != role


def test_state_is_pushed_periodically_with_its_counters(duo: Duo, client: PushClient) -> None:
    client.establish(of_operational("<yp:periodic><yp:period>20</yp:period></yp:periodic>"))
    update = client.take()
    assert update.findtext(".//trb:remote-backup-profile/trb:name", "", SPACES) == "rbp3"
    assert update.find(".//trb:igmp-copy-status/trb:groups-count", SPACES) is not None
    assert update.find(".//trb:statistics", SPACES) is not None
    before = update.findtext(".//trb:local-role", "", SPACES)
    assert request(duo.sessions[0], SWITCHOVER).ok
    wait_for(lambda: client.take().findtext(".//trb:local-role", "", SPACES) != before, what="the other role")


def test_memberships_are_pushed_periodically(duo: Duo, client: PushClient) -> None:
    duo.join(0, "232.1.1.1")
    wait_for(lambda: "232.1.1.1" in duo.members(0), what="the membership")
    client.establish(of_operational("<yp:periodic><yp:period>20</yp:period></yp:periodic>"))
    groups = [each.text for each in client.take().iterfind(".//trb:group/trb:group-address", SPACES)]
    assert "232.1.1.1" in groups
