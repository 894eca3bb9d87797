"""The actions of our module: what was judged becomes an order to the dataplane, its outcome the output.

A dataplane that refuses says why in a word, which becomes the error-app-tag, and a sentence.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from dataplane.control.client import (
    Action,
    ActionRefused,
    BatchBackup,
    BatchStarted,
    ClearCopiedGroups,
    ControlClient,
    GroupsCleared,
    RequestFailed,
    ResetStatistics,
    RoleSwitched,
    StatisticsReset,
    Switchover,
    Unavailable,
)
from server.northbound.names import PROFILE_PATH, SERVICE_PATH, trb
from server.protocol.errors import operation_failed
from server.provider import ActionHandler, Invocation

T = TypeVar("T", BatchStarted, GroupsCleared, StatisticsReset, RoleSwitched)

BATCH_BACKUP: Final = f"{SERVICE_PATH}/batch-backup"
RESET_STATISTICS: Final = f"{SERVICE_PATH}/reset-statistics"
CLEAR_COPIED_GROUPS: Final = f"{PROFILE_PATH}/clear-copied-groups"
SWITCHOVER: Final = f"{PROFILE_PATH}/switchover"


class ActionReader:
    """Carries out actions in one dataplane; safe for many threads."""

    def __init__(self, client: ControlClient) -> None:
        self._client: Final = client

    def handlers(self) -> Mapping[str, ActionHandler]:
        """Return what carries out each action, by its path."""
        return {
            BATCH_BACKUP: self._batch_backup,
            RESET_STATISTICS: self._reset_statistics,
            CLEAR_COPIED_GROUPS: self._clear_copied_groups,
            SWITCHOVER: self._switchover,
        }

    def _batch_backup(self, invocation: Invocation) -> Mapping[str, object]:
        started = self._order(invocation, BatchBackup(_name(invocation)), BatchStarted)
        return {"batch-id": started.batch_id}

    def _reset_statistics(self, invocation: Invocation) -> Mapping[str, object]:
        self._order(invocation, ResetStatistics(_name(invocation)), StatisticsReset)
        return {}

    def _clear_copied_groups(self, invocation: Invocation) -> Mapping[str, object]:
        value = invocation.input.value
        group, interface = value(trb("group-address")) or "", value(trb("interface")) or ""
        order = ClearCopiedGroups(_name(invocation), group, interface)
        return {"cleared": self._order(invocation, order, GroupsCleared).count}

    def _switchover(self, invocation: Invocation) -> Mapping[str, object]:
        self._order(invocation, Switchover(_name(invocation)), RoleSwitched)
        return {}

    def _order(self, invocation: Invocation, action: Action, expected: type[T]) -> T:
        """Return the outcome; raises RpcError operation-failed at the action."""
        try:
            outcome = self._client.act(action)
        except Unavailable as error:
            text = "The dataplane is away; it is not known whether the action was carried out."
            raise invocation.blame(operation_failed(text, app_tag="dataplane-away")) from error
        except RequestFailed as error:
            raise invocation.blame(operation_failed(f"The dataplane failed: {error}.")) from error
        if isinstance(outcome, ActionRefused):
            raise invocation.blame(operation_failed(outcome.message, app_tag=outcome.reason))
        if not isinstance(outcome, expected):
            raise invocation.blame(operation_failed("The dataplane gave an unexpected answer."))
        return outcome


def _name(invocation: Invocation) -> str:
    """The key of the one list above the action."""
    return invocation.keys[0][0]
