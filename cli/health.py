"""Is this router well? What the server and the dataplane tell, judged. Pure.

`down`: nobody can be served, or nothing is replicated nor forwarded because a process is away. `degraded`: it
serves, but not everything that is configured works. A profile that is configured not to copy is well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_WELL: Final = frozenset({"active", "admin-disabled", "service-disabled", "unbound", "blocked"})
"""Values of copy-state with which a profile does what it is configured for."""
_CHANNEL: Final = frozenset({"channel-down", "synchronizing"})
"""Values of copy-state that the service is blamed for."""


class Health(StrEnum):
    """The verdict; `exit_status` is that of `twincast status`."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"

    @property
    def exit_status(self) -> int:
        """0 for ok, 1 for degraded, 2 for down."""
        return list(Health).index(self)


@dataclass(frozen=True, slots=True)
class Service:
    """A remote-backup-service; states are empty while the dataplane is away."""

    name: str
    enabled: bool
    channel_state: str = ""
    channel_security: str = ""
    sync_state: str = ""
    last_down_reason: str = ""


@dataclass(frozen=True, slots=True)
class Copying:
    """The copy-state of one kind of subscriber of a profile."""

    protocol: str
    type: str
    state: str
    mismatch: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A remote-backup-profile; one without a service is alone by configuration."""

    name: str
    service: str = ""
    local_role: str = ""
    peer_role: str = ""
    copying: tuple[Copying, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """The server; `error` says why it could not be asked, empty when it could."""

    error: str = ""
    sessions: int = 0
    since: str = ""


@dataclass(frozen=True, slots=True)
class Dataplane:
    """The dataplane; `reachable` None: this user may not ask it."""

    reachable: bool | None = None
    configured: bool = False
    plane: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be."""

    health: Health
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found out."""

    server: Server
    dataplane: Dataplane
    services: tuple[Service, ...] = ()
    profiles: tuple[Profile, ...] = ()
    problems: tuple[Problem, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problems", tuple(_problems(self)))

    @property
    def health(self) -> Health:
        """The worst that was found."""
        return max((each.health for each in self.problems), key=list(Health).index, default=Health.OK)


def _problems(report: Report) -> Iterator[Problem]:
    if report.server.error:
        yield Problem(Health.DOWN, "server", report.server.error)
    away = report.dataplane.reachable is False
    if away or (report.services and not any(each.channel_state for each in report.services)):
        if not report.server.error or away:
            yield Problem(Health.DOWN, "dataplane", "not running, or not answering")
        return
    yield from _dataplane_problems(report.dataplane)
    for service in report.services:
        yield from _service_problems(service)
    for profile in report.profiles:
        yield from _profile_problems(profile)


def _dataplane_problems(dataplane: Dataplane) -> Iterator[Problem]:
    if dataplane.reachable and not dataplane.configured:
        yield Problem(Health.DEGRADED, "dataplane", "it has no configuration yet")
    if dataplane.plane == "memory":
        yield Problem(Health.DEGRADED, "dataplane", "plane memory: nothing is forwarded")


def _service_problems(service: Service) -> Iterator[Problem]:
    if not service.enabled:
        return
    subject = f"service {service.name}"
    if service.channel_state not in ("connected", "synchronizing"):
        reason = f": {service.last_down_reason}" if service.last_down_reason else ""
        yield Problem(Health.DEGRADED, subject, f"channel {service.channel_state or 'unknown'}{reason}")
    elif service.sync_state != "in-sync":
        yield Problem(Health.DEGRADED, subject, service.sync_state or "sync state unknown")


def _profile_problems(profile: Profile) -> Iterator[Problem]:
    subject = f"profile {profile.name}"
    if profile.local_role == profile.peer_role == "master":
        yield Problem(Health.DEGRADED, subject, "both routers are master")
    well = _WELL | _CHANNEL | (frozenset() if profile.service else {"unmapped"})
    for each in profile.copying:
        if each.state not in well:
            yield Problem(Health.DEGRADED, subject, f"{each.type} {each.protocol} not copied: {each.state}")
        if each.mismatch:
            yield Problem(Health.DEGRADED, subject, f"{each.type} {each.protocol} set otherwise on the peer")
