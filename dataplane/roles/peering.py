"""Whose hellos count: authentication, and protection against replay. Pure.

Within one start of the peer the counter must grow. A start that was not seen before counts only when its
hello echoes one of our own last hellos, sent since the former start was believed: a recorded datagram
cannot. So two routers that meet exchange
three hellos before both believe; a restarted one is believed after one round trip.
"""

from collections import Counter

from dataplane.config import Address
from dataplane.roles.hello import NEVER, Hello, HelloDrop, HelloError, Stamp, decode

_ECHO_WINDOW = 16
"""How many of our hellos back an echo may be to prove that its sender lives now."""


class Peering:
    """The exchange of hellos with one peer for one profile."""

    def __init__(self, key: bytes, etrunk_id: int, backup_id: int, sender: Address, boot: int) -> None:
        self.key = key
        self.etrunk_id = etrunk_id
        self.received = 0
        self.refused: Counter[HelloDrop] = Counter()
        self._backup_id = backup_id
        self._sender = sender
        self._own = Stamp(boot, 0)
        self._peer = NEVER
        self._stranger = NEVER
        self._known_since = 0
        self.newcomer = False
        """The hello that was accepted last showed a start of the peer that was not known before."""

    @property
    def sent(self) -> int:
        """How many hellos we have stamped."""
        return self._own.counter

    @property
    def echo(self) -> Stamp:
        """What our next hello repeats: a newcomer's, who needs it, before the known peer's."""
        return self._peer if self._stranger == NEVER else self._stranger

    def next_stamp(self) -> Stamp:
        """The stamp of our next hello."""
        self._own = Stamp(self._own.boot, self._own.counter + 1)
        return self._own

    def accept(self, datagram: bytes) -> Hello:
        """The hello if it counts. Raises HelloError, and counts why."""
        try:
            hello = decode(datagram, self.key, self._sender)
            self._judge(hello)
        except HelloError as error:
            self.refused[error.reason] += 1
            raise
        self.received += 1
        return hello

    def _judge(self, hello: Hello) -> None:
        if (hello.etrunk_id, hello.backup_id) != (self.etrunk_id, self._backup_id):
            raise HelloError(HelloDrop.WRONG_E_TRUNK)
        if hello.stamp.boot == self._own.boot:
            raise HelloError(HelloDrop.REFLECTED)
        self.newcomer = hello.stamp.boot != self._peer.boot
        if self.newcomer:
            self._verify(hello)
        elif hello.stamp.counter <= self._peer.counter:
            raise HelloError(HelloDrop.REPLAYED)
        self._peer = hello.stamp

    def _verify(self, hello: Hello) -> None:
        """A start that is new to us must have heard one of our last hellos.

        One that came before the present start was believed may have been heard by the former, whose hellos
        somebody can have kept.
        """
        heard, last = hello.echo.counter, self._own.counter
        recent = max(last - _ECHO_WINDOW, self._known_since) < heard <= last
        if hello.echo.boot != self._own.boot or not recent:
            self._stranger = hello.stamp
            raise HelloError(HelloDrop.UNVERIFIED)
        self._stranger = NEVER
        self._known_since = last
