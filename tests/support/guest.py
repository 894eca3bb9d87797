"""Somebody who is not the administrator, and the access rules that concern him."""

from collections.abc import Iterable

from server.protocol.messages import BASE_1_0, BASE_1_1
from tests.support.depot import DEPOT, DepotClient
from tests.support.netconf_client import RawClient

NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
GUEST, GUEST_PASSWORD = "guest", "a guest's password"


class GuestClient(DepotClient):
    """A session of the guest."""

    def __init__(self, port: int, capabilities: Iterable[str] = ()) -> None:
        """`capabilities` are what its hello has beside the base."""
        RawClient.__init__(self, port, GUEST, password=GUEST_PASSWORD)
        self.greeting = self.hello((BASE_1_0, BASE_1_1, *capabilities))


def rules(admin: DepotClient, *rules: str) -> None:
    """Commit a rule-list for everybody in the group staff, in which the guest is."""
    listed = "".join(f"<rule><name>r{number}</name>{rule}</rule>" for number, rule in enumerate(rules))
    groups = f"<groups><group><name>staff</name><user-name>{GUEST}</user-name></group></groups>"
    rule_list = f"<rule-list><name>one</name><group>staff</group>{listed}</rule-list>"
    assert admin.edit_roots(f'<nacm xmlns="{NACM}">{groups}{rule_list}</nacm>') == []
    assert admin.errors("<commit/>") == []


def about(path: str, action: str, access: str = "*") -> str:
    """A rule about a node of the depot."""
    return (
        f'<path xmlns:d="{DEPOT}">{path}</path><access-operations>{access}</access-operations>'
        f"<action>{action}</action>"
    )
