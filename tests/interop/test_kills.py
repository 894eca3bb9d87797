"""Processes are killed at random moments during commits: what was acknowledged stays, nothing is half there.

Every commit changes two entries at once, so that half a commit would be seen. TWINCAST_COMMITS sets how many
are made (the gate makes fewer than a hunt).
"""

import os
import random
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.fast_client import Client
from tests.support.twincast import PASSWORD, Twincast
from tests.support.wait import wait_for

COMMITS = int(os.environ.get("TWINCAST_COMMITS", "60"))
NAMESPACE = "urn:twincast:yang:remote-backup"
EDIT = (
    "<edit-config><target><candidate/></target><default-operation>merge</default-operation><config>"
    f'<remote-backup xmlns="{NAMESPACE}">'
    "<remote-backup-service><name>half-{0}</name><none/></remote-backup-service>"
    "<remote-backup-profile><name>half-{0}</name></remote-backup-profile>"
    "</remote-backup></config></edit-config>"
)
GET = "<get-config><source><running/></source></get-config>"


@dataclass
class Ledger:
    """What the client was told."""

    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)


def connected(twincast: Twincast) -> Client:
    def attempt() -> Client | None:
        try:
            return Client(twincast.port, "admin", PASSWORD)
        except Exception:  # noqa: BLE001 - the server may be away: libssh2 has many ways to say so
            return None

    return wait_for(attempt, what="a session", timeout=30)


def commit(client: Client, number: int) -> None:
    client.rpc("<discard-changes/>")
    client.rpc(EDIT.format(number))
    client.rpc("<commit/>")


def commit_all(twincast: Twincast, ledger: Ledger) -> None:
    client = connected(twincast)
    for number in range(COMMITS):
        try:
            commit(client, number)
            ledger.acknowledged.add(number)
        except (RuntimeError, AssertionError):
            raise  # an rpc-error: the server lives and says that something is wrong
        except Exception:  # noqa: BLE001 - killed in the middle: whether it was made is not known
            ledger.unknown.add(number)
            client.close()
            client = connected(twincast)
    client.close()


def halves(twincast: Twincast) -> tuple[set[int], set[int]]:
    """Return the numbers of the services and of the profiles in running."""
    client = connected(twincast)
    reply = client.rpc(GET).decode()
    client.close()
    pattern = r"<remote-backup-{}>\s*<name>half-(\d+)</name>"
    services, profiles = (re.findall(pattern.format(kind), reply) for kind in ("service", "profile"))
    return set(map(int, services)), set(map(int, profiles))


def killing(twincast: Twincast, role: str, ledger: Ledger, stop: threading.Event, kills: list[int]) -> None:
    """Kill at a random moment, then again once some more commits were acknowledged."""
    chance = random.Random(7)
    while not stop.is_set():
        enough = len(ledger.acknowledged) + chance.randint(3, 12)
        while len(ledger.acknowledged) < enough and not stop.is_set():
            stop.wait(chance.uniform(0.0, 0.01))
        if not stop.is_set():
            kills.append(twincast.kill(role))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ["server", "validator", "dataplane"])
def test_no_acknowledged_commit_is_lost_and_none_is_half_there(tmp_path: Path, role: str) -> None:
    ledger, stop, kills = Ledger(), threading.Event(), list[int]()
    with Twincast(tmp_path) as twincast:
        killer = threading.Thread(target=killing, args=(twincast, role, ledger, stop, kills))
        killer.start()
        try:
            commit_all(twincast, ledger)
        finally:
            stop.set()
            killer.join(30)
        twincast.kill("server")
        services, profiles = halves(twincast)
    assert kills, "nothing was killed, so nothing was shown"
    assert services == profiles, "half a commit"
    assert ledger.acknowledged <= services, "an acknowledged commit was lost"
    assert services <= ledger.acknowledged | ledger.unknown
    if role != "server":
        assert not ledger.unknown, f"a client noticed the death of the {role}"
