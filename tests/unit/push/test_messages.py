"""What is sent fits the modules, by libyang's judgement."""

import pytest

from server.push.change_update import push_change_update
from server.push.errors import Problem
from server.push.notices import Notices
from server.push.pace import OnChange, Periodic
from server.push.patch import edits
from server.push.terms import DatastoreTerms, Filter, StreamTerms, Terms
from server.push.update import TooBigError, push_update
from server.schema.model import Schema, load_schema
from server.schema.sources import ModuleSources, default_sources
from server.schema.validator_child import Engine
from server.schema.validator_wire import Request, Work
from server.telemetry.content import Contents
from server.tree.build import from_data
from server.tree.node import Container, empty_root
from server.tree.xml import to_xml

SUBTREE = b'<stream-subtree-filter xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"/>'
SELECTION = b'<datastore-subtree-filter xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"/>'


@pytest.fixture(scope="module")
def sources() -> ModuleSources:
    return default_sources()


@pytest.fixture(scope="module")
def schema(sources: ModuleSources) -> Schema:
    return load_schema(sources)


@pytest.fixture(scope="module")
def engine(sources: ModuleSources) -> Engine:
    return Engine(sources)


@pytest.fixture(scope="module")
def notices(schema: Schema) -> Notices:
    return Notices(Contents(schema))


def check(engine: Engine, xml: bytes) -> None:
    reply = engine.judge(Request(Work.OPERATION, xml))
    assert reply.errors == ()


def interfaces(schema: Schema, *names: str) -> Container:
    entries = [{"name": name, "type": "iana-if-type:ethernetCsmacd"} for name in names]
    return from_data(schema, {"ietf-interfaces:interfaces": {"interface": entries}})


TERMS = {
    "stream": StreamTerms("NETCONF", start=1, stop=5_000_000),
    "stream, subtree": StreamTerms("NETCONF", Filter(subtree=SUBTREE)),
    "stream, xpath": StreamTerms("NETCONF", Filter(xpath="/ietf-interfaces:interfaces")),
    "stream, by name": StreamTerms("NETCONF", Filter("mine", SUBTREE)),
    "periodic": DatastoreTerms("running", Periodic(10_000, 1_000_000), Filter(subtree=SELECTION)),
    "on change": DatastoreTerms("operational", OnChange(10_000, False, frozenset({"create", "move"}))),
    "on change, by name": DatastoreTerms("running", OnChange(), Filter("mine", SELECTION), 9_000_000),
}


@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS)
def test_terms(engine: Engine, notices: Notices, terms: Terms) -> None:
    check(engine, notices.modified(7, terms))


def test_state_changes(engine: Engine, notices: Notices) -> None:
    for xml in (
        notices.replay_completed(7),
        notices.resumed(7),
        *(
            notices.suspended(7, reason)
            for reason in (
                Problem.UNSUPPORTABLE_VOLUME,
                Problem.INSUFFICIENT_RESOURCES,
                Problem.UPDATE_TOO_BIG,
                Problem.SYNC_TOO_BIG,
            )
        ),
        *(
            notices.terminated(7, reason)
            for reason in (
                Problem.NO_SUCH_SUBSCRIPTION,
                Problem.FILTER_UNAVAILABLE,
                Problem.SUSPENSION_TIMEOUT,
            )
        ),
    ):
        check(engine, xml)


def test_updates(engine: Engine, schema: Schema) -> None:
    before, after = interfaces(schema, "eth0", "eth/1"), interfaces(schema, "eth/1", "eth2")
    check(engine, b"".join(push_update(7, to_xml(schema, before), 10_000)))
    check(engine, b"".join(push_update(7, (), 10_000)))
    for old, new in ((before, after), (empty_root(schema.root), after), (after, empty_root(schema.root))):
        xml = b"".join(push_change_update(schema, 7, 3, edits([old, new]), 10_000, incomplete=True))
        check(engine, xml)
        assert b"<incomplete-update/>" in xml


def test_an_update_has_a_limit(schema: Schema) -> None:
    contents = b"".join(to_xml(schema, interfaces(schema, "eth0")))
    assert b"".join(push_update(7, [contents], len(contents)))
    with pytest.raises(TooBigError):
        push_update(7, [contents], len(contents) - 1)
