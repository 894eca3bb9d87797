"""Private candidates over NETCONF (draft-ietf-netconf-privcand), with ncclient and with a thin client."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from server.protocol.messages import BASE_1_0, BASE_1_1
from tests.support.depot import MODULES, DepotClient
from tests.support.guest import GUEST, GUEST_PASSWORD, about, rules
from tests.support.netconf import (
    NC,
    PROFILE,
    TRB,
    backup,
    edit,
    info,
    make_empty,
    names,
    profile,
    refused,
    request,
    service,
)
from tests.support.netconf_client import RawClient
from tests.support.push_client import PushClient
from tests.support.server import PASSWORD, USER, ServerUnderTest, running_server
from tests.support.wait import wait_for

PC = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"
PRIVATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
CMP = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
NCDS = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"
PL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
TCH = "urn:twincast:yang:commit-history"
TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"

COPY = f"{PROFILE}[trb:name='rbp3']/trb:dhcp-stb/trb:igmp-copy"
CONFLICT = "private-candidate-conflict"
Connect = Callable[[], Any]


@pytest.fixture
def private(server: ServerUnderTest, connect: Connect) -> Iterator[Connect]:
    """Open a session that announces the capability and ends with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(server.connect(nc_params={"capabilities": [PRIVATE]}))


def copies(value: str, name: str = "rbp3") -> str:
    return profile(f"<dhcp-stb><igmp-copy>{value}</igmp-copy></dhcp-stb>", name=name)


def update(session: Any, mode: str = "") -> Any:
    parameter = f"<resolution-mode>{mode}</resolution-mode>" if mode else ""
    return request(session, f'<update xmlns="{PC}">{parameter}</update>')


def value(session: Any, source: str = "candidate") -> str | None:
    """Whether rbp3 copies, as a datastore says it."""
    data = session.get_config(source).data
    found = data.find(f".//{{{TRB}}}igmp-copy")
    return None if found is None else found.text


def begun(connect: Connect, private: Connect) -> tuple[Any, Any]:
    """Two private sessions, whose candidates have begun with rbp3 in running, which copies."""
    mine, theirs = private(), private()
    edit(theirs, copies("true"))
    theirs.commit()
    assert value(mine) == value(theirs) == "true"
    return mine, theirs


def test_it_is_announced(session: Any) -> None:
    modes = "revert-on-conflict,prefer-candidate,prefer-running"
    assert f"{PRIVATE}?supported-resolution-modes={modes}" in session.server_capabilities
    library = session.get(
        ("subtree", '<yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/>')
    )
    assert f"<namespace>{PC}</namespace>" in library.data_xml
    assert "<feature>private-candidate</feature>" in library.data_xml


def test_everybody_has_his_own_and_the_others_share_one(connect: Connect, private: Connect) -> None:
    mine, theirs, shared, another = private(), private(), connect(), connect()
    for session, name in ((mine, "mine"), (theirs, "theirs"), (shared, "shared")):
        edit(session, profile(name=name))
    assert [names(each) for each in (mine, theirs, shared, another)] == [
        ["mine"],
        ["theirs"],
        ["shared"],
        ["shared"],
    ]
    mine.commit()
    theirs.commit()
    assert names(shared, "running") == ["mine", "theirs"]
    assert names(theirs) == ["mine", "theirs"]
    assert names(mine) == ["mine"]
    assert names(shared) == ["shared"]
    shared.discard_changes()
    assert names(another) == ["mine", "theirs"]


def test_a_shared_candidate_without_changes_follows(connect: Connect, private: Connect) -> None:
    shared = connect()
    assert names(shared) == []
    mine = private()
    edit(mine, profile())
    mine.commit()
    assert names(shared) == ["rbp3"]


def test_a_shared_candidate_with_changes_does_not_follow(connect: Connect, private: Connect) -> None:
    """Its commit makes running what it is; a lock on running keeps private sessions out meanwhile."""
    shared, mine = connect(), private()
    edit(shared, profile(name="rbp4"))
    edit(mine, profile(name="rbp3"))
    with shared.locked("running"):
        assert refused(mine.commit).tag == "in-use"
    mine.commit()
    assert names(shared) == ["rbp4"]
    shared.commit()
    assert names(shared, "running") == ["rbp4"]


def test_it_begins_at_its_first_use(connect: Connect, private: Connect) -> None:
    early, late, other = private(), private(), connect()
    assert names(early) == []
    edit(other, profile())
    other.commit()
    assert names(late) == ["rbp3"]
    assert names(early) == []
    update(early)
    assert names(early) == ["rbp3"]


def test_a_conflict_refuses_the_commit_and_names_the_node(connect: Connect, private: Connect) -> None:
    mine, theirs = begun(connect, private)
    edit(mine, copies("false") + service())
    edit(theirs, profile(attributes='nc:operation="delete"') + profile(name="rbp4"))
    theirs.commit()
    error = refused(mine.commit)
    assert (error.tag, error.app_tag, error.type) == ("operation-failed", CONFLICT, "application")
    assert error.path == f"{PROFILE}[trb:name='rbp3']"
    assert "prefer-candidate" in error.message
    assert names(theirs, "running") == ["rbp4"]
    assert (names(mine), value(mine)) == (["rbp3"], "false")
    error = refused(update, mine)
    assert (error.tag, error.app_tag) == ("operation-failed", CONFLICT)
    assert names(mine) == ["rbp3"]


RESOLVED = {
    "prefer-candidate": "false",
    "prefer-running": "gone",
    "discard": "gone",
}


@pytest.mark.parametrize(("way", "after"), RESOLVED.items())
def test_the_ways_out_of_a_conflict(connect: Connect, private: Connect, way: str, after: str) -> None:
    mine, theirs = begun(connect, private)
    edit(mine, copies("false") + profile(name="rbp5"))
    edit(theirs, profile(attributes='nc:operation="delete"') + profile(name="rbp4"))
    theirs.commit()
    if way == "discard":
        mine.discard_changes()
        assert names(mine) == ["rbp3"]
        assert refused(update, mine, "no-such-mode").tag == "invalid-value"
        update(mine, "revert-on-conflict")
    else:
        update(mine, way)
    own = [] if way == "discard" else ["rbp5"]
    kept = [] if after == "gone" else ["rbp3"]
    assert names(mine) == [*kept, "rbp4", *own]
    mine.commit()
    assert names(theirs, "running") == [*kept, "rbp4", *own]
    assert value(theirs, "running") == (None if after == "gone" else "false")


def test_the_same_change_is_no_conflict(connect: Connect, private: Connect) -> None:
    mine, theirs = begun(connect, private)
    for session in (mine, theirs):
        edit(session, copies("false"))
    theirs.commit()
    mine.commit()
    assert value(mine, "running") == "false"


def test_every_conflict_is_told(depot: DepotClient, shared_server: ServerUnderTest) -> None:
    depot.accepted("<title>one</title><level>1</level><hall><name>a</name></hall><colour>red</colour>")
    mine = announcing(shared_server.port)
    assert (
        mine.edit("<title>mine</title><level>2</level><hall nc:operation='remove'><name>a</name></hall>")
        == []
    )
    depot.accepted("<title>two</title><level>3</level><hall><name>a</name><row>1</row></hall>")
    found = mine.errors("<commit/>")
    assert {error.path for error in found} == {
        "/d:depot/d:title",
        "/d:depot/d:level",
        "/d:depot/d:hall[d:name='a']",
    }
    assert {error.app_tag for error in found} == {CONFLICT}
    assert not any(word in error.message for error in found for word in ("mine", "two"))
    mine.close()


def test_an_update_is_for_private_candidates(session: Any) -> None:
    error = refused(update, session)
    assert error.tag == "operation-not-supported"
    assert ":private-candidate" in error.message


def test_locks(connect: Connect, private: Connect) -> None:
    mine, theirs, shared = private(), private(), connect()
    for session in (mine, theirs, shared):
        session.lock("candidate")
    assert info(refused(mine.lock, "candidate")) == {"session-id": mine.session_id}
    edit(mine, profile())
    mine.unlock("candidate")
    assert names(mine) == ["rbp3"]
    theirs.lock("running")
    error = refused(mine.commit)
    assert error.tag == "in-use"
    assert f"session {theirs.session_id}" in error.message
    update(mine)
    theirs.unlock("running")
    mine.commit()
    assert names(shared, "running") == ["rbp3"]
    assert refused(mine.unlock, "candidate").tag == "operation-failed"


def test_a_partial_lock_of_another_session(connect: Connect, private: Connect) -> None:
    mine, theirs = begun(connect, private)
    expression = f"{PROFILE}[trb:name='rbp3']"
    request(
        theirs, f'<partial-lock xmlns="{PL}" xmlns:trb="{TRB}"><select>{expression}</select></partial-lock>'
    )
    edit(mine, copies("false"))
    error = refused(mine.commit)
    assert (error.tag, error.app_tag, error.path) == ("in-use", "locked", COPY)
    assert value(mine) == "false"


@pytest.mark.parametrize("end", ["close", "vanish", "kill"])
def test_the_end_of_its_session_drops_its_changes(connect: Connect, private: Connect, end: str) -> None:
    watcher, victim = connect(), private()
    edit(victim, profile())
    victim.commit(confirmed=True, timeout="600")
    edit(victim, profile(name="rbp4"))
    if end == "close":
        victim.close_session()
    elif end == "vanish":
        victim._session._transport.sock.close()
    else:
        watcher.kill_session(victim.session_id)
    wait_for(lambda: names(watcher, "running") == [], what="the confirmed commit to be undone")
    assert names(watcher) == []


@pytest.mark.parametrize("end", ["cancel", "timeout"])
def test_what_is_not_confirmed_comes_back(connect: Connect, private: Connect, end: str) -> None:
    mine, theirs = private(), private()
    edit(mine, profile())
    mine.commit(confirmed=True, timeout="600" if end == "cancel" else "1")
    assert names(mine, "running") == ["rbp3"]
    edit(mine, profile(name="rbp4"))
    if end == "cancel":
        assert refused(theirs.commit).app_tag == "confirmed-commit-pending"
        mine.cancel_commit()
    wait_for(lambda: names(theirs, "running") == [], what="the confirmed commit to be undone")
    assert names(mine) == ["rbp3", "rbp4"]
    mine.commit()
    assert names(theirs, "running") == ["rbp3", "rbp4"]
    mine.discard_changes()
    assert names(mine) == ["rbp3", "rbp4"]


def test_what_is_confirmed_stays(connect: Connect, private: Connect) -> None:
    mine = private()
    edit(mine, profile())
    mine.commit(confirmed=True, timeout="600")
    edit(mine, profile(name="rbp4"))
    mine.commit()
    assert names(connect(), "running") == ["rbp3", "rbp4"]


def test_another_session_confirms_a_persistent_one(connect: Connect, private: Connect) -> None:
    mine, theirs = private(), private()
    edit(mine, profile())
    mine.commit(confirmed=True, timeout="600", persist="token")
    edit(theirs, profile(name="rbp4"))
    request(theirs, f'<commit xmlns="{NC}"><persist-id>token</persist-id></commit>')
    assert names(connect(), "running") == ["rbp3", "rbp4"]
    update(mine)
    assert names(mine) == ["rbp3", "rbp4"]


def test_operations_with_the_candidate(connect: Connect, private: Connect) -> None:
    mine, theirs = begun(connect, private)
    edit(mine, profile("<service-name>none</service-name>"))
    assert 'no remote-backup-service has the name "none"' in str(refused(mine.validate, "candidate"))
    theirs.validate("candidate")
    mine.discard_changes()
    inner = copies("false")
    config = f'<config><remote-backup xmlns="{TRB}">{inner}</remote-backup></config>'
    datastore = f'<datastore xmlns:ds="{DS}">ds:candidate</datastore>'
    request(mine, f'<edit-data xmlns="{NCDS}">{datastore}{config}</edit-data>')
    seen = [request(each, f'<get-data xmlns="{NCDS}">{datastore}</get-data>').xml for each in (mine, theirs)]
    assert ["<igmp-copy>false<" in each for each in seen] == [True, False]
    ends = f'<source xmlns:ds="{DS}">ds:running</source><target xmlns:ds="{DS}">ds:candidate</target>'
    told = [request(each, f'<compare xmlns="{CMP}">{ends}</compare>').xml for each in (mine, theirs)]
    assert ["no-matches" in each for each in told] == [False, True]
    mine.copy_config(source="running", target="candidate")
    assert value(mine) == "true"
    request(
        mine,
        f'<copy-config xmlns="{NC}"><target><candidate/></target><source>{backup("")}</source></copy-config>',
    )
    assert names(mine) == []
    assert names(theirs) == ["rbp3"]
    mine.commit()
    assert names(theirs, "running") == []


def test_a_rollback_into_it_and_its_place_in_the_history(connect: Connect, private: Connect) -> None:
    mine, theirs = begun(connect, private)
    data = mine.get(("subtree", f'<commit-history xmlns="{TCH}"/>')).data
    commit = list(data.iter(f"{{{TCH}}}commit"))[-1]
    assert commit.findtext(f"{{{TCH}}}session-id") == theirs.session_id
    number = commit.findtext(f"{{{TCH}}}commit-id")
    make_empty(theirs)
    update(mine)
    into = f"<commit-id>{number}</commit-id><target>candidate</target>"
    request(mine, f'<rollback-to-commit xmlns="{TCH}">{into}</rollback-to-commit>')
    assert (names(mine), names(theirs)) == (["rbp3"], [])
    mine.commit()
    assert names(theirs, "running") == ["rbp3"]


def test_etags_of_edits_belong_to_the_candidate(connect: Connect, private: Connect) -> None:
    mine, theirs = begun(connect, private)
    stale = profile(attributes=f'xmlns:txid="{TXID}" txid:etag="no-such"')
    edit(mine, stale)
    edit(theirs, copies("false"))
    theirs.commit()
    assert refused(mine.commit).app_tag == "txid-value-mismatch"
    mine.discard_changes()
    mine.commit()


def announcing(port: int, user: str = USER, password: str = PASSWORD, uri: str = PRIVATE) -> DepotClient:
    """A thin client with a private candidate."""
    client = DepotClient.__new__(DepotClient)
    RawClient.__init__(client, port, user, password=password)
    client.greeting = client.hello((BASE_1_0, BASE_1_1, uri))
    return client


@pytest.mark.parametrize(
    ("uri", "own"),
    [(PRIVATE, True), (f"{PRIVATE}?supported-resolution-modes=x", True), (PRIVATE[:-1], False), ("", False)],
)
def test_what_the_client_has_to_announce(
    depot: DepotClient, shared_server: ServerUnderTest, uri: str, own: bool
) -> None:
    assert depot.edit("<title>shared</title>") == []
    client = announcing(shared_server.port, uri=uri)
    assert client.content("<title/>") == ("" if own else "<title>shared</title>")
    client.close()
    depot.discard()


def test_a_subscription_to_the_candidate(connect: Connect, shared_server: ServerUnderTest) -> None:
    shared = connect()
    edit(shared, profile(name="shared"))
    client = PushClient(shared_server.port, announced=[PRIVATE])
    change = f'<remote-backup xmlns="{TRB}">{profile(name="mine")}</remote-backup>'
    client.ok(f"<edit-config><target><candidate/></target><config>{change}</config></edit-config>")
    selected = f'<yp:datastore-subtree-filter><remote-backup xmlns="{TRB}"/></yp:datastore-subtree-filter>'
    client.establish(
        f"<yp:datastore>ds:candidate</yp:datastore>{selected}<yp:periodic><yp:period>100</yp:period></yp:periodic>"
    )
    assert [each.text for each in client.take().iter(f"{{{TRB}}}name")] == ["mine"]
    client.close()
    shared.discard_changes()


def test_the_order_of_a_list_can_be_in_conflict(depot: DepotClient, shared_server: ServerUnderTest) -> None:
    depot.accepted("<colour>red</colour><colour>blue</colour>")
    mine = announcing(shared_server.port)
    assert mine.edit("<colour>mine</colour>") == []
    depot.accepted("<colour>theirs</colour>")
    assert [error.path for error in mine.errors("<commit/>")] == ["/d:depot/d:colour"]
    mode = "<resolution-mode>prefer-candidate</resolution-mode>"
    assert mine.errors(f'<update xmlns="{PC}">{mode}</update>') == []
    assert mine.errors("<commit/>") == []
    colours = "".join(f"<colour>{name}</colour>" for name in ("red", "blue", "theirs", "mine"))
    assert depot.content("<colour/>", source="running") == colours
    mine.close()


def test_a_conflict_that_the_user_may_not_see(tmp_path: Any) -> None:
    users = {GUEST: GUEST_PASSWORD}
    with running_server(tmp_path, MODULES, users=users) as server, ExitStack() as stack:
        admin = DepotClient(server.port)
        stack.callback(admin.close)
        admin.accepted("<title>one</title>")
        everything = "<access-operations>*</access-operations><action>permit</action>"
        rules(admin, about("/d:depot/d:title", "deny", "read"), everything)
        guest = announcing(server.port, GUEST, GUEST_PASSWORD)
        stack.callback(guest.close)
        assert guest.edit("<title>mine</title>") == []
        admin.accepted("<title>two</title>")
        (error,) = guest.errors("<commit/>")
        assert (error.tag, error.path, error.app_tag) == ("operation-failed", "", "")
        assert "title" not in error.message
        guest.discard()
        assert guest.errors(f'<update xmlns="{PC}"/>') == []


def test_a_copy_of_running_is_up_to_date(connect: Connect, private: Connect) -> None:
    """What another has made before it and removes after it does not come back with a commit."""
    mine, theirs = begun(connect, private)
    edit(theirs, profile(name="rbp4"))
    theirs.commit()
    mine.copy_config(source="running", target="candidate")
    edit(theirs, profile(name="rbp4", attributes=f'xmlns:nc="{NC}" nc:operation="delete"'))
    theirs.commit()
    mine.commit()
    assert names(mine, "running") == names(mine, "candidate") == ["rbp3"]
