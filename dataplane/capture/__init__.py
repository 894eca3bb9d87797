"""IGMP and MLD packets from and to one network interface, through AF_PACKET."""

from dataplane.capture.capture import (
    ACCESS_RING_BYTES,
    UPSTREAM_RING_BYTES,
    Capture,
    CaptureError,
    CaptureStatistics,
)
from dataplane.capture.ring import Captured

__all__ = [
    "ACCESS_RING_BYTES",
    "UPSTREAM_RING_BYTES",
    "Capture",
    "CaptureError",
    "CaptureStatistics",
    "Captured",
]
