"""Partial locks over NETCONF (RFC 5717), with ncclient and as they go over the wire."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from lxml import etree

from tests.support.depot import DEPOT, MODULES, DepotClient, Refusal, check_prefixes
from tests.support.guest import GUEST, GUEST_PASSWORD, GuestClient, about, rules
from tests.support.netconf import NC, NCM, TRB, backup, edit, info, names, profile, refused, request
from tests.support.server import ServerUnderTest, running_server
from tests.support.wait import wait_for

PL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
KINDS = "urn:test:depot-kinds"
TSRV = "urn:twincast:yang:server"
SPACES = {"pl": PL, "ncm": NCM, "tsrv": TSRV}

RBP3 = "/trb:remote-backup/trb:remote-backup-profile[trb:name='rbp3']"
COPY_OFF = "<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"
BOX = '<box><kind xmlns:k="urn:test:depot">k:pallet</kind></box>'
HALLS = (
    "<title>one</title><hall><name>a</name><row>1</row>"
    f"<shelf><side>left</side><number>1</number>{BOX}</shelf>"
    "</hall><hall><name>b</name><row>2</row></hall>"
)


def body(*expressions: str) -> str:
    selects = "".join(f"<select>{each}</select>" for each in expressions)
    return f'<partial-lock xmlns="{PL}" xmlns:trb="{TRB}" xmlns:d="{DEPOT}">{selects}</partial-lock>'


def unlocking(lock_id: object) -> str:
    return f'<partial-unlock xmlns="{PL}"><lock-id>{lock_id}</lock-id></partial-unlock>'


def lock(session: Any, *expressions: str) -> tuple[int, list[str]]:
    """Lock with ncclient; return the number and the nodes as they are named."""
    reply = etree.fromstring(request(session, body(*expressions)).xml.encode())
    nodes = reply.findall("pl:locked-node", SPACES)
    for node in nodes:
        check_prefixes(node)
    return int(reply.findtext("pl:lock-id", "", SPACES)), [node.text or "" for node in nodes]


def held(session: Any) -> list[dict[str, list[str]]]:
    """The partial locks that the monitoring tells."""
    wanted = f'<netconf-state xmlns="{NCM}"><datastores/></netconf-state>'
    data = session.get(("subtree", wanted)).data
    found = []
    for part in data.iterfind(".//ncm:partial-lock", SPACES):
        members: dict[str, list[str]] = {}
        for child in part:
            members.setdefault(etree.QName(child).localname, []).append(child.text or "")
        found.append(members)
    return found


def test_it_is_announced(session: Any) -> None:
    announced = "\n".join(session.server_capabilities)
    assert "urn:ietf:params:netconf:capability:partial-lock:1.0" in announced
    assert f"{PL}?module=ietf-netconf-partial-lock&revision=2009-10-19" in announced


def test_what_is_locked_is_the_holders_alone(connect: Any) -> None:
    holder, other = connect(), connect()
    edit(holder, profile() + profile(name="rbp4"))
    holder.commit()
    lock_id, nodes = lock(holder, RBP3)
    assert nodes == [RBP3]
    edit(other, profile(COPY_OFF))
    error = refused(other.commit)
    assert (error.tag, error.app_tag, error.type) == ("in-use", "locked", "application")
    assert error.path == f"{RBP3}/trb:dhcp-stb"
    assert f"session {holder.session_id}" in error.message
    other.discard_changes()
    edit(other, profile(COPY_OFF, name="rbp4") + profile(name="rbp5"))
    other.commit()
    edit(holder, profile(COPY_OFF))
    holder.commit()
    request(holder, unlocking(lock_id))
    edit(other, profile(attributes='nc:operation="delete"'))
    other.commit()
    assert names(other, "running") == ["rbp4", "rbp5"]


def test_the_monitoring_tells_it(connect: Any) -> None:
    holder, other = connect(), connect()
    edit(holder, profile())
    holder.commit()
    assert held(other) == []
    first, _ = lock(holder, f"{RBP3}/trb:name", RBP3)
    second, _ = lock(holder, f"{RBP3}/trb:name")
    found = held(other)
    assert [each["lock-id"] for each in found] == [[str(first)], [str(second)]]
    assert [each["locked-by-session"] for each in found] == [[holder.session_id]] * 2
    assert [each["select"] for each in found] == [[f"{RBP3}/trb:name", RBP3], [f"{RBP3}/trb:name"]]
    assert [each["locked-node"] for each in found] == [[RBP3], [f"{RBP3}/trb:name"]]
    assert found[0]["locked-time"][0].endswith("Z")
    edit(holder, profile(attributes='nc:operation="delete"'))
    holder.commit()
    assert [each.get("locked-node", []) for each in held(other)] == [[], []]
    for number in (first, second):
        request(holder, unlocking(number))
    assert held(other) == []


def test_expressions_are_told_with_prefixes_that_are_bound(connect: Any) -> None:
    holder = connect()
    edit(holder, profile())
    holder.commit()
    own = "//x:remote-backup-profile[x:name = 'x:rbp3'] | /x:remote-backup | //no-prefix"
    declared = f'xmlns:x="{TRB}" xmlns:none="urn:none"'
    selects = f"<select>{own}</select><select>//none:x</select>"
    request(holder, f'<partial-lock xmlns="{PL}" {declared}>{selects}</partial-lock>')
    (found,) = held(holder)
    assert found["select"] == [own.replace("x:", "trb:").replace("'trb:", "'x:")]


def test_another_lock_on_the_same_node(connect: Any) -> None:
    holder, other = connect(), connect()
    edit(holder, profile())
    holder.commit()
    lock(holder, f"{RBP3}/trb:name")
    for expression in (RBP3, "/trb:remote-backup", "//trb:name"):
        error = refused(request, other, body(expression))
        assert error.tag == "lock-denied"
        assert info(error) == {"session-id": holder.session_id}
    error = refused(other.lock, "running")
    assert (error.tag, info(error)) == ("lock-denied", {"session-id": holder.session_id})
    assert refused(holder.lock, "running").tag == "lock-denied"
    other.lock("candidate")
    other.unlock("candidate")


def test_running_that_is_locked_as_a_whole(connect: Any) -> None:
    holder, other = connect(), connect()
    edit(holder, profile())
    holder.commit()
    holder.lock("running")
    for session in (holder, other):
        error = refused(request, session, body(RBP3))
        assert (error.tag, info(error)) == ("lock-denied", {"session-id": holder.session_id})
    holder.unlock("running")
    lock(other, RBP3)


def test_while_a_confirmed_commit_waits(connect: Any) -> None:
    holder, other = connect(), connect()
    edit(holder, profile())
    holder.commit()
    lock(other, RBP3)
    edit(holder, profile(name="rbp4"))
    holder.commit(confirmed=True, timeout="600")
    for session in (holder, other):
        error = refused(request, session, body("//trb:name"))
        assert (error.tag, error.app_tag) == ("in-use", "outstanding-confirmed-commit")
    holder.cancel_commit()
    assert names(other, "running") == ["rbp3"]
    lock(other, "//trb:name")


@pytest.mark.parametrize("end", ["close", "vanish", "kill"])
def test_the_partial_locks_of_a_session_end_with_it(connect: Any, end: str) -> None:
    watcher, victim = connect(), connect()
    edit(watcher, profile())
    watcher.commit()
    lock(victim, RBP3)
    if end == "close":
        victim.close_session()
    elif end == "vanish":
        victim._session._transport.sock.close()
    else:
        watcher.kill_session(victim.session_id)
    wait_for(lambda: held(watcher) == [], what="the partial lock to be gone")
    edit(watcher, profile(COPY_OFF))
    watcher.commit()


def test_nodes_of_every_kind_are_named(depot: DepotClient) -> None:
    depot.accepted(f"{HALLS}<colour>red</colour><flag/>")
    reply = depot.ask(body("/d:depot/d:title", "//d:box", "//d:colour", "/d:depot/d:flag/text()", "//d:flag"))
    nodes = reply.findall("pl:locked-node", SPACES)
    for node in nodes:
        check_prefixes(node)
    assert [node.text for node in nodes] == [
        "/d:depot/d:title",
        "/d:depot/d:hall[d:name='a']/d:shelf[d:side='left'][d:number='1']/d:box[d:kind='d:pallet']",
        "/d:depot/d:colour[.='red']",
        "/d:depot/d:flag",
    ]
    found = depot.data(
        f'<get><filter><netconf-state xmlns="{NCM}"><datastores/></netconf-state></filter></get>'
    )
    assert all((node.text or "") in found for node in nodes)
    assert depot.errors(unlocking(reply.findtext("pl:lock-id", "", SPACES))) == []


LOCK = "/nc:rpc/pl:partial-lock"
WRONG = {
    "a value that is no node": ("count(//d:hall)", "invalid-value", "not-a-node-set", "gives a number"),
    "nothing": ("/d:depot/d:hall[d:name='x']", "operation-failed", "no-matches", "nothing that you may read"),
    "state": ("//d:no-such-node", "operation-failed", "no-matches", "nothing that you may read"),
    "the root": ("/", "invalid-value", "invalid-lock-specification", "locks running as a whole"),
    "a wearisome expression": (
        "//*[//*[//*[//*[//*[//*]]]]]",
        "resource-denied",
        "xpath-limit",
        "takes too long",
    ),
}


@pytest.mark.parametrize(("expression", "tag", "app_tag", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_locked(
    depot: DepotClient, expression: str, tag: str, app_tag: str, message: str
) -> None:
    depot.accepted(HALLS)
    (error,) = depot.errors(body(expression))
    assert (error.tag, error.app_tag) == (tag, app_tag)
    assert error.path == (LOCK if app_tag == "no-matches" else f"{LOCK}/pl:select")
    assert message in error.message


def test_every_wrong_expression_is_told(depot: DepotClient) -> None:
    depot.accepted(HALLS)
    found = depot.errors(body("//d:hall", "count(//d:hall)", "string(/)"))
    assert [error.path for error in found] == [f"{LOCK}/pl:select[2]", f"{LOCK}/pl:select[3]"]
    assert depot.errors(body("/d:depot[")) != []
    assert [error.tag for error in depot.errors(body())] == ["operation-failed"]
    assert depot.errors("<discard-changes/>") == []


@pytest.mark.parametrize("lock_id", ["1000000", "x", ""])
def test_what_cannot_be_unlocked(depot: DepotClient, lock_id: str) -> None:
    (error,) = depot.errors(unlocking(lock_id))
    assert error.tag == "invalid-value"
    assert error.path == "/nc:rpc/pl:partial-unlock/pl:lock-id"


def test_a_key_that_no_identifier_can_name(depot: DepotClient) -> None:
    depot.accepted("<hall><name>&quot;'</name></hall>")
    (error,) = depot.errors(body("/d:depot/d:hall"))
    assert (error.tag, error.app_tag) == ("invalid-value", "invalid-lock-specification")
    assert "quotes of both kinds" in error.message


def test_an_edit_of_running(tmp_path: Any) -> None:
    with running_server(tmp_path, netconf=("writable-running",)) as server, ExitStack() as stack:
        holder, other = (stack.enter_context(server.connect()) for _ in range(2))
        edit(holder, profile() + profile(name="rbp4"))
        holder.commit()
        lock(holder, RBP3)
        locked, free = (backup(profile(COPY_OFF, name=name)) for name in ("rbp3", "rbp4"))
        assert refused(other.edit_config, locked, target="running").app_tag == "locked"
        other.edit_config(free, target="running")
        holder.edit_config(locked, target="running")
        emptying = "<target><running/></target><source><config/></source>"
        error = refused(request, other, f'<copy-config xmlns="{NC}">{emptying}</copy-config>')
        assert (error.app_tag, error.path) == ("locked", "/trb:remote-backup")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    with running_server(
        tmp_path_factory.mktemp("guarded"), MODULES, users={GUEST: GUEST_PASSWORD}
    ) as running:
        yield running


@pytest.fixture
def clients(guarded: ServerUnderTest) -> Iterator[tuple[DepotClient, GuestClient]]:
    with ExitStack() as stack:
        admin, guest = DepotClient(guarded.port), GuestClient(guarded.port)
        stack.callback(admin.close)
        stack.callback(guest.close)
        admin.empty()
        yield admin, guest


def tags(found: list[Refusal]) -> list[str]:
    return [error.tag for error in found]


def test_who_may_not_write_may_not_lock(clients: tuple[DepotClient, GuestClient]) -> None:
    admin, guest = clients
    admin.accepted(HALLS)
    (error,) = guest.errors(body("/d:depot/d:title"))
    assert (error.tag, error.path) == ("access-denied", "/d:depot/d:title")
    rules(admin, about("/d:depot/d:title", "permit", "create update delete"))
    assert guest.ask(body("/d:depot/d:title")).find("pl:lock-id", SPACES) is not None
    assert tags(guest.errors(body("/d:depot/d:hall"))) == ["access-denied"]


def test_a_hidden_node_is_neither_locked_nor_told(clients: tuple[DepotClient, GuestClient]) -> None:
    admin, guest = clients
    admin.accepted(HALLS)
    secret = "/d:depot/d:hall[d:name='a']"
    rules(admin, about(secret, "deny"), about("/d:depot", "permit"))
    assert tags(guest.errors(body(secret))) == ["operation-failed"]
    assert guest.errors(body(secret)) == guest.errors(body(secret.replace("'a'", "'none'")))
    assert tags(guest.errors(body("/d:depot"))) == ["access-denied"]
    reply = guest.ask(body("/d:depot/d:hall"))
    assert [node.text for node in reply.findall("pl:locked-node", SPACES)] == ["/d:depot/d:hall[d:name='b']"]
    state = f'<get><filter><netconf-state xmlns="{NCM}"><datastores/></netconf-state></filter></get>'
    admin.ask(body(secret, "/d:depot/d:title"))
    told = guest.data(state)
    assert "'a'" not in told
    assert "<select" not in told
    assert "/d:depot/d:title<" in told
    assert secret in admin.data(state)


def test_how_many_one_session_may_have(clients: tuple[DepotClient, GuestClient]) -> None:
    admin, _ = clients
    limits = "<partial-locks>2</partial-locks><partial-lock-nodes>3</partial-lock-nodes>"
    assert admin.edit_roots(f'<server xmlns="{TSRV}"><limits>{limits}</limits></server>') == []
    admin.accepted(HALLS)
    before = denials(admin)
    assert tags(admin.errors(body("//d:*[not(*)]"))) == ["resource-denied"]
    for expression in ("/d:depot/d:title", "//d:row[. = 1]"):
        assert admin.ask(body(expression)).find("pl:lock-id", SPACES) is not None
    assert tags(admin.errors(body("/d:depot/d:title"))) == ["resource-denied"]
    assert denials(admin) == before + 2


def denials(admin: DepotClient) -> int:
    data = admin.data(f'<get><filter><server xmlns="{TSRV}"><statistics/></server></filter></get>')
    counted = {
        each.findtext("tsrv:cause", "", SPACES): int(each.findtext("tsrv:count", "", SPACES))
        for each in etree.fromstring(data).iter(f"{{{TSRV}}}refused")
    }
    return counted["partial-locks"]
