"""What a user may not read cannot be found out by sessions with a life of their own either: subscriptions to
event records and to datastores, private candidates, and the state that tells of other sessions.

As `test_non_inference`: two servers that differ in hidden nodes only have to send the same octets.
"""

from collections.abc import Iterator
from html import escape

import pytest

from tests.support.battery import PREFIXES, get_data, others, writes
from tests.support.error_rows import CMP, DATASTORES, NCM, TCH, edit, roots
from tests.support.push_client import SN, establish, operation
from tests.support.scenes import (
    HISTORY,
    ONE,
    OPERATIONS,
    OTHER,
    SCENES,
    SHARED,
    WRITES,
    Scene,
    about,
    depot,
    hall,
    ledger,
)
from tests.support.two_worlds import PARTIAL, Pair, Worlds, alike, shown, two_worlds

PRIVATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
PRIVATE_NAMESPACE = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"
COMPARE = (
    f'<compare xmlns="{CMP}" {DATASTORES}><source>ds:running</source><target>ds:candidate</target></compare>'
)
ONCE = "<yp:periodic><yp:period>8640000</yp:period></yp:periodic>"
"""A period of a day: one update, at once."""
ALL = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with two_worlds(tmp_path_factory.mktemp("worlds")) as made:
        yield made


# Private candidates.


@ALL
def test_private_candidates_answer_alike(worlds: Worlds, scene: Scene) -> None:
    worlds.begin(scene.rules, scene.shared, scene.hidden)
    with worlds.sessions(PRIVATE) as pair:
        alike(pair.ask, [*writes(scene), *others(scene), COMPARE, get_data("candidate", "")])


@ALL
def test_an_update_over_hidden_changes_is_alike(worlds: Worlds, scene: Scene) -> None:
    """Others change what is hidden, in each world something else, while a private candidate is edited."""
    worlds.begin(scene.rules, scene.shared, scene.hidden)
    with worlds.sessions(PRIVATE) as pair:
        _tell_alike(pair, edit("<level>8</level>"))
        worlds.commit(scene.hidden[1], scene.hidden[0])
        story = (
            COMPARE,
            f'<update xmlns="{PRIVATE_NAMESPACE}"/>',
            COMPARE,
            "<validate><source><candidate/></source></validate>",
            "<commit/>",
            f"<get><filter>{depot('')}</filter></get>",
            f'<compare-commits xmlns="{TCH}"/>',
        )
        for body in story:
            _tell_alike(pair, body)


def _tell_alike(pair: Pair, body: str) -> bytes:
    one, other = pair.ask(body)
    assert one == other, shown(body, one, other)
    assert b"<rpc-error>" not in one, one
    return one


# YANG push.


def _filters(scene: Scene) -> Iterator[str]:
    yield f"<yp:datastore-subtree-filter>{depot('')}</yp:datastore-subtree-filter>"
    for path in scene.paths:
        for select in (
            path,
            f"/d:depot[{path}]/d:level",
            f"/d:depot/d:level[count({path}) = 0]",
            f"//*[. = '{ONE}']/..",
        ):
            yield _xpath(escape(select, quote=False))


def _xpath(select: str) -> str:
    return f"<yp:datastore-xpath-filter {PREFIXES}>{select}</yp:datastore-xpath-filter>"


def _push(datastore: str, wanted: str, trigger: str) -> str:
    return establish(f"<yp:datastore>ds:{datastore}</yp:datastore>{wanted}{trigger}")


def _number(answer: bytes) -> str:
    return answer.partition(b"</id>")[0].rpartition(b">")[2].decode()


@ALL
def test_periodic_updates_are_alike(worlds: Worlds, scene: Scene) -> None:
    worlds.begin(scene.rules, scene.shared, scene.hidden)
    with worlds.sessions() as pair:
        for number, wanted in enumerate(_filters(scene)):
            datastore = ("running", "operational", "candidate", "intended")[number % 4]
            answer = _tell_alike(pair, _push(datastore, wanted, ONCE))
            one, other = pair.until(b"push-update")
            assert one == other, shown(wanted, one[-1], other[-1])
            assert b"zq" not in b"".join(one)
            _tell_alike(pair, operation("delete-subscription", f"<id>{_number(answer)}</id>"))


@pytest.mark.parametrize("scene", [each for each in SCENES if each.sees], ids=lambda scene: scene.name)
@pytest.mark.parametrize("datastore", ["running", "operational"])
def test_changes_are_told_alike(worlds: Worlds, scene: Scene, datastore: str) -> None:
    """Both worlds get what is hidden in the other, in two commits, and then a change that may be seen."""
    worlds.begin(scene.rules, scene.shared, scene.hidden)
    wanted = f"<yp:datastore-subtree-filter>{depot('')}</yp:datastore-subtree-filter>"
    with worlds.sessions() as pair:
        answer = _tell_alike(pair, _push(datastore, wanted, "<yp:on-change/>"))
        first = pair.until(b"push-update")
        worlds.commit(scene.hidden[1], scene.hidden[0])
        worlds.commit("", "")
        worlds.admin(edit("<level>77</level>"))
        worlds.admin("<commit/>")
        later = pair.until(b">77<")
        for one, other in (first, later):
            assert one == other, shown(wanted, one[-1], other[-1])
            assert b"zq" not in b"".join(one)
        _tell_alike(pair, operation("delete-subscription", f"<id>{_number(answer)}</id>"))


ASKED = (
    "/d:depot/d:title",
    "//*[. = 'zq1']",
    "/d:depot/d:nothing",
    "/d:depot[",
)


@pytest.mark.parametrize("trigger", ["<yp:on-change/>", ONCE])
def test_what_is_refused_is_refused_alike(worlds: Worlds, trigger: str) -> None:
    rules = (about("/d:depot/d:title", "deny"), *WRITES)
    worlds.begin(rules, depot(SHARED), (depot(f"<title>{ONE}</title>"), depot("")))
    for datastore in ("running", "operational", "candidate"):
        for select in ASKED:
            wanted = _xpath(select)
            with worlds.sessions() as pair:
                one, other = pair.ask(_push(datastore, wanted, trigger))
                assert one == other, shown(wanted, one, other)


# Event records.

RECORDS = (
    "",
    "<stream-xpath-filter {}>/n:netconf-config-change/n:edit</stream-xpath-filter>",
    "<stream-xpath-filter {}>//n:target[contains(., 'title')]</stream-xpath-filter>",
    "<stream-xpath-filter {}>/n:netconf-config-change[count(n:edit) = 2]</stream-xpath-filter>",
)


@pytest.mark.parametrize("wanted", RECORDS, ids=["all", "edits", "a name", "a count"])
def test_event_records_are_alike(worlds: Worlds, wanted: str) -> None:
    rules = (about("/d:depot/d:title", "deny"), *WRITES)
    worlds.begin(rules, depot(SHARED), (depot(f"<title>{ONE}</title>"), depot("")))
    bound = 'xmlns:n="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"'
    inner = f"<stream>NETCONF</stream>{wanted.format(bound)}"
    past = "<replay-start-time>2020-01-01T00:00:00Z</replay-start-time>"
    with worlds.sessions() as pair:
        _tell_alike(pair, establish(inner + past))
        one, other = pair.until(b"replay-completed")
        assert one == other, shown(wanted, one[-1], other[-1])
        assert b"zq" not in b"".join(one)
        counted = f'<get><filter><subscriptions xmlns="{SN}"/></filter></get>'
        _tell_alike(pair, counted)


# What state tells of other sessions.


MONITORED = f'<get><filter type="xpath" xmlns:m="{NCM}" select="//m:partial-lock{{}}"/></get>'


def test_what_others_have_locked_is_not_named(worlds: Worlds) -> None:
    rules = (*(about(f"/d:depot/d:hall[d:name='{name}']", "deny") for name in (ONE, OTHER)), *WRITES)
    worlds.begin(rules, depot(SHARED), (depot(hall(ONE)), depot(hall(OTHER))))
    select = "<select>/d:depot/d:hall[d:name='{}']</select>"
    lock = f'<partial-lock xmlns="{PARTIAL}" {PREFIXES}>{select}</partial-lock>'
    unlock = f'<partial-unlock xmlns="{PARTIAL}"><lock-id>{{}}</lock-id></partial-unlock>'
    replies = [
        world.admin.rpc(lock.format(name)) for world, name in zip(worlds.both, (ONE, OTHER), strict=True)
    ]
    assert all(b"lock-id" in reply for reply in replies)
    number = replies[0].partition(b"</lock-id>")[0].rpartition(b">")[2].decode()
    alike(
        worlds.guest,
        [
            f'<get><filter><netconf-state xmlns="{NCM}"><datastores/></netconf-state></filter></get>',
            MONITORED.format("[contains(m:select, 'zq1')]"),
            MONITORED.format("[m:locked-node]"),
            "<lock><target><running/></target></lock>",
            edit("<level>4</level>"),
            lock.format(ONE),
            lock.format("v"),
        ],
    )
    worlds.admin(unlock.format(number))


def test_what_others_have_subscribed_to_is_not_named(worlds: Worlds) -> None:
    rules = (about("/d:depot/d:title", "deny"), *WRITES)
    worlds.begin(rules, depot(SHARED), (depot(f"<title>{ONE}</title>"), depot("")))
    for word, world in zip((ONE, OTHER), worlds.both, strict=True):
        wanted = _xpath(f"//*[. = '{word}']")
        assert b"<id" in world.admin.rpc(_push("running", wanted, ONCE))
        assert b"push-update" in world.admin.receive()
    select = f"xmlns:s='{SN}' select=\"//s:subscription[contains(., 'zq1')]\""
    shown_to = f'<get><filter><subscriptions xmlns="{SN}"/></filter></get>'
    alike(
        worlds.guest,
        [
            shown_to,
            get_data("operational", f'<subtree-filter><subscriptions xmlns="{SN}"/></subtree-filter>'),
            select.join(('<get><filter type="xpath" ', "/></get>")),
        ],
    )
    for word, world in zip((ONE, OTHER), worlds.both, strict=True):
        answer = world.admin.rpc(shown_to)
        assert word.encode() in answer
        number = answer.partition(b"</id>")[0].rpartition(b">")[2].decode()
        assert b"<ok/>" in world.admin.rpc(operation("delete-subscription", f"<id>{number}</id>"))


def test_history_is_told_by_push_as_by_get(worlds: Worlds) -> None:
    rules = (about("/l:ledger/l:owner", "deny"), about("/l:ledger", "permit"), *OPERATIONS, HISTORY)
    worlds.begin(rules, "", ("", ""))
    path = f"xmlns:h='{TCH}'>//h:commit[h:label='pushed']"
    select = f"<yp:datastore-xpath-filter {path}</yp:datastore-xpath-filter>"
    worlds.admin(roots(ledger(f"<owner>{ONE}</owner><ink>x</ink>")), roots(ledger("<ink>x</ink>")))
    worlds.admin(f'<commit><label xmlns="{TCH}">pushed</label></commit>')
    with worlds.sessions() as pair:
        _tell_alike(pair, _push("operational", select, ONCE))
        one, other = pair.until(b"push-update")
        assert one == other, shown(select, one[-1], other[-1])
        assert b"/l:ledger/l:ink" in one[-1]
