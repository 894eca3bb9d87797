"""Subscriptions to datastores with a datastore, a client and a clock that the test moves."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from lxml import etree

from server.protocol.session import Peer, TerminationReason
from server.push.errors import Problem, Unacceptable
from server.push.lens import Look
from server.push.limits import Limits
from server.push.notices import Notices
from server.push.on_change import OnChangeSubscription
from server.push.pace import OnChange, Periodic
from server.push.periodic import PeriodicSubscription
from server.push.receiver import Receiver
from server.push.registry import Registry
from server.push.running_log import KEPT, RunningLog
from server.push.scheduler import Scheduler
from server.push.terms import DatastoreTerms
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.telemetry.content import Contents
from server.telemetry.replay import ReplayLog
from server.telemetry.sessions import Sessions
from server.telemetry.streams import Stream
from server.tree.build import from_data
from server.tree.node import Container
from server.tree.xml import to_xml

LIMITS = Limits(suspension=1_000, retry=10, update=100_000, poll=100)
YP = "{urn:ietf:params:xml:ns:yang:ietf-yang-push}"


@cache
def schema() -> Schema:
    return load_schema(default_sources())


def tree(*names: str) -> Container:
    entries = [{"name": name, "type": "iana-if-type:ethernetCsmacd"} for name in names]
    return from_data(schema(), {"ietf-interfaces:interfaces": {"interface": entries}})


class World:
    """A datastore that is what it is told to be, and a `server.push.lens.Lens` of all of it."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.log = RunningLog(tree())
        self.state: Container | None = None
        self.looks = 0
        self.broken = False

    @property
    def polls(self) -> bool:
        return self.state is not None

    @property
    def waits(self) -> bool:
        return self.state is not None

    def concerns(self, old: Container, new: Container) -> bool:
        return old is not new

    def look(self, _peer: Peer, root: Container | None = None) -> Look:
        self.looks += 1
        if self.broken:
            raise Unacceptable(Problem.FILTER_UNSUPPORTED, "it takes too long")
        if self.state is not None:
            return Look(self.state)
        return Look(self.log.last[1] if root is None else root)

    def try_out(self, peer: Peer) -> Look:
        return self.look(peer)

    def pieces(self, look: Look) -> Iterable[bytes]:
        return to_xml(schema(), look.tree)


class Client:
    """Takes as many messages as there is room for."""

    def __init__(self) -> None:
        self.room = 1000
        self.said: list[str] = []

    def notify(self, pieces: Sequence[bytes]) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        return self.insist(pieces)

    def insist(self, pieces: Sequence[bytes]) -> bool:
        content = etree.fromstring(b"".join(pieces))[1]
        told = [etree.QName(content).localname.replace("subscription-", "").replace("push-", "")]
        told += [each.text for each in content.iterfind(".//{*}interface/{*}name")]
        told += [
            f"-{each.findtext(f'{YP}target', '').rpartition('=')[2]}"
            for each in content.iter(f"{YP}edit")
            if each.findtext(f"{YP}operation") == "delete"
        ]
        told += ["incomplete" for _ in content.iterfind(f"{YP}incomplete-update")]
        self.said.append(" ".join(told))
        return True

    def taken(self) -> list[str]:
        found, self.said = self.said, []
        return found


class Clocked(Registry):
    """A registry whose clock is the world's."""

    def __init__(self, world: World, stream: Stream) -> None:
        super().__init__(stream, Scheduler(), LIMITS)
        self._world = world

    def now(self) -> int:
        return self._world.now


class Scene:
    """One subscription; `at` lets it run at a time after the beginning, as the scheduler would."""

    def __init__(self, trigger: OnChange | Periodic, world: World, folder: Path) -> None:
        self.world = world
        self.client = Client()
        stream = Stream(Contents(schema()), ReplayLog(folder / "events.db", 1))
        self.registry = Clocked(world, stream)
        sessions = Sessions(())
        ended: list[TerminationReason] = []
        peer = Peer("u", "", 0, "x", ended.append, self.client.notify, insist=self.client.insist)
        self.session = sessions.open(peer)
        terms = DatastoreTerms("running", trigger)
        notices = Notices(stream.contents)

        def make(number: int) -> Any:
            receiver = Receiver(number, self.session, sessions, notices, LIMITS)
            if isinstance(trigger, Periodic):
                return PeriodicSubscription(self.registry, receiver, terms, world)
            return OnChangeSubscription(self.registry, receiver, terms, world, schema(), world.log)

        self.subscription: Any = self.registry.establish(self.session, make)
        self.registry.answered(self.session)

    def commit(self, *names: str) -> None:
        self.world.log.note(tree(*names))
        self.subscription.changed(self.world.now)

    def at(self, after: int) -> list[str]:
        self.world.now = 1_000_000 + after
        self.due = self.subscription.run(self.world.now)
        return self.client.taken()


@pytest.fixture
def folder() -> Path:
    return Path(mkdtemp(prefix="push"))


@pytest.fixture
def world() -> World:
    return World()


def test_periodic_updates_come_at_the_period_and_not_in_between(world: World, folder: Path) -> None:
    scene = Scene(Periodic(100_000), world, folder)
    assert scene.at(0) == ["update"]
    assert scene.at(99_999) == []
    world.log.note(tree("a"))
    assert scene.at(100_000) == ["update a"]
    assert scene.at(350_000) == ["update a"]
    assert scene.due >= 1_400_000
    assert (scene.due - 1_000_000) % 100_000 == 0


def test_everything_and_then_what_changes(world: World, folder: Path) -> None:
    scene = Scene(OnChange(), world, folder)
    assert scene.at(0) == ["update"]
    assert scene.at(10) == []
    scene.commit("a")
    assert scene.at(20) == ["change-update a"]
    scene.commit("b")
    assert scene.at(30) == ["change-update b -a"]
    assert scene.due is None


def test_what_changed_before_the_reply_left_is_told(world: World, folder: Path) -> None:
    scene = Scene(OnChange(sync_on_start=False), world, folder)
    scene.commit("a")
    assert scene.at(0) == ["change-update a"]


def test_changes_wait_for_the_dampening_period(world: World, folder: Path) -> None:
    scene = Scene(OnChange(1_000), world, folder)
    assert scene.at(0) == ["update"]
    scene.commit("a")
    scene.commit("a", "b")
    scene.commit("b")
    assert scene.at(500) == []
    assert scene.due == 1_001_000
    assert scene.at(1_000) == ["change-update b"]
    scene.commit("b", "c")
    scene.commit("b")
    assert scene.at(2_000) == ["change-update -c"]  # it was not at rest


def test_nothing_is_lost_in_a_suspension(world: World, folder: Path) -> None:
    scene = Scene(OnChange(), world, folder)
    assert scene.at(0) == ["update"]
    scene.client.room = 0
    scene.commit("a")
    assert scene.at(10) == ["suspended"]
    scene.commit("a", "b")
    assert scene.at(20) == []
    scene.client.room = 9
    assert scene.at(30) == ["resumed", "change-update a b"]


def test_a_suspension_that_lasts_ends_it(world: World, folder: Path) -> None:
    scene = Scene(OnChange(), world, folder)
    scene.client.room = 0
    assert scene.at(0) == ["suspended"]
    assert scene.at(999) == []
    assert scene.at(1_000) == ["terminated"]
    assert len(scene.registry) == 0
    scene.client.room = 9
    scene.commit("a")
    assert scene.at(1_100) == []


def test_after_too_many_commits_the_values_are_told_and_that_is_said(world: World, folder: Path) -> None:
    scene = Scene(OnChange(), world, folder)
    assert scene.at(0) == ["update"]
    for number in range(KEPT + 2):
        scene.commit("x", f"n{number}")
    (told,) = scene.at(10)
    assert told.startswith("change-update")
    assert told.endswith("incomplete")
    assert f"n{KEPT + 1}" in told


def test_an_update_that_is_too_large_waits_until_it_fits(world: World, folder: Path) -> None:
    scene = Scene(OnChange(), world, folder)
    assert scene.at(0) == ["update"]
    scene.commit(*(f"interface-{number}" for number in range(1_500)))
    assert scene.at(10) == ["suspended"]
    scene.commit("a")
    assert scene.at(20) == ["resumed", "change-update a"]
    assert scene.registry.counters.suspended == 1


@pytest.mark.parametrize("changes", [True, False])
def test_a_filter_that_takes_too_long_for_a_while(world: World, folder: Path, changes: bool) -> None:
    """It goes on by itself, whether or not there is something to tell."""
    scene = Scene(OnChange(), world, folder)
    assert scene.at(0) == ["update"]
    world.broken = True
    scene.commit(*(("a",) if changes else ()))
    assert scene.at(10) == ["suspended"]
    assert scene.at(20) == []
    world.broken = False
    assert scene.at(30) == (["resumed", "change-update a"] if changes else ["resumed"])
    scene.commit("b")
    (told,) = scene.at(40)
    assert told.startswith("change-update b")


def test_a_resync_tells_everything_again(world: World, folder: Path) -> None:
    scene = Scene(OnChange(), world, folder)
    scene.at(0)
    scene.commit("a")
    scene.subscription.resync()
    assert scene.at(10) == ["update a"]
    assert scene.at(20) == []


def test_state_is_looked_at_now_and_then_and_at_once_when_something_happened(
    world: World, folder: Path
) -> None:
    world.state = tree("a")
    scene = Scene(OnChange(), world, folder)
    assert scene.at(0) == ["update a"]
    looks = world.looks
    world.state = tree("b")
    assert scene.at(50) == []
    assert world.looks == looks
    scene.subscription.changed(world.now)
    assert scene.at(60) == ["change-update b -a"]
    world.state = tree("c")
    while not (told := scene.at(scene.due - 1_000_000)):
        pass
    assert told == ["change-update c -b"]


def test_other_terms_without_sync_begin_anew(world: World, folder: Path) -> None:
    scene = Scene(OnChange(sync_on_start=False), world, folder)
    other = World()
    other.log = world.log
    world.log.note(tree("a"))
    terms = replace(scene.subscription.terms, trigger=OnChange(7, False))
    scene.subscription.modify(terms, other)
    assert scene.client.taken() == ["modified"]
    assert scene.at(10) == []
    scene.commit("a", "b")
    assert scene.at(20) == ["change-update b"]


def test_it_ends_at_its_stop_time(world: World, folder: Path) -> None:
    scene = Scene(Periodic(100_000), world, folder)
    scene.subscription.terms = replace(scene.subscription.terms, stop=1_150_000)
    assert scene.at(0) == ["update"]
    assert scene.at(100_000) == ["update"]
    assert scene.due == 1_150_000
    assert scene.at(150_000) == []
    assert len(scene.registry) == 0


def test_who_is_killed_is_told_once(world: World, folder: Path) -> None:
    scene = Scene(Periodic(100_000), world, folder)
    scene.subscription.terminate(Problem.NO_SUCH_SUBSCRIPTION)
    scene.subscription.terminate(Problem.NO_SUCH_SUBSCRIPTION)
    assert scene.client.taken() == ["terminated"]
    assert scene.at(0) == []
