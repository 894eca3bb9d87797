"""The audit log of the whole product: one line an operation, and no secret in any line or error."""

import re
from contextlib import suppress

import pytest
from lxml import etree
from ncclient import manager
from ncclient.transport.errors import AuthenticationError
from ssh2.exceptions import SSH2Error

from server.access.users import hash_text, hashed
from server.telemetry.audit import MAX_PATH, MAX_PATHS
from tests.support.netconf import NC, PROFILE, TRB, backup, config, profile, refused, request
from tests.support.netconf_client import RawClient
from tests.support.twincast import PASSWORD, Twincast
from tests.support.wait import wait_for

PL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
TSRV = "urn:twincast:yang:server"
GUEST, GUEST_PASSWORD = "guest", "a guest's password"
SECRET = "Tr0ub4dor-and-3"
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')


@pytest.fixture(scope="module")
def twincast(tmp_path_factory):
    options = ("--writable-running", "--startup", "--url-https", "--log-level", "debug")
    with Twincast(tmp_path_factory.mktemp("run"), *options) as running:
        with running.connect() as session:
            password = hash_text(hashed(GUEST_PASSWORD))
            session.edit_config(
                config(
                    f'<server xmlns="{TSRV}"><users><user><name>{GUEST}</name><password>{password}</password>'
                    "</user></users></server>"
                ),
                target="running",
            )
        yield running


@pytest.fixture(scope="module")
def session(twincast):
    with twincast.connect() as opened:
        yield opened


@pytest.fixture(scope="module")
def guest(twincast):
    with manager.connect(
        host="127.0.0.1",
        port=twincast.port,
        username=GUEST,
        password=GUEST_PASSWORD,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    ) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _empty(session):
    session.discard_changes()
    session.edit_config(config(f'<remote-backup xmlns="{TRB}" nc:operation="remove"/>'), target="running")


class Audit:
    """The lines of one session that come after this was made."""

    def __init__(self, twincast, session):
        self._log = twincast.log
        self._session = f"session={session.session_id} "
        reply = etree.fromstring(session.discard_changes().xml.encode())
        self._mark = f"message_id={reply.get('message-id')} "
        wait_for(lambda: any(self._mark in line for line in self._all()), what="the log", timeout=30)

    def _all(self):
        return [line for line in self._log if " twincast.audit operation " in line and self._session in line]

    def _since(self):
        lines = self._all()
        return lines[next(at for at, line in enumerate(lines) if self._mark in line) + 1 :]

    def lines(self, count=1):
        """The fields of the next lines, of which there have to be `count`."""
        wait_for(lambda: len(self._since()) >= count, what="the line", timeout=30)
        found = self._since()
        assert len(found) == count, found
        return [{name: value.strip('"') for name, value in FIELD.findall(line)} for line in found]


@pytest.fixture
def audit(twincast, session):
    return Audit(twincast, session)


def _only(fields, *names):
    return {name: fields.get(name) for name in names}


def test_who_what_and_where_from(twincast, session, audit):
    session.edit_config(backup(profile("<mode>hot</mode>")), target="candidate")
    (line,) = audit.lines()
    assert _only(line, "session", "user", "source", "operation", "datastore", "result") == {
        "session": str(session.session_id),
        "user": "admin",
        "source": "127.0.0.1",
        "operation": "edit-config",
        "datastore": "candidate",
        "result": "ok",
    }
    assert line["message_id"]
    assert float(line["duration_ms"]) > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", twincast.log[-1].split()[0])


def test_an_edit_and_its_commit_tell_what_they_changed(session, audit):
    session.edit_config(backup(profile("<mode>hot</mode>")), target="candidate")
    session.commit()
    edit, commit = audit.lines(2)
    assert edit["paths"] == commit["paths"] == "/trb:remote-backup"
    assert (commit["datastore"], int(commit["commit"]) > 0) == ("running", True)
    assert "commit" not in edit


def test_keys_are_shown_and_values_are_not(session, audit):
    session.edit_config(backup(profile()), target="running")
    session.edit_config(
        backup(profile("<dhcp-stb><igmp-copy>false</igmp-copy></dhcp-stb>")), target="running"
    )
    _, line = audit.lines(2)
    assert line["paths"] == f"{PROFILE}[trb:name='rbp3']/trb:dhcp-stb"
    assert int(line["commit"]) > 0


def test_what_changes_nothing_touches_nothing(session, audit):
    session.edit_config(backup(""), target="candidate")
    (line,) = audit.lines()
    assert "paths" not in line


def test_many_paths_are_counted(session, audit):
    session.edit_config(backup(profile()), target="running")
    many = "".join(profile(name=f"p{number:02}") for number in range(MAX_PATHS + 5))
    session.edit_config(backup(many), target="candidate")
    _, line = audit.lines(2)
    paths = line["paths"].split(" | ")
    assert paths == [f"{PROFILE}[trb:name='p{number:02}']" for number in range(MAX_PATHS)]
    assert line["more"] == "5"


def test_a_long_key_is_cut(session, audit):
    long = "<note>" + "x" * 10_000 + "</note>"
    error = refused(session.edit_config, backup(profile(long)), target="candidate")
    assert error.tag == "unknown-element"
    refused(session.edit_config, backup(profile("<mode>hot</mode>", "n" * 10_000)), target="candidate")
    for line in audit.lines(2):
        assert len(line.get("paths", "")) <= MAX_PATH
        assert len(str(line)) < 2_000


def test_a_refused_edit_tells_what_it_names(session, audit):
    refused(session.edit_config, backup(profile("<backup-id>no</backup-id>")), target="candidate")
    (line,) = audit.lines()
    assert line["paths"] == f"{PROFILE}[trb:name='rbp3']/trb:backup-id"
    assert line["result"] == "invalid-value"


def test_a_refused_commit_tells_what_it_would_have_changed(session, audit):
    session.edit_config(backup(profile("<backup-id>7</backup-id>")), target="candidate")
    refused(session.commit)
    _, line = audit.lines(2)
    assert line["paths"] == "/trb:remote-backup"
    assert line["result"].startswith("operation-failed/")
    assert "commit" not in line


def test_a_denied_edit_tells_who_tried_what(twincast, guest):
    audit = Audit(twincast, guest)
    refused(guest.edit_config, backup(profile("<mode>hot</mode>")), target="candidate")
    (line,) = audit.lines()
    assert _only(line, "user", "datastore", "paths", "result") == {
        "user": GUEST,
        "datastore": "candidate",
        "paths": f"{PROFILE}[trb:name='rbp3']/trb:mode",
        "result": "access-denied",
    }


def test_a_denied_operation_has_its_datastore(twincast, guest):
    audit = Audit(twincast, guest)
    refused(guest.delete_config, "startup")
    refused(guest.kill_session, "1")
    denied, killed = audit.lines(2)
    assert _only(denied, "operation", "datastore", "result") == {
        "operation": "delete-config",
        "datastore": "startup",
        "result": "access-denied",
    }
    assert killed["result"] == "access-denied"


def test_a_copy_and_a_deletion_tell_what_they_changed(session, audit):
    session.edit_config(backup(profile()), target="candidate")
    session.copy_config(source="candidate", target="startup")
    session.copy_config(source="startup", target="running")
    session.delete_config("startup")
    lines = audit.lines(4)
    assert [(line["operation"], line["datastore"]) for line in lines[1:]] == [
        ("copy-config", "startup"),
        ("copy-config", "running"),
        ("delete-config", "startup"),
    ]
    assert "/trb:remote-backup" in lines[1]["paths"]
    assert (lines[2]["paths"], int(lines[2]["commit"]) > 0) == ("/trb:remote-backup", True)
    assert "/trb:remote-backup" in lines[3]["paths"]


def test_a_rollback_tells_what_it_changed_back(session, audit):
    session.edit_config(backup(profile()), target="running")
    (line,) = audit.lines()
    before = int(line["commit"]) - 1
    request(
        session,
        f'<rollback-to-commit xmlns="urn:twincast:yang:commit-history"><commit-id>{before}</commit-id>'
        "</rollback-to-commit>",
    )
    _, line = audit.lines(2)
    assert _only(line, "datastore", "paths", "commit") == {
        "datastore": "running",
        "paths": "/trb:remote-backup",
        "commit": str(before + 2),
    }


def test_reading_and_locking_tell_the_datastore(session, audit):
    session.get_config("startup")
    session.lock("candidate")
    session.unlock("candidate")
    session.validate("candidate")
    session.discard_changes()
    request(
        session,
        '<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" '
        'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><datastore>ds:operational</datastore>'
        "</get-data>",
    )
    assert [line["datastore"] for line in audit.lines(6)] == [
        "startup",
        "candidate",
        "candidate",
        "candidate",
        "candidate",
        "operational",
    ]


def test_a_partial_lock_tells_its_nodes_and_a_kill_its_victim(twincast, session, audit):
    session.edit_config(backup(profile()), target="running")
    select = f'<select xmlns:t="{TRB}">/t:remote-backup</select>'
    request(session, f'<partial-lock xmlns="{PL}">{select}</partial-lock>')
    victim = twincast.connect()
    session.kill_session(victim.session_id)
    victim._session.close()
    request(session, f'<partial-unlock xmlns="{PL}"><lock-id>1</lock-id></partial-unlock>')
    _, locked, killed, unlocked = audit.lines(4)
    assert (locked["datastore"], locked["paths"]) == ("running", "/trb:remote-backup")
    assert killed["killed"] == str(victim.session_id)
    assert unlocked["result"] == "ok"


def test_nothing_that_a_client_makes_up_breaks_the_line(twincast, session, audit):
    strange = '<edit-config xmlns="{}"><target><running&#x85;/></target></edit-config>'
    with suppress(Exception):
        request(session, strange.format(NC))
    refused(request, session, f'<{"o" * 500} xmlns="urn:x"/>')
    refused(
        request,
        session,
        f'<edit-config xmlns="{NC}"><target><x:evil xmlns:x="urn:x"/></target></edit-config>',
    )
    names = {line["operation"]: line for line in audit.lines(2)}
    assert max(map(len, names)) <= 64
    assert names["edit-config"]["datastore"] == "unknown"


# --- secrets -----------------------------------------------------------------------------------------------


def _service(inner):
    return (
        f'<remote-backup xmlns="{TRB}" xmlns:nc="{NC}"><remote-backup-service><name>rbs1</name>{inner}'
        "</remote-backup-service></remote-backup>"
    )


def _key(inner=f"<key>{SECRET}</key>"):
    return _service(f"<tcp-md5>{inner}</tcp-md5>")


def _trunk(value):
    entry = profile(f"<e-trunk><id>1</id><security-key>{value}</security-key></e-trunk>")
    return f'<remote-backup xmlns="{TRB}">{entry}</remote-backup>'


def _user(password):
    return (
        f'<server xmlns="{TSRV}"><users><user><name>zoe</name><password>{password}</password></user></users>'
        "</server>"
    )


def _edit(inner, target="candidate"):
    return f"<edit-config><target><{target}/></target><config>{inner}</config></edit-config>"


def _url(operation):
    url = f"https://ops:{SECRET}@127.0.0.1:1/night.xml"
    return f"<copy-config><target><url>{url}</url></target><source><{operation}/></source></copy-config>"


TRB_BOUND = f'xmlns:t="{TRB}"'
BODIES = {
    "accepted": _edit(_key()),
    "running": _edit(_key(), "running"),
    "too long": _edit(_key(f"<key>{SECRET * 20}</key>")),
    "too long of a trunk": _edit(_trunk(SECRET * 30)),
    "of a trunk": _edit(_trunk(SECRET), "running"),
    "no hash": _edit(_user(SECRET)),
    "no hash, running": _edit(_user(SECRET), "running"),
    "an element inside": _edit(_key(f"<key><inner>{SECRET}</inner></key>")),
    "twice": _edit(_key(f"<key>{SECRET}</key><key>{SECRET}x</key>")),
    "exists": _edit(_key(f'<key nc:operation="create">{SECRET}</key>'), "running"),
    "deleted": _edit(_key(f'<key nc:operation="delete">{SECRET}</key>')),
    "misspelt": _edit(_key(f"<kee>{SECRET}</kee>")),
    "in no place": _edit(_key(f"{SECRET}<key/>")),
    "an attribute": _edit(_key(f'<key nc:operation="merge" hint="{SECRET}">{SECRET}</key>')),
    "validate": f"<validate><source><config>{_key()}{_user(SECRET)}</config></source></validate>",
    "copy": "<copy-config><target><candidate/></target>"
    f"<source><config>{_key()}</config></source></copy-config>",
    "subtree": f"<get-config><source><running/></source><filter>{_key()}</filter></get-config>",
    "xpath": f"<get-config><source><running/></source><filter type='xpath' {TRB_BOUND} "
    f"select=\"//t:key[.='{SECRET}']\"/></get-config>",
    "wrong xpath": f"<get-config><source><running/></source><filter type='xpath' {TRB_BOUND} "
    f'select="//t:key[.=\'{SECRET}"/></get-config>',
    "a lock": f'<partial-lock xmlns="{PL}" {TRB_BOUND}>'
    f"<select>//t:key[.='{SECRET}']</select></partial-lock>",
    "persist": f"<commit><confirmed/><persist>{SECRET}</persist></commit>",
    "another persist": f"<commit><persist-id>{SECRET}x</persist-id></commit>",
    "cancel": f"<cancel-commit><persist-id>{SECRET}</persist-id></cancel-commit>",
    "url": _url("running"),
    "history": '<compare-commits xmlns="urn:twincast:yang:commit-history"/>',
    "compare": '<compare xmlns="urn:ietf:params:xml:ns:yang:ietf-nmda-compare" '
    'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"><source>ds:running</source>'
    "<target>ds:candidate</target></compare>",
    "gone": _edit(f'<remote-backup xmlns="{TRB}" xmlns:nc="{NC}" nc:operation="remove"/>', "running"),
}


def _ask(client, bodies):
    return {name: client.rpc(body).decode() for name, body in bodies.items()}


def test_no_secret_is_in_a_log_line_or_an_error(twincast, session):
    ways = {"admin": PASSWORD, GUEST: GUEST_PASSWORD}
    for user, password in ways.items():
        client = RawClient(twincast.port, user, password=password)
        client.hello()
        replies = _ask(client, BODIES)
        wrong = {name: reply for name, reply in replies.items() if "<rpc-error" in reply and SECRET in reply}
        assert not wrong
        refused_ones = {name for name, reply in replies.items() if "<rpc-error" in reply}
        assert refused_ones >= {
            "too long",
            "no hash",
            "an element inside",
            "twice",
            "misspelt",
            "in no place",
        }
        for name in ("history", "compare"):
            assert SECRET not in replies[name]
        client.write(f"\n#20\n<rpc>{SECRET}</rpc\n##\n".encode())
        with suppress(EOFError, SSH2Error):
            assert SECRET not in client.receive().decode()
        client.close()
    with pytest.raises(AuthenticationError):
        manager.connect(
            host="127.0.0.1",
            port=twincast.port,
            username="admin",
            password=SECRET,
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
        )
    session.discard_changes()
    last = f"session={session.session_id} "
    wait_for(lambda: any("discard-changes" in line and last in line for line in twincast.log), what="the log")
    assert sum("twincast.audit operation" in line for line in twincast.log) > 2 * len(BODIES)
    assert not [line for line in twincast.log if SECRET in line]
    assert not [line for line in twincast.log if "traceback=" in line]
