"""What a client sees when something is wrong: tag, path, app-tag, message (RFC 6241; RFC 7950 section 15)."""

import re

import pytest

from tests.support.netconf import NC, PROFILE, SERVICE, edit, names, profile, refused, request, service
from tests.support.server import REFUSED_VALUE

WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
RBP3 = f"{PROFILE}[trb:name='rbp3']"


AT_EDIT = {
    "a value that is none": (
        profile("<dhcp-stb><igmp-copy>maybe</igmp-copy></dhcp-stb>"),
        "invalid-value",
        f"{RBP3}/trb:dhcp-stb/trb:igmp-copy",
        "maybe",
    ),
    "a value out of range": (
        profile("<backup-id>4096</backup-id>"),
        "invalid-value",
        f"{RBP3}/trb:backup-id",
        "4096",
    ),
    "a key against its pattern": (
        profile(name="RBP3"),
        "invalid-value",
        f"{PROFILE}/trb:name",
        "RBP3",
    ),
    "an unknown leaf": (
        profile("<dhcp-stb><igmp-copies>true</igmp-copies></dhcp-stb>"),
        "unknown-element",
        f"{RBP3}/trb:dhcp-stb/trb:igmp-copies",
        "igmp-copies",
    ),
    "a leaf of no module": (
        profile('<igmp-copy xmlns="urn:nobody">true</igmp-copy>'),
        "unknown-namespace",
        RBP3,
        "urn:nobody",
    ),
    "a missing key": (
        "<remote-backup-profile><backup-id>1</backup-id></remote-backup-profile>",
        "missing-element",
        PROFILE,
        "name",
    ),
    "state in a configuration": (
        profile("<local-role>master</local-role>"),
        "unknown-element",
        f"{RBP3}/trb:local-role",
        "local-role",
    ),
    "deletion of what is not there": (
        profile(attributes='nc:operation="delete"'),
        "data-missing",
        RBP3,
        "",
    ),
    "an operation that is none": (
        profile(attributes='nc:operation="destroy"'),
        "bad-attribute",
        RBP3,
        "destroy",
    ),
}


@pytest.mark.parametrize(("inner", "tag", "path", "message"), AT_EDIT.values(), ids=AT_EDIT)
def test_an_edit_is_refused_at_once(session, inner, tag, path, message):
    error = refused(edit, session, inner)
    assert (error.tag, error.path) == (tag, path)
    assert error.type == "application"
    assert message in error.message
    assert names(session) == []


AT_VALIDATION = {
    "a dangling leafref": (
        profile("<service-name>nobody</service-name><backup-id>7</backup-id>"),
        "data-missing",
        f"{RBP3}/trb:service-name",
        "instance-required",
        "nobody",
    ),
    "a violated must": (
        profile(
            "<service-type><multicast>false</multicast></service-type>"
            "<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"
        ),
        "operation-failed",
        f"{RBP3}/trb:dhcp-stb/trb:igmp-copy",
        "multicast-service-not-enabled",
        "igmp-copy can be set to false only while service-type/multicast is true.",
    ),
    "a violated must of MLD": (
        profile(
            "<service-type><multicast>false</multicast></service-type>"
            "<dhcp-stb><mld-copy>false</mld-copy></dhcp-stb>"
        ),
        "operation-failed",
        f"{RBP3}/trb:dhcp-stb/trb:mld-copy",
        "multicast-service-not-enabled",
        "mld-copy can be set to false only while service-type/multicast is true.",
    ),
    "half of a pair": (
        profile("<backup-id>7</backup-id>"),
        "operation-failed",
        f"{RBP3}/trb:backup-id",
        "service-name-missing",
        "needs a service-name",
    ),
    "not unique": (
        service()
        + profile("<service-name>rbs1</service-name><backup-id>7</backup-id>")
        + profile("<service-name>rbs1</service-name><backup-id>7</backup-id>", name="rbp4"),
        "operation-failed",
        None,
        "data-not-unique",
        "",
    ),
    "a mandatory leaf that is missing": (
        service("<peer><address>192.0.2.1</address><port>2000</port></peer>"),
        "data-missing",
        f"{SERVICE}[trb:name='rbs1']/trb:peer/trb:source-address",
        "",
        "source-address",
    ),
}


@pytest.mark.parametrize(
    ("inner", "tag", "path", "app_tag", "message"), AT_VALIDATION.values(), ids=AT_VALIDATION
)
@pytest.mark.parametrize("ask", ["validate", "commit", "test-then-set", "test-only"])
def test_what_validation_finds(session, ask, inner, tag, path, app_tag, message):
    if ask in ("validate", "commit"):
        edit(session, inner)
        error = refused(session.validate if ask == "validate" else session.commit)
    else:
        error = refused(edit, session, inner, test_option=ask)
        assert names(session) == []
    assert error.tag == tag
    assert path is None or error.path == path
    assert (error.app_tag or "") == app_tag
    assert message in re.sub(r"\s+", " ", error.message)
    assert names(session, "running") == []


def test_every_error_of_a_configuration_is_reported(session):
    edit(session, profile("<backup-id>7</backup-id>") + profile("<backup-id>8</backup-id>", name="rbp4"))
    error = refused(session.validate)
    assert {each.path for each in error.errors or [error]} == {
        f"{PROFILE}[trb:name='{name}']/trb:backup-id" for name in ("rbp3", "rbp4")
    }


def test_a_refusal_in_prepare_leaves_running_as_it_was(session):
    edit(session, profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>"))
    session.commit()
    edit(session, profile(f"<service-name>{REFUSED_VALUE}</service-name><backup-id>1</backup-id>"))
    edit(session, service(name=REFUSED_VALUE))
    error = refused(session.commit)
    assert (error.tag, error.app_tag) == ("operation-failed", "test-refusal")
    assert error.path.startswith("/trb:remote-backup/")
    assert session.get_config("running").data_xml.count(REFUSED_VALUE) == 0


BAD_REQUESTS = {
    "an operation nobody knows": ("<reboot/>", "operation-not-supported"),
    "edit-config of running": (
        "<edit-config><target><running/></target><config/></edit-config>",
        "operation-not-supported",
    ),
    "edit-config without a target": ("<edit-config><config/></edit-config>", "missing-element"),
    "edit-config without a configuration": (
        "<edit-config><target><candidate/></target></edit-config>",
        "missing-element",
    ),
    "edit-config from a url": (
        "<edit-config><target><candidate/></target><url>file:///x</url></edit-config>",
        "operation-not-supported",
    ),
    "a default-operation that is none": (
        "<edit-config><target><candidate/></target><default-operation>x</default-operation><config/></edit-config>",
        "invalid-value",
    ),
    "get-config of startup": (
        "<get-config><source><startup/></source></get-config>",
        "operation-not-supported",
    ),
    "get-config without a source": ("<get-config/>", "missing-element"),
    "a filter of no type": ('<get><filter type="regex"/></get>', "bad-attribute"),
    "a parameter that does not belong": ("<get><source><running/></source></get>", "unknown-element"),
    "copy-config to running": (
        "<copy-config><target><running/></target><source><candidate/></source></copy-config>",
        "operation-not-supported",
    ),
    "copy-config onto itself": (
        "<copy-config><target><candidate/></target><source><candidate/></source></copy-config>",
        "invalid-value",
    ),
    "deletion of running": (
        "<delete-config><target><running/></target></delete-config>",
        "operation-not-supported",
    ),
    "a lock on nothing": ("<lock><target/></lock>", "missing-element"),
    "defaults in a way that is none": (
        f'<get><with-defaults xmlns="{WITH_DEFAULTS}">some</with-defaults></get>',
        "invalid-value",
    ),
}


@pytest.mark.parametrize(("request_xml", "tag"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_request_that_is_refused(session, request_xml, tag):
    first, rest = re.match(r"<([\w-]+)(.*)", request_xml, re.DOTALL).groups()
    error = refused(request, session, f'<{first} xmlns="{NC}"{rest}')
    assert error.tag == tag
    assert names(session) == []
