"""How many IGMP reports a second an access interface takes without a loss.

A sender in another namespace sends as fast as it is told; the rate doubles until a frame is lost.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

from cli.lab.namespaces import Namespace, enter_user_namespace, user_namespaces_problem, veth
from dataplane.capture import Capture, Captured
from dataplane.packets.frames import decode
from dataplane.packets.wire import DecodeError
from tests.bench.table import Row

COUNT = 50_000
RATES = (10_000, 20_000, 40_000, 80_000, 160_000)


def measure() -> list[dict[str, object]]:
    """Run inside a fresh process, which it leaves in a user namespace; returns a record for each rate."""
    enter_user_namespace()
    found = []
    with Namespace("router") as router, Namespace("stb") as stb:
        veth(router, "access0", stb, "eth0")
        for rate in RATES:
            found.append(_one(router, stb, rate))
            if found[-1]["lost"]:
                break
    return found


def _one(router: Namespace, stb: Namespace, rate: int) -> dict[str, object]:
    capture = router.run(lambda: Capture(router.index("access0")))
    program = [
        sys.executable,
        "-m",
        "cli.lab.joins",
        "send",
        "eth0",
        str(COUNT),
        str(rate),
        "239.140.0.0",
    ]
    sender = stb.popen(program, stdout=subprocess.PIPE)
    decoded, last, used = 0, time.monotonic(), 0.0
    while decoded < COUNT and (decoded == 0 or time.monotonic() - last < 2.0):
        begin = time.process_time()
        frames = capture.read()
        count = sum(_decoded(frame) for frame in frames)
        if frames:
            used += time.process_time() - begin
            decoded, last = decoded + count, time.monotonic()
    assert sender.stdout is not None
    moments = list(json.loads(sender.communicate()[0]).values())
    capture.close()
    reached = COUNT / ((moments[-1] - moments[0]) / 1e9)
    return {"asked": rate, "reached": reached, "lost": COUNT - decoded, "us": used / max(1, decoded) * 1e6}


def _decoded(frame: Captured) -> bool:
    """Decode; not what the sender's kernel says of itself with MLD when its link comes up."""
    try:
        decode(frame.frame, frame.outer_vlan)
    except DecodeError:
        return False
    return True


def rows() -> Iterator[Row]:
    """Measure in a process of its own; nothing where user namespaces are off."""
    if user_namespaces_problem() is not None:
        return
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.capturing"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    good = [record for record in found if not record["lost"]]
    if good:
        best = max(good, key=lambda record: record["reached"])
        note = f"{COUNT:,} IGMPv3 reports read and decoded, none lost"
        yield Row("capture rate without loss", best["reached"], "messages/s", best["us"] / 1e3, note)
    for record in found[len(good) :]:
        yield Row(
            "capture, loss at", record["reached"], "messages/s", note=f"{record['lost']} of {COUNT:,} lost"
        )


if __name__ == "__main__":
    print(json.dumps(measure()))
