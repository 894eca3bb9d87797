"""What the dataplane announces becomes the notifications of our module, each in its list entry.

Owns the names of the notifications and their content but for `suppressed`, which the stream knows.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from dataplane.control.client import (
    BatchCompleted,
    ChannelStateChanged,
    CopyStateChanged,
    DualMaster,
    Event,
    OutOfSync,
    RoleChanged,
)
from server.northbound.names import PROFILE_PATH, SERVICE_PATH
from server.provider import Notice

_Told = tuple[str, str, dict[str, object]]
"""The schema path of a notification, the name of the entry that it is in, its content."""


def _role_changed(event: RoleChanged) -> _Told:
    return f"{PROFILE_PATH}/role-changed", event.profile, {"local-role": event.new, "reason": event.reason}


def _copy_state_changed(event: CopyStateChanged) -> _Told:
    content: dict[str, object] = {
        "subscriber-type": event.subscriber_type,
        "protocol": event.protocol,
        "copy-state": event.new,
    }
    return f"{PROFILE_PATH}/igmp-copy-state-changed", event.profile, content


def _dual_master(event: DualMaster) -> _Told:
    return f"{PROFILE_PATH}/dual-master", event.profile, {}


def _channel_state_changed(event: ChannelStateChanged) -> _Told:
    content: dict[str, object] = {"channel-state": event.new, "reason": event.reason or None}
    return f"{SERVICE_PATH}/channel-state-changed", event.service, content


def _batch_completed(event: BatchCompleted) -> _Told:
    content: dict[str, object] = {"batch-id": event.batch_id, "entries": event.entries}
    return f"{SERVICE_PATH}/batch-backup-completed", event.service, content


def _out_of_sync(event: OutOfSync) -> _Told:
    where = f" of profile {event.profile}" if event.profile else ""
    return (
        f"{SERVICE_PATH}/out-of-sync",
        event.service,
        {"reason": f"{event.reason}: records{where} were lost"},
    )


TELLERS: Final[Mapping[type, Callable[[Any], _Told]]] = {
    RoleChanged: _role_changed,
    CopyStateChanged: _copy_state_changed,
    DualMaster: _dual_master,
    ChannelStateChanged: _channel_state_changed,
    BatchCompleted: _batch_completed,
    OutOfSync: _out_of_sync,
}
"""One for each kind of event."""


def notice(event: Event, suppressed: int) -> Notice:
    """Return the notification of an event; `suppressed` events were left out before it."""
    path, name, data = TELLERS[type(event)](event)
    return Notice(path, ((name,),), data, suppressed=suppressed)
