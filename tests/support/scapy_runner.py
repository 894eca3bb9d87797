"""Descriptions of frames for `scapy_peer`, and running that program once for many frames."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from dataplane.packets.ethernet import ETHERTYPE_VLAN
from dataplane.packets.messages import Query, Report
from tests.support.kinds import ROUTER, ROUTER_MAC, STB, STB_MAC, Kind

Description = dict[str, Any]


def run(
    build: Mapping[str, Description], read: Mapping[str, bytes]
) -> tuple[dict[str, bytes], dict[str, Description]]:
    """What scapy builds of the descriptions, and how it describes the frames."""
    request = {"build": build, "read": {name: octets.hex() for name, octets in read.items()}}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.scapy_peer"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return {name: bytes.fromhex(octets) for name, octets in answer["built"].items()}, answer["read"]


def described(kind: Kind, message: Report | Query, outer_type: int = ETHERTYPE_VLAN) -> Description:
    """How `scapy_peer` describes the frame with this message: a report from the STB, a query to it."""
    asked = isinstance(message, Query)
    subscriber = kind.subscriber
    vlans = [vlan for vlan in (subscriber.outer_vlan, subscriber.inner_vlan) if vlan]
    return {
        "source_mac": (ROUTER_MAC if asked else STB_MAC).hex(":"),
        "destination_mac": (STB_MAC if asked else ROUTER_MAC).hex(":"),
        "tags": [[0x8100 if number else outer_type, vlan] for number, vlan in enumerate(vlans)],
        "session": subscriber.pppoe_session,
        "source": str((ROUTER if asked else STB)[kind.family]),
        "destination": str(destination(kind, message)),
        "message": _query(message) if isinstance(message, Query) else _report(message),
    }


def destination(kind: Kind, message: Report | Query) -> object:
    """RFC 3376 sections 4.1.12 and 4.2.14, RFC 3810 sections 5.1.15 and 5.2.14, in words of their own."""
    six = kind.family == 6
    if isinstance(message, Query):
        return message.group or ("ff02::1" if six else "224.0.0.1")
    if message.version == 3:
        return "ff02::16" if six else "224.0.0.22"
    if message.is_leave:
        return "ff02::2" if six else "224.0.0.2"
    return message.records[0].group


def _query(query: Query) -> Description:
    return {
        "version": query.version,
        "group": str(query.group) if query.group else None,
        "sources": [str(source) for source in query.sources],
        "max_response": query.max_response,
        "suppress": query.suppress,
        "robustness": query.robustness,
        "query_interval": query.query_interval,
    }


def _report(report: Report) -> Description:
    records = [
        {
            "type": int(record.type),
            "group": str(record.group),
            "sources": [str(one) for one in record.sources],
        }
        for record in report.records
    ]
    return {"version": report.version, "records": records}
