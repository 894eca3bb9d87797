"""A small server behind real transports: predictable operations, and a record of the calls."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from lxml import etree

from server.protocol.errors import operation_not_supported, resource_denied
from server.protocol.messages import BASE_1_0, BASE_1_1, Data, Ok, Reply, Rpc
from server.protocol.session import Peer, TerminationReason


@dataclass(eq=False)
class RecordedSession:
    """One session as the operations saw it."""

    session_id: int
    peer: Peer
    capabilities: tuple[str, ...] = (BASE_1_0, BASE_1_1)
    reasons: list[TerminationReason] = field(default_factory=list)
    bad_hellos: int = 0
    bad_rpcs: int = 0


class RecordingOperations:
    """Knows `echo` (gives the request's own XML back), `get` with a `size` in octets, `wait` (until
    released), `fail`, `close-session` and `kill-session`.
    """

    def __init__(self, capacity: int = 1000) -> None:
        self.sessions: list[RecordedSession] = []
        self.waiting = threading.Event()
        self.release = threading.Event()
        self._capacity = capacity
        self._lock = threading.Lock()

    def opened(self, peer: Peer) -> RecordedSession:
        """See `Operations`."""
        with self._lock:
            if len(self.sessions) >= self._capacity:
                raise resource_denied("too many sessions")
            session = RecordedSession(len(self.sessions) + 1, peer)
            self.sessions.append(session)
            return session

    def greeted(self, context: RecordedSession, capabilities: Collection[str]) -> None:
        """See `Operations`."""

    def handle(self, context: RecordedSession, rpc: Rpc) -> Reply:
        """See `Operations`."""
        match etree.QName(rpc.operation).localname:
            case "echo":
                return Data.data([etree.tostring(child) for child in rpc.operation])
            case "get":
                size = int(rpc.operation.get("size", "0"))
                line = b"<x>" + b"x" * 992 + b"</x>\n"
                return Data.data([b'<a xmlns="urn:a">', *[line] * (size // 1000), b"</a>"])
            case "get-config" | "lock" | "unlock" | "commit" | "validate" | "edit-config":
                return Ok()
            case "wait":
                self.waiting.set()
                self.release.wait(20)
                return Ok()
            case "fail":
                raise ZeroDivisionError("secret detail")
            case "close-session":
                return Ok(close=True)
            case "kill-session":
                number = int(rpc.operation.findtext("{*}session-id") or "0")
                self.session(number).peer.terminate(TerminationReason.KILLED)
                return Ok()
            case name:
                raise operation_not_supported(f"no operation {name}")

    def answered(self, context: RecordedSession, rpc: Rpc, reply: Reply, seconds: float) -> None:
        """See `Operations`."""

    def closed(self, context: RecordedSession, reason: TerminationReason) -> None:
        """See `Operations`."""
        context.reasons.append(reason)

    def malformed(self, context: RecordedSession, *, hello: bool) -> None:
        """See `Operations`."""
        if hello:
            context.bad_hellos += 1
        else:
            context.bad_rpcs += 1

    def session(self, number: int) -> RecordedSession:
        """The session with this session-id."""
        return self.sessions[number - 1]
