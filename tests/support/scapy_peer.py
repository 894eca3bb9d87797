"""Scapy as a program of its own (it is GPL): builds frames from a description, and describes frames.

Reads one JSON object from standard input: `build` has descriptions by name, `read` has octets in hexadecimal.
Writes one with the octets of the first and the descriptions of the second; a frame that scapy, its lengths
and checksums taken away, does not build again octet for octet has "differs" in its description. Nothing of
Twincast is imported here, so that nothing of it is trusted.
"""

import json
import logging
import sys
from typing import Any

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.layers.igmp import (  # noqa: E402
    IGMP,
    IGMP_MQ,
    IGMP_MR,
    IGMPv2_LG,
    IGMPv2_MR,
    IGMPv3_MQ,
    IGMPv3_MR,
    IGMPv3_MR_Group,
)
from scapy.layers.inet import IP, IPOption_Router_Alert  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6MLDMultAddrRec,
    ICMPv6MLDone,
    ICMPv6MLQuery,
    ICMPv6MLQuery2,
    ICMPv6MLReport,
    ICMPv6MLReport2,
    IPv6,
    IPv6ExtHdrHopByHop,
    RouterAlert,
    getmacbyip6,
)
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether, getmacbyip  # noqa: E402
from scapy.layers.ppp import PPP, PPPoE  # noqa: E402
from scapy.packet import Packet, Raw  # noqa: E402

Description = dict[str, Any]
SHORT_REPORTS = {(1, 2): IGMP_MR, (2, 2): IGMPv2_MR, (2, 3): IGMPv2_LG}
COMPUTED = ("chksum", "cksum", "len", "plen", "ihl", "numgrp", "numsrc", "sources_number")


def build(said: Description) -> bytes:
    """The frame of a description."""
    six = ":" in said["source"]
    message = mld(said["message"]) if six else igmp(said["message"])
    if six:
        options = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)])
        packet = IPv6(src=said["source"], dst=said["destination"], hlim=1, tc=0xC0) / options / message
    else:
        alert = [IPOption_Router_Alert()]
        packet = IP(src=said["source"], dst=said["destination"], ttl=1, tos=0xC0, options=alert) / message
    if said["session"]:
        packet = PPPoE(sessionid=said["session"]) / PPP(proto=0x0057 if six else 0x0021) / packet
        there = said["destination_mac"]
    else:
        there = getmacbyip6(said["destination"]) if six else getmacbyip(said["destination"])
    return bytes(Ether(src=said["source_mac"], dst=there) / tagged(said["tags"], packet))


def tagged(tags: list[list[int]], packet: Packet) -> Packet:
    for ethertype, vlan in reversed(tags):
        packet = (Dot1AD(vlan=vlan) if ethertype == 0x88A8 else Dot1Q(vlan=vlan)) / packet
    return packet


def igmp(said: Description) -> Packet:
    version, query = said["version"], "max_response" in said
    if version < 3 and query:
        tenths = 0 if version == 1 else round(said["max_response"] * 10)
        return IGMP_MQ(mrcode=tenths, gaddr=said["group"] or "0.0.0.0")
    if version < 3:
        (record,) = said["records"]
        return SHORT_REPORTS[version, record["type"]](mrcode=0, gaddr=record["group"])
    if query:
        return IGMPv3_MQ(
            mrcode=round(said["max_response"] * 10),
            gaddr=said["group"] or "0.0.0.0",
            s=int(said["suppress"]),
            qrv=said["robustness"],
            qqic=said["query_interval"],
            srcaddrs=said["sources"],
        )
    return IGMPv3_MR(
        records=[
            IGMPv3_MR_Group(rtype=record["type"], maddr=record["group"], srcaddrs=record["sources"])
            for record in said["records"]
        ]
    )


def mld(said: Description) -> Packet:
    version, query = said["version"], "max_response" in said
    if version < 3:
        if query:
            return ICMPv6MLQuery(mrd=round(said["max_response"] * 1000), mladdr=said["group"] or "::")
        (record,) = said["records"]
        return (ICMPv6MLDone if record["type"] == 3 else ICMPv6MLReport)(mladdr=record["group"])
    if query:
        return ICMPv6MLQuery2(
            mrd=round(said["max_response"] * 1000),
            mladdr=said["group"] or "::",
            S=int(said["suppress"]),
            QRV=said["robustness"],
            QQIC=said["query_interval"],
            sources=said["sources"],
        )
    return ICMPv6MLReport2(
        records=[
            ICMPv6MLDMultAddrRec(rtype=record["type"], dst=record["group"], sources=record["sources"])
            for record in said["records"]
        ]
    )


def read(octets: bytes) -> Description:
    """The description of a frame."""
    frame = Ether(octets)
    six = IPv6 in frame
    packet = frame[IPv6] if six else frame[IP]
    tags = [[frame.type if number == 0 else 0x8100, tag.vlan] for number, tag in enumerate(tags_of(frame))]
    session = frame[PPPoE].sessionid if PPPoE in frame else 0
    found: Description = {
        "source_mac": frame.src,
        "destination_mac": frame.dst,
        "tags": tags,
        "session": session,
        "source": packet.src,
        "destination": packet.dst,
        "message": mld_of(packet) if six else igmp_of(packet),
        "hops": packet.hlim if six else packet.ttl,
        "class": packet.tc if six else packet.tos,
        "alert": alerted(packet),
    }
    if session and frame[PPP].proto != (0x0057 if six else 0x0021):
        found["differs"] = "PPP protocol"
    if rebuilt(frame) != octets:
        found["differs"] = rebuilt(frame).hex()
    return found


def tags_of(frame: Packet) -> list[Packet]:
    found, layer = [], frame.payload
    while isinstance(layer, Dot1Q):
        found.append(layer)
        layer = layer.payload
    return found


def alerted(packet: Packet) -> bool:
    if isinstance(packet, IP):
        return any(isinstance(option, IPOption_Router_Alert) for option in packet.options)
    return any(isinstance(option, RouterAlert) and option.value == 0 for option in packet.payload.options)


def igmp_of(packet: Packet) -> Description:
    message = packet[IGMP]
    if isinstance(message, IGMPv3_MQ):
        response = message.mrcode / 10
        return asked(3, message.gaddr, message.srcaddrs, response, message.s, message.qrv, message.qqic)
    if isinstance(message, IGMPv3_MR):
        return {"version": 3, "records": [told(r.rtype, r.maddr, r.srcaddrs) for r in message.records]}
    if isinstance(message, IGMP_MQ):
        version = 2 if message.mrcode else 1
        return asked(version, message.gaddr, [], message.mrcode / 10 if version == 2 else 10.0, 0, 0, 0)
    ((version, kind),) = [key for key, layer in SHORT_REPORTS.items() if type(message) is layer]
    return {"version": version, "records": [told(kind, message.gaddr, [])]}


def mld_of(packet: Packet) -> Description:
    if ICMPv6MLQuery2 in packet:
        query = packet[ICMPv6MLQuery2]
        return asked(3, query.mladdr, query.sources, query.mrd / 1000, query.S, query.QRV, query.QQIC)
    if ICMPv6MLReport2 in packet:
        report = packet[ICMPv6MLReport2]
        records = chained(report.records)
        assert len(records) == report.records_number
        return {"version": 3, "records": [told(r.rtype, r.dst, r.sources) for r in records]}
    if ICMPv6MLQuery in packet:
        query = packet[ICMPv6MLQuery]
        return asked(2, query.mladdr, [], query.mrd / 1000, 0, 0, 0)
    done = ICMPv6MLDone in packet
    message = packet[ICMPv6MLDone] if done else packet[ICMPv6MLReport]
    return {"version": 2, "records": [told(3 if done else 2, message.mladdr, [])]}


def chained(records: list[Packet]) -> list[Packet]:
    """The records of an MLDv2 report, of which scapy reads each as the payload of the one before."""
    found = []
    for first in records:
        record = first
        while isinstance(record, ICMPv6MLDMultAddrRec):
            found.append(record)
            record = record.payload
    return found


def asked(
    version: int,
    group: str,
    sources: list[str],
    response: float,
    suppress: int,
    robustness: int,
    interval: int,
) -> Description:
    return {
        "version": version,
        "group": None if group in ("0.0.0.0", "::") else group,
        "sources": sources,
        "max_response": response,
        "suppress": bool(suppress),
        "robustness": robustness,
        "query_interval": interval,
    }


def told(kind: int, group: str, sources: list[str]) -> Description:
    return {"type": kind, "group": group, "sources": sources}


def rebuilt(frame: Packet) -> bytes:
    """What scapy makes of its own reading once every length, count and checksum is its to compute."""
    again = frame.copy()
    layer = again
    while layer and not isinstance(layer, Raw):
        forget(layer)
        records = getattr(layer, "records", [])
        for part in records if IGMPv3_MR in again else chained(records):
            forget(part)
        layer = layer.payload
    return bytes(again)


def forget(layer: Packet) -> None:
    for name in COMPUTED:
        if name in layer.fields:
            delattr(layer, name)
    layer.raw_packet_cache = None


def main() -> None:
    """Answer the one request."""
    request = json.load(sys.stdin)
    answer = {
        "built": {name: build(said).hex() for name, said in request["build"].items()},
        "read": {name: read(bytes.fromhex(octets)) for name, octets in request["read"].items()},
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
