"""get, get-config, get-schema and what the server says of itself (RFC 6022, RFC 6243, RFC 8525)."""

from lxml import etree

from tests.support.netconf import NC, NCM, SPACES, TRB, edit, profile, refused, request


def test_filters(session):
    edit(session, profile() + profile(name="rbp4"))
    wanted = f'<remote-backup xmlns="{TRB}">{profile(name="rbp4")}</remote-backup>'
    reply = session.get_config("candidate", filter=("subtree", wanted))
    names = [element.text for element in reply.data.iterfind(".//trb:name", SPACES)]
    assert names == ["rbp4"]
    reply = request(session, f'<get-config xmlns="{NC}"><source><candidate/></source><filter/></get-config>')
    data = etree.fromstring(reply.xml.encode()).find("nc:data", SPACES)
    assert len(data) == 0


def test_explicit_defaults_are_reported_and_others_are_not(session):
    edit(session, profile("<dhcp-stb><igmp-copy>true</igmp-copy></dhcp-stb>") + profile(name="rbp4"))
    session.commit()
    reply = session.get_config("running", with_defaults="explicit")
    assert len(reply.data.findall(".//trb:igmp-copy", SPACES)) == 1


def test_get_schema(session):
    reply = session.get_schema("twincast-remote-backup")
    assert reply.data.startswith("module twincast-remote-backup {")
    assert refused(session.get_schema, "nobody").tag == "invalid-value"
    assert refused(session.get_schema, "twincast-remote-backup", version="1999-01-01").tag == "invalid-value"
    assert refused(session.get_schema, "twincast-remote-backup", format="xsd").tag == "invalid-value"


def test_capabilities(session):
    announced = set(session.server_capabilities)
    prefix = "urn:ietf:params:netconf:"
    for capability in (
        "base:1.0",
        "base:1.1",
        "capability:candidate:1.0",
        "capability:validate:1.1",
        "capability:rollback-on-error:1.0",
        "capability:xpath:1.0",
        "capability:with-defaults:1.0?basic-mode=explicit&also-supported=report-all,report-all-tagged,trim",
    ):
        assert prefix + capability in announced
    assert any("capability:yang-library:1.1" in capability for capability in announced)
    events = "urn:ietf:params:xml:ns:netconf:notification:1.0"
    assert f"{events}?module=notifications&revision=2008-07-14" in announced
    assert not any(":startup" in capability or ":url" in capability for capability in announced)


def _state(session, inner):
    reply = session.get(filter=("subtree", f'<netconf-state xmlns="{NCM}">{inner}</netconf-state>'))
    return reply.data.find("ncm:netconf-state", SPACES)


def test_monitoring_tells_the_truth_about_sessions(session, connect):
    other = connect()
    for _ in range(3):
        other.get_config("running")
    refused(other.kill_session, "4000000000")
    state = _state(
        session, f"<sessions><session><session-id>{other.session_id}</session-id></session></sessions>"
    )
    (entry,) = state.iterfind(".//ncm:session", SPACES)
    facts = {etree.QName(child).localname: child.text for child in entry}
    assert facts["username"] == "admin"
    assert facts["source-host"] == "127.0.0.1"
    assert facts["transport"].rpartition(":")[2] == "netconf-ssh"
    assert (facts["in-rpcs"], facts["out-rpc-errors"], facts["in-bad-rpcs"]) == ("4", "1", "0")


def test_monitoring_tells_the_truth_about_locks(session):
    session.lock("running")
    state = _state(session, "<datastores/>")
    locked = {
        entry.findtext("ncm:name", namespaces=SPACES): entry.findtext(
            ".//ncm:locked-by-session", namespaces=SPACES
        )
        for entry in state.iterfind(".//ncm:datastore", SPACES)
    }
    assert locked == {"running": session.session_id, "candidate": None}


def test_monitoring_lists_what_get_schema_gives(session):
    state = _state(session, "<schemas/>")
    listed = {
        (
            entry.findtext("ncm:identifier", namespaces=SPACES),
            entry.findtext("ncm:version", namespaces=SPACES),
        )
        for entry in state.iterfind(".//ncm:schema", SPACES)
    }
    assert "twincast-remote-backup" in {name for name, _ in listed}
    for name, version in listed:
        assert (
            session.get_schema(name, version=version)
            .data.lstrip()
            .startswith(("module", "submodule", "/", " "))
        )


def test_yang_library(session):
    wanted = '<yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/>'
    library = session.get(filter=("subtree", wanted)).data
    names = {element.text for element in library.iterfind(".//{*}module-set/{*}module/{*}name")}
    assert {"twincast-remote-backup", "ietf-netconf", "ietf-yang-library"} <= names
    (content_id,) = [element.text for element in library.iterfind(".//{*}content-id")]
    assert any(f"content-id={content_id}" in capability for capability in session.server_capabilities)
