"""Filters that are configured and used by name (RFC 8639 section 2.2, RFC 8641 section 3.6)."""

from collections.abc import Callable

import pytest

from tests.support.push_client import SN, YP, PushClient, name_of

NCN = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
XPATH = f"<stream-xpath-filter xmlns:n='{NCN}'>/n:netconf-session-start</stream-xpath-filter>"
SUBTREE = f'<stream-subtree-filter><netconf-session-start xmlns="{NCN}"/></stream-subtree-filter>'


def filters(inner: str) -> str:
    return f'<filters xmlns="{SN}">{inner}</filters>'


def stream_filter(content: str, name: str = "starts") -> str:
    return filters(f"<stream-filter><name>{name}</name>{content}</stream-filter>")


def selection_filter(content: str, name: str = "links") -> str:
    inner = f"<filter-id>{name}</filter-id>{content}"
    return filters(f'<selection-filter xmlns="{YP}">{inner}</selection-filter>')


def interface(name: str) -> str:
    kind = f'<type xmlns:t="{IANA}">t:ethernetCsmacd</type>'
    return f'<interfaces xmlns="{IF}"><interface><name>{name}</name>{kind}</interface></interfaces>'


@pytest.mark.parametrize("content", [SUBTREE, XPATH], ids=["subtree", "xpath"])
def test_a_stream_filter_is_used_by_its_name(clients: Callable[[], PushClient], content: str) -> None:
    client = clients()
    client.edit(stream_filter(content))
    client.establish("<stream>NETCONF</stream><stream-filter-name>starts</stream-filter-name>")
    clients()
    assert name_of(client.take()) == "netconf-session-start"


@pytest.mark.parametrize(
    "content",
    [
        f'<datastore-subtree-filter><interfaces xmlns="{IF}"/></datastore-subtree-filter>',
        f"<datastore-xpath-filter xmlns:x='{IF}'>/x:interfaces</datastore-xpath-filter>",
    ],
    ids=["subtree", "xpath"],
)
def test_a_selection_filter_is_used_by_its_name(clients: Callable[[], PushClient], content: str) -> None:
    client = clients()
    client.edit(selection_filter(content))
    client.edit(interface("eth0"))
    client.establish(
        "<yp:datastore>ds:running</yp:datastore><yp:selection-filter-ref>links</yp:selection-filter-ref>"
        "<yp:periodic><yp:period>100</yp:period></yp:periodic>"
    )
    update = client.take()
    assert [each.text for each in update.iter(f"{{{IF}}}name")] == ["eth0"]
    assert len(update.find(f"{{{YP}}}datastore-contents")) == 1


def test_an_expression_keeps_its_namespaces(clients: Callable[[], PushClient]) -> None:
    """What is read can be written back: its prefixes are declared."""
    client = clients()
    client.edit(stream_filter(XPATH))
    reply = client.ask(
        f'<get-config><source><running/></source><filter><filters xmlns="{SN}"/></filter></get-config>'
    )
    leaf = reply.find(f".//{{{SN}}}stream-xpath-filter")
    prefix, _, rest = (leaf.text or "").lstrip("/").partition(":")
    assert (leaf.nsmap[prefix], rest) == (NCN, "netconf-session-start")


def test_a_broken_expression_cannot_be_configured(clients: Callable[[], PushClient]) -> None:
    client = clients()
    config = stream_filter("<stream-xpath-filter>/a[</stream-xpath-filter>")
    error = client.refused(
        f"<edit-config><target><candidate/></target><config>{config}</config></edit-config>"
    )
    assert error.tag == "invalid-value"
    assert error.path == "/sn:filters/sn:stream-filter[sn:name='starts']/sn:stream-xpath-filter"


def test_subscriptions_cannot_be_configured(clients: Callable[[], PushClient]) -> None:
    client = clients()
    entry = "<subscription><id>7</id><stream>NETCONF</stream></subscription>"
    config = f'<subscriptions xmlns="{SN}">{entry}</subscriptions>'
    client.ok(f"<edit-config><target><candidate/></target><config>{config}</config></edit-config>")
    for request in ("<validate><source><candidate/></source></validate>", "<commit/>"):
        error = client.refused(request)
        assert error.tag == "operation-not-supported"
        assert error.path == "/sn:subscriptions/sn:subscription[sn:id='7']"
    client.ok("<discard-changes/>")
