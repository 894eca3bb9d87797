"""Ethernet and IPv4 around an IGMP message: who sent it, and whether the headers are right."""

from ipaddress import IPv4Address

import msgspec


class Subscriber(msgspec.Struct, frozen=True, gc=False, order=True):
    """Who is behind an access interface: VLAN tags, PPPoE session and MAC (6 octets); 0 means none."""

    outer_vlan: int
    inner_vlan: int
    pppoe_session: int
    mac: bytes

    def text(self) -> str:
        """`02:00:00:00:00:01@100.200/7`: MAC, then VLAN tags outer first, then PPPoE session, if any."""
        raise NotImplementedError

    @classmethod
    def parse(cls, text: str) -> "Subscriber":
        """The inverse of `text`; raises ValueError."""
        raise NotImplementedError


class IpFrame(msgspec.Struct, frozen=True):
    """The IGMP payload of one frame with the addresses around it."""

    subscriber: Subscriber
    source: IPv4Address
    destination: IPv4Address
    router_alert: bool
    payload: memoryview
