"""Access control (RFC 8341) of subscriptions: what a user may not read he is neither told nor let guess."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lxml import etree

from tests.support.push_client import SN, YP, PushClient, establish, name_of, operation
from tests.support.server import ServerUnderTest, running_server
from tests.support.wait import wait_for

NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
NCN = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
GUEST, PASSWORD = "guest", "a guest's password"
SECRET = "/if:interfaces/if:interface[if:name='secret']"
INTERFACES = f'<yp:datastore-subtree-filter><interfaces xmlns="{IF}"/></yp:datastore-subtree-filter>'
ROOT = "/ietf-interfaces:interfaces/interface="


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    with running_server(folder, users={GUEST: PASSWORD}) as running:
        yield running


@pytest.fixture
def connect(guarded: ServerUnderTest) -> Iterator[Callable[..., PushClient]]:
    guarded.empty()
    with ExitStack() as stack:

        def one(*user: str) -> PushClient:
            client = PushClient(guarded.port, *user)
            stack.callback(client.close)
            return client

        yield one


@pytest.fixture
def admin(connect: Callable[..., PushClient]) -> PushClient:
    return connect()


@pytest.fixture
def guest(connect: Callable[..., PushClient]) -> PushClient:
    return connect(GUEST, PASSWORD)


def rules(admin: PushClient, *found: str) -> None:
    """Commit a rule-list for the guest."""
    listed = "".join(f"<rule><name>r{number}</name>{rule}</rule>" for number, rule in enumerate(found))
    groups = f"<groups><group><name>staff</name><user-name>{GUEST}</user-name></group></groups>"
    rule_list = f"<rule-list><name>one</name><group>staff</group>{listed}</rule-list>"
    body = f'<nacm xmlns="{NACM}" xmlns:nc="{NC}" nc:operation="replace">{groups}{rule_list}</nacm>'
    admin.edit(body)


def hidden(path: str = SECRET) -> str:
    bound = f"xmlns:if='{IF}' xmlns:sn='{SN}' xmlns:yp='{YP}'"
    return f"<path {bound}>{path}</path><access-operations>read</access-operations><action>deny</action>"


def interface(name: str, inner: str = "", attributes: str = "") -> str:
    kind = "" if attributes else f'<type xmlns:t="{IANA}">t:ethernetCsmacd</type>'
    return (
        f'<interfaces xmlns="{IF}" xmlns:nc="{NC}"><interface {attributes}><name>{name}</name>'
        f"{kind}{inner}</interface></interfaces>"
    )


def periodic(inner: str = INTERFACES, period: int = 10, datastore: str = "running") -> str:
    return (
        f"<yp:datastore>ds:{datastore}</yp:datastore>{inner}"
        f"<yp:periodic><yp:period>{period}</yp:period></yp:periodic>"
    )


def on_change(inner: str = INTERFACES, datastore: str = "running") -> str:
    return f"<yp:datastore>ds:{datastore}</yp:datastore>{inner}<yp:on-change/>"


def names(update: etree._Element) -> list[str | None]:
    return [each.text for each in update.iter(f"{{{IF}}}name")]


def edits(update: etree._Element) -> list[tuple[str | None, str | None]]:
    return [
        (edit.findtext(f"{{{YP}}}operation"), edit.findtext(f"{{{YP}}}target"))
        for edit in update.iter(f"{{{YP}}}edit")
    ]


@pytest.mark.parametrize("datastore", ["running", "operational", "candidate"])
def test_what_may_not_be_read_is_in_no_update(admin: PushClient, guest: PushClient, datastore: str) -> None:
    admin.edit(interface("eth0"))
    admin.edit(interface("secret"))
    rules(admin, hidden())
    guest.establish(periodic(datastore=datastore))
    admin.establish(periodic(datastore=datastore))
    assert names(guest.take()) == ["eth0"]
    assert names(admin.take()) == ["eth0", "secret"]


def test_rules_that_change_count_for_the_next_update(admin: PushClient, guest: PushClient) -> None:
    admin.edit(interface("secret"))
    rules(admin)
    guest.establish(periodic())
    assert names(guest.take()) == ["secret"]
    rules(admin, hidden())
    while names(guest.take()):
        pass
    rules(admin)
    while not names(guest.take()):
        pass


@pytest.mark.parametrize(
    "expression",
    [
        "/x:interfaces[x:interface/x:name='secret']",
        "/x:interfaces[count(x:interface) = 2]",
        "/x:interfaces[x:interface[2]]",
        "//*[. = 'secret']/../..",
    ],
)
def test_no_expression_finds_it_out(admin: PushClient, guest: PushClient, expression: str) -> None:
    admin.edit(interface("eth0"))
    admin.edit(interface("secret"))
    rules(admin, hidden())
    inner = f"<yp:datastore-xpath-filter xmlns:x='{IF}'>{expression}</yp:datastore-xpath-filter>"
    guest.establish(periodic(inner))
    admin.establish(periodic(inner))
    assert names(admin.take())
    content = guest.take().find(f"{{{YP}}}datastore-contents")
    assert content is not None
    assert len(content) == 0


@pytest.mark.parametrize("datastore", ["running", "operational"])
def test_changes_of_it_are_not_told(admin: PushClient, guest: PushClient, datastore: str) -> None:
    admin.edit(interface("eth0"))
    rules(admin, hidden(), hidden("/if:interfaces/if:interface/if:description"))
    guest.establish(on_change(datastore=datastore))
    assert names(guest.take()) == ["eth0"]
    admin.edit(interface("secret"))
    admin.edit(interface("secret", "<description>a</description>"))
    admin.edit(interface("eth0", "<description>b</description>"))
    admin.edit(interface("secret", attributes='nc:operation="delete"'))
    admin.edit(interface("eth1"))
    assert edits(guest.take()) == [("create", f"{ROOT}eth1")]


def test_rules_that_change_are_changes(admin: PushClient, guest: PushClient) -> None:
    """What may be read no more goes, as if it were deleted; what may be read from now on comes."""
    admin.edit(interface("eth0"))
    admin.edit(interface("secret"))
    rules(admin)
    guest.establish(on_change())
    assert names(guest.take()) == ["eth0", "secret"]
    rules(admin, hidden())
    assert edits(guest.take()) == [("delete", f"{ROOT}secret")]
    rules(admin)
    update = guest.take()
    assert edits(update) == [("create", f"{ROOT}secret")]
    assert names(update) == ["secret"]


def test_a_rule_about_the_notification_itself(admin: PushClient, guest: PushClient) -> None:
    admin.edit(interface("eth0"))
    deny = "<notification-name>push-update</notification-name><action>deny</action>"
    rules(admin, f"<module-name>ietf-yang-push</module-name>{deny}")
    guest.establish(on_change())
    admin.edit(interface("eth1"))
    assert edits(guest.take()) == [("create", f"{ROOT}eth1")]


def stream_filter(name: str) -> str:
    content = f'<stream-subtree-filter><netconf-session-start xmlns="{NCN}"/></stream-subtree-filter>'
    return f'<filters xmlns="{SN}"><stream-filter><name>{name}</name>{content}</stream-filter></filters>'


def selection_filter(name: str, inner: str = f'<interfaces xmlns="{IF}"/>') -> str:
    content = f"<filter-id>{name}</filter-id><datastore-subtree-filter>{inner}</datastore-subtree-filter>"
    return f'<filters xmlns="{SN}"><selection-filter xmlns="{YP}">{content}</selection-filter></filters>'


def by_name(name: str) -> str:
    return f"<yp:selection-filter-ref>{name}</yp:selection-filter-ref>"


@pytest.mark.parametrize("kind", ["stream", "datastore"])
def test_a_hidden_filter_is_one_that_is_not_there(admin: PushClient, guest: PushClient, kind: str) -> None:
    admin.edit(stream_filter("secret"))
    admin.edit(selection_filter("secret"))
    rules(admin, hidden("/sn:filters"))

    def use(name: str) -> str:
        if kind == "datastore":
            return establish(periodic(by_name(name)))
        return establish(f"<stream>NETCONF</stream><stream-filter-name>{name}</stream-filter-name>")

    there, absent = guest.refused(use("secret")), guest.refused(use("absent"))
    assert there.message.replace("secret", "absent") == absent.message
    assert (there.tag, there.app_tag, there.path) == (absent.tag, absent.app_tag, absent.path)


@pytest.mark.parametrize("kind", ["stream", "datastore"])
def test_a_filter_that_goes_ends_its_subscriptions(admin: PushClient, guest: PushClient, kind: str) -> None:
    """Deleted for one, hidden for the other: both are told the same (RFC 8639, filter-unavailable)."""
    admin.edit(stream_filter("shared"))
    admin.edit(selection_filter("shared"))
    rules(admin)
    inner = "<stream>NETCONF</stream><stream-filter-name>shared</stream-filter-name>"
    if kind == "datastore":
        inner = periodic(by_name("shared"), 100_000)
    told = []
    for number, client in enumerate((guest, admin)):
        client.establish(inner)
        if number == 0:
            rules(admin, hidden("/sn:filters"))
        else:
            admin.edit(f'<filters xmlns="{SN}" xmlns:nc="{NC}" nc:operation="delete"/>')
        told.append(client.until("subscription-terminated").findtext(f"{{{SN}}}reason"))
    assert told == ["sn:filter-unavailable", "sn:filter-unavailable"]


def test_a_filter_that_changes_modifies_its_subscriptions(admin: PushClient) -> None:
    admin.edit(interface("eth0"))
    admin.edit(selection_filter("mine", f'<nacm xmlns="{NACM}"/>'))
    admin.establish(periodic(by_name("mine"), 100_000))
    assert names(admin.take()) == []
    inner = f'<interfaces xmlns="{IF}"/>'
    admin.edit(selection_filter("mine", inner))
    told = admin.take()
    assert name_of(told) == "subscription-modified"
    assert told.findtext(f"{{{YP}}}selection-filter-ref") == "mine"
    assert names(admin.take()) == ["eth0"]


def test_a_stream_filter_that_changes_modifies_its_subscriptions(
    admin: PushClient, connect: Callable[..., PushClient]
) -> None:
    admin.edit(stream_filter("mine"))
    admin.establish("<stream>NETCONF</stream><stream-filter-name>mine</stream-filter-name>")
    other = f'<stream-subtree-filter><netconf-config-change xmlns="{NCN}"/></stream-subtree-filter>'
    admin.edit(f'<filters xmlns="{SN}"><stream-filter><name>mine</name>{other}</stream-filter></filters>')
    told = admin.until("subscription-modified")
    assert told.findtext(f"{{{SN}}}stream-filter-name") == "mine"
    connect()  # a session starts, which is not told any more
    admin.edit(interface("eth0"))
    assert name_of(admin.take()) == "netconf-config-change"


def test_denied_event_records_are_not_counted(
    admin: PushClient, guest: PushClient, connect: Callable[..., PushClient]
) -> None:
    """Not sent and not in excluded-event-records, else the counter told that there was something."""
    # the end, too: the sessions of the test before may still be on their way out
    names = ("netconf-session-start", "netconf-session-end")
    module, deny = "<module-name>ietf-netconf-notifications</module-name>", "<action>deny</action>"
    rules(admin, *(f"{module}<notification-name>{name}</notification-name>{deny}" for name in names))
    nothing = '<stream-subtree-filter><nothing xmlns="urn:x"/></stream-subtree-filter>'
    number = guest.establish(f"<stream>NETCONF</stream>{nothing}")
    before = excluded(guest, number)
    connect()
    admin.edit(interface("eth0"))
    wait_for(lambda: excluded(guest, number) > before, what="the commit, which may be received")
    assert excluded(guest, number) == before + 1
    assert guest.refused(operation("kill-subscription", f"<id>{number}</id>")).tag == "access-denied"


def excluded(client: PushClient, number: int) -> int:
    entry = f"<subscription><id>{number}</id></subscription>"
    data = client.ask(f'<get><filter><subscriptions xmlns="{SN}">{entry}</subscriptions></filter></get>')
    return int(data.findtext(f".//{{{SN}}}excluded-event-records") or "-1")
