"""What a subscription says of itself: the subscription state change notifications (RFC 8639 section 2.7)."""

from typing import Final

from server.push.errors import Problem
from server.push.terms import Terms
from server.telemetry.content import Contents

_MODULE: Final = "/ietf-subscribed-notifications:"


class Notices:
    """Prints them; for any thread."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def replay_completed(self, number: int) -> bytes:
        """All of the past has been told."""
        return self._print("replay-completed", number)

    def suspended(self, number: int, reason: Problem) -> bytes:
        """Nothing more comes until it is resumed."""
        return self._print("subscription-suspended", number, reason=str(reason))

    def resumed(self, number: int) -> bytes:
        """It goes on."""
        return self._print("subscription-resumed", number)

    def terminated(self, number: int, reason: Problem) -> bytes:
        """Nothing more comes at all."""
        return self._print("subscription-terminated", number, reason=str(reason))

    def modified(self, number: int, terms: Terms) -> bytes:
        """From here on these are the terms."""
        return self._print("subscription-modified", number, **terms.data())

    def _print(self, name: str, number: int, **data: object) -> bytes:
        return self._contents.build(f"{_MODULE}{name}", (), {"id": number, **data}).xml
