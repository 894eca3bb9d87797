"""The rules of partial locks (RFC 5717), over the trees of the garden."""

import pytest

from server.datastores.partial import LOCKED, MAX_ERRORS, PartialLimits, PartialLocks, Selected
from server.protocol.errors import ErrorTag, ErrorType, RpcError, RpcErrors
from server.tree.diff import diff
from server.xpath.functions import FUNCTIONS
from server.xpath.parser import parse
from server.xpath.select import locations
from tests.support.trees import bed, garden, tree

OWNER, OTHER = 7, 8
BEDS = (
    "<owner>ann</owner>"
    "<bed><name>a</name><row>1</row><soil><depth>3</depth></soil><water><litres>4</litres></water>"
    "<sowing><day>1</day></sowing><sowing><day>2</day></sowing></bed>"
    "<bed><name>b</name><row>2</row></bed>"
    "<visit><place>x</place></visit><visit><place>y</place></visit>"
    "<tag>red</tag><queue>1</queue><queue>2</queue>"
)


def _tree(xml=BEDS):
    return tree(garden(), bed(xml) if xml else "")


def _at(expression, root=None):
    parsed = parse(expression, {}, known=frozenset(FUNCTIONS))
    return locations(garden(), root or _tree(), parsed, {})


def _selected(*expressions):
    return Selected.of(expressions, [at for each in expressions for at in _at(each)])


def _lock(locks, *expressions, session=OWNER):
    return locks.acquire(session, _selected(*expressions), 100.0)


def _holder_in(error):
    return next(element.text for element in error.info if element.name == "session-id")


def _identifiers(lock):
    return [at.identifier for at in lock.nodes]


A = "/garden/bed[name='a']"


def test_a_lock_tells_what_it_is_on():
    lock = _lock(PartialLocks(), f"{A}/row", "//tag", "/garden/queue[2]", f"{A}/row/text()")
    assert (lock.lock_id, lock.session_id, lock.locked_at) == (1, OWNER, 100.0)
    assert lock.expressions == (f"{A}/row", "//tag", "/garden/queue[2]", f"{A}/row/text()")
    assert _identifiers(lock) == [
        "/garden:garden/bed[name='a']/row",
        "/garden:garden/tag[.='red']",
        "/garden:garden/queue[.='2']",
    ]


def test_what_is_below_another_selected_node_is_not_named():
    lock = _lock(PartialLocks(), f"{A}//*", f"{A} | /garden/bed")
    assert _identifiers(lock) == ["/garden:garden/bed[name='a']", "/garden:garden/bed[name='b']"]


def test_numbers_are_given_once_as_long_as_they_are_in_use():
    locks = PartialLocks()
    assert [_lock(locks, A).lock_id for _ in range(3)] == [1, 2, 3]
    locks.release(2, OWNER)
    assert _lock(locks, A).lock_id == 4
    locks._last_id = 2**32 - 1
    assert _lock(locks, A).lock_id == 2
    assert sorted(locks.held) == [1, 2, 3, 4]


OVERLAPS = {
    "the same node": (A, A, True),
    "a node below": (A, f"{A}/soil/depth", True),
    "a node above": (f"{A}/soil/depth", "/garden", True),
    "an entry and its list's other entry": (A, "/garden/bed[name='b']", False),
    "leaves of one entry": (f"{A}/row", f"{A}/soil", False),
    "values of one leaf-list": ("/garden/queue[1]", "/garden/queue[2]", False),
    "one of several": (f"{A}/row", f"/garden/owner | {A}", True),
}


@pytest.mark.parametrize(("first", "second", "denied"), OVERLAPS.values(), ids=OVERLAPS)
def test_locks_of_two_sessions(first, second, denied):
    locks = PartialLocks()
    _lock(locks, first)
    if not denied:
        _lock(locks, second, session=OTHER)
        return
    with pytest.raises(RpcErrors) as refused:
        _lock(locks, second, session=OTHER)
    (error,) = refused.value.errors
    assert (error.tag, _holder_in(error)) == (ErrorTag.LOCK_DENIED, str(OWNER))
    assert error.path.startswith("/g:garden")
    assert list(locks.held) == [1]
    _lock(locks, second)  # a session is in its own way never
    locks.release_all(OWNER)
    _lock(locks, second, session=OTHER)


def test_every_node_that_is_locked_is_told():
    locks = PartialLocks()
    _lock(locks, "/garden/bed", "/garden/owner")
    with pytest.raises(RpcErrors) as refused:
        _lock(locks, "/garden/*", session=OTHER)
    paths = {error.path for error in refused.value.errors}
    assert paths == {"/g:garden/g:owner", "/g:garden/g:bed[g:name='a']", "/g:garden/g:bed[g:name='b']"}


def test_an_area_is_locked_until_all_locks_on_it_are_gone():
    locks = PartialLocks()
    first, second = _lock(locks, A), _lock(locks, f"{A}/row")
    changes = diff(_tree(), _tree(BEDS.replace("<row>1<", "<row>9<")))
    locks.release(first.lock_id, OWNER)
    with pytest.raises(RpcErrors):
        locks.check_changes(OTHER, changes)
    locks.release(second.lock_id, OWNER)
    locks.check_changes(OTHER, changes)


def test_only_the_session_that_has_a_lock_gives_it_back():
    locks = PartialLocks()
    lock = _lock(locks, A)
    for lock_id, session in ((lock.lock_id, OTHER), (lock.lock_id + 1, OWNER)):
        with pytest.raises(RpcError) as refused:
            locks.release(lock_id, session)
        assert refused.value.tag is ErrorTag.INVALID_VALUE
        assert refused.value.path == "/nc:rpc/pl:partial-unlock/pl:lock-id"
    assert list(locks.held) == [lock.lock_id]


def test_a_part_that_is_locked_keeps_the_whole_from_being_locked():
    locks = PartialLocks()
    locks.check_global()
    lock = _lock(locks, A)
    with pytest.raises(RpcError) as refused:
        locks.check_global()
    assert (refused.value.tag, _holder_in(refused.value)) == (ErrorTag.LOCK_DENIED, str(OWNER))
    locks.release(lock.lock_id, OWNER)
    locks.check_global()


def test_a_session_has_so_many_locks_and_nodes():
    locks = PartialLocks()
    locks.limits = PartialLimits(locks=2, nodes=3)
    _lock(locks, "/garden/bed")
    for wanted in ("/garden/queue", "/garden/bed"):
        with pytest.raises(RpcError) as refused:
            _lock(locks, wanted)
        assert refused.value.tag is ErrorTag.RESOURCE_DENIED
    _lock(locks, "/garden/owner")
    with pytest.raises(RpcError, match="its 2 partial locks"):
        _lock(locks, "/garden/tag")
    assert locks.refused == 3
    _lock(locks, "/garden/queue", session=OTHER)


CHANGES = {
    "the value of a locked leaf": (f"{A}/row", ("<row>1<", "<row>9<"), True),
    "a leaf below a locked entry": (A, ("<row>1<", "<row>9<"), True),
    "a new leaf below a locked entry": (A, ("<row>1</row>", "<row>1</row><code>1</code>"), True),
    "the entry beside": (A, ("<row>2<", "<row>9<"), False),
    "a new entry beside": (A, ("<bed><name>b", "<bed><name>c</name></bed><bed><name>b"), False),
    "the deletion of what is above": (f"{A}/soil/depth", (BEDS, "<owner>ann</owner>"), True),
    "the deletion of a container without presence above": (
        f"{A}/water/litres",
        ("<water><litres>4</litres></water>", ""),
        True,
    ),
    "something else below a container above": (
        f"{A}/water/litres",
        ("<litres>4</litres>", "<litres>4</litres><day>1</day>"),
        False,
    ),
    "a value of a leaf-list": ("/garden/queue[1]", ("<queue>1</queue>", ""), True),
    "another value of a leaf-list": ("/garden/queue[1]", ("<queue>2</queue>", ""), False),
    "the place of an entry": (
        "/garden/visit",
        (
            "<visit><place>x</place></visit><visit><place>y</place></visit>",
            "<visit><place>y</place></visit><visit><place>x</place></visit>",
        ),
        False,
    ),
    "the order below a locked node": (
        A,
        (
            "<sowing><day>1</day></sowing><sowing><day>2</day></sowing>",
            "<sowing><day>2</day></sowing><sowing><day>1</day></sowing>",
        ),
        True,
    ),
    "what is locked stays as it is": (A, ("<owner>ann", "<owner>bob"), False),
}


@pytest.mark.parametrize(("locked", "change", "refused"), CHANGES.values(), ids=CHANGES)
def test_what_a_lock_keeps_others_from(locked, change, refused):
    locks = PartialLocks()
    _lock(locks, locked)
    changes = diff(_tree(), _tree(BEDS.replace(*change)))
    assert changes
    locks.check_changes(OWNER, changes)
    if not refused:
        locks.check_changes(OTHER, changes)
        return
    with pytest.raises(RpcErrors) as denied:
        locks.check_changes(OTHER, changes)
    error = denied.value.errors[0]
    assert (error.tag, error.app_tag, error.type) == (ErrorTag.IN_USE, LOCKED, ErrorType.APPLICATION)
    assert f"session {OWNER}" in error.message
    assert error.path == next(each.path for each in changes if each.path == error.path)


def test_the_errors_of_one_request_are_not_endless():
    locks = PartialLocks()
    root = _tree("".join(f"<tag>t{number}</tag>" for number in range(100)))
    locks.acquire(OWNER, Selected.of((), _at("//tag", root)), 0.0)
    with pytest.raises(RpcErrors) as denied:
        locks.check_changes(OTHER, diff(root, _tree("<owner>x</owner>")))
    assert len(denied.value.errors) == MAX_ERRORS


def _follow(locks, old, new):
    before, after = _tree(old), _tree(new)
    locks.follow(after, diff(before, after))


def test_what_is_deleted_is_not_locked_any_more():
    locks = PartialLocks()
    lock = _lock(locks, A, "/garden/owner")
    without = BEDS[: BEDS.index("<bed><name>a")] + BEDS[BEDS.index("<bed><name>b") :]
    _follow(locks, BEDS, without)
    assert _identifiers(locks.held[lock.lock_id]) == ["/garden:garden/owner"]
    locks.check_changes(OTHER, diff(_tree(without), _tree(BEDS)))
    _lock(locks, A, session=OTHER)
    _follow(locks, without, "<bed><name>b</name></bed>")
    assert locks.held[lock.lock_id].nodes == ()
    locks.release(lock.lock_id, OWNER)


def test_a_container_without_presence_stays_locked():
    locks = PartialLocks()
    lock = _lock(locks, f"{A}/water", f"{A}/soil")
    dry = BEDS.replace("<water><litres>4</litres></water>", "").replace("<soil><depth>3</depth></soil>", "")
    _follow(locks, BEDS, dry)
    assert _identifiers(locks.held[lock.lock_id]) == ["/garden:garden/bed[name='a']/water"]
    for change in (_tree(BEDS), _tree("<owner>ann</owner>")):
        with pytest.raises(RpcErrors):
            locks.check_changes(OTHER, diff(_tree(dry), change))
    locks.check_changes(OTHER, diff(_tree(dry), _tree(dry.replace("<row>1</row>", ""))))


def test_the_end_of_a_session_leaves_nothing():
    locks = PartialLocks()
    _lock(locks, A, "/garden/owner")
    _lock(locks, f"{A}/row")
    other = _lock(locks, "/garden/tag", session=OTHER)
    locks.release_all(OWNER)
    assert list(locks.held.values()) == [other]
    locks.release_all(OTHER)
    assert (locks.held, locks._owners, locks._below) == ({}, {}, {})
