"""Operational state: what the dataplane tells becomes the state nodes of our module.

Asks the dataplane for what a request selects and nothing else, and gives it the shape of RFC 7951. While
the dataplane is away there is no state to tell.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Final

from msgspec.structs import replace

from dataplane.control.client import (
    ControlClient,
    CopyStatus,
    GroupKey,
    GroupState,
    HelloStatistics,
    InterfaceState,
    ProfileState,
    RequestFailed,
    ServiceState,
    StatePiece,
    StateSelection,
    Unavailable,
)
from server.northbound.names import (
    GROUP_PATH,
    INTERFACE_PATH,
    MULTICAST_PATH,
    PROFILE_PATH,
    REMOTE_BACKUP,
    SERVICE_PATH,
)
from server.schema.model import Schema, SchemaNode
from server.tree.build import Streamed
from server.tree.filter import Selection

Data = dict[str, object]

MAXIMUM_KEYS: Final = 1024
"""Entries asked for by key at a time; for more all are asked for and the filter picks."""

_ANY: Final = ("", "", "")
"""The key of a group that leaves everything open."""
_COUNTS: Final = ("groups-count", "entries-count", "retained-count")
_MESSAGES: Final = ("total", "query", "report", "leave")
_FORWARDED: Final = ("in-packets", "in-octets", "out-packets", "out-octets")
_log = logging.getLogger("twincast.server.northbound.state")


class StateReader:
    """Reads state from one dataplane; safe for many threads."""

    def __init__(self, schema: Schema, client: ControlClient) -> None:
        self._client: Final = client
        self._services: Final = _state_nodes(schema.node(SERVICE_PATH))
        groups = schema.node(GROUP_PATH)
        profiles = _state_nodes(schema.node(PROFILE_PATH))
        self._profiles: Final = tuple(node for node in profiles if node is not groups)
        self._interfaces: Final = _state_nodes(schema.node(MULTICAST_PATH))

    def read(self, selection: Selection) -> Data:
        """Return the state that `selection` wants, as `server.tree.build.from_data` takes it."""
        wanted = self.selection(selection)
        if wanted == StateSelection((), (), (), ()) or wanted == StateSelection((), (), (), (), counts=False):
            return {}
        groups = wanted.groups
        whole = groups is not None and all(key.whole for key in groups)
        collected = _Collected()
        try:
            for piece in self._client.state(wanted if whole else replace(wanted, groups=())):
                collected.add(piece)
            if not whole:
                self._stream_groups(collected, groups or (GroupKey(),), wanted)
        except (Unavailable, RequestFailed) as error:
            _log.warning("state-unavailable", extra={"reason": str(error)})
            return {}
        return collected.data()

    def _stream_groups(
        self, collected: "_Collected", keys: Sequence[GroupKey], wanted: StateSelection
    ) -> None:
        """Have the groups of each profile come when they are printed: they may be too many to be held."""
        by_profile: dict[str, list[GroupKey]] = {}
        for key in keys:
            by_profile.setdefault(key.profile, []).append(key)
        everywhere = by_profile.pop("", [])
        if wanted.profiles == ():  # else they have been told
            names = None if everywhere else tuple(by_profile)
            for piece in self._client.state(StateSelection((), names, (), (), counts=False)):
                collected.know(item.name for item in piece.profiles)
        for name in collected.profiles():
            own = [*everywhere, *by_profile.get(name, ())]
            ask = StateSelection((), (), (), tuple(replace(key, profile=name) for key in own), counts=False)
            collected.stream(name, Streamed(partial(self._groups_of, ask)))

    def _groups_of(self, ask: StateSelection) -> Iterator[list[Data]]:
        """Yield the groups of one profile as the dataplane tells them.

        Raises ConnectionAbortedError when it goes away: what was begun cannot be completed, so the session
        has to end.
        """
        seen = _Seen(len(ask.groups or ()))
        try:
            with closing(self._client.state(ask)) as pieces:
                for piece in pieces:
                    yield [group(found) for found in piece.groups if seen.first(found)]
        except (Unavailable, RequestFailed) as error:
            _log.error("state-interrupted", extra={"reason": str(error)})
            raise ConnectionAbortedError("the dataplane went away in the middle of a reply") from error

    def selection(self, selection: Selection) -> StateSelection:
        """Return what to ask the dataplane for."""
        counts = any(selection.wants(f"{PROFILE_PATH}/igmp-copy-status/{name}") for name in _COUNTS)
        return StateSelection(
            services=_names(selection, SERVICE_PATH, self._services),
            profiles=_names(selection, PROFILE_PATH, self._profiles),
            interfaces=_names(selection, INTERFACE_PATH, self._interfaces),
            groups=_groups(selection),
            counts=counts,
        )


def _state_nodes(parent: SchemaNode) -> tuple[SchemaNode, ...]:
    return tuple(node for node in parent.children.values() if not node.config)


def _names(selection: Selection, path: str, nodes: Iterable[SchemaNode]) -> tuple[str, ...] | None:
    if not any(selection.wants(node) for node in nodes):
        return ()
    keys = selection.keys(path)
    if keys is None or len(keys) > MAXIMUM_KEYS:
        return None
    return tuple(sorted(key[0] for key in keys))


def _groups(selection: Selection) -> tuple[GroupKey, ...] | None:
    if not selection.wants(GROUP_PATH):
        return ()
    profiles, groups = selection.keys(PROFILE_PATH), selection.parts_of_keys(GROUP_PATH)
    names = [""] if profiles is None else sorted(key[0] for key in profiles)
    keys = [_ANY] if groups is None else sorted(tuple(part or "" for part in key) for key in groups)
    if _ANY in keys:
        keys = [_ANY]
    if len(names) * len(keys) > MAXIMUM_KEYS:
        return None
    return tuple(GroupKey(name, *key) for name, key in product(names, keys))


class _Seen:
    """Which entries were told: several keys may match one. For one key there is nothing to remember."""

    def __init__(self, keys: int) -> None:
        self._keys: set[tuple[str, str, str]] | None = set() if keys > 1 else None

    def first(self, found: GroupState) -> bool:
        """Whether the entry comes for the first time."""
        if self._keys is None:
            return True
        before = len(self._keys)
        self._keys.add((found.interface, found.subscriber, found.group_address))
        return len(self._keys) > before


class _Collected:
    """Puts the pieces of a state reply together."""

    def __init__(self) -> None:
        self._services: list[Data] = []
        self._profiles: dict[str, Data] = {}
        self._interfaces: list[Data] = []
        self._seen: set[tuple[str, str, str, str]] = set()

    def add(self, piece: StatePiece) -> None:
        self._services += [service(item) for item in piece.services]
        for item in piece.profiles:
            self._profile(item.name).update(profile(item))
        self._interfaces += [interface(item) for item in piece.interfaces]
        for found in piece.groups:
            self._add_group(found)

    def _add_group(self, found: GroupState) -> None:
        key = (found.profile, found.interface, found.subscriber, found.group_address)
        if key in self._seen:
            return
        self._seen.add(key)
        groups = self._profile(found.profile).setdefault("group", [])
        assert isinstance(groups, list)  # noqa: S101 - made one line above
        groups.append(group(found))

    def know(self, profiles: Iterable[str]) -> None:
        """These profiles exist."""
        for name in profiles:
            self._profile(name)

    def profiles(self) -> list[str]:
        """The profiles that exist, of those that were asked for."""
        return list(self._profiles)

    def stream(self, profile: str, groups: Streamed) -> None:
        """Have the groups of a profile come later."""
        self._profile(profile)["group"] = groups

    def _profile(self, name: str) -> Data:
        return self._profiles.setdefault(name, {"name": name})

    def data(self) -> Data:
        data: Data = {}
        backup: Data = {}
        if self._services:
            backup["remote-backup-service"] = self._services
        if self._profiles:
            backup["remote-backup-profile"] = list(self._profiles.values())
        if backup:
            data[f"{REMOTE_BACKUP}:remote-backup"] = backup
        if self._interfaces:
            data["ietf-interfaces:interfaces"] = {"interface": self._interfaces}
        return data


def service(state: ServiceState) -> Data:
    """Return the state nodes of a remote-backup-service."""
    return {
        "name": state.name,
        "channel-state": state.channel_state,
        "channel-security": state.channel_security or None,
        "sync-state": state.sync_state,
        "last-up-time": date_and_time(state.last_up_time),
        "last-down-time": date_and_time(state.last_down_time),
        "last-down-reason": state.last_down_reason or None,
        "peer-mismatch": [
            {
                "profile": item.profile,
                "setting": item.setting,
                "local-value": item.local,
                "peer-value": item.peer,
            }
            for item in state.peer_mismatch
        ],
        "statistics": {
            "discontinuity-time": date_and_time(state.discontinuity_time, "milliseconds"),
            "sent": dict(state.sent),
            "received": dict(state.received),
        },
    }


def profile(state: ProfileState) -> Data:
    """Return the state nodes of a remote-backup-profile, but for its groups."""
    return {
        "name": state.name,
        "local-role": state.local_role,
        "peer-role": state.peer_role or None,
        "last-role-change": date_and_time(state.last_role_change),
        "last-role-change-reason": state.last_role_change_reason or None,
        "hello-statistics": _hellos(state.hellos),
        "bound-interface": list(state.bound_interface),
        "igmp-copy-status": {
            "subscriber-type": [_copy_status(item) for item in state.subscriber_types],
            "last-batch-completed": date_and_time(state.last_batch_completed),
            "last-batch-entries": state.last_batch_entries,
            "groups-count": state.groups_count,
            "entries-count": state.entries_count,
            "retained-count": state.retained_count,
        },
        "subscriber-list": {
            "entries": state.subscriber_list_entries,
            "last-loaded": date_and_time(state.subscriber_list_loaded),
        },
        "mld-copy-status": {"subscriber-type": [_copy_status(item) for item in state.mld_subscriber_types]},
    }


def _hellos(state: HelloStatistics | None) -> Data:
    if state is None:
        return {}
    return {
        "discontinuity-time": date_and_time(state.discontinuity_time, "milliseconds"),
        "sent": state.sent,
        "received": state.received,
        "refused": [{"reason": reason, "hellos": count} for reason, count in sorted(state.refused.items())],
    }


def _copy_status(state: CopyStatus) -> Data:
    return {
        "type": state.type,
        "copy-state": state.copy_state,
        "last-state-change": date_and_time(state.last_state_change),
        "peer-setting-mismatch": state.peer_setting_mismatch,
        "statistics": {
            "discontinuity-time": date_and_time(state.discontinuity_time, "milliseconds"),
            "copied": _messages(state.copied),
            "applied": _messages(state.applied),
            "not-copied": [
                {"reason": reason, "messages": count} for reason, count in sorted(state.not_copied.items())
            ],
        },
    }


def _messages(counters: Mapping[str, int]) -> Data:
    return {name: counters.get(name, 0) for name in _MESSAGES}


def group(state: GroupState) -> Data:
    """Return one entry of a profile's group list."""
    return {
        "interface": state.interface,
        "subscriber": state.subscriber,
        "group-address": state.group_address,
        "subscriber-type": state.subscriber_type,
        "origin": state.origin,
        "filter-mode": state.filter_mode,
        "expire": state.expire,
        "up-time": state.up_time,
        "last-reporter": state.last_reporter,
        "forwarding": state.forwarding,
        "forwarding-reason": state.forwarding_reason,
        "exceeds-filter": state.exceeds_filter,
        "packets": state.packets,
        "source": [
            {"source-address": item.source_address, "expire": item.expire, "up-time": item.up_time}
            for item in state.source
        ],
    }


def interface(state: InterfaceState) -> Data:
    """Return the multicast state of an interface."""
    error = {name: state.error.get(name, 0) for name in (*_MESSAGES, "checksum", "too-short")}
    return {
        "name": state.name,
        f"{REMOTE_BACKUP}:multicast": {
            "querier": state.querier or None,
            "mld-querier": state.mld_querier or None,
            "vif": state.vif,
            "plane": state.plane,
            "capture": state.capture or None,
            "statistics": {
                "discontinuity-time": date_and_time(state.discontinuity_time, "milliseconds"),
                "error": error,
                "received": _messages(state.received),
                "sent": {**_messages(state.sent), "failed": state.sent.get("failed", 0)},
                "forwarded": {name: state.forwarded.get(name, 0) for name in _FORWARDED},
                "dropped": [
                    {"reason": reason, "packets": count} for reason, count in sorted(state.dropped.items())
                ],
            },
        },
    }


def date_and_time(seconds: float | None, precision: str = "seconds") -> str | None:
    """Return yang:date-and-time (RFC 6991) of seconds since the Unix epoch.

    The time at which counters began is told in milliseconds: two resets within a second have to differ.
    """
    if seconds is None:
        return None
    return f"{datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec=precision)}Z"
