from lxml import etree

from server.status.events import of_notification, of_stream
from server.status.picture import Event

TRB = "urn:twincast:yang:remote-backup"
ROLE = (
    f'<remote-backup xmlns="{TRB}"><remote-backup-profile><name>rbp3</name><role-changed>'
    "<local-role>master</local-role><reason>election-won</reason><suppressed>{}</suppressed></role-changed>"
    "</remote-backup-profile></remote-backup>"
)
PATH = "/twincast-remote-backup:remote-backup/remote-backup-profile/role-changed"


def test_an_event_of_the_stream() -> None:
    found = of_stream(1_000_000_000_999_999, PATH, (("rbp3",),), ROLE.format(0).encode())
    assert found == Event("2001-09-09T01:46:40Z", "role-changed", "rbp3", "master (election-won)")


def test_what_was_suppressed_is_said() -> None:
    found = of_stream(0, PATH, (("rbp3",),), ROLE.format(3).encode())
    assert found is not None
    assert found.text == "master (election-won); 3 before it left out"


def test_an_event_as_a_client_gets_it() -> None:
    xml = (
        '<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">'
        f"<eventTime>2026-11-27T12:00:00.123456Z</eventTime>{ROLE.format(0)}</notification>"
    )
    assert of_notification(etree.fromstring(xml)) == Event(
        "2026-11-27T12:00:00Z", "role-changed", "rbp3", "master (election-won)"
    )


def test_who_was_logged_in_is_not_shown() -> None:
    xml = (
        b'<netconf-session-start xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications">'
        b"<username>admin</username><source-host>192.0.2.1</source-host></netconf-session-start>"
    )
    assert of_stream(0, "/ietf-netconf-notifications:netconf-session-start", (), xml) is None
    assert of_notification(etree.fromstring(b"<notification>" + xml + b"</notification>")) is None
