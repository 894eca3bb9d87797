"""Puts the proxy's reports on the wire of an upstream interface."""

from collections.abc import Iterable

from dataplane.capture import Capture
from dataplane.links import Link
from dataplane.packets.igmp import Report


def send_reports(capture: Capture, link: Link, reports: Iterable[Report]) -> int:
    """Send reports from the link's address (0.0.0.0 where it has none) and return how many frames went out."""
    raise NotImplementedError
