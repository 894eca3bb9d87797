"""What subscriptions may use, and clients that do not keep up (RFC 8639 section 2.4.1, suspension)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from lxml import etree

from tests.support.push_client import SN, PushClient, establish, name_of
from tests.support.server import ServerUnderTest, running_server
from tests.support.wait import wait_for

SERVER = "urn:twincast:yang:server"
NCM = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
STREAM = "<stream>NETCONF</stream>"
USERS = (
    f'<yp:datastore-subtree-filter><server xmlns="{SERVER}"><users/></server></yp:datastore-subtree-filter>'
)
SMALL = (
    f'<yp:datastore-subtree-filter><netconf-state xmlns="{NCM}"><capabilities/></netconf-state>'
    "</yp:datastore-subtree-filter>"
)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    with running_server(tmp_path_factory.mktemp("limited")) as running:
        yield running


@pytest.fixture
def connect(limited: ServerUnderTest) -> Iterator[Callable[[], PushClient]]:
    limited.empty()
    with ExitStack() as stack:

        def one() -> PushClient:
            client = PushClient(limited.port)
            stack.callback(client.close)
            return client

        yield one


@pytest.fixture
def admin(connect: Callable[[], PushClient]) -> PushClient:
    return connect()


def limits(admin: PushClient, **values: int) -> None:
    inner = "".join(
        f"<{name.replace('_', '-')}>{value}</{name.replace('_', '-')}>" for name, value in values.items()
    )
    admin.edit(f'<server xmlns="{SERVER}"><limits>{inner}</limits></server>')


def statistics(admin: PushClient) -> dict[str, int]:
    data = admin.ask(f'<get><filter><server xmlns="{SERVER}"><statistics/></server></filter></get>')
    found = {
        each.findtext(f"{{{SERVER}}}cause", ""): int(each.findtext(f"{{{SERVER}}}count", "0"))
        for each in data.iter(f"{{{SERVER}}}refused")
    }
    found["there"] = int(data.findtext(f".//{{{SERVER}}}subscriptions") or "0")
    return found


def periodic(inner: str, period: int = 10, datastore: str = "operational") -> str:
    trigger = f"<yp:periodic><yp:period>{period}</yp:period></yp:periodic>"
    return f"<yp:datastore>ds:{datastore}</yp:datastore>{inner}{trigger}"


def users(admin: PushClient, count: int) -> None:
    """Commit so many users of about a hundred octets each, which no session needs."""
    many = "".join(f"<user><name>u{number}</name><group>{'x' * 60}</group></user>" for number in range(count))
    admin.edit(f'<server xmlns="{SERVER}"><users>{many}</users></server>')


@pytest.mark.parametrize("leaf", ["subscriptions", "subscriptions_per_session"])
def test_there_are_only_so_many(admin: PushClient, connect: Callable[[], PushClient], leaf: str) -> None:
    limits(admin, **{leaf: 2})
    before = statistics(admin)
    client = connect()
    first = [client.establish(STREAM) for _ in range(2)]
    error = client.refused(establish(STREAM))
    assert (error.tag, error.app_tag) == (
        "resource-denied",
        "ietf-subscribed-notifications:insufficient-resources",
    )
    after = statistics(admin)
    assert after["subscriptions"] == before["subscriptions"] + 1
    assert after["there"] == 2
    client.ok(f'<delete-subscription xmlns="{SN}"><id>{first[0]}</id></delete-subscription>')
    client.establish(STREAM)


def test_subscriptions_go_with_their_session(admin: PushClient, connect: Callable[[], PushClient]) -> None:
    client = connect()
    client.establish(STREAM)
    client.establish(periodic(SMALL))
    client.close()
    wait_for(lambda: statistics(admin)["there"] == 0, what="none is left")


def test_the_shortest_period(admin: PushClient) -> None:
    limits(admin, push_period=500)
    error = admin.refused(establish(periodic(SMALL, 499)))
    assert (error.app_tag, error.hint("period-hint")) == ("ietf-yang-push:period-unsupported", "500")


@pytest.mark.parametrize(
    ("trigger", "identity"),
    [
        ("<yp:periodic><yp:period>100</yp:period></yp:periodic>", "update-too-big"),
        ("<yp:on-change/>", "sync-too-big"),
    ],
)
def test_an_update_that_is_too_large(admin: PushClient, trigger: str, identity: str) -> None:
    limits(admin, push_update_size=65536)
    users(admin, 800)
    error = admin.refused(establish(f"<yp:datastore>ds:running</yp:datastore>{USERS}{trigger}"))
    assert (error.tag, error.app_tag) == ("too-big", f"ietf-yang-push:{identity}")
    assert error.hint("kilobytes-limit") == "64"


def test_one_that_becomes_too_large_is_suspended_until_it_fits(
    admin: PushClient, connect: Callable[[], PushClient]
) -> None:
    limits(admin, push_update_size=65536)
    client = connect()
    client.establish(periodic(USERS, datastore="running"))
    users(admin, 800)
    assert client.until("subscription-suspended").findtext(f"{{{SN}}}reason") == "yp:update-too-big"
    nc = "urn:ietf:params:xml:ns:netconf:base:1.0"
    admin.edit(f'<server xmlns="{SERVER}"><users xmlns:nc="{nc}" nc:operation="delete"/></server>')
    assert name_of(client.take()) == "subscription-resumed"
    assert name_of(client.take()) == "push-update"


def slow_client(admin: PushClient, connect: Callable[[], PushClient], **more: int) -> PushClient:
    """A client that has a subscription with large updates, of which few may wait, and reads nothing."""
    limits(admin, notification_backlog=4, notification_backlog_size=65536, **more)
    users(admin, 2500)
    client = connect()
    client.establish(periodic(USERS, datastore="running"))
    return client


def suspended(admin: PushClient, before: int) -> bool:
    return statistics(admin)["subscription-suspended"] > before


def test_who_does_not_read_is_suspended_and_goes_on_when_he_reads(
    admin: PushClient, connect: Callable[[], PushClient]
) -> None:
    before = statistics(admin)["subscription-suspended"]
    client = slow_client(admin, connect, subscription_suspension=600)
    other = connect()
    other.establish(periodic(SMALL))
    wait_for(lambda: suspended(admin, before), what="the suspension", timeout=60)
    assert name_of(other.take()) == "push-update"  # nobody waits for him
    assert client.until("subscription-suspended").findtext(f"{{{SN}}}reason") == "sn:unsupportable-volume"
    client.until("subscription-resumed")
    client.until("push-update")


def test_who_never_reads_loses_the_subscription_and_keeps_the_session(
    admin: PushClient, connect: Callable[[], PushClient]
) -> None:
    before = statistics(admin)
    client = slow_client(admin, connect, subscription_suspension=1)
    wait_for(
        lambda: statistics(admin)["subscription-timeout"] > before["subscription-timeout"],
        what="the termination",
        timeout=60,
    )
    assert statistics(admin)["there"] == 0
    told = client.until("subscription-terminated")
    assert told.findtext(f"{{{SN}}}reason") == "sn:suspension-timeout"
    reply = client.ask("<get><filter/></get>")
    assert etree.QName(reply).localname == "rpc-reply"


def test_stop_times_that_nobody_lives_to_see(admin: PushClient, connect: Callable[[], PushClient]) -> None:
    """They hold up neither the stream nor the updates of others."""
    client, watcher = connect(), connect()
    last = "<stop-time>9999-12-31T23:59:59Z</stop-time>"
    client.establish(STREAM + last)
    client.establish(f"{last}<yp:datastore>ds:running</yp:datastore>{USERS}<yp:on-change/>")
    client.until("push-update")  # the stream may have told of the other session before
    watcher.establish(STREAM)
    users(admin, 1)
    assert {name_of(client.take()) for _ in range(2)} == {"push-change-update", "netconf-config-change"}
    assert name_of(watcher.take()) == "netconf-config-change"
    beyond = establish("<stop-time>9999-12-31T23:59:59-01:00</stop-time>" + STREAM)
    assert watcher.refused(beyond).tag == "invalid-value"
    state = admin.ask(f'<get><filter><subscriptions xmlns="{SN}"/></filter></get>')
    assert [each.text for each in state.iter(f"{{{SN}}}stop-time")] == ["9999-12-31T23:59:59Z"] * 2
