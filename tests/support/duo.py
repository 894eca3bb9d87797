"""Two whole `twincast run` on loopback with wires for interfaces: a channel and members, no privileges."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cli.lab import configuration
from cli.lab.laboratory import exchange_keys
from cli.lab.topology import ACCESS_INTERFACE, CORE_INTERFACE
from dataplane.packets.frames import report_frames
from dataplane.packets.messages import GroupRecord, RecordType
from tests.support.netconf import SPACES
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

OWN = ("127.0.0.1", "127.0.0.2")
LONG = 600
"""Seconds between queries: no test lasts so long that a member has to answer one."""


class Duo:
    """Router 0, which is preferred, and router 1; `sessions` are of ncclient."""

    def __init__(self, folders: Sequence[Path], routers: Sequence[Twincast]) -> None:
        self.routers = routers
        self.sessions: list[Any] = [router.connect() for router in routers]
        self._folders = folders
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def configure(self, port: int, *, arbitration: str = "") -> None:
        """Give both the laboratory's configuration; `arbitration` takes the place of its e-trunk."""
        for number, session in enumerate(self.sessions):
            config = configuration.router(
                OWN[number],
                OWN[1 - number],
                port,
                10 * (number + 1),
                query_interval=LONG,
                query_max_response_time=10,
            )
            if arbitration:
                begin, _, rest = config.partition("<e-trunk>")
                config = begin + arbitration + rest.partition("</e-trunk>")[2]
            session.edit_config(config, target="candidate")
            session.commit()

    def connected(self) -> None:
        """Wait until both channels are up."""
        for number in (0, 1):
            self.wait_for(number, configuration.service_state("channel-state"), "channel-state", "connected")

    def wait_for(self, number: int, subtree: str, leaf: str, value: str) -> None:
        """Wait until a leaf of a router has a value."""
        wait_for(lambda: self.leaf(number, subtree, leaf) == value, what=f"{leaf} {value} on router {number}")

    def leaf(self, number: int, subtree: str, leaf: str) -> str:
        """The first leaf of this name in the answer."""
        data = self.sessions[number].get(("subtree", subtree)).data
        return str(data.findtext(f".//trb:{leaf}", "", SPACES))

    def members(self, number: int) -> set[str]:
        """The groups with members on a router."""
        data = self.sessions[number].get(("subtree", configuration.groups())).data
        return {each.text for each in data.iterfind(".//trb:group/trb:group-address", SPACES)}

    def join(self, number: int, *groups: str, stb: int = 1) -> None:
        """A set-top box behind a router joins groups."""
        records = [GroupRecord(RecordType.CHANGE_TO_EXCLUDE_MODE, IPv4Address(group), ()) for group in groups]
        mac, address = bytes([2, 0, 0, 0, 1, stb]), IPv4Address("10.20.0.100") + stb
        for frame in report_frames(3, records, mac, address):
            self._socket.sendto(frame, str(self._folders[number] / ACCESS_INTERFACE))

    def close(self) -> None:
        """Close what the test holds."""
        self._socket.close()


def free_port() -> int:
    """A port in the range of the model that both ends may bind; another one for tests that run beside."""
    first = 20_000 + os.getpid() * 97 % 10_000
    for port in range(first, 50_000):
        with ExitStack() as stack:
            try:
                for address in OWN:
                    stack.enter_context(socket.create_server((address, port)))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@contextmanager
def running_duo(
    folder: Path, *options: str, own: Callable[[int], tuple[str, ...]] = lambda _: ()
) -> Iterator[Duo]:
    """Two routers for as long as the block lasts, not configured yet.

    `options` are for both, `own` has those of each by its number.
    """
    folders = [_wires(folder / f"wires-{number}", number) for number in (0, 1)]
    with ExitStack() as stack:
        routers = [
            stack.enter_context(
                Twincast(folder / f"router-{number}", "--wires", str(folders[number]), *options, *own(number))
            )
            for number in (0, 1)
        ]
        exchange_keys([router.state_dir for router in routers])
        duo = Duo(folders, routers)
        stack.callback(duo.close)
        yield duo


def _wires(folder: Path, number: int) -> Path:
    folder.mkdir()
    interfaces = {ACCESS_INTERFACE: f"10.20.0.{number + 1}/24", CORE_INTERFACE: f"10.10.0.{number + 1}/24"}
    (folder / "wires.json").write_text(json.dumps(interfaces))
    return folder
