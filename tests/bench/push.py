"""What YANG push costs: periodic updates of state, and commits that on-change subscriptions hear of."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.bench.machine import cpu_seconds
from tests.bench.table import Row, latency
from tests.support.duo import Duo, free_port, running_duo
from tests.support.netconf import TRB
from tests.support.push_client import PushClient
from tests.support.server import ServerUnderTest, running_server
from tests.support.twincast import PASSWORD

SUBSCRIPTIONS, SECONDS = 5, 8.0
INTERFACES, COMMITS, WATCHERS = 20_000, 60, 10
BATCH = 5_000
STATE = f'<yp:datastore-subtree-filter><remote-backup xmlns="{TRB}"/></yp:datastore-subtree-filter>'
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IANA = "urn:ietf:params:xml:ns:yang:iana-if-type"
FILTERS = {
    "to all of them": "",
    "to a leaf of each that is not touched": "<interface><enabled/></interface>",
    "to a leaf of each": "<interface><description/></interface>",
}


def rows() -> Iterator[Row]:
    """Measure on a pair of routers, then on a server with a large configuration."""
    with tempfile.TemporaryDirectory() as folder, running_duo(Path(folder)) as duo:
        duo.configure(free_port(), arbitration="<static-role>master</static-role>")
        duo.connected()
        for name, trigger in (
            ("a second", "<yp:periodic><yp:period>100</yp:period></yp:periodic>"),
            ("0.2 s", "<yp:periodic><yp:period>20</yp:period></yp:periodic>"),
        ):
            yield _state(duo, f"{SUBSCRIPTIONS} subscriptions to state, every {name}", trigger)
        yield _state(duo, f"{SUBSCRIPTIONS} subscriptions to state, on change, at rest", "<yp:on-change/>")
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        yield from _commits(server)


def _state(duo: Duo, name: str, trigger: str) -> Row:
    router = duo.routers[0]
    with ExitStack() as stack:
        for _ in range(SUBSCRIPTIONS):
            client = PushClient(router.port, "admin", PASSWORD)
            stack.callback(client.close)
            client.establish(f"<yp:datastore>ds:operational</yp:datastore>{STATE}{trigger}")
        pids = {each: router.pid(each) for each in ("server", "dataplane")}
        before = {each: cpu_seconds([pid]) for each, pid in pids.items()}
        time.sleep(SECONDS)
        used = {each: (cpu_seconds([pid]) - before[each]) / SECONDS * 100 for each, pid in pids.items()}
    return Row(name, used["server"], "% of a core", note=f"dataplane {used['dataplane']:.2f} %")


def _commits(server: ServerUnderTest) -> Iterator[Row]:
    editor = PushClient(server.port)
    for first in range(0, INTERFACES, BATCH):
        editor.edit(_interfaces("".join(_interface(number) for number in range(first, first + BATCH))))
    yield _edited(server, editor, f"a commit among {INTERFACES} interfaces, nobody subscribed")
    for name, inner in FILTERS.items():
        watcher = PushClient(server.port)
        for _ in range(WATCHERS):
            wanted = f'<interfaces xmlns="{IF}">{inner}</interfaces>'
            watcher.establish(
                "<yp:datastore>ds:running</yp:datastore>"
                f"<yp:datastore-subtree-filter>{wanted}</yp:datastore-subtree-filter>"
                "<yp:on-change><yp:sync-on-start>false</yp:sync-on-start></yp:on-change>"
            )
        yield _edited(server, editor, f"the same, {WATCHERS} on change {name}")
        watcher.close()
    editor.close()


def _edited(server: ServerUnderTest, editor: PushClient, name: str) -> Row:
    """Changes that differ from those before; the processor time has the updates in it."""
    pid, times = server.processes["server"].pid, []
    before = cpu_seconds([pid])
    for number in range(COMMITS):
        began = time.perf_counter()
        editor.edit(_interfaces(_interface(number * 7, f"<description>{time.monotonic_ns()}</description>")))
        times.append(time.perf_counter() - began)
    time.sleep(1)
    cpu = (cpu_seconds([pid]) - before) / COMMITS * 1000
    return Row(name, sorted(times)[COMMITS // 2] * 1000, "ms", cpu, latency(times))


def _interfaces(inner: str) -> str:
    return f'<interfaces xmlns="{IF}">{inner}</interfaces>'


def _interface(number: int, inner: str = "") -> str:
    kind = f'<type xmlns:t="{IANA}">t:other</type>'
    return f"<interface><name>e{number}</name>{kind}{inner}</interface>"
