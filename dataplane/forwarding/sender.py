"""Puts the proxy's reports on the wire of an upstream interface."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol

from dataplane.links import Link
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import Address, Report

NO_ADDRESS: Final = IPv4Address(0)
NO_IPV6_ADDRESS: Final = IPv6Address(0)


class Outlet(Protocol):
    """Where frames leave."""

    def send(self, frame: bytes) -> bool:
        """Send a frame; False if it failed."""
        ...


def send_reports(capture: Outlet, link: Link, reports: Iterable[Report]) -> int:
    """Send reports of either family from the link's address, and return how many frames went out."""
    frames = (
        frame
        for report in reports
        for frame in report_frames(
            report.version, report.records, link.mac, source_of(link, _family(report)), link.mtu
        )
    )
    return sum(capture.send(frame) for frame in frames)


def _family(report: Report) -> int:
    """The IP version of a report: all its groups are of one family, and it has one at least."""
    return report.records[0].group.version


def source_of(link: Link, version: int) -> Address:
    """Return the address that reports come from.

    A link without one sends IGMP from 0.0.0.0, which routers take (RFC 3376 section 4.2.13), and MLD from ::,
    which routers do not take, but snooping switches do (RFC 3810 section 5.2.13): MLD is reported anew when
    the link has its link-local address.
    """
    if version == 4:
        return link.addresses[0].ip if link.addresses else NO_ADDRESS
    own = (address.ip for address in link.ipv6_addresses if address.is_link_local)
    return next(own, NO_IPV6_ADDRESS)
