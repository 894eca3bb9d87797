"""What is shown of a router: roles, channels, copying, interfaces, groups, events. Pure.

Made from operational data in the shape of RFC 7951 without module names (see `plain`), from whichever side it
comes: the server's own state for the page, a NETCONF reply for `twincast top`. Counters stay 64-bit numbers;
rates are messages or packets a second.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from itertools import islice
from typing import Any, Final

import msgspec

from server.status.rates import Rates

Data = Mapping[str, Any]

MOST_GROUPS: Final = 200
MOST_ENTRIES: Final = 100
"""Groups, and entries of each other list, that a picture has; of more it tells the number."""


class Service(msgspec.Struct, frozen=True):
    """A remote-backup-service: the channel to the other router. `dropped`: records beyond its queue."""

    name: str
    enabled: bool
    peer: str
    channel: str
    security: str
    sync: str
    down_reason: str
    sent: int
    received: int
    sent_rate: float
    received_rate: float
    dropped: int
    gaps: int
    mismatches: Sequence[str]


class Copying(msgspec.Struct, frozen=True):
    """Whether messages of one kind of subscriber are copied. `not_copied`: how many were not, by reason."""

    protocol: str
    type: str
    state: str
    mismatch: bool
    copied: int
    applied: int
    copied_rate: float
    applied_rate: float
    not_copied: Mapping[str, int]


class Profile(msgspec.Struct, frozen=True):
    """A remote-backup-profile. `igmp_copy` is what is configured, `copying` what is done."""

    name: str
    service: str
    igmp_copy: bool
    role: str
    peer_role: str
    since: str
    reason: str
    interfaces: Sequence[str]
    groups: int
    entries: int
    retained: int
    copying: Sequence[Copying]


class Interface(msgspec.Struct, frozen=True):
    """An interface with multicast. `side` is access, upstream or empty; `dropped`: packets by reason."""

    name: str
    side: str
    profile: str
    plane: str
    querier: str
    received: int
    sent: int
    received_rate: float
    sent_rate: float
    dropped: Mapping[str, int]
    dropped_rate: float


class Group(msgspec.Struct, frozen=True):
    """A membership of one subscriber. `why` says why the plane does not forward it, when it does not."""

    profile: str
    group: str
    subscriber: str
    interface: str
    origin: str
    forwarding: bool
    why: str


class Event(msgspec.Struct, frozen=True):
    """Something that was notified: when (RFC 3339), what, in which entry, and its content in words."""

    time: str
    what: str
    where: str
    text: str


class Picture(msgspec.Struct, frozen=True):
    """Everything. `state` is false while the dataplane tells nothing; `more` counts what is not listed."""

    router: str
    state: bool = False
    services: Sequence[Service] = ()
    profiles: Sequence[Profile] = ()
    interfaces: Sequence[Interface] = ()
    groups: Sequence[Group] = ()
    more: Mapping[str, int] = {}
    events: Sequence[Event] = ()


def picture(router: str, data: Data, events: Sequence[Event], rates: Rates) -> Picture:
    """Return the picture of `data`; `rates` know what the counters were before."""
    backup = _branch(data, "remote-backup")
    every = list(_entries(backup, "remote-backup-profile"))
    services = list(_entries(backup, "remote-backup-service"))
    interfaces = [each for each in _entries(_branch(data, "interfaces"), "interface") if "multicast" in each]
    profiles = [_profile(each, rates) for each in every[:MOST_ENTRIES]]
    groups = sorted(islice(_groups(every), MOST_GROUPS), key=_by_address)
    members = sum(_number(_branch(each, "igmp-copy-status"), "entries-count") for each in every)
    more = {
        "profiles": len(every) - MOST_ENTRIES,
        "services": len(services) - MOST_ENTRIES,
        "interfaces": len(interfaces) - MOST_ENTRIES,
        "groups": members - len(groups),
    }
    return Picture(
        router=router,
        state=any("local-role" in each for each in every) or not every,
        services=[_service(each, rates) for each in services[:MOST_ENTRIES]],
        profiles=profiles,
        interfaces=[_interface(each, rates) for each in interfaces[:MOST_ENTRIES]],
        groups=groups,
        more={name: count for name, count in more.items() if count > 0},
        events=events,
    )


def _service(data: Data, rates: Rates) -> Service:
    name, statistics = _text(data, "name"), _branch(data, "statistics")
    sent, received = _branch(statistics, "sent"), _branch(statistics, "received")
    began = _text(statistics, "discontinuity-time")
    return Service(
        name=name,
        enabled=_truth(data, "enabled", default=True),
        peer=_text(_branch(data, "peer"), "address"),
        channel=_text(data, "channel-state"),
        security=_text(data, "channel-security"),
        sync=_text(data, "sync-state"),
        down_reason=_text(data, "last-down-reason"),
        sent=_number(sent, "total"),
        received=_number(received, "total"),
        sent_rate=rates.rate(("service", name, "sent", began), _number(sent, "total")),
        received_rate=rates.rate(("service", name, "received", began), _number(received, "total")),
        dropped=_number(sent, "queue-dropped"),
        gaps=_number(received, "sequence-gap"),
        mismatches=[_mismatch(each) for each in _entries(data, "peer-mismatch")],
    )


def _mismatch(data: Data) -> str:
    ours, theirs = _text(data, "local-value"), _text(data, "peer-value")
    return f"{_text(data, 'profile')} {_text(data, 'setting')}: here {ours}, there {theirs}"


def _profile(data: Data, rates: Rates) -> Profile:
    name, status = _text(data, "name"), _branch(data, "igmp-copy-status")
    copying = [
        _copying(name, protocol, each, rates)
        for protocol in ("igmp", "mld")
        for each in _entries(_branch(data, f"{protocol}-copy-status"), "subscriber-type")
    ]
    return Profile(
        name=name,
        service=_text(data, "service-name"),
        igmp_copy=_truth(_branch(data, "dhcp-stb"), "igmp-copy", default=True),
        role=_text(data, "local-role"),
        peer_role=_text(data, "peer-role"),
        since=_text(data, "last-role-change"),
        reason=_text(data, "last-role-change-reason"),
        interfaces=[str(each) for each in data.get("bound-interface", ())],
        groups=_number(status, "groups-count"),
        entries=_number(status, "entries-count"),
        retained=_number(status, "retained-count"),
        copying=copying,
    )


def _copying(profile: str, protocol: str, data: Data, rates: Rates) -> Copying:
    kind, statistics = _text(data, "type"), _branch(data, "statistics")
    copied, applied = (_number(_branch(statistics, name), "total") for name in ("copied", "applied"))
    key = ("copying", profile, protocol, kind, _text(statistics, "discontinuity-time"))
    return Copying(
        protocol=protocol,
        type=kind,
        state=_text(data, "copy-state"),
        mismatch=_truth(data, "peer-setting-mismatch"),
        copied=copied,
        applied=applied,
        copied_rate=rates.rate((*key, "copied"), copied),
        applied_rate=rates.rate((*key, "applied"), applied),
        not_copied=_reasons(statistics, "not-copied", "messages"),
    )


def _interface(data: Data, rates: Rates) -> Interface:
    name, multicast = _text(data, "name"), _branch(data, "multicast")
    statistics = _branch(multicast, "statistics")
    received, sent = (_number(_branch(statistics, each), "total") for each in ("received", "sent"))
    dropped = _reasons(statistics, "dropped", "packets")
    key = ("interface", name, _text(statistics, "discontinuity-time"))
    profile = _text(multicast, "remote-backup-profile")
    return Interface(
        name=name,
        side="upstream" if "upstream" in multicast else "access" if profile else "",
        profile=profile,
        plane=_text(multicast, "plane"),
        querier=_text(multicast, "querier") or _text(multicast, "mld-querier"),
        received=received,
        sent=sent,
        received_rate=rates.rate((*key, "received"), received),
        sent_rate=rates.rate((*key, "sent"), sent),
        dropped=dropped,
        dropped_rate=rates.rate((*key, "dropped"), sum(dropped.values())),
    )


def _groups(profiles: Iterable[Data]) -> Iterable[Group]:
    for profile in profiles:
        for each in _entries(profile, "group"):
            forwarding = _truth(each, "forwarding")
            yield Group(
                profile=_text(profile, "name"),
                group=_text(each, "group-address"),
                subscriber=_text(each, "subscriber"),
                interface=_text(each, "interface"),
                origin=_text(each, "origin"),
                forwarding=forwarding,
                why="" if forwarding else _text(each, "forwarding-reason"),
            )


def _by_address(group: Group) -> tuple[int, int, str]:
    address = ip_address(group.group)
    return address.version, int(address), group.subscriber


def _reasons(data: Data, name: str, count: str) -> dict[str, int]:
    return {
        _text(each, "reason"): _number(each, count) for each in _entries(data, name) if _number(each, count)
    }


def _branch(data: Data, name: str) -> Data:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _entries(data: Data, name: str) -> Iterable[Data]:
    return data.get(name) or ()


def _text(data: Data, name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)


def _number(data: Data, name: str) -> int:
    return int(data.get(name) or 0)


def _truth(data: Data, name: str, *, default: bool = False) -> bool:
    value = data.get(name)
    return default if value is None else value in (True, "true")
