"""Many sessions: what 1,000 idle ones cost, and whether silent and stuck clients delay one that works."""

import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.machine import cpu_seconds, resident_mib
from tests.bench.table import Row, latency
from tests.support.fast_client import Client, timed
from tests.support.twincast import Twincast

SESSIONS, SILENT, STUCK = 1_000, 200, 50
GETS = 500
IDLE_SECONDS = 10.0
WARM = 20
"""Sessions that are opened first: what the first ones load is not theirs."""
GET = '<get><filter type="subtree"><netconf-state xmlns="{}"><statistics/></netconf-state></filter></get>'
REQUEST = GET.format("urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring")
MORE_SILENT = (
    '<edit-config><target><candidate/></target><config><server xmlns="urn:twincast:yang:server"><limits>'
    "<unauthenticated-connections>400</unauthenticated-connections>"
    "<unauthenticated-per-source>400</unauthenticated-per-source></limits></server></config></edit-config>"
)


def rows() -> Iterator[Row]:
    """Measure on one server."""
    with tempfile.TemporaryDirectory() as folder, Twincast(Path(folder)) as twincast, ExitStack() as stack:
        _allow_many_descriptors()
        twincast.ready()
        server = twincast.pid("server")
        clients = [_opened(twincast, stack) for _ in range(WARM)]
        before = resident_mib([server])
        clients += [_opened(twincast, stack) for _ in range(SESSIONS - WARM)]
        each = (resident_mib([server]) - before) * 1024 / (SESSIONS - WARM)
        yield Row(f"{SESSIONS} sessions: memory of each", each, "KiB")
        yield _idle(server)
        times = [timed(client, REQUEST) for client in clients]
        yield Row(f"a get on each of {SESSIONS} sessions", len(times), "answered", note=latency(times))
        yield from _disturbed(twincast, clients, stack)


def _allow_many_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * SESSIONS), hard))


def _opened(twincast: Twincast, stack: ExitStack) -> Client:
    client = twincast.client()
    stack.callback(client.close)
    return client


def _idle(server: int) -> Row:
    began, cpu = time.monotonic(), cpu_seconds([server])
    time.sleep(IDLE_SECONDS)
    share = (cpu_seconds([server]) - cpu) / (time.monotonic() - began) * 100
    return Row(f"{SESSIONS} sessions, idle", share, "% of a core")


def _disturbed(twincast: Twincast, clients: list[Client], stack: ExitStack) -> Iterator[Row]:
    worker, server = clients[0], twincast.pid("server")
    for body in (MORE_SILENT, "<commit/>"):
        worker.rpc(body)
    yield _gets(worker, server, "a get, nobody disturbs")
    for _ in range(SILENT):
        stack.enter_context(socket.create_connection(("127.0.0.1", twincast.port)))
    yield _gets(worker, server, f"a get while {SILENT} connect and say nothing")
    for client in clients[1 : 1 + STUCK]:
        client.write(b"\n#100000\n<rpc")
    yield _gets(worker, server, f"a get beside {SILENT} silent and {STUCK} stuck in a message")
    yield _gets(worker, server, "the same once more")


def _gets(worker: Client, server: int, name: str) -> Row:
    """The processor time tells what the server itself does more, whatever else the machine does."""
    cpu = cpu_seconds([server])
    times = [timed(worker, REQUEST) for _ in range(GETS)]
    each = (cpu_seconds([server]) - cpu) / GETS * 1e3
    return Row(name, len(times), "answered", each, latency(times))
