"""Puts the proxy's reports on the wire of an upstream interface."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from dataplane.interfaces import FrameSource
from dataplane.links import Link
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import Report

NO_ADDRESS = IPv4Address(0)


def send_reports(capture: FrameSource, link: Link, reports: Iterable[Report]) -> int:
    """Send reports from the link's address, and return how many frames went out.

    A link without an address sends from 0.0.0.0 (RFC 3376 section 4.2.13).
    """
    source = link.addresses[0].ip if link.addresses else NO_ADDRESS
    frames = (
        frame
        for report in reports
        for frame in report_frames(report.version, report.records, link.mac, source, link.mtu)
    )
    return sum(capture.send(frame) for frame in frames)
