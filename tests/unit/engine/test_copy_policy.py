"""The copy decision as a table: which fact is named first, and what it means for a message."""

from dataclasses import replace

import pytest

from dataplane.copy_policy import (
    CopyFacts,
    CopyState,
    NotCopied,
    SubscriberType,
    copy_state,
    refusal,
    refusal_of_drop,
    subscriber_type,
)
from dataplane.packets.wire import DropReason

GOOD = CopyFacts(
    multicast=True,
    dhcp_copy=True,
    bound=True,
    mapped=True,
    known_to_peer=True,
    connected=True,
    blocked=False,
    synchronizing=False,
)
# from the one that is named first to the one that is named last
PRECEDENCE = [
    ({"multicast": False}, CopyState.SERVICE_DISABLED, NotCopied.SERVICE_DISABLED),
    ({"blocked": True}, CopyState.BLOCKED, NotCopied.BLOCKED),
    ({"dhcp_copy": False}, CopyState.ADMIN_DISABLED, NotCopied.ADMIN_DISABLED),
    ({"bound": False}, CopyState.UNBOUND, NotCopied.UNMAPPED),
    ({"mapped": False}, CopyState.UNMAPPED, NotCopied.UNMAPPED),
    ({"connected": False}, CopyState.CHANNEL_DOWN, NotCopied.CHANNEL_DOWN),
    ({"known_to_peer": False}, CopyState.UNMAPPED, NotCopied.UNMAPPED),
    ({"synchronizing": True}, CopyState.SYNCHRONIZING, None),
    ({}, CopyState.ACTIVE, None),
]


@pytest.mark.parametrize("place", range(len(PRECEDENCE)))
def test_the_first_reason_is_named_whatever_follows(place: int) -> None:
    facts = GOOD
    for changes, _, _ in reversed(PRECEDENCE[place:]):
        facts = replace(facts, **changes)
    _, state, why_not = PRECEDENCE[place]
    assert copy_state(SubscriberType.DHCP_STB, facts) is state
    assert refusal(state) is why_not


@pytest.mark.parametrize(("changes", "state", "why_not"), PRECEDENCE)
def test_each_reason_alone(changes: dict[str, bool], state: CopyState, why_not: NotCopied | None) -> None:
    assert copy_state(SubscriberType.DHCP_STB, replace(GOOD, **changes)) is state
    assert refusal(state) is why_not


def test_igmp_copy_is_not_asked_for_pppoe() -> None:
    facts = replace(GOOD, dhcp_copy=False)
    assert copy_state(SubscriberType.PPPOE_STB, facts) is CopyState.ACTIVE
    assert copy_state(SubscriberType.PPPOE_STB, replace(facts, multicast=False)) is CopyState.SERVICE_DISABLED


def test_what_was_refused_before_the_profile_was_asked() -> None:
    assert refusal_of_drop(DropReason.LINK_LOCAL_GROUP) is NotCopied.LINK_LOCAL_GROUP
    assert refusal_of_drop(DropReason.BAD_CHECKSUM) is NotCopied.MALFORMED


def test_every_frame_outside_a_pppoe_session_is_a_dhcp_stb() -> None:
    assert subscriber_type(0) is SubscriberType.DHCP_STB
    assert subscriber_type(1) is SubscriberType.PPPOE_STB


def test_every_state_is_reachable_and_decides() -> None:
    assert {state for _, state, _ in PRECEDENCE} == set(CopyState)
    for state in CopyState:
        refusal(state)
