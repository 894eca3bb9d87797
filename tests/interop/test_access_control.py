"""Access control (RFC 8341) as two users meet it: the administrator, and one who is nobody in particular."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from lxml import etree

from tests.support.depot import DEPOT, MODULES, SPACES, DepotClient, Refusal
from tests.support.guest import GUEST, GUEST_PASSWORD, NACM, GuestClient, about, rules
from tests.support.server import ServerUnderTest, running_server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    folder = tmp_path_factory.mktemp("guarded")
    with running_server(folder, MODULES, users={GUEST: GUEST_PASSWORD}) as running:
        yield running


@pytest.fixture(scope="module")
def sessions(guarded: ServerUnderTest) -> Iterator[tuple[DepotClient, GuestClient]]:
    with ExitStack() as stack:
        admin, guest = DepotClient(guarded.port), GuestClient(guarded.port)
        stack.callback(admin.close)
        stack.callback(guest.close)
        yield admin, guest


@pytest.fixture
def admin(sessions: tuple[DepotClient, GuestClient]) -> DepotClient:
    sessions[0].empty()
    return sessions[0]


@pytest.fixture
def guest(sessions: tuple[DepotClient, GuestClient]) -> GuestClient:
    return sessions[1]


def denied(found: list[Refusal]) -> bool:
    return [refusal.tag for refusal in found] == ["access-denied"]


def counters(admin: DepotClient) -> dict[str, int]:
    data = admin.data(f'<get><filter><nacm xmlns="{NACM}"/></filter></get>')
    nacm = etree.fromstring(data)
    return {
        etree.QName(child).localname: int(child.text or "")
        for child in nacm
        if etree.QName(child).localname.startswith("denied")
    }


def test_without_rules_a_guest_reads_and_does_not_write(admin: DepotClient, guest: GuestClient) -> None:
    admin.accepted("<title>ann</title>")
    before = counters(admin)
    assert guest.content(source="running") == "<title>ann</title>"
    found = guest.edit("<title>bob</title>")
    assert denied(found)
    assert found[0].type == "application"
    assert found[0].path == "/d:depot/d:title"
    assert guest.content() == "<title>ann</title>"
    assert counters(admin)["denied-data-writes"] == before["denied-data-writes"] + 1


def test_what_changes_nothing_is_no_write(admin: DepotClient, guest: GuestClient) -> None:
    admin.accepted("<title>ann</title>")
    assert guest.edit("<title>ann</title>") == []


@pytest.mark.parametrize("operation", ["kill-session", "delete-config"])
def test_dangerous_operations_need_a_rule(admin: DepotClient, guest: GuestClient, operation: str) -> None:
    before = counters(admin)["denied-operations"]
    found = guest.errors(f"<{operation}/>")
    assert denied(found)
    assert found[0].type == "protocol"
    assert counters(admin)["denied-operations"] == before + 1
    rules(admin, f"<rpc-name>{operation}</rpc-name><action>permit</action>")
    assert not denied(guest.errors(f"<{operation}/>"))


def test_the_rules_themselves_are_not_shown(admin: DepotClient, guest: GuestClient) -> None:
    rules(admin, about("/d:depot", "permit"))
    for request in (
        "<get-config><source><running/></source></get-config>",
        f'<get-config><source><running/></source><filter><nacm xmlns="{NACM}"/></filter></get-config>',
        f'<get><filter><nacm xmlns="{NACM}"><denied-operations/></nacm></filter></get>',
    ):
        assert NACM not in guest.data(request)
        assert NACM in admin.data(request)


def test_a_rule_lets_one_subtree_be_written(admin: DepotClient, guest: GuestClient) -> None:
    rules(admin, about("/d:depot/d:title", "permit", "create update"))
    assert guest.edit("<title>bob</title>") == []
    assert denied(guest.edit('<title nc:operation="delete"/>'))
    guest.discard()


def test_a_hidden_node_cannot_be_found_out(admin: DepotClient, guest: GuestClient) -> None:
    admin.accepted("<title>ann</title>")
    rules(admin, about("/d:depot/d:title", "deny"))
    assert "ann" not in guest.content(source="running")
    for wanted in ("<title/>", "<title>ann</title>"):
        assert guest.content(wanted, source="running") == ""
    answers = [
        guest.edit(f'<title nc:operation="{operation}">{value}</title>')
        for operation in ("create", "merge", "replace", "delete", "remove")
        for value in ("ann", "bob")
    ]
    assert all(denied(found) for found in answers)
    assert len({tuple(found) for found in answers}) == 1
    admin.accepted('<title nc:operation="delete"/>')
    assert tuple(guest.edit('<title nc:operation="create">ann</title>')) in {
        tuple(found) for found in answers
    }


def test_the_answer_to_a_refused_replace_names_nothing_hidden(admin: DepotClient, guest: GuestClient) -> None:
    admin.accepted("<title>ann</title>")
    rules(admin, about("/d:depot/d:title", "deny"), about("/d:depot", "permit"))
    found = guest.edit_roots(f'<depot xmlns="{DEPOT}" xmlns:nc="{SPACES["nc"]}" nc:operation="replace"/>')
    assert denied(found)
    assert "title" not in found[0].path
    assert "ann" not in found[0].message


def test_nobody_commits_for_another_what_he_may_not_change(admin: DepotClient, guest: GuestClient) -> None:
    assert admin.edit("<title>ann</title>") == []
    found = guest.errors("<commit/>")
    assert denied(found)
    assert found[0].path == "/d:depot/d:title"
    assert guest.content(source="running") == ""
    rules(admin, about("/d:depot", "permit"))
    admin.accepted("<title>bob</title>")
    assert admin.edit("<title>eve</title>") == []
    assert guest.errors("<commit/>") == []
    assert admin.content(source="running") == "<title>eve</title>"


def test_groups_of_no_member_change_nothing(admin: DepotClient, guest: GuestClient) -> None:
    rule = "<rule><name>r</name><action>permit</action></rule>"
    rule_list = f"<rule-list><name>x</name><group>nobody</group>{rule}</rule-list>"
    assert admin.edit_roots(f'<nacm xmlns="{NACM}">{rule_list}</nacm>') == []
    assert admin.errors("<commit/>") == []
    assert denied(guest.edit("<title>bob</title>"))


def test_switched_off_access_control_lets_everybody_write(admin: DepotClient, guest: GuestClient) -> None:
    assert admin.edit_roots(f'<nacm xmlns="{NACM}"><enable-nacm>false</enable-nacm></nacm>') == []
    assert admin.errors("<commit/>") == []
    assert guest.edit("<title>bob</title>") == []
    guest.discard()


YANG = "urn:ietf:params:xml:ns:yang:1"
TRB = "urn:twincast:yang:remote-backup"
EVENT = "urn:ietf:params:xml:ns:netconf:notification:1.0"
PROFILE = (
    f'<remote-backup xmlns="{TRB}"><remote-backup-profile><name>{{}}</name>{{}}</remote-backup-profile>'
    "</remote-backup>"
)
OF_PROFILE = (
    '<path xmlns:t="urn:twincast:yang:remote-backup">/t:remote-backup/t:remote-backup-profile{}</path>'
    "<access-operations>{}</access-operations><action>{}</action>"
)


def switchover(name: str) -> str:
    return f'<action xmlns="{YANG}">{PROFILE.format(name, "<switchover/>")}</action>'


def test_actions_are_for_whom_a_rule_permits_them(admin: DepotClient, guest: GuestClient) -> None:
    """Nothing stands behind this server's profiles: what is permitted is not supported."""
    assert admin.edit_roots(PROFILE.format("rbp1", "")) == []
    assert admin.errors("<commit/>") == []
    assert [refusal.tag for refusal in admin.errors(switchover("rbp1"))] == ["operation-not-supported"]
    assert denied(guest.errors(switchover("rbp1")))
    before = counters(admin)["denied-operations"]
    rules(admin, OF_PROFILE.format("/t:switchover", "exec", "permit"))
    assert [refusal.tag for refusal in guest.errors(switchover("rbp1"))] == ["operation-not-supported"]
    rules(
        admin,
        OF_PROFILE.format("/t:switchover", "exec", "permit"),
        OF_PROFILE.format("", "read", "deny"),
    )
    assert denied(guest.errors(switchover("rbp1")))
    assert counters(admin)["denied-operations"] == before + 1


def test_who_may_not_act_does_not_find_out_what_there_is(admin: DepotClient, guest: GuestClient) -> None:
    assert admin.edit_roots(PROFILE.format("rbp1", "")) == []
    assert admin.errors("<commit/>") == []
    rules(admin, OF_PROFILE.format("", "read", "deny"))
    there, nowhere = guest.errors(switchover("rbp1")), guest.errors(switchover("rbp2"))
    assert denied(there)
    assert there == nowhere


def test_paths_of_changes_are_not_sent_to_restricted_users(
    guarded: ServerUnderTest, admin: DepotClient
) -> None:
    assert admin.edit_roots(PROFILE.format("visible", "")) == []
    assert admin.errors("<commit/>") == []
    listener, privileged = GuestClient(guarded.port), DepotClient(guarded.port)
    for client in (listener, privileged):
        assert client.errors(f'<create-subscription xmlns="{EVENT}"/>') == []
    assert admin.edit_roots(PROFILE.format("hidden", "")) == []
    assert admin.errors("<commit/>") == []
    for client, told in ((listener, False), (privileged, True)):
        while b"netconf-config-change" not in (message := client.receive()):
            pass
        assert (b"hidden" in message) is told
        assert b"<username>admin</username>" in message
        client.close()


TCH = "urn:twincast:yang:commit-history"
CMP = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
COMPARE = (
    f'<compare xmlns="{CMP}" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">'
    "<source>ds:running</source><target>ds:candidate</target></compare>"
)
COMPARE_COMMITS = f'<compare-commits xmlns="{TCH}"/>'
NO_TITLE = about("/d:depot/d:title", "deny")


def permit(name: str) -> str:
    return f"<rpc-name>{name}</rpc-name><action>permit</action>"


@pytest.mark.parametrize(
    "body",
    [
        COMPARE,
        COMPARE_COMMITS,
        f'<rollback-to-commit xmlns="{TCH}"><commit-id>1</commit-id></rollback-to-commit>',
    ],
    ids=["compare", "compare-commits", "rollback-to-commit"],
)
def test_history_and_comparison_need_a_rule(admin: DepotClient, guest: GuestClient, body: str) -> None:
    admin.accepted("<title>ann</title>")
    assert denied(guest.errors(body))
    assert guest.data(f'<get><filter><commit-history xmlns="{TCH}"/></filter></get>') == ""


def test_a_denied_node_is_in_no_comparison(admin: DepotClient, guest: GuestClient) -> None:
    rules(admin, permit("compare"), permit("compare-commits"), NO_TITLE)
    admin.accepted("<title>ann</title><level>3</level>")
    reply = etree.tostring(guest.ask(COMPARE_COMMITS)).decode()
    assert "level" in reply
    assert "title" not in reply
    assert admin.edit("<title>bob</title>") == []
    assert guest.ask(COMPARE).find(f"{{{CMP}}}no-matches") is not None
    assert admin.ask(COMPARE).find(f"{{{CMP}}}differences") is not None
    admin.discard()


def test_a_way_back_over_a_denied_node_is_denied(admin: DepotClient, guest: GuestClient) -> None:
    rules(admin, permit("rollback-to-commit"), NO_TITLE, about("/d:depot", "permit"))
    history = f'<get><filter><commit-history xmlns="{TCH}"/></filter></get>'

    def last() -> str:
        ids = etree.fromstring(admin.data(history)).findall(f"{{{TCH}}}commit/{{{TCH}}}commit-id")
        return ids[-1].text or ""

    admin.accepted("<level>3</level>")
    without = last()
    admin.accepted("<level>4</level>")
    body = f'<rollback-to-commit xmlns="{TCH}"><commit-id>%s</commit-id></rollback-to-commit>'
    reply = guest.ask(body % without)
    assert reply.find("nc:rpc-error", SPACES) is None
    assert admin.content("<level/>") == "<level>3</level>"
    admin.accepted("<title>ann</title>")
    found = guest.errors(body % without)
    assert denied(found)
    assert "title" not in found[0].path
    assert admin.content("<title/>") == "<title>ann</title>"


EXPRESSIONS = (
    "/d:depot/d:title",
    "//*[. = 'ann']",
    "//d:level[../d:title = 'ann']",
    "//d:level[count(//*[string-length(.) = 3]) > 0]",
    "/d:depot/d:level[starts-with(preceding::*[1], 'a')]",
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_no_expression_finds_out_a_denied_node(
    admin: DepotClient, guest: GuestClient, expression: str
) -> None:
    rules(admin, NO_TITLE)
    admin.accepted("<title>ann</title><level>3</level>")
    asked = f'<filter type="xpath" xmlns:d="{DEPOT}" select="{expression}"/>'
    body = f"<get-config><source><running/></source>{asked}</get-config>"
    assert guest.data(body) == ""
    assert admin.data(body) != ""


def test_a_denied_default_is_not_reported(admin: DepotClient, guest: GuestClient) -> None:
    rules(admin, about("/d:depot/d:lit", "deny"))
    admin.accepted("<title>ann</title>")
    defaults = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
    asked = f'<with-defaults xmlns="{defaults}">report-all</with-defaults>'
    wanted = f'<filter><depot xmlns="{DEPOT}"/></filter>'
    body = f"<get-config><source><running/></source>{wanted}{asked}</get-config>"
    assert "<lit>" in admin.data(body)
    assert "<lit>" not in guest.data(body)
    assert "<level>" in guest.data(body)


NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DATASTORES = "urn:ietf:params:xml:ns:yang:ietf-datastores"


def data_operation(name: str, datastore: str, inner: str) -> str:
    asked = f"<datastore>ds:{datastore}</datastore>{inner}"
    return f'<{name} xmlns="{NMDA}" xmlns:ds="{DATASTORES}" xmlns:d="{DEPOT}">{asked}</{name}>'


@pytest.mark.parametrize("datastore", ["running", "intended", "candidate", "operational"])
@pytest.mark.parametrize("extra", ["", "<config-filter>true</config-filter>", "<max-depth>3</max-depth>"])
def test_a_denied_node_is_in_no_datastore(
    admin: DepotClient, guest: GuestClient, datastore: str, extra: str
) -> None:
    admin.accepted("<title>hidden</title><lit>true</lit>")
    rules(admin, about("/d:depot/d:title", "deny"), about("/d:depot/d:level", "deny"))
    found = guest.rpc(data_operation("get-data", datastore, extra))
    assert b"<lit" in found
    assert b"hidden" not in found
    assert b"<level" not in found
    asked = "<xpath-filter>/d:depot/d:lit[../d:title='hidden']</xpath-filter>"
    assert b"<lit" not in guest.rpc(data_operation("get-data", datastore, asked))


def test_edit_data_needs_the_rules_of_edit_config(admin: DepotClient, guest: GuestClient) -> None:
    rules(admin, about("/d:depot/d:title", "permit"))
    for leaf, refused in (("<title>mine</title>", False), ("<lit>true</lit>", True)):
        body = data_operation(
            "edit-data", "candidate", f'<config><depot xmlns="{DEPOT}">{leaf}</depot></config>'
        )
        assert denied(guest.errors(body)) is refused
