"""The access control configuration as a client writes it, through the real validator, to decisions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.access.nacm import Grants
from server.access.policy import PolicyReader
from server.access.rules import Access, Identity, Policy
from server.protocol.errors import RpcErrors
from server.schema.model import Schema, load_schema
from server.schema.resolve import resolve
from server.schema.sources import ModuleChoice, ModuleSources, own_modules, standard_folders
from server.schema.validator import Validator
from server.tree.location import Location
from server.tree.node import Container
from server.tree.xml import parse_bytes, to_xml
from tests.support.trees import validator

NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
BACKUP = "urn:twincast:yang:remote-backup"
PROFILE = "/twincast-remote-backup:remote-backup/remote-backup-profile"


@pytest.fixture(scope="module")
def sources() -> ModuleSources:
    own = own_modules()
    choices = [ModuleChoice("ietf-netconf-acm"), ModuleChoice("ietf-netconf"), *own]
    return resolve(choices, [Path(own[0].path).parent, *standard_folders()])


@pytest.fixture(scope="module")
def schema(sources: ModuleSources) -> Schema:
    return load_schema(sources)


@pytest.fixture(scope="module")
def judge(
    sources: ModuleSources, schema: Schema, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Validator]:
    with validator(sources, schema, tmp_path_factory.mktemp("judge")) as running:
        yield running


def tree(schema: Schema, judge: Validator, xml: str) -> Container:
    return parse_bytes(schema, judge.canonical(xml.encode()))


def nacm(*rules: str, group: str = "staff", before: str = "") -> str:
    listed = "".join(f"<rule><name>r{number}</name>{rule}</rule>" for number, rule in enumerate(rules))
    groups = "<groups><group><name>staff</name><user-name>ann</user-name></group></groups>"
    return (
        f'<nacm xmlns="{NACM}">{before}{groups}'
        f"<rule-list><name>one</name><group>{group}</group>{listed}</rule-list></nacm>"
    )


def path_rule(path: str, action: str, access: str = "*") -> str:
    return (
        f'<path xmlns:b="{BACKUP}" xmlns:acm="{NACM}">{path}</path>'
        f"<access-operations>{access}</access-operations><action>{action}</action>"
    )


def profile(schema: Schema, name: str, below: str = "") -> Location:
    return Location(schema.node(PROFILE + below), ((name,),))


def grants(schema: Schema, root: Container, user: str = "ann", *groups: str) -> Grants:
    return Grants(PolicyReader(schema).read(root), Identity(user, frozenset(groups)))


def test_without_configuration_reading_and_executing_are_open_and_writing_is_closed(schema: Schema) -> None:
    found = Grants(Policy(), Identity("ann"))
    assert found.reach(Access.READ).permits(profile(schema, "rbp3"))
    assert found.may_execute("ietf-netconf", "get")
    assert not found.may_execute("ietf-netconf", "kill-session")
    assert not found.reach(Access.CREATE).permits(profile(schema, "rbp3"))
    assert not found.reach(Access.READ).permits(Location(schema.node("/ietf-netconf-acm:nacm")))


def test_a_recovery_session_may_do_everything(schema: Schema) -> None:
    found = Grants(Policy(), Identity("root", recovery=True))
    assert found.may_execute("ietf-netconf", "kill-session")
    assert found.reach(Access.DELETE).permits(profile(schema, "rbp3"))


def test_a_path_with_a_key_is_about_that_entry(schema: Schema, judge: Validator) -> None:
    rule = path_rule("/b:remote-backup/b:remote-backup-profile[b:name='rbp3']", "permit", "update create")
    found = grants(schema, tree(schema, judge, nacm(rule)))
    assert found.reach(Access.UPDATE).permits(profile(schema, "rbp3", "/dhcp-stb/igmp-copy"))
    assert not found.reach(Access.UPDATE).permits(profile(schema, "rbp4", "/dhcp-stb/igmp-copy"))
    assert not found.reach(Access.DELETE).permits(profile(schema, "rbp3"))


def test_a_path_keeps_its_meaning_when_it_is_printed_and_read_again(schema: Schema, judge: Validator) -> None:
    rule = path_rule("/b:remote-backup/b:remote-backup-profile[b:name='rbp3']", "permit")
    root = tree(schema, judge, nacm(rule, path_rule("/", "deny")))
    again = tree(schema, judge, b"".join(to_xml(schema, root)).decode())
    reader = PolicyReader(schema)
    assert reader.read(again) == reader.read(root)
    assert reader.read(root).rule_lists[0].rules[0].path is not None
    assert reader.read(root).rule_lists[0].rules[1].path == ()


@pytest.mark.parametrize(
    "path", ["remote-backup", "/b:no-such-node", "/x:remote-backup", "/b:remote-backup[1=1]"]
)
def test_a_path_that_names_nothing_is_refused(schema: Schema, judge: Validator, path: str) -> None:
    with pytest.raises(RpcErrors, match="path"):
        tree(schema, judge, nacm(path_rule(path, "permit")))


def test_groups_of_the_transport_count_unless_switched_off(schema: Schema, judge: Validator) -> None:
    rule = "<module-name>*</module-name><action>permit</action>"
    root = tree(schema, judge, nacm(rule, group="ops"))
    assert grants(schema, root, "bob", "ops").reach(Access.UPDATE).permits(profile(schema, "rbp3"))
    assert not grants(schema, root, "bob").reach(Access.UPDATE).permits(profile(schema, "rbp3"))
    off = "<enable-external-groups>false</enable-external-groups>"
    root = tree(schema, judge, nacm(rule, group="ops", before=off))
    assert not grants(schema, root, "bob", "ops").reach(Access.UPDATE).permits(profile(schema, "rbp3"))


def test_an_action_needs_its_node_to_be_readable(schema: Schema, judge: Validator) -> None:
    action = f"{{{BACKUP}}}clear-copied-groups"
    at = profile(schema, "rbp3")
    module = "twincast-remote-backup"
    assert grants(schema, tree(schema, judge, nacm())).may_act(at, module, action)
    hidden = path_rule("/b:remote-backup/b:remote-backup-profile[b:name='rbp3']", "deny", "read")
    assert not grants(schema, tree(schema, judge, nacm(hidden))).may_act(at, module, action)
    denied = path_rule("/b:remote-backup/b:remote-backup-profile", "deny", "exec")
    assert not grants(schema, tree(schema, judge, nacm(denied))).may_act(at, module, action)


def test_a_notification_needs_the_node_that_it_is_about_to_be_readable(
    schema: Schema, judge: Validator
) -> None:
    event = f"{{{BACKUP}}}role-changed"
    at = profile(schema, "rbp3")
    module = "twincast-remote-backup"
    assert grants(schema, tree(schema, judge, nacm())).may_receive(module, "role-changed", at, tag=event)
    hidden = path_rule("/b:remote-backup/b:remote-backup-profile[b:name='rbp3']", "deny", "read")
    found = grants(schema, tree(schema, judge, nacm(hidden)))
    assert not found.may_receive(module, "role-changed", at, tag=event)
    assert found.may_receive(module, "role-changed", profile(schema, "rbp4"), tag=event)


def test_notifications_of_the_top_level_go_by_name(schema: Schema, judge: Validator) -> None:
    rule = "<notification-name>netconf-config-change</notification-name><action>deny</action>"
    found = grants(schema, tree(schema, judge, nacm(rule)))
    assert not found.may_receive("ietf-netconf-notifications", "netconf-config-change")
    assert found.may_receive("ietf-netconf-notifications", "netconf-session-start")
    assert found.may_receive("nc-notifications", "replayComplete")


def test_equal_configurations_are_read_once(schema: Schema, judge: Validator) -> None:
    root = tree(schema, judge, nacm(path_rule("/", "permit")))
    reader = PolicyReader(schema)
    assert reader.read(root) is reader.read(root.remove(f"{{{BACKUP}}}remote-backup"))
