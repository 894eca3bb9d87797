"""Who changed what: with a candidate of one's own, and with one that sessions share."""

import pytest
from lxml import etree

from cli.shell.candidate import CAME, CONFLICT_TAG, OTHERS, WENT, PrivateCandidate, SharedCandidate
from cli.shell.netconf import Fault, Netconf, Refused


class Server(Netconf):
    """Answers what a test says; `difference` is what stands in the candidate."""

    def __init__(self) -> None:
        self.difference: bytes | None = None
        self.refusal: Fault | None = None
        self.compares = True

    def differences(self) -> bytes | None:
        if not self.compares:
            raise Refused([Fault("access-denied")])
        return self.difference

    def update(self, resolution: str) -> None:
        if self.refusal is not None:
            raise Refused([self.refusal])

    def get_config(self, source: str, chosen: etree._Element | None = None) -> etree._Element:
        data = etree.Element("data")
        if source == "candidate" and self.difference is not None:
            data.text = self.difference.decode()
        return data


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture(params=[True, False], ids=["compares", "may-not-compare"])
def either(request: pytest.FixtureRequest, server: Server) -> Server:
    server.compares = request.param
    return server


def test_ones_own_changes_in_a_shared_candidate(either: Server) -> None:
    candidate = SharedCandidate(either)
    assert candidate.look() == ""
    candidate.edited()
    either.difference = b"mine"
    assert candidate.look() == ""
    assert (candidate.own, candidate.foreign, candidate.changed) == (True, False, True)
    candidate.edited()
    either.difference = None
    assert candidate.look() == ""
    assert not candidate.changed


def test_what_was_there_before(either: Server) -> None:
    either.difference = b"theirs"
    candidate = SharedCandidate(either)
    assert candidate.look() == OTHERS
    assert candidate.look() == ""
    assert (candidate.own, candidate.foreign) == (False, True)


def test_what_comes_and_goes_without_this_session(either: Server) -> None:
    candidate = SharedCandidate(either)
    candidate.edited()
    either.difference = b"mine"
    candidate.look()
    either.difference = b"mine and theirs"
    assert candidate.look() == CAME
    assert (candidate.own, candidate.foreign) == (True, True)
    either.difference = None
    assert candidate.look() == WENT
    assert not candidate.changed


def test_a_locked_candidate_is_not_looked_at_before_the_end(server: Server) -> None:
    candidate = SharedCandidate(server)
    candidate.locked = True
    candidate.edited()
    assert candidate.look() == ""
    assert candidate.own
    candidate.settle()
    assert not candidate.own


def test_a_private_candidate_has_no_others(either: Server) -> None:
    candidate = PrivateCandidate(either)
    assert candidate.look() == ""
    either.difference = b"mine"
    candidate.edited()
    assert candidate.look() == ""
    assert (candidate.own, candidate.foreign, candidate.changed) == (True, False, True)
    candidate.emptied()
    assert not candidate.changed


def test_a_conflict_is_told_once_and_gone_when_it_is_solved(server: Server) -> None:
    candidate = PrivateCandidate(server)
    server.difference = b"mine"
    server.refusal = Fault("operation-failed", CONFLICT_TAG, "/a:b/a:c[a:d='e']", "changed on both sides")
    told = candidate.look()
    assert told.startswith("Warning: another session has committed something else")
    assert "changed on both sides [c e]" in told
    assert candidate.look() == ""
    assert candidate.conflict
    server.refusal = None
    assert candidate.look() == ""
    assert not candidate.conflict


def test_other_refusals_are_passed_on(server: Server) -> None:
    server.refusal = Fault("resource-denied")
    with pytest.raises(Refused):
        PrivateCandidate(server).look()
