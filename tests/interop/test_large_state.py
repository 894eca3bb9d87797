"""Ten thousand memberships over NETCONF: whole, in part, slowly, and with a dataplane that dies."""

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cli.lab import configuration
from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import edit, profile
from tests.support.netconf_client import RawClient
from tests.support.twincast import PASSWORD
from tests.support.wait import wait_for

SUBSCRIBERS, GROUPS = 100, 100
ALL = f'<get><filter type="subtree">{configuration.groups()}</filter></get>'
ENTRY = re.compile(
    rb"<group><interface>([^<]*)</interface><subscriber>([^<]*)</subscriber><group-address>([^<]*)<"
)


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duo]:
    with running_duo(tmp_path_factory.mktemp("duo")) as running:
        running.configure(free_port(), arbitration="<static-role>master</static-role>")
        for stb in range(SUBSCRIBERS):
            running.join(0, *(f"239.{stb % 7}.0.{number}" for number in range(GROUPS)), stb=stb)
        counts = configuration.profile_state("igmp-copy-status")
        running.wait_for(0, counts, "entries-count", str(SUBSCRIBERS * GROUPS))
        yield running


def raw(duo: Duo, *base: str) -> RawClient:
    client = RawClient(duo.routers[0].port, "admin", password=PASSWORD)
    client.hello(*([base] if base else []))
    return client


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_all_of_them_come_once(duo: Duo, version: str) -> None:
    client = raw(duo, f"urn:ietf:params:netconf:base:{version}")
    client.send(ALL)
    found = ENTRY.findall(client.receive())
    assert len(found) == len(set(found)) == SUBSCRIBERS * GROUPS
    client.close()


NMDA = (
    '<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"'
    ' xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:operational</datastore>'
    f"<subtree-filter>{configuration.groups()}</subtree-filter>"
)


@pytest.mark.parametrize("extra", ["", "<with-origin/>", "<config-filter>false</config-filter>"])
def test_operational_has_all_of_them(duo: Duo, extra: str) -> None:
    client = raw(duo)
    client.send(f"{NMDA}{extra}</get-data>")
    answer = client.receive()
    assert (b"or:intended" in answer) == ("origin" in extra)
    assert len(set(ENTRY.findall(answer))) == SUBSCRIBERS * GROUPS
    client.close()


def test_one_and_some_of_them(duo: Duo) -> None:
    session = duo.sessions[0]
    for inner, count in (
        ("<group-address>239.3.0.5</group-address>", len(range(3, SUBSCRIBERS, 7))),
        ("<subscriber>02:00:00:00:01:05</subscriber>", GROUPS),
        ("<subscriber>02:00:00:00:01:05</subscriber><group-address>239.5.0.5</group-address>", 1),
        ("<subscriber>02:00:00:00:01:05</subscriber><group-address>239.6.0.5</group-address>", 0),
    ):
        wanted = configuration.profile_state("group").replace("<group/>", f"<group>{inner}</group>")
        answer = session.get(("subtree", wanted)).data_xml.encode()
        assert answer.count(b"<group-address>") == count


GROUP = "/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']/trb:group"


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        (f"{GROUP}[trb:group-address='239.3.0.5']", len(range(3, SUBSCRIBERS, 7))),
        (f"{GROUP}[trb:subscriber='02:00:00:00:01:05']", GROUPS),
        (f"{GROUP}[trb:subscriber='02:00:00:00:01:05'][trb:group-address='239.5.0.5']", 1),
        (f"{GROUP}[trb:group-address='239.5.0.5'][trb:interface='access0']", len(range(5, SUBSCRIBERS, 7))),
        (f"{GROUP}[trb:group-address='239.99.0.5']", 0),
        (f"{GROUP}[starts-with(trb:subscriber, '02:00:00:00:01:0')]", 16 * GROUPS),
        (f"{GROUP}[trb:origin='copied']", 0),
        (f"{GROUP}[trb:last-reporter='10.20.0.109']", GROUPS),
    ],
)
def test_those_that_an_expression_selects(duo: Duo, expression: str, count: int) -> None:
    session = duo.sessions[0]
    answer = session.get(filter=("xpath", ({"trb": configuration.REMOTE_BACKUP}, expression)))
    assert answer.data_xml.encode().count(b"<group-address>") == count


@pytest.mark.parametrize(
    ("inner", "count"),
    [
        ("<origin>local</origin><group-address>239.3.0.5</group-address>", len(range(3, SUBSCRIBERS, 7))),
        ("<last-reporter>10.20.0.109</last-reporter>", GROUPS),
        ("<forwarding>false</forwarding>", 0),
    ],
)
def test_those_whose_content_matches(duo: Duo, inner: str, count: int) -> None:
    wanted = configuration.profile_state("group").replace("<group/>", f"<group>{inner}</group>")
    answer = duo.sessions[0].get(("subtree", wanted)).data_xml.encode()
    assert answer.count(b"<group-address>") == count


def test_a_reader_that_stops_holds_nobody_up_and_loses_nothing(duo: Duo) -> None:
    slow = [raw(duo) for _ in range(9)]
    for client in slow:
        client.send(ALL)
    edit(duo.sessions[0], profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"))
    duo.sessions[0].commit()
    state = configuration.profile_state("local-role")
    duo.wait_for(0, state, "local-role", "master")
    for client in slow:
        assert len(set(ENTRY.findall(client.receive()))) == SUBSCRIBERS * GROUPS
        client.close()


def to_the_end(client: RawClient) -> bytes:
    """What comes until the channel ends."""
    data = b""
    with suppress(OSError):
        while (read := client.channel.read(65536))[0] > 0:
            data = data[-16:] + read[1]
    return data


def test_a_reply_that_cannot_be_completed_ends_its_session(duo: Duo) -> None:
    client = raw(duo)
    client.send(ALL)
    begun = b""
    while b"<group>" not in begun:  # 4 MB follow, which no window has room for
        begun += client.channel.read(65536)[1]
    duo.routers[0].kill("dataplane")
    assert not to_the_end(client).endswith(b"\n##\n")
    log = duo.routers[0].log
    wait_for(lambda: any("state-interrupted" in line for line in log), what="the reason in the log")
