"""Nothing that a user may not read can be found out by what he is answered (RFC 8341 sections 3.2.4, 3.2.5).

Two servers differ in what is hidden and in nothing else: each request of a long list has to get the same
octets from both, but for the times. What is not so, because a configuration has to be valid as a whole and
nobody may delete what he may not delete, is in `INHERENT`: there the answers part, and tell no more.
"""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.support.battery import WITH_DEFAULTS, requests
from tests.support.depot import DEPOT, SPACES, Refusal
from tests.support.error_rows import EVENT, TCH, edit, roots
from tests.support.scenes import (
    HISTORY,
    ONE,
    OPERATIONS,
    OTHER,
    SCENES,
    SHARED,
    TRB,
    WRITES,
    Scene,
    about,
    depot,
    hall,
    ledger,
    permit,
)
from tests.support.two_worlds import Worlds, alike, two_worlds

HIDDEN = "the configuration is not acceptable together with data that you may not read"
DENIED = "the change is not permitted to you"
VALIDATE = "<validate><source><candidate/></source></validate>"


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with two_worlds(tmp_path_factory.mktemp("worlds")) as made:
        yield made


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_both_worlds_answer_alike(worlds: Worlds, scene: Scene) -> None:
    worlds.begin(scene.rules, scene.shared, scene.hidden)
    alike(worlds.guest, requests(scene))
    for file in worlds.both[0].files.iterdir():
        assert file.read_bytes() == (worlds.both[1].files / file.name).read_bytes(), file.name


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_what_is_not_hidden_can_be_changed_alike(worlds: Worlds, scene: Scene) -> None:
    worlds.begin(scene.rules, scene.shared, scene.hidden)
    story = (
        edit("<level>9</level>"),
        VALIDATE,
        f'<commit><label xmlns="{TCH}">mine</label></commit>',
        f"<get><filter>{depot('')}</filter></get>",
        f'<compare-commits xmlns="{TCH}"/>',
        edit('<level nc:operation="delete"/>'),
        "<commit><confirmed/></commit>",
        "<cancel-commit/>",
        f"<get-config><source><running/></source><filter>{depot('')}</filter></get-config>",
    )
    for body in story:
        one, other = worlds.guest(body)
        assert one == other, body
        assert b"<rpc-error>" not in one, one


def test_the_history_names_no_hidden_node(worlds: Worlds) -> None:
    denied = ("/l:ledger/l:owner", "/l:ledger/l:line[l:number='7']")
    rules = (*(about(path, "deny") for path in denied), about("/l:ledger", "permit"), *OPERATIONS, HISTORY)
    worlds.begin(rules, "", (ledger("<owner>a</owner>"), ""))
    for label, one, other in (
        ("both", f"<ink>x</ink><owner>{ONE}</owner>", f"<ink>x</ink><owner>{OTHER}</owner>"),
        (
            "more",
            "<line><number>7</number></line><line><number>8</number></line>",
            "<line><number>8</number></line>",
        ),
        ("hidden", "<line><number>7</number><sum>1.00</sum></line>", "<owner>b</owner>"),
    ):
        worlds.admin(roots(ledger(one)), roots(ledger(other)))
        worlds.admin(f'<commit><label xmlns="{TCH}">{label}</label></commit>')
    told = [
        f'<get><filter><commit-history xmlns="{TCH}"><commit><label>{label}</label></commit></commit-history>'
        "</filter></get>"
        for label in ("both", "more", "hidden")
    ]
    select = "/h:commit-history/h:commit[h:label='{}'][h:change{}]/h:label"
    expressions = [
        f'<get><filter type="xpath" xmlns:h="{TCH}" select="{select.format(label, test)}"/></get>'
        for label in ("both", "more", "hidden")
        for test in ("", "[2]", "[contains(h:path, 'owner')]", "[contains(h:path, '7')]")
    ]
    alike(worlds.guest, [*told, *expressions, f'<compare-commits xmlns="{TCH}"/>'])
    one, _ = worlds.guest(told[0])
    assert b"/l:ledger/l:ink" in one


CHANGE = 'netconf-config-change xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"'
TARGET = f'<target xmlns:d="{DEPOT}">/d:depot/d:title</target>'
FILTERS = (
    "",
    f"<filter><{CHANGE}/></filter>",
    f"<filter><{CHANGE}><edit/></netconf-config-change></filter>",
    f"<filter><{CHANGE}><edit>{TARGET}</edit></netconf-config-change></filter>",
)


@pytest.mark.parametrize("wanted", FILTERS, ids=["all", "changes", "edits", "one path"])
def test_notifications_are_alike(worlds: Worlds, wanted: str) -> None:
    """Those of the past, up to `replayComplete`, and those that follow."""
    rules = (about("/d:depot/d:title", "deny"), *WRITES)
    worlds.begin(rules, depot(SHARED), (depot(f"<title>{ONE}</title>"), depot("")))
    start = "<startTime>2020-01-01T00:00:00Z</startTime>"
    asked = f'<create-subscription xmlns="{EVENT}">{wanted}{start}</create-subscription>'
    with worlds.sessions() as pair:
        for client in pair.clients:
            assert client.errors(asked) == []
        past = pair.until(b"replayComplete")
        assert past[0] == past[1]
        worlds.admin(edit("<title>zq3</title>"), edit('<title nc:operation="remove"/><lit>false</lit>'))
        worlds.admin("<commit/>")
        worlds.admin("<commit><confirmed/></commit>")
        later: tuple[list[bytes], list[bytes]] = ([], [])
        if not wanted:
            later = pair.until(b"netconf-confirmed-commit")
        assert later[0] == later[1]
    assert b"zq" not in b"".join((*past[0], *later[0]))


def _switchover(name: str) -> str:
    profile = f"<remote-backup-profile><name>{name}</name><switchover/></remote-backup-profile>"
    return f'<action xmlns="urn:ietf:params:xml:ns:yang:1">{_backup(profile)}</action>'


def _backup(inner: str) -> str:
    return f'<remote-backup xmlns="{TRB}">{inner}</remote-backup>'


def _of(kind: str, name: str, inner: str = "") -> str:
    return f"<remote-backup-{kind}><name>{name}</name>{inner}</remote-backup-{kind}>"


def test_hidden_profiles_and_services(worlds: Worlds) -> None:
    paths = [f"/t:remote-backup/t:remote-backup-{kind}[t:name='{ONE}']" for kind in ("profile", "service")]
    paths.append("/t:remote-backup/t:remote-backup-profile/t:dhcp-stb")
    rules = (*(about(path, "deny") for path in paths), *WRITES, permit("*"))
    hidden = _backup(
        _of("service", ONE)
        + _of("profile", ONE, f"<service-name>{ONE}</service-name><backup-id>7</backup-id>")
        + _of("profile", "seen", "<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>")
    )
    shared = _backup(_of("service", "seen") + _of("profile", "seen"))
    worlds.begin(rules, shared, (hidden, _backup("")))
    refers = roots(
        _backup(_of("profile", "seen", f"<service-name>{ONE}</service-name><backup-id>8</backup-id>"))
    )
    whole = f'<filter><remote-backup xmlns="{TRB}"/></filter>'
    mode = f'<with-defaults xmlns="{WITH_DEFAULTS}">report-all</with-defaults>'
    alone = _backup(_of("profile", "x", f"<service-name>{ONE}</service-name>"))
    tested = refers.replace("<config>", "<test-option>test-then-set</test-option><config>")
    alike(
        worlds.guest,
        [
            f"<get>{whole}</get>",
            f"<get>{whole}{mode}</get>",
            f"<get-config><source><running/></source>{whole}{mode}</get-config>",
            *(f'<get><filter type="xpath" xmlns:t="{TRB}" select="{select}"/></get>' for select in _SELECTS),
            *(_switchover(name) for name in (ONE, OTHER, "seen", "UPPER")),
            refers,
            tested,
            tested.replace("test-then-set", "test-only"),
            f"<validate><source><config>{alone}</config></source></validate>",
        ],
    )
    worlds.guest(refers)
    for body in (VALIDATE, "<commit/>"):
        one, other = worlds.guest(body)
        assert one == other
        assert b"instance-required" in one
    worlds.guest("<discard-changes/>")


_SELECTS = (
    "//t:remote-backup-profile",
    "//t:remote-backup-profile[2]/t:name",
    "//t:name[count(//t:remote-backup-service) = 2]",
    "//t:remote-backup-profile[t:dhcp-stb/t:igmp-copy = 'false']/t:name",
    "//t:remote-backup-profile[.//t:copy-state = 'admin-disabled']/t:name",
    "deref(//t:service-name)",
    f"//*[contains(., '{ONE}')]",
)


@pytest.mark.parametrize("seen", [True, False], ids=["a state leaf", "no state"])
def test_who_may_write_only_is_told_nothing(worlds: Worlds, seen: bool) -> None:
    """Everything may be written and nothing read: merges and removals are alike whatever there is."""
    rules = (
        about("/d:depot", "permit", "create update delete"),
        about("/d:depot", "deny", "read"),
        *OPERATIONS,
    )
    worlds.begin(rules, depot("<level>3</level>"), (depot(f"<title>{ONE}</title>" + hall(ONE)), depot("")))
    bodies = [edit(f'<title nc:operation="{each}">x</title>') for each in ("merge", "replace", "remove")]
    bodies += [edit(f'<hall nc:operation="{each}"><name>{ONE}</name></hall>') for each in ("merge", "remove")]
    bodies += [f"<get><filter>{depot('<level/>' if seen else '')}</filter></get>"]
    alike(worlds.guest, bodies)


# What cannot be alike: a configuration is valid or not as a whole, and what may not be deleted stays.

INHERENT = {
    "an entry with something in it that may not be deleted": (
        ("/d:depot/d:hall/d:gate",),
        (hall("v", f"<gate>{ONE}</gate>"), ""),
        ("<level>4</level>" + '<hall nc:operation="delete"><name>v</name></hall>',),
        ("access-denied", "", DENIED),
    ),
    "a combination that has to be unique": (
        (f"/d:depot/d:hall[d:name='{ONE}']",),
        (hall(ONE, "<row>9</row><position><column>9</column></position>"), ""),
        (hall("w", "<row>9</row><position><column>9</column></position>"), VALIDATE),
        ("operation-failed", None, HIDDEN),
    ),
    "a must that counts": (
        (f"/d:depot/d:hall[d:name='{ONE}']",),
        (hall(ONE), ""),
        (hall("v", "<alone>true</alone>"), VALIDATE),
        (
            "operation-failed",
            "/d:depot/d:hall[d:name='v']/d:alone",
            'alone breaks the rule "count(../../hall) = 1"',
        ),
    ),
    "a when": (
        ("/d:depot/d:lit",),
        ("", "<lit>false</lit>"),
        (hall("v", "<dark>true</dark>"), VALIDATE),
        (
            "unknown-element",
            "/d:depot/d:hall[d:name='v']/d:dark",
            "<dark> may not be here: its condition \"../../lit = 'false'\" is false",
        ),
    ),
    "the target of a reference": (
        (f"/d:depot/d:hall[d:name='{ONE}']",),
        (hall(ONE, "<next>v</next>"), ""),
        ('<hall nc:operation="delete"><name>v</name></hall>', VALIDATE),
        ("data-missing", "", HIDDEN),
    ),
    "what another has put into the candidate": (
        ("/d:depot/d:title",),
        ("", ""),
        ("<title>zq3</title>", "<commit/>"),
        ("access-denied", "", DENIED),
    ),
}


@pytest.mark.parametrize("name", INHERENT)
def test_what_is_valid_as_a_whole_only_is_told_without_names(worlds: Worlds, name: str) -> None:
    denied, hidden, (inner, *asked), (tag, path, message) = INHERENT[name]
    rules = (*(about(each, "deny") for each in denied), *WRITES)
    worlds.begin(rules, depot("<level>3</level>" + hall("v")), (depot(hidden[0]), depot(hidden[1])))
    if name == "what another has put into the candidate":
        worlds.admin(edit(inner), edit("<level>3</level>"))
    else:
        answers = worlds.guest(edit(inner))
    for body in asked:
        answers = worlds.guest(body)
    refused, accepted = answers
    assert b"<ok/>" in accepted
    (found,) = [Refusal.read(error) for error in etree.fromstring(refused).iterfind("nc:rpc-error", SPACES)]
    assert (found.tag, found.message) == (tag, message)
    assert found.path == path or path is None
    assert b"zq" not in refused
    worlds.admin("<discard-changes/>")
