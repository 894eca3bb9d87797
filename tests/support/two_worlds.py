"""Two servers that differ in nothing but what one of their users may not read.

Whatever that user asks, both have to answer in the same words: what differs is what can be inferred. The
worlds are played in step, so that session-ids, message-ids and commits have the same numbers; times are
left out of the comparison.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.depot import MODULES, DepotClient
from tests.support.error_rows import GUEST, roots
from tests.support.guest import GUEST_PASSWORD, GuestClient
from tests.support.server import ServerUnderTest, running_server

NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
EMPTY = (
    "<edit-config><target><candidate/></target><default-operation>replace</default-operation>"
    "<config>{}</config></edit-config>"
)
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
            self.admin(roots(one), roots(other))
            self.admin("<commit/>")

    @contextmanager
    def sessions(self) -> Iterator[tuple[GuestClient, GuestClient]]:
        """A further session of the user in each world."""
        with ExitStack() as stack:
            opened = [GuestClient(world.server.port) for world in self.both]
            for client in opened:
                stack.callback(client.close)
            yield opened[0], opened[1]


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
