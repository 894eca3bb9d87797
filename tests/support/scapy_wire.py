"""Scapy on an interface, as a program of its own (it is GPL): subscribers that are not ours.

`python -m tests.support.scapy_wire INTERFACE` answers one JSON object a line: {"send": [descriptions]} builds
and sends frames, {"heard": null} describes what was received since it was last asked. Descriptions are those
of `scapy_peer`.
"""

import json
import select
import sys
from typing import Any

from scapy.config import conf
from scapy.packet import Packet

from tests.support.scapy_peer import Description, build, read


def heard(wire: Any) -> list[Description]:
    """IGMP and MLD that was received, the outer tag back in its place."""
    found = []
    while select.select([wire], [], [], 0)[0]:
        frame: Packet | None = wire.recv()
        description = None if frame is None else described(bytes(frame))
        if description is not None:
            found.append(description)
    return found


def described(octets: bytes) -> Description | None:
    """The description of a frame; None for what is neither IGMP nor MLD."""
    try:
        return read(octets)
    except (IndexError, AttributeError, ValueError):
        return None


def main() -> None:
    """Answer until the input ends."""
    wire = conf.L2socket(iface=sys.argv[1], promisc=True)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        for said in request.get("send", ()):
            wire.send(build(said))
        print(json.dumps(heard(wire) if "heard" in request else "sent"), flush=True)


if __name__ == "__main__":
    main()
