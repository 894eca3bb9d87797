"""edit-config, copy-config, validate and commit on the candidate (RFC 6241 sections 7.2, 7.3, 8.3)."""

import pytest
from lxml import etree

from tests.support.netconf import NC, PROFILE, SPACES, backup, edit, names, profile, refused, request

RBP3 = f"{PROFILE}[trb:name='rbp3']"


def test_the_whole_cycle(session):
    with session.locked("candidate"):
        edit(session, profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"))
        session.validate()
        assert names(session, "running") == []
        session.commit()
    reply = session.get_config("running")
    assert reply.data.findtext(".//trb:igmp-copy", namespaces=SPACES) == "false"
    assert session.get().data.findtext(".//trb:igmp-copy", namespaces=SPACES) == "false"


def test_discard_changes(session):
    edit(session, profile())
    session.discard_changes()
    assert names(session) == []


def test_test_only_changes_nothing(session):
    edit(session, profile(), test_option="test-only")
    assert names(session) == []
    edit(session, profile(), test_option="test-then-set")
    assert names(session) == ["rbp3"]


@pytest.mark.parametrize(
    ("error_option", "kept"),
    [("stop-on-error", []), ("rollback-on-error", []), ("continue-on-error", ["rbp1", "rbp3"])],
)
def test_error_options(session, error_option, kept):
    inner = profile(name="rbp1") + profile(name="rbp2", attributes='nc:operation="delete"') + profile()
    error = refused(edit, session, inner, error_option=error_option)
    assert (error.tag, error.path) == ("data-missing", f"{PROFILE}[trb:name='rbp2']")
    assert names(session) == kept


def test_the_five_operations(session):
    edit(session, profile(attributes='nc:operation="create"'))
    error = refused(edit, session, profile(attributes='nc:operation="create"'))
    assert (error.tag, error.path) == ("data-exists", RBP3)
    edit(session, profile("<backup-id>1</backup-id>", attributes='nc:operation="merge"'))
    edit(session, profile("<mode>hot</mode>", attributes='nc:operation="replace"'))
    reply = session.get_config("candidate")
    assert reply.data.find(".//trb:backup-id", SPACES) is None
    assert reply.data.findtext(".//trb:mode", namespaces=SPACES) == "hot"
    edit(session, profile(attributes='nc:operation="remove"'))
    edit(session, profile(attributes='nc:operation="remove"'))
    assert names(session) == []


def test_default_operation_none_changes_what_is_marked_only(session):
    edit(session, profile())
    edit(session, profile("<mode nc:operation='create'>hot</mode>"), default_operation="none")
    error = refused(edit, session, profile(name="rbp9"), default_operation="none")
    assert error.tag == "data-missing"
    assert names(session) == ["rbp3"]


def test_copy_config(session):
    edit(session, profile())
    session.copy_config(source="running", target="candidate")
    assert names(session) == []
    source = etree.fromstring(f'<source xmlns="{NC}">{backup(profile(name="rbp8"))}</source>')
    session.copy_config(source=source, target="candidate")
    assert names(session) == ["rbp8"]


@pytest.mark.parametrize(
    ("inner", "tag"),
    [
        (profile(attributes='nc:operation="delete"'), "unknown-attribute"),
        (profile("<local-role>master</local-role>"), "unknown-element"),
        (profile() + profile(), "bad-element"),
        (profile("<name>rbp4</name>"), "bad-element"),
        (profile("<mode>cold</mode>"), "invalid-value"),
    ],
)
def test_a_configuration_in_the_request_that_is_none(session, inner, tag):
    for operation in (
        "<copy-config><target><candidate/></target>{}</copy-config>",
        "<validate>{}</validate>",
    ):
        xml = operation.format(f"<source>{backup(inner)}</source>").replace(">", f' xmlns="{NC}">', 1)
        assert refused(request, session, xml).tag == tag
    assert names(session) == []


def test_validate_of_a_configuration_in_the_request(session):
    validate = f'<validate xmlns="{NC}"><source>{{}}</source></validate>'
    request(session, validate.format(backup(profile())))
    error = refused(request, session, validate.format(backup(profile("<backup-id>7</backup-id>"))))
    assert error.app_tag == "service-name-missing"


def test_ten_thousand_entries_in_one_edit_and_back(session):
    names = {f"p{number:05}" for number in range(10_000)}
    body = "<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"
    edit(session, "".join(profile(body, name=name) for name in sorted(names)))
    session.commit()
    data = session.get_config("running")
    profiles = list(data.data.iterfind(".//trb:remote-backup-profile", SPACES))
    assert {profile.findtext("trb:name", namespaces=SPACES) for profile in profiles} == names
    assert len(profiles) == len(names)
    assert {profile.findtext("trb:dhcp-stb/trb:igmp-copy", namespaces=SPACES) for profile in profiles} == {
        "false"
    }
