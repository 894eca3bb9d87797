"""What becomes of the shared candidate and of private ones, over the trees of the garden."""

import pytest

from server.datastores.candidates import CONFLICT, MAX_ERRORS, Candidates, PrivateCandidate, Resolution
from server.protocol.errors import ErrorTag, ErrorType, RpcError, RpcErrors
from server.tree.diff import diff
from tests.support.trees import bed, garden, tree

OWN, SHARED = 7, 8
MODES = tuple(Resolution)


def _tree(owner="", tags=()):
    inner = f"<owner>{owner}</owner>" if owner else ""
    inner += "".join(f"<tag>{tag}</tag>" for tag in tags)
    return tree(garden(), bed(inner) if inner else "")


def _same(left, right):
    return not diff(left, right)


class Server:
    """Running, and the candidates of a session that has one of its own and of one that has not."""

    def __init__(self):
        self.running = _tree("ann", ("a",))
        self.candidates = Candidates(lambda: self.running)
        self.candidates.begin_private(OWN)

    @property
    def own(self):
        return self.candidates.private(OWN)


@pytest.fixture
def server():
    return Server()


def test_a_session_shares_the_candidate_unless_it_has_asked(server):
    assert server.candidates.private(SHARED) is None
    assert server.candidates.of(SHARED) is server.candidates.shared
    assert server.candidates.of(OWN) is server.own is not server.candidates.shared


def test_a_private_candidate_begins_at_its_first_use(server):
    server.running = _tree("bob")
    assert server.own.root is server.running
    before, server.running = server.running, _tree("eve")
    assert server.own.root is server.own.base is before
    server.candidates.begin_private(OWN)
    assert server.own.root is before


def test_the_end_of_its_session_is_its_end(server):
    first = server.own
    server.candidates.end(OWN)
    assert server.candidates.of(OWN) is server.candidates.shared
    server.candidates.begin_private(OWN)
    assert server.own is not first
    server.candidates.end(SHARED)


def test_changes_of_others_come_with_an_update_only(server):
    server.own.root = _tree("ann", ("a", "mine"))
    server.running = _tree("bob", ("a",))
    assert _same(server.own.root, _tree("ann", ("a", "mine")))
    for mode in MODES:
        assert _same(server.own.merged(server.running, mode), _tree("bob", ("a", "mine")))
    server.own.update(server.running, Resolution.REVERT_ON_CONFLICT)
    assert _same(server.own.root, _tree("bob", ("a", "mine")))
    assert server.own.base is server.running


def test_an_update_with_a_conflict(server):
    mine, server.running = _tree("eve", ("a", "mine")), _tree("bob", ("a", "theirs"))
    server.own.base, server.own.root = _tree("ann", ("a",)), mine
    with pytest.raises(RpcErrors) as refused:
        server.own.update(server.running, Resolution.REVERT_ON_CONFLICT)
    (error,) = refused.value.errors
    assert (error.tag, error.app_tag, error.type) == (
        ErrorTag.OPERATION_FAILED,
        CONFLICT,
        ErrorType.APPLICATION,
    )
    assert error.path == "/g:garden/g:owner"
    assert "eve" not in error.message
    assert "bob" not in error.message
    assert server.own.root is mine
    assert not _same(server.own.base, server.running)
    both = ("a", "mine", "theirs")
    assert _same(server.own.merged(server.running, Resolution.PREFER_CANDIDATE), _tree("eve", both))
    server.own.update(server.running, Resolution.PREFER_RUNNING)
    assert _same(server.own.root, _tree("bob", both))
    server.own.update(server.running, Resolution.REVERT_ON_CONFLICT)


def test_conflicts_are_told_so_many():
    beds = [
        tree(garden(), bed("".join(f"<bed><name>b{at}</name><row>{row}</row></bed>" for at in range(70))))
        for row in (1, 2, 3)
    ]
    own = PrivateCandidate(beds[0])
    own.root = beds[1]
    with pytest.raises(RpcErrors) as refused:
        own.merged(beds[2], Resolution.REVERT_ON_CONFLICT)
    assert len(refused.value.errors) == MAX_ERRORS


def test_what_is_discarded_goes_back_to_the_last_update(server):
    server.own.root = _tree("eve")
    base, server.running = server.own.base, _tree("bob")
    server.own.discard()
    assert server.own.root is base
    server.own.update(server.running, Resolution.REVERT_ON_CONFLICT)
    server.own.root = _tree("eve")
    server.own.discard()
    assert server.own.root is server.running


def _commit(server, *, waits):
    before = server.running
    after = server.own.merged(before, Resolution.REVERT_ON_CONFLICT)
    server.running = after
    server.own.committed(before, after, waits=waits)
    return before


ENDS = ("confirmed", "rolled back", "confirmed, then rolled back", "committed for good")


@pytest.mark.parametrize("end", ENDS)
def test_what_was_committed_and_is_undone_is_a_change_again(server, end):
    server.own.root = _tree("eve", ("a",))
    before = _commit(server, waits=end != "committed for good")
    assert server.own.root is server.own.base is server.running
    server.own.root = _tree("eve", ("a", "more"))
    if "confirmed" in end:
        server.candidates.confirmed()
    if end != "confirmed":
        server.running = before
        server.candidates.rolled_back()
    server.own.update(server.running, Resolution.REVERT_ON_CONFLICT)
    back = end == "rolled back"
    kept = "eve" if back or end == "confirmed" else "ann"
    assert _same(server.own.root, _tree(kept, ("a", "more")))
    server.own.discard()
    assert _same(server.own.root, server.running)


def test_several_commits_that_wait_come_back_together(server):
    server.own.root = _tree("eve", ("a",))
    before = _commit(server, waits=True)
    server.own.root = _tree("eve", ("a", "b"))
    _commit(server, waits=True)
    server.running = before
    server.candidates.rolled_back()
    assert server.own.base is before
    assert _same(server.own.root, _tree("eve", ("a", "b")))
    server.candidates.rolled_back()
    assert server.own.base is before


def test_a_lock_keeps_nobody_out_and_loses_nothing(server):
    server.own.root = mine = _tree("eve")
    server.own.lock(OWN)
    with pytest.raises(RpcError) as denied:
        server.own.lock(OWN)
    assert denied.value.tag is ErrorTag.LOCK_DENIED
    server.own.unlock()
    assert server.own.root is mine
    with pytest.raises(RpcError) as refused:
        server.own.unlock()
    assert refused.value.tag is ErrorTag.OPERATION_FAILED


def test_the_shared_candidate_follows_running_unless_it_has_changes(server):
    with server.candidates.following():
        server.running = _tree("bob")
    assert server.candidates.shared.root is server.running
    server.candidates.shared.root = mine = _tree("eve")
    with server.candidates.following():
        server.running = _tree("zoe")
    assert server.candidates.shared.root is mine
    server.candidates.discard_shared()
    assert server.candidates.shared.root is server.running
    with pytest.raises(ZeroDivisionError), server.candidates.following():
        raise ZeroDivisionError
    assert server.candidates.shared.root is server.running
