"""Two servers that differ in nothing but what one of their users may not read.

Whatever that user asks, both have to answer in the same words: what differs is what can be inferred. The
worlds are played in step, so that session-ids, message-ids and commits have the same numbers; times are
left out of the comparison.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.depot import MODULES, DepotClient
from tests.support.error_rows import GUEST, roots
from tests.support.guest import GUEST_PASSWORD, GuestClient
from tests.support.scenes import ONE, OTHER, ledger
from tests.support.server import ServerUnderTest, running_server

NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
EMPTY = (
    "<edit-config><target><candidate/></target><default-operation>replace</default-operation>"
    "<config>{}</config></edit-config>"
)
PARTIAL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
_LOCK = re.compile(rb'<lock-id xmlns="[^"]*partial-lock[^"]*">(\d+)')
_TIMES = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def same(answer: bytes) -> bytes:
    """An answer without its times."""
    return _TIMES.sub(b"TIME", answer)


@dataclass
class World:
    """One of the two, with a session of the administrator and one of the user; `files` is for file URLs."""

    server: ServerUnderTest
    files: Path
    admin: DepotClient
    guest: GuestClient


@dataclass
class Worlds:
    """Both. `told` collects what was answered to the user in each: all that he can know."""

    both: tuple[World, World]
    told: tuple[list[bytes], list[bytes]] = field(default_factory=lambda: ([], []))
    turns: int = 0

    def admin(self, one: str, other: str | None = None) -> None:
        """Have the administrator do something in each world, which has to succeed."""
        for world, body in zip(self.both, (one, one if other is None else other), strict=True):
            found = world.admin.errors(body)
            assert found == [], (body, found)

    def guest(self, body: str) -> tuple[bytes, bytes]:
        """Have the user ask in each world, and return the answers without times."""
        return self.noted(*(same(world.guest.rpc(body)) for world in self.both))

    def noted(self, one: bytes, other: bytes) -> tuple[bytes, bytes]:
        """Keep what the user was told."""
        for kept, answer in zip(self.told, (one, other), strict=True):
            kept.append(answer)
        return one, other

    def begin(self, rules: Sequence[str], shared: str, hidden: tuple[str, str]) -> None:
        """Make the worlds: the same rules and data, and in each what the user may not read.

        Everything is committed twice, so that both have a history: first all of it in the wrong world.
        """
        for kept in self.told:
            kept.clear()
        self.admin("<discard-changes/>")
        nacm = _nacm(rules)
        for one, other in (hidden[::-1], hidden):
            self.admin(EMPTY.format(nacm + shared))
            self.commit(one, other)

    def commit(self, one: str, other: str) -> None:
        """Commit hidden things, some in either world; that something was committed is no secret."""
        self.turns += 1
        self.admin(roots(one), roots(other))
        self.admin(roots(ledger(f"<line><number>99</number><sum>{self.turns}.00</sum></line>")))
        self.admin("<commit/>")

    @contextmanager
    def sessions(self, *capabilities: str) -> Iterator["Pair"]:
        """A further session of the user in each world, with what its hello announces beside the base."""
        with ExitStack() as stack:
            opened = [GuestClient(world.server.port, capabilities) for world in self.both]
            for client in opened:
                stack.callback(client.close)
            yield Pair((opened[0], opened[1]))


@dataclass(frozen=True, slots=True)
class Pair:
    """A session in each world."""

    clients: tuple[GuestClient, GuestClient]

    def ask(self, body: str) -> tuple[bytes, bytes]:
        """Ask in each world and return the answers without times."""
        one, other = (same(client.rpc(body)) for client in self.clients)
        return one, other

    def until(self, last: bytes) -> tuple[list[bytes], list[bytes]]:
        """Return what comes in each world, up to a message that has these octets."""
        one, other = (_until(client, last) for client in self.clients)
        return one, other


def _until(client: GuestClient, last: bytes) -> list[bytes]:
    found: list[bytes] = []
    while not found or last not in found[-1]:
        found.append(same(client.receive()))
    return found


def alike(ask: Callable[[str], tuple[bytes, bytes]], bodies: Iterable[str]) -> None:
    """Have each request answered in both worlds and hold the answers to each other.

    What they leave behind is undone. No word that stands in hidden places only may be in an answer unless it
    is in the question.
    """
    different = []
    for body in bodies:
        one, other = ask(body)
        if one != other:
            different.append(shown(body, one, other))
        for word in (ONE, OTHER):
            if word not in body:
                assert word.encode() not in one + other, body
        locked = _LOCK.search(one)
        if locked is not None:
            number = locked[1].decode()
            ask(f'<partial-unlock xmlns="{PARTIAL}"><lock-id>{number}</lock-id></partial-unlock>')
        ask("<discard-changes/>")
    assert not different, "\n".join(different)


def shown(body: str, one: bytes, other: bytes) -> str:
    """A request and where its answers part."""
    pairs = enumerate(zip(one, other, strict=False))
    at = max(0, next((place for place, (left, right) in pairs if left != right), 0) - 200)
    parts = (answer[at : at + 600].decode(errors="replace") for answer in (one, other))
    return "\n  ".join((f"\n{body[:700]}", *parts))


def _nacm(rules: Sequence[str]) -> str:
    listed = "".join(f"<rule><name>r{number}</name>{rule}</rule>" for number, rule in enumerate(rules))
    groups = f"<groups><group><name>staff</name><user-name>{GUEST}</user-name></group></groups>"
    return (
        f'<nacm xmlns="{NACM}">{groups}'
        f"<rule-list><name>one</name><group>staff</group>{listed}</rule-list></nacm>"
    )


@contextmanager
def two_worlds(folder: Path, **options: Any) -> Iterator[Worlds]:
    """Two servers in folders of their own, for as long as the block lasts."""
    with ExitStack() as stack:
        made = []
        for name in ("one", "other"):
            home, files = folder / name, folder / f"{name}-files"
            home.mkdir()
            files.mkdir()
            server = stack.enter_context(
                running_server(
                    home,
                    MODULES,
                    users={GUEST: GUEST_PASSWORD},
                    options={"url_folder": str(files)},
                    **options,
                )
            )
            world = World(server, files, DepotClient(server.port), GuestClient(server.port))
            stack.callback(world.admin.close)
            stack.callback(world.guest.close)
            made.append(world)
        yield Worlds((made[0], made[1]))
