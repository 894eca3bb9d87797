"""What systemd and a service say to each other: sd_notify(3), sd_listen_fds(3), the file descriptor store.

Owns the two small protocols, so that no library is needed. Without systemd there is nobody to tell, and
nothing comes in.
"""

import array
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

LOGGER = logging.getLogger("twincast.cli.systemd")

FIRST_INHERITED: Final = 3
"""The first descriptor that is handed over (SD_LISTEN_FDS_START)."""
MAX_INHERITED: Final = 1024
UNNAMED: Final = "unknown"
"""The name of a descriptor that nobody named."""


@dataclass(frozen=True, slots=True)
class Manager:
    """The service manager; `address` is empty when there is none.

    `watchdog`: seconds after which it restarts a service that has said nothing, 0 for never.
    """

    address: str = ""
    watchdog: float = 0.0

    @classmethod
    def from_environment(cls) -> Self:
        """Return the one that started this process."""
        address = os.environ.get("NOTIFY_SOCKET", "")
        return cls(address if address[:1] in ("/", "@") else "", _watchdog())

    def tell(self, *lines: str) -> None:
        """Say one or several assignments, such as `READY=1`; one that cannot be told is lost."""
        self._send("\n".join(lines))

    def keep(self, name: str, descriptor: int) -> None:
        """Have a descriptor kept as long as the service is not stopped; it comes back at the next start."""
        self._send(f"FDSTORE=1\nFDNAME={name}", descriptor)

    def _send(self, text: str, *descriptors: int) -> None:
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes())]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.connect(name)
                to.sendmsg([text.encode()], rights if descriptors else [])
        except OSError as error:
            LOGGER.warning("notify-failed", extra={"what": text.partition("\n")[0], "reason": str(error)})


def _watchdog() -> float:
    """Read WATCHDOG_USEC, which is for the process that WATCHDOG_PID names."""
    period, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not period.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(period) / 1_000_000


def inherited() -> Mapping[str, tuple[int, ...]]:
    """Return the descriptors that were handed over to this process, by name; they are not passed on."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = os.environ.get("LISTEN_FDS", "")
    if not count.isdecimal() or int(count) > MAX_INHERITED:
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, tuple[int, ...]] = {}
    for number in range(int(count)):
        name = (names[number] if number < len(names) else "") or UNNAMED
        descriptor = FIRST_INHERITED + number
        os.set_inheritable(descriptor, False)
        found[name] = (*found.get(name, ()), descriptor)
    return found
