"""Etags (draft-ietf-netconf-transaction-id) as ncclient meets them: reading, pruning, conditional changes."""

import re

import pytest
from lxml import etree
from ncclient import manager

from server.datastores.premises import MISMATCH
from tests.support.netconf import PROFILE, SPACES, TRB, edit, profile, refused, request, service
from tests.support.server import running_server

TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
MODULE = "urn:ietf:params:xml:ns:yang:ietf-netconf-txid"
NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"
NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
ETAG = f"{{{TXID}}}etag"
NC = SPACES["nc"]
WITH_ETAG = f'<with-etag xmlns="{MODULE}">true</with-etag>'
GUEST, GUEST_PASSWORD = "guest", "a guest's password"
COPIED = "<dhcp-stb><igmp-copy>true</igmp-copy></dhcp-stb>"
RBP3 = f"{PROFILE}[trb:name='rbp3']"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, netconf=("writable-running",), users={GUEST: GUEST_PASSWORD}) as running:
        yield running


def _read(session, wanted="", root="?", source="running"):
    """The `<data>` of a get-config; `wanted` stands in the filter below remote-backup."""
    inner = f'<filter><remote-backup xmlns="{TRB}" xmlns:txid="{TXID}"'
    inner = f"{inner}{wanted}</remote-backup></filter>" if wanted else ""
    attribute = f'xmlns:txid="{TXID}" txid:etag="{root}"' if root else ""
    xml = f'<get-config xmlns="{NC}" {attribute}><source><{source}/></source>{inner}</get-config>'
    return _data(session, xml)


def _data(session, xml):
    reply = etree.fromstring(request(session, xml).xml.encode())
    return next(child for child in reply if etree.QName(child).localname == "data")


def _profile(data, name="rbp3"):
    return data.find(f".//trb:remote-backup-profile[trb:name='{name}']", SPACES)


def _etag(element):
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", element.get(ETAG)), element.attrib
    return element.get(ETAG)


def _commit(session, inner=WITH_ETAG):
    """The etag in the reply to a commit."""
    return _ok(request(session, f'<commit xmlns="{NC}">{inner}</commit>'))


def _ok(reply):
    return etree.fromstring(reply.xml.encode()).find("nc:ok", SPACES).get(ETAG)


def _edit(session, inner, target="candidate", root="", options=""):
    attribute = f'txid:etag="{root}"' if root else ""
    return request(
        session,
        f'<edit-config xmlns="{NC}" xmlns:nc="{NC}" xmlns:txid="{TXID}"><target><{target}/></target>{options}'
        f'<config {attribute}><remote-backup xmlns="{TRB}">{inner}</remote-backup></config></edit-config>',
    )


def _with_two(session):
    edit(session, service() + profile() + profile(name="rbp4"))
    session.commit()
    return _read(session)


def test_it_is_announced(session):
    capabilities = set(session.server_capabilities)
    assert {f"urn:ietf:params:netconf:capability:txid:{name}" for name in ("1.0", "etag:1.0")} <= capabilities


def test_without_asking_there_are_none(session):
    _with_two(session)
    reply = session.get_config("running").xml
    assert TXID not in reply


def test_every_container_and_entry_has_one(session):
    data = _with_two(session)
    branches = [element for element in data.iter() if len(element)]
    assert len(branches) >= 5
    assert all(_etag(element) for element in branches)
    leaves = [element for element in data.iter() if not len(element)]
    assert not any(element.get(ETAG) for element in leaves)


@pytest.mark.parametrize("kind", ["filter", "xpath", "get-data", "get-data xpath"])
def test_every_way_of_asking_for_all(session, kind):
    whole = _with_two(session)
    bound = f'xmlns="{NC}" xmlns:txid="{TXID}" xmlns:trb="{TRB}" xmlns:ds="{DS}"'
    select = "/trb:remote-backup"
    source, datastore = "<source><running/></source>", "<datastore>ds:running</datastore>"
    asks = {
        "filter": f'<get-config {bound}>{source}<filter txid:etag="?"><remote-backup xmlns="{TRB}"/>'
        "</filter></get-config>",
        "xpath": f'<get-config {bound}>{source}<filter type="xpath" select="{select}" txid:etag="?"/>'
        "</get-config>",
        "get-data": f'<get-data {bound.replace(NC, NMDA)} txid:etag="?">{datastore}</get-data>',
        "get-data xpath": f"<get-data {bound.replace(NC, NMDA)}>{datastore}"
        f'<xpath-filter txid:etag="?">{select}</xpath-filter></get-data>',
    }
    data = _data(session, asks[kind])
    assert _etag(data) == _etag(whole)
    assert _etag(_profile(data)) == _etag(_profile(whole))


def test_the_configuration_in_get_has_etags_and_state_has_none(session):
    whole = _with_two(session)
    data = _data(session, f'<get xmlns="{NC}" xmlns:txid="{TXID}" txid:etag="{_etag(whole)}"/>')
    assert _etag(data) == _etag(whole)
    assert _etag(_profile(data)) == _etag(_profile(whole))
    state = data.find(".//ncm:netconf-state", SPACES)
    assert not [element for element in state.iter() if element.get(ETAG)]


def test_operational_has_none(session):
    error = refused(
        request,
        session,
        f'<get-data xmlns="{NMDA}" xmlns:ds="{DS}" xmlns:txid="{TXID}" txid:etag="?">'
        "<datastore>ds:operational</datastore></get-data>",
    )
    assert (error.tag, error.type) == ("bad-attribute", "protocol")


@pytest.mark.parametrize("place", ["get-config", "element"])
def test_last_modified_is_not_offered(session, place):
    attribute = 'txid:last-modified="?"'
    first, second = (attribute, "") if place == "get-config" else ("", attribute)
    error = refused(
        request,
        session,
        f'<get-config xmlns="{NC}" xmlns:txid="{TXID}" {first}><source><running/></source>'
        f'<filter><remote-backup xmlns="{TRB}" {second}/></filter></get-config>',
    )
    assert error.tag == "unknown-attribute"


def test_a_change_gives_new_etags_to_what_is_above_it_and_to_nothing_else(session):
    before = _with_two(session)
    edit(session, profile("<mode>hot</mode>"))
    session.commit()
    after = _read(session)
    assert _etag(before) != _etag(after)
    assert _etag(before[0]) != _etag(after[0])
    assert _etag(_profile(before)) != _etag(_profile(after))
    assert _etag(_profile(before, "rbp4")) == _etag(_profile(after, "rbp4"))


def test_the_candidate_has_the_etags_that_running_will_have(session):
    before = _with_two(session)
    assert _etag(_read(session, source="candidate")) == _etag(before)
    told = _ok(_edit(session, profile("<mode>hot</mode>"), options=WITH_ETAG))
    candidate = _read(session, source="candidate")
    assert told == _etag(candidate) != _etag(before)
    assert _etag(_profile(candidate, "rbp4")) == _etag(_profile(before, "rbp4"))
    assert _commit(session) == told == _etag(_read(session))


def test_commit_tells_it_when_it_is_asked(session):
    _with_two(session)
    assert _commit(session) == _etag(_read(session))
    for inner in ("", WITH_ETAG.replace("true", "false")):
        assert _commit(session, inner) is None
    error = refused(_commit, session, WITH_ETAG.replace("true", "yes"))
    assert error.tag == "invalid-value"
    assert error.path == "/nc:rpc/nc:commit/ietf-netconf-txid:with-etag"


def test_what_the_client_has_is_not_sent_again(session):
    whole = _with_two(session)
    data = _read(session, root=_etag(whole))
    assert (data.get(ETAG), len(data)) == ("=", 0)
    data = _read(session, f' txid:etag="{_etag(whole[0])}"/><remote-backup xmlns="{TRB}">', root="")
    assert data.get(ETAG) is None
    assert (data[0].get(ETAG), len(data[0])) == ("=", 0)


def test_only_what_changed_is_sent(session):
    before = _with_two(session)
    edit(session, profile("<mode>hot</mode>"))
    session.commit()
    asked = "".join(
        f'<remote-backup-profile txid:etag="{_etag(_profile(before, name))}"><name>{name}</name>'
        "</remote-backup-profile>"
        for name in ("rbp3", "rbp4")
    )
    data = _read(session, f' txid:etag="{_etag(before[0])}">{asked}', root="")
    after = _read(session)
    assert _etag(data[0]) == _etag(after[0])
    assert _etag(_profile(data)) == _etag(_profile(after))
    assert _profile(data).findtext("trb:mode", namespaces=SPACES) == "hot"
    same = _profile(data, "rbp4")
    assert (same.get(ETAG), [etree.QName(child).localname for child in same]) == ("=", ["name"])


def test_a_leaf_is_known_by_the_etag_of_its_entry(session):
    edit(session, profile("<mode>hot</mode>"))
    session.commit()
    known = _etag(_profile(_read(session)))
    for given, told in ((known, ("=", None)), ("?", (None, "hot"))):
        wanted = (
            f"><remote-backup-profile><name>rbp3</name><mode txid:etag='{given}'/></remote-backup-profile>"
        )
        mode = _profile(_read(session, wanted, root="")).find("trb:mode", SPACES)
        assert (mode.get(ETAG), mode.text) == told


@pytest.mark.parametrize("target", ["running", "candidate"])
def test_a_change_is_made_when_nothing_else_changed(session, target):
    whole = _with_two(session)
    known = _etag(_profile(whole))
    mode = "<name>rbp3</name><mode>hot</mode>"
    entry = f'<remote-backup-profile txid:etag="{known}">{mode}</remote-backup-profile>'
    _edit(session, entry, target, root=_etag(whole))
    session.commit()
    assert _profile(_read(session)).findtext("trb:mode", namespaces=SPACES) == "hot"


@pytest.mark.parametrize("target", ["running", "candidate"])
@pytest.mark.parametrize("changed", ["rbp3", "rbp4"])
def test_a_change_of_the_same_entry_by_another_refuses_it(session, connect, target, changed):
    """Of another entry it does not."""
    known = _etag(_profile(_with_two(session)))
    other = connect()
    _edit(other, profile(COPIED, changed), "running")
    now = _etag(_profile(_read(other)))

    def change():
        entry = profile("<mode>hot</mode>", attributes=f'txid:etag="{known}"')
        _edit(session, entry, target)
        session.commit()

    if changed == "rbp4":
        change()
        assert _profile(_read(session)).findtext("trb:mode", namespaces=SPACES) == "hot"
        return
    error = refused(change)
    assert (error.tag, error.type, error.app_tag) == ("operation-failed", "protocol", MISMATCH)
    assert error.path == RBP3
    info = etree.fromstring(error.info.encode())
    (found,) = info.iter(f"{{{MODULE}}}txid-value-mismatch-error-info")
    assert found.findtext(f"{{{MODULE}}}mismatch-path") == RBP3
    assert found.findtext(f"{{{MODULE}}}mismatch-etag-value") == now
    assert _profile(_read(session)).find("trb:mode", SPACES) is None
    session.discard_changes()
    session.commit()


def test_a_mismatch_of_the_whole_is_at_no_node(session):
    whole = _with_two(session)
    error = refused(_edit, session, profile("<mode>hot</mode>"), "running", root="A" * 20)
    info = etree.fromstring(error.info.encode())
    assert info.find(f".//{{{MODULE}}}mismatch-path") is None
    assert info.findtext(f".//{{{MODULE}}}mismatch-etag-value") == _etag(whole)
    assert error.path == "/nc:rpc/nc:edit-config"


def test_what_is_gone_does_not_match(session):
    known = _etag(_profile(_with_two(session)))
    _edit(session, profile(attributes='nc:operation="delete"'), "running")
    entry = profile(attributes=f'nc:operation="remove" txid:etag="{known}"')
    error = refused(_edit, session, entry, "running")
    assert "does not exist" in error.message
    assert "mismatch-etag-value" not in error.info


@pytest.mark.parametrize("value", ["?", "=", "!", ""])
def test_what_is_no_etag_never_matches(session, value):
    _with_two(session)
    entry = profile(attributes=f'txid:etag="{value}"')
    assert refused(_edit, session, entry, "running").app_tag == MISMATCH


def test_all_mismatches_are_told(session):
    _with_two(session)
    entries = "".join(profile(name=name, attributes='txid:etag="?"') for name in ("rbp3", "rbp4"))
    error = refused(_edit, session, entries, "running")
    assert len(error.errlist) == 2


def test_the_last_word_about_a_node_of_the_candidate_counts(session):
    known = _etag(_profile(_with_two(session)))
    for given in ("?", known):
        _edit(session, profile("<mode>hot</mode>", attributes=f'txid:etag="{given}"'))
    session.commit()


def test_discarding_the_candidate_discards_what_it_relied_on(session):
    _with_two(session)
    _edit(session, profile("<mode>hot</mode>", attributes='txid:etag="?"'))
    assert refused(session.commit).app_tag == MISMATCH
    session.discard_changes()
    edit(session, profile("<mode>hot</mode>"))
    session.commit()


def test_edit_data_takes_etags_too(session):
    known = _etag(_profile(_with_two(session)))

    def change(given):
        return request(
            session,
            f'<edit-data xmlns="{NMDA}" xmlns:ds="{DS}" xmlns:txid="{TXID}">'
            f"<datastore>ds:running</datastore>{WITH_ETAG}<config><remote-backup xmlns='{TRB}'>"
            + profile("<mode>hot</mode>", attributes=f'txid:etag="{given}"')
            + "</remote-backup></config></edit-data>",
        )

    assert refused(change, "?").app_tag == MISMATCH
    assert _ok(change(known)) == _etag(_read(session))


def test_an_etag_is_no_attribute_of_a_copy(session):
    error = refused(
        request,
        session,
        f'<copy-config xmlns="{NC}"><target><candidate/></target><source><config>'
        f'<remote-backup xmlns="{TRB}" xmlns:txid="{TXID}" txid:etag="?"/></config></source></copy-config>',
    )
    assert error.tag == "unknown-attribute"


def test_etags_outlive_the_server(server, session):
    before = _with_two(session)
    server.kill("server")
    assert server.start_server() == "ready"
    with server.connect() as again:
        after = _read(again)
    assert _etag(before) == _etag(after)
    assert _etag(_profile(before)) == _etag(_profile(after))


# --- what somebody may not read cannot show in an etag -----------------------------------------------------


@pytest.fixture
def guest(server, connect):
    """A session that may not read the modes of profiles, and may write what is copied."""
    admin = connect()
    rules = "".join(
        f'<rule><name>{name}</name><path xmlns:trb="{TRB}">{PROFILE}/trb:{name}</path>'
        f"<access-operations>*</access-operations><action>{action}</action></rule>"
        for name, action in (("mode", "deny"), ("dhcp-stb", "permit"))
    )
    admin.edit_config(
        f'<config xmlns="{NC}"><nacm xmlns="{NACM}"><groups><group><name>staff</name>'
        f"<user-name>{GUEST}</user-name></group></groups><rule-list><name>one</name><group>staff</group>"
        f"{rules}</rule-list></nacm></config>",
        target="candidate",
    )
    _with_two(admin)
    with manager.connect(
        host="127.0.0.1",
        port=server.port,
        username=GUEST,
        password=GUEST_PASSWORD,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    ) as reader:
        yield admin, reader


def test_a_hidden_change_does_not_show(guest):
    admin, reader = guest
    seen, whole = _read(reader), _read(admin)
    edit(admin, profile("<mode>hot</mode>"))
    admin.commit()
    again = _read(reader)
    assert _etag(again) == _etag(seen)
    assert _etag(_profile(again)) == _etag(_profile(seen))
    assert _etag(_read(admin)) != _etag(whole)
    assert _read(reader, root=_etag(seen)).get(ETAG) == "="


def test_a_hidden_change_is_no_mismatch_and_shows_in_no_reply(guest):
    admin, writer = guest
    known = _read(writer)
    edit(admin, profile("<mode>hot</mode>"))
    admin.commit()
    entry = profile(COPIED, attributes=f'txid:etag="{_etag(_profile(known))}"')
    told = _ok(_edit(writer, entry, "running", root=_etag(known), options=WITH_ETAG))
    assert told == _etag(_read(writer))
    assert told != _etag(_read(admin))


def test_what_another_relied_on_is_told_without_its_place(guest):
    admin, writer = guest
    _edit(admin, profile("<mode>hot</mode>", attributes='txid:etag="?"'))
    error = refused(writer.commit)
    assert (error.tag, error.app_tag, error.path) == ("operation-failed", MISMATCH, "/nc:rpc/nc:commit")
    assert "mismatch-" not in error.info.replace("txid-value-mismatch", "")
    admin.discard_changes()
