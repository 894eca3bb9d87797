"""What can happen to a channel, and how long it takes until both routers agree again.

`python -m tests.netns.faults` plays every fault and prints the table; `test_faults` plays the same as tests.
Each fault happens while hosts join and leave. `complete` is the time from its end until both channels are in
step and both routers have every member; `equal` until the tables are the same to the last entry. A leave that
found no channel is not copied: its entry on the peer goes by its own timer, at most a group membership
interval later (here 5 s), which is what `equal` waits for.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataplane.replication import making
from dataplane.replication.keys import OWN_NAME, FileKind
from tests.support.faultrig import ADDRESSES, PORTS, PROFILES, ROUTERS, FaultRig, fault_rig
from tests.support.keys import identity
from tests.support.netns import run_in_namespaces
from tests.support.strange_peer import garbage, other_version, play_peer
from tests.support.wait import wait_for

SEED = 20_260_727
CHURN_ROUNDS = 15


@dataclass
class Churn:
    """Hosts that join and leave, a few at a time."""

    rig: FaultRig
    number: int = 0

    def once(self) -> None:
        """On every profile join two groups and leave the one that was joined two rounds before."""
        self.number += 1
        for place, profile in enumerate(PROFILES):
            self.rig.join(profile, *(f"239.{2 + place}.{self.number}.{each}" for each in (1, 2)))
            if self.number > 2:
                self.rig.leave(profile, f"239.{2 + place}.{self.number - 2}.1")


def killed(rig: FaultRig, churn: Churn) -> str:
    """The process of router b dies; its supervisor starts it again."""
    rig.processes["b"].kill()
    churn.once()
    rig.restart("b")
    return "killed"


def reset(rig: FaultRig, churn: Churn) -> str:
    """Somebody on the path resets the TCP connections."""
    rig.set_wire(reset=True)
    churn.once()
    both = {"connection-reset"}
    wait_for(lambda: set(rig.reasons("a").values()) == both, what="both connections reset", timeout=20)
    rig.set_wire()
    return "connection-reset"


def restarted(rig: FaultRig, churn: Churn) -> str:
    """Router b is stopped and started in order."""
    rig.processes["b"].terminate()
    churn.once()
    wait_for(lambda: rig.reasons("a")["four"] in ("peer-stopped", "connection-refused"), what="the goodbye")
    rig.restart("b")
    return "peer-stopped"


def partitioned(rig: FaultRig, churn: Churn) -> str:
    """The wire carries nothing until both have noticed."""
    return _stopped(rig, churn, "left", "right")


def deaf(rig: FaultRig, churn: Churn) -> str:
    """The wire carries nothing from a to b until both have noticed; the other direction works."""
    return _stopped(rig, churn, "left")


def _stopped(rig: FaultRig, churn: Churn, *directions: str) -> str:
    rig.set_wire(stopped=directions)
    begin = time.monotonic()
    churn.once()
    wait_for(lambda: all(rig.down(name) for name in ROUTERS), what="both notice", timeout=20)
    noticed, reason = time.monotonic() - begin, rig.reasons("b")["four"]
    rig.set_wire()
    return f"{reason} on both after {noticed:.1f} s"


def half_open(rig: FaultRig, churn: Churn) -> str:
    """Router b dies while the wire is cut, so that router a keeps a connection that nobody has."""
    rig.set_wire(stopped=["left", "right"])
    rig.processes["b"].kill()
    churn.once()
    rig.set_wire()
    rig.restart("b")
    return "half-open"


def delayed(rig: FaultRig, churn: Churn) -> str:
    """Every frame takes 200 ms, before and while hosts join and leave."""
    rig.set_wire(delay=0.2)
    for _ in range(5):
        time.sleep(0.1)
        churn.once()
    return "200 ms"


def lossy(rig: FaultRig, churn: Churn) -> str:
    """One frame of twenty is lost, in both directions, and one of a hundred arrives damaged."""
    rig.set_wire(seed=SEED, loss=0.05, damage=0.01)
    for _ in range(CHURN_ROUNDS):
        time.sleep(0.1)
        churn.once()
    counters = rig.set_wire(loss=0.05, damage=0.01)
    assert counters["lost"] > 0, counters
    return f"{counters['lost']} of {counters['moved'] + counters['lost']} frames lost"


def version_mismatch(rig: FaultRig, churn: Churn) -> str:
    """In the place of router b answers a peer that speaks another major version."""
    return _stranger(rig, churn, other_version, "version-mismatch")


def nonsense(rig: FaultRig, churn: Churn) -> str:
    """In the place of router b answers a peer with the right key and nonsense to say."""
    return _stranger(rig, churn, garbage, "decode-error")


def _stranger(rig: FaultRig, churn: Churn, says: Callable[[], bytes], reason: str) -> str:
    process = rig.processes["b"]
    process.kill()
    churn.once()
    seen = ""
    with play_peer(rig.spaces["b"], rig.keys("b"), ADDRESSES["four"]["b"], PORTS["four"], says()):
        seen = wait_for(
            lambda: reason in rig.reasons("a")["four"] and rig.reasons("a")["four"], what=reason, timeout=20
        )
    rig.restart("b")
    return str(seen)


def wrong_certificate(rig: FaultRig, churn: Churn) -> str:
    """Router b comes back with a key that router a does not know; later with the right one."""
    store, process = rig.keys("b"), rig.processes["b"]
    right = [(kind, store.read(OWN_NAME, kind)) for kind in (FileKind.KEY, FileKind.CERTIFICATE)]
    key, certificate = identity()
    process.kill()
    store.put(OWN_NAME, FileKind.KEY, making.private_pem(key), replace=True)
    store.put(OWN_NAME, FileKind.CERTIFICATE, making.certificate_pem(certificate), replace=True)
    rig.restart("b")
    churn.once()
    reasons = {"four": "peer-certificate-not-trusted", "six": "peer-key-mismatch"}
    wait_for(lambda: rig.reasons("a") == reasons, what="refused", timeout=20)
    assert "connected" not in rig.states("a") | rig.states("b")
    for kind, content in right:
        store.put(OWN_NAME, kind, content, replace=True)
    return "peer-certificate-not-trusted"


FAULTS: dict[str, Callable[[FaultRig, Churn], str]] = {
    "kill": killed,
    "connection reset": reset,
    "peer restart": restarted,
    "partition": partitioned,
    "one direction lost": deaf,
    "half-open": half_open,
    "delay of 200 ms": delayed,
    "loss of 5 %": lossy,
    "version mismatch": version_mismatch,
    "wrong certificate": wrong_certificate,
    "garbage": nonsense,
}


@dataclass(frozen=True)
class Result:
    """One fault: what was seen, and the seconds from its end."""

    name: str
    seen: str
    complete: float
    equal: float


def play(rig: FaultRig, churn: Churn, name: str) -> Result:
    """Play one fault and wait until everything is well."""
    seen = FAULTS[name](rig, churn)
    complete, equal = rig.recovered()
    rig.set_wire()
    return Result(name, seen, complete, equal)


def play_all(folder: Path) -> list[Result]:
    with fault_rig(folder) as rig:
        churn = Churn(rig)
        return [play(rig, churn, name) for name in FAULTS]


def table(results: list[Result]) -> str:
    lines = [f"{'fault':<20} {'complete':>10} {'equal':>10}  what was seen"]
    lines += [f"{e.name:<20} {e.complete:>8.2f} s {e.equal:>8.2f} s  {e.seen}" for e in results]
    return "\n".join(lines)


def main() -> None:
    def play_and_print() -> None:
        with tempfile.TemporaryDirectory(prefix="twincast-faults-") as folder:
            print(table(play_all(Path(folder))), flush=True)

    run_in_namespaces(play_and_print)


if __name__ == "__main__":
    sys.exit(main())
