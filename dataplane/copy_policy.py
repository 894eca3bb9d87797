"""Whether an access message is copied to the peer, and if not, why not. Pure.

Owns the decision of rules 1 to 6, 14 and 16: `copy_state` says how a profile stands for one kind of
subscriber, `refusal` what that means for a message. The role is not asked: behind a smart link an STB
goes on reporting to the old master after a failover, and its messages must reach the new one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dataplane.packets.wire import DropReason


class SubscriberType(StrEnum):
    """How an STB reaches the router: inside a PPPoE session, or in any other way (rule 2)."""

    DHCP_STB = "dhcp-stb"
    PPPOE_STB = "pppoe-stb"


class CopyState(StrEnum):
    """Whether messages of one kind of subscriber are copied; if not, the first reason why not."""

    ACTIVE = "active"
    ADMIN_DISABLED = "admin-disabled"
    SERVICE_DISABLED = "service-disabled"
    UNBOUND = "unbound"
    UNMAPPED = "unmapped"
    CHANNEL_DOWN = "channel-down"
    BLOCKED = "blocked"
    SYNCHRONIZING = "synchronizing"


class NotCopied(StrEnum):
    """Why a message was not copied: the keys of the not-copied statistics."""

    ADMIN_DISABLED = "admin-disabled"
    SERVICE_DISABLED = "service-disabled"
    UNMAPPED = "unmapped"
    CHANNEL_DOWN = "channel-down"
    BLOCKED = "blocked"
    QUERY = "query"
    LINK_LOCAL_GROUP = "link-local-group"
    MALFORMED = "malformed"
    QUEUE_FULL = "queue-full"
    REFUSED = "refused"
    NOT_IN_SUBSCRIBER_LIST = "not-in-subscriber-list"
    NO_CHANGE = "no-change"


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What the decision for one profile and one protocol depends on.

    `dhcp_copy`: igmp-copy for messages of IGMP, mld-copy for those of MLD. `mapped`: the profile names a
    service and a backup-id. `known_to_peer`: the peer has a profile with this backup-id; True while it has
    not said. `connected`: the handshake with the peer is done. `blocked`: a backup-block of the service
    stops sending. `synchronizing`: the first batch after a connection is on its way.
    """

    multicast: bool
    dhcp_copy: bool
    bound: bool
    mapped: bool
    known_to_peer: bool
    connected: bool
    blocked: bool
    synchronizing: bool


def copy_state(subscriber_type: SubscriberType, facts: CopyFacts) -> CopyState:
    """Return how the profile stands for `subscriber_type`.

    What the operator configured comes before what the network does, and the wider switch before the
    narrower one, so that the answer names the first thing to change: service-type, a block (which
    overrides igmp-copy, rule 15), igmp-copy or mld-copy (not asked for PPPoE, rule 2), binding, mapping,
    channel.
    """
    if not facts.multicast:
        return CopyState.SERVICE_DISABLED
    if facts.blocked:
        return CopyState.BLOCKED
    if not facts.dhcp_copy and subscriber_type is SubscriberType.DHCP_STB:
        return CopyState.ADMIN_DISABLED
    if not facts.bound:
        return CopyState.UNBOUND
    if not facts.mapped:
        return CopyState.UNMAPPED
    if not facts.connected:
        return CopyState.CHANNEL_DOWN
    if not facts.known_to_peer:
        return CopyState.UNMAPPED
    return CopyState.SYNCHRONIZING if facts.synchronizing else CopyState.ACTIVE


_REFUSALS: Final = {
    CopyState.ACTIVE: None,
    CopyState.SYNCHRONIZING: None,
    CopyState.ADMIN_DISABLED: NotCopied.ADMIN_DISABLED,
    CopyState.SERVICE_DISABLED: NotCopied.SERVICE_DISABLED,
    CopyState.UNBOUND: NotCopied.UNMAPPED,
    CopyState.UNMAPPED: NotCopied.UNMAPPED,
    CopyState.CHANNEL_DOWN: NotCopied.CHANNEL_DOWN,
    CopyState.BLOCKED: NotCopied.BLOCKED,
}


def refusal(state: CopyState) -> NotCopied | None:
    """Return why a report or leave is not copied in `state`; None when it is (rules 1, 3, 5, 6, 16).

    While synchronizing messages are copied: they follow the batch in sequence.
    """
    return _REFUSALS[state]


_DROPS: Final = {
    DropReason.LINK_LOCAL_GROUP: NotCopied.LINK_LOCAL_GROUP,
    DropReason.RATE_LIMITED: NotCopied.REFUSED,
}


def refusal_of_drop(reason: DropReason) -> NotCopied:
    """Return the not-copied reason of a message that was refused before any profile setting was asked."""
    return _DROPS.get(reason, NotCopied.MALFORMED)


def subscriber_type(pppoe_session: int) -> SubscriberType:
    """Return the kind of a subscriber: ethertype 0x8864 makes a pppoe-stb, all else a dhcp-stb (rule 2)."""
    return SubscriberType.PPPOE_STB if pppoe_session else SubscriberType.DHCP_STB
