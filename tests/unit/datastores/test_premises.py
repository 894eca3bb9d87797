"""What edits rely on: who is told of what does not hold, and how much may be relied on."""

import pytest

from server.datastores import premises as module
from server.datastores.premises import MAX_ERRORS, MISMATCH, Premise, Premises, check
from server.protocol.errors import RpcError, RpcErrors
from server.protocol.session import Peer
from server.tree.etag import etag
from server.tree.location import Location
from server.tree.node import Container, empty_root
from tests.support.trees import bed, garden, tree

OWNER = Location(garden().node("/garden:garden/owner"))
GARDEN = Location(garden().node("/garden:garden"))
ROOT = Location(garden().root)


def peer(name: str = "ann") -> Peer:
    return Peer(name, "192.0.2.1", 1, "netconf-ssh", lambda _reason: None)


def everything(_peer: Peer, root: Container) -> Container:
    return root


@pytest.fixture
def root() -> Container:
    return tree(garden(), bed("<owner>x</owner>"))


def of_garden(root: Container) -> str:
    found = root.branch(GARDEN.schema.tag)
    assert found is not None
    return etag(found)


def mismatches(kept: Premises, root: Container, user: str = "ann") -> tuple[RpcError, ...]:
    with pytest.raises(RpcErrors) as found:
        kept.check(user, root, everything)
    return found.value.errors


def test_what_holds_is_no_error(root: Container) -> None:
    kept = Premises()
    kept.add([Premise(peer(), at, known) for at, known in ((ROOT, etag(root)), (OWNER, of_garden(root)))])
    kept.check("ann", root, everything)
    kept.check("bob", root, everything)


def test_a_mismatch_has_the_path_and_what_is_there(root: Container) -> None:
    kept = Premises()
    kept.add([Premise(peer(), OWNER, "x")])
    (error,) = mismatches(kept, root)
    assert (error.path, error.app_tag) == ("/g:garden/g:owner", MISMATCH)
    (info,) = error.info
    assert [(each.name, each.text) for each in info.children] == [
        ("mismatch-path", "/g:garden/g:owner"),
        ("mismatch-etag-value", of_garden(root)),
    ]


def test_of_the_root_there_is_no_path_and_of_what_is_gone_no_etag(root: Container) -> None:
    with pytest.raises(RpcErrors) as found:
        check("ann", root, [Premise(peer(), ROOT, "x")], everything)
    (error,) = found.value.errors
    assert (error.path, [each.name for each in error.info[0].children]) == ("", ["mismatch-etag-value"])
    with pytest.raises(RpcErrors) as found:
        check("ann", empty_root(garden().root), [Premise(peer(), GARDEN, "x")], everything)
    (error,) = found.value.errors
    assert [each.name for each in error.info[0].children] == ["mismatch-path"]


def test_another_user_is_told_nothing_but_that_it_does_not_hold(root: Container) -> None:
    kept = Premises()
    kept.add([Premise(peer(), OWNER, "x")])
    (error,) = mismatches(kept, root, "bob")
    assert (error.path, error.info[0].children, error.app_tag) == ("", (), MISMATCH)


def test_each_is_judged_by_what_its_own_user_sees(root: Container) -> None:
    hidden = empty_root(garden().root)

    def visible(who: Peer, whole: Container) -> Container:
        return whole if who.username == "ann" else hidden

    kept = Premises()
    kept.add([Premise(peer("bob"), ROOT, etag(hidden)), Premise(peer("ann"), ROOT, etag(root))])
    kept.check("ann", root, visible)
    with pytest.raises(RpcErrors):
        kept.check("ann", root, everything)


def test_the_last_word_of_a_user_about_a_node_counts(root: Container) -> None:
    kept = Premises()
    kept.add([Premise(peer(), ROOT, "x")])
    kept.add([Premise(peer(), ROOT, etag(root))])
    kept.check("ann", root, everything)
    kept.add([Premise(peer("bob"), ROOT, "x")])
    assert len(mismatches(kept, root)) == 1
    kept.clear()
    kept.check("ann", root, everything)


def test_a_candidate_relies_on_so_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PREMISES", 3)
    tag = garden().node("/garden:garden/tag")
    several = [Premise(peer(), Location(tag, (), str(number)), "x") for number in range(4)]
    kept = Premises()
    kept.add(several[:3])
    with pytest.raises(RpcError, match="discard it"):
        kept.add(several[3:])
    kept.add(several[:2])
    assert len(mismatches(kept, empty_root(garden().root))) == 3


def test_so_many_errors_are_told() -> None:
    tag = garden().node("/garden:garden/tag")
    many = [Premise(peer(), Location(tag, (), str(number)), "x") for number in range(MAX_ERRORS + 9)]
    with pytest.raises(RpcErrors) as found:
        check("ann", empty_root(garden().root), many, everything)
    assert len(found.value.errors) == MAX_ERRORS
