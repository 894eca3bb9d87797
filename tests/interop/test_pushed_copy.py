"""A client's copy of running, kept by what it is pushed, is running after any edits."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from lxml import etree

from tests.support.netconf import NC
from tests.support.patching import Receiver, plain
from tests.support.push_client import PushClient
from tests.support.server import ServerUnderTest
from tests.support.wait import wait_for

NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
YANG = "urn:ietf:params:xml:ns:yang:1"
KEYS = {"interface": ("name",), "rule-list": ("name",), "rule": ("name",)}
SPACES = {"ietf-interfaces": IF, "ietf-netconf-acm": NACM}
CONTAINERS = ("data", "interfaces", "nacm", "datastore-contents")
ORDERED = ("rule-list", "rule")
NAMES = ("a", "b", "c/d", "e f", "g,h=i", "'j'")
WANTED = f'<interfaces xmlns="{IF}"/><nacm xmlns="{NACM}"><rule-list/></nacm>'
STEPS = 25


def interface(choice: random.Random) -> str:
    name, operation_ = choice.choice(NAMES), choice.choice(["merge", "merge", "replace", "remove"])
    inner = f"<name>{name}</name>"
    if operation_ != "remove":
        inner += f'<type xmlns:t="{IANA}">t:{choice.choice(["ethernetCsmacd", "other"])}</type>'
        inner += choice.choice(["", f"<description>{choice.choice(NAMES)}</description>"])
    entry = f'<interface nc:operation="{operation_}">{inner}</interface>'
    return f'<interfaces xmlns="{IF}" xmlns:nc="{NC}">{entry}</interfaces>'


def rules(choice: random.Random) -> str:
    """A rule-list put somewhere, or taken away, with a rule put somewhere in it."""
    name = choice.choice("xyz")
    if choice.random() < 0.2:
        lists = f'<rule-list nc:operation="remove"><name>{name}</name></rule-list>'
    else:
        where = choice.choice(['yang:insert="first"', 'yang:insert="last"', ""])
        rule_where = choice.choice(['yang:insert="first"', 'yang:insert="last"', 'nc:operation="remove"'])
        rest = "" if "remove" in rule_where else f"<action>{choice.choice(['permit', 'deny'])}</action>"
        rule = f"<rule {rule_where}><name>{choice.choice('123')}</name>{rest}</rule>"
        lists = f"<rule-list {where}><name>{name}</name><group>*</group>{rule}</rule-list>"
    return f'<nacm xmlns="{NACM}" xmlns:nc="{NC}" xmlns:yang="{YANG}">{lists}</nacm>'


@pytest.fixture
def clients(server: ServerUnderTest) -> Iterator[tuple[PushClient, PushClient]]:
    server.empty()
    with ExitStack() as stack:
        pair = PushClient(server.port), PushClient(server.port)
        for client in pair:
            stack.callback(client.close)
        yield pair


def running(client: PushClient) -> object:
    reply = client.ask(f"<get-config><source><running/></source><filter>{WANTED}</filter></get-config>")
    data = reply.find(f"{{{NC}}}data")
    assert data is not None
    copy = etree.Element("data")
    copy.extend(list(data))
    return plain(copy, CONTAINERS, ORDERED)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dampening", [0, 5])
def test_a_copy_follows(clients: tuple[PushClient, PushClient], seed: int, dampening: int) -> None:
    watcher, editor = clients
    choice = random.Random(seed)
    watcher.establish(
        "<yp:datastore>ds:running</yp:datastore>"
        f"<yp:datastore-subtree-filter>{WANTED}</yp:datastore-subtree-filter>"
        f"<yp:on-change><yp:dampening-period>{dampening}</yp:dampening-period></yp:on-change>"
    )
    copy = Receiver(KEYS, SPACES)
    copy.take(watcher.take())
    for _ in range(STEPS):
        editor.edit(choice.choice([interface, rules])(choice))
    last = f"<interface><name>last</name><type xmlns:t='{IANA}'>t:other</type></interface>"
    editor.edit(f'<interfaces xmlns="{IF}">{last}</interfaces>')

    def caught_up() -> bool:
        copy.take(watcher.take())
        return any(each.text == "last" for each in copy.root.iter(f"{{{IF}}}name"))

    wait_for(caught_up, what="the last update")
    assert plain(copy.root, CONTAINERS, ORDERED) == running(editor)
