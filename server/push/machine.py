"""The life of a dynamic subscription (RFC 8639 section 2.4.1). Pure."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a subscription is. The two in the middle are those of `receiver/state`."""

    ESTABLISHED = "established"
    """Accepted; the reply has not left yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


class Event(StrEnum):
    """What can happen to it."""

    REPLIED = "replied"
    SUSPEND = "suspend"
    RESUME = "resume"
    MODIFY = "modify"
    """modify-subscription succeeded, which ends a suspension (RFC 8639 section 2.4.3)."""
    TERMINATE = "terminate"


TRANSITIONS: Final = {
    (State.ESTABLISHED, Event.REPLIED): State.ACTIVE,
    (State.ESTABLISHED, Event.MODIFY): State.ESTABLISHED,
    (State.ESTABLISHED, Event.TERMINATE): State.TERMINATED,
    (State.ACTIVE, Event.SUSPEND): State.SUSPENDED,
    (State.ACTIVE, Event.MODIFY): State.ACTIVE,
    (State.ACTIVE, Event.TERMINATE): State.TERMINATED,
    (State.SUSPENDED, Event.RESUME): State.ACTIVE,
    (State.SUSPENDED, Event.MODIFY): State.ACTIVE,
    (State.SUSPENDED, Event.TERMINATE): State.TERMINATED,
}
"""What is not here changes nothing: an event that comes too late is no fault."""


class Machine:
    """One subscription's state. Not safe for threads: its owner has a lock."""

    def __init__(self) -> None:
        self.state = State.ESTABLISHED

    def on(self, event: Event) -> bool:
        """Let an event happen; False when it changes nothing any more."""
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            return False
        self.state = following
        return True
