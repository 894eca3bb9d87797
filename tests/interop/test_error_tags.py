"""Every error-tag of RFC 6241 appendix A, and the app-tags of RFC 7950 section 15, provoked over the wire.

`tests/support/error_rows_*.py` have the requests, `error_answers.txt` the whole answer to each: type, tag,
app-tag, path, message and info of every error, of which the severity is always `error` (`Refusal.read` holds
that). `--update-expected` writes that file anew, to be reviewed. The last tests hold both to the RFCs.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from lxml import etree

from server.protocol.errors import ErrorTag
from server.protocol.framing import Framing, encode
from tests.support import error_rows_data, error_rows_requests
from tests.support.depot import MODULES, SPACES, DepotClient, Refusal
from tests.support.error_rows import GUEST, Row
from tests.support.error_tables import (
    APP_TAGS_OF_RFC_7950,
    CANNOT_ARISE,
    INFO_OF_RFC_6241,
    STRUCTURES,
    TYPES_OF_RFC_6241,
)
from tests.support.guest import GUEST_PASSWORD, GuestClient
from tests.support.server import running_server
from tests.support.wait import wait_for

ANSWERS = Path(__file__).with_name("error_answers.txt")
ROWS = {**error_rows_requests.ROWS, **error_rows_data.ROWS}
NAMED = {f"{tag}: {row.why}": (tag, row) for tag, rows in ROWS.items() for row in rows}
_LINE = re.compile(r"  (\S+) (\S+)(?: \((\S+)\))?(?: (/.*))?")


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], DepotClient]]:
    """Opens a session for one of the users that rows speak of; that of `admin` stays."""
    with running_server(tmp_path_factory.mktemp("server"), MODULES, users={GUEST: GUEST_PASSWORD}) as running:
        admin = DepotClient(running.port)

        def opened(who: str) -> DepotClient:
            if who == "admin":
                return admin
            return GuestClient(running.port) if who == GUEST else DepotClient(running.port)

        yield opened
        admin.close()


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The expected answers; all of them are written at the end when that was asked for."""
    known = _read(ANSWERS.read_text()) if ANSWERS.exists() else {}
    yield known
    if request.config.getoption("--update-expected"):
        kept = {name: known[name] for name in NAMED if name in known}
        ANSWERS.write_text("\n".join(f"{name}\n{answer}" for name, answer in kept.items()))


def _read(text: str) -> dict[str, str]:
    """Section → its lines."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if line.startswith(" "):
            found[name] += line
        elif line.strip():
            name = line.strip()
            found[name] = ""
    return found


class Scene:
    """The sessions of one row."""

    def __init__(self, connect: Callable[[str], DepotClient], stack: ExitStack) -> None:
        self._connect = connect
        self._stack = stack
        self._clients: dict[str, DepotClient] = {}

    def client(self, who: str) -> DepotClient:
        """The session of `who`, opened when it is needed."""
        if who not in self._clients:
            self._clients[who] = self._connect(who)
            if who != "admin":
                self._stack.callback(self._clients[who].close)
        return self._clients[who]

    def ids(self) -> dict[str, str]:
        """Session-ids by who has them."""
        return {who: _session_id(client) for who, client in self._clients.items()}

    def play(self, row: Row) -> list[Refusal]:
        """Carry out a row and return what it is answered."""
        for who, body in row.before:
            name, _, other = who.partition(":")
            reply = self.client(name).ask(body)
            done = reply.find("nc:rpc-error" if other else "nc:ok", SPACES)
            assert (done is None) is bool(other), body
        client = self.client(row.who)
        if row.message:
            client.write(b"".join(encode(Framing.CHUNKED, [row.ask.encode()])))
            reply = etree.fromstring(client.receive())
        else:
            reply = client.ask(row.ask.format(**self.ids()) if "{" in row.ask else row.ask)
        if row.closes:
            with pytest.raises(EOFError):
                client.receive()
        return [Refusal.read(error) for error in reply.findall("nc:rpc-error", SPACES)]


def _session_id(client: DepotClient) -> str:
    match = re.search(rb"<session-id>(\d+)</session-id>", client.greeting)
    assert match
    return match[1].decode()


def _is_nobodys(client: DepotClient, datastore: str) -> bool:
    """Whether it can be locked, which a candidate with changes cannot."""
    client.errors("<discard-changes/>")
    target = f"<target><{datastore}/></target>"
    if client.errors(f"<lock>{target}</lock>"):
        return False
    return client.errors(f"<unlock>{target}</unlock>") == []


@pytest.mark.parametrize("name", NAMED)
def test_a_request_gets_its_answer(
    connect: Callable[[str], DepotClient],
    answers: dict[str, str],
    request: pytest.FixtureRequest,
    name: str,
) -> None:
    _, row = NAMED[name]
    admin = connect("admin")
    admin.errors("<cancel-commit><persist-id>secret</persist-id></cancel-commit>")
    for datastore in ("running", "candidate"):  # the sessions of the row before may still be ending
        wait_for(partial(_is_nobodys, admin, datastore), what=f"{datastore} is nobody's")
    admin.empty()
    with ExitStack() as stack:
        scene = Scene(connect, stack)
        found = scene.play(row)
        told = "".join(_told(refusal, scene.ids()) for refusal in found)
    if request.config.getoption("--update-expected"):
        answers[name] = told
    assert told == answers.get(name)


def _told(refusal: Refusal, ids: dict[str, str]) -> str:
    """An error as it stands in the file; what differs from run to run has a name there."""
    message = re.sub(r"the commits \d+ to \d+", "the commits {first} to {last}", refusal.message)
    info = list(refusal.info)
    for who, number in ids.items():
        message = message.replace(f"session {number} ", f"session {{{who}}} ")
        message = re.sub(rf"session {number}$", f"session {{{who}}}", message)
        message = message.replace(f"session {number}'s", f"session {{{who}}}'s")
        info = [
            (name, f"{{{who}}}" if (name, text) == ("session-id", number) else text) for name, text in info
        ]
    message = re.sub(r"partial lock \d+", "partial lock {lock}", message)
    app_tag = f" ({refusal.app_tag})" if refusal.app_tag else ""
    path = f" {refusal.path}" if refusal.path else ""
    lines = [f"  {refusal.type} {refusal.tag}{app_tag}{path}", f"    {message}"]
    return "".join(f"{line}\n" for line in [*lines, *(f"    {name}: {text}" for name, text in info)])


# The table itself.


def _expected() -> Iterator[tuple[str, str, str, str, list[str]]]:
    """(row, type, tag, app-tag, info names) of every error in the file."""
    for name, answer in _read(ANSWERS.read_text()).items():
        for error in re.split(r"(?m)^(?=  \S)", answer):
            if error:
                first, _message, *info = error.splitlines()
                match = _LINE.fullmatch(first)
                assert match, first
                yield name, match[1], match[2], match[3] or "", [each.split(":")[0].strip() for each in info]


def test_the_table_has_every_tag_that_can_arise() -> None:
    assert set(ErrorTag) == set(ROWS) == set(TYPES_OF_RFC_6241) - set(CANNOT_ARISE)
    assert set(NAMED) == set(_read(ANSWERS.read_text()))
    proved = {(name, tag) for name, _, tag, _, _ in _expected()}
    assert proved >= {(name, tag) for name, (tag, _) in NAMED.items()}


def test_types_and_info_are_those_of_rfc_6241() -> None:
    for name, kind, tag, app_tag, info in _expected():
        assert kind in TYPES_OF_RFC_6241[tag], name
        wanted = INFO_OF_RFC_6241.get(tag, ())
        if app_tag in APP_TAGS_OF_RFC_7950 and tag != "bad-attribute":
            wanted = (APP_TAGS_OF_RFC_7950[app_tag][1],) if APP_TAGS_OF_RFC_7950[app_tag][1] else ()
        assert set(info) == set(wanted) | {STRUCTURES.get(app_tag, "")} - {""}, name


def test_the_app_tags_of_rfc_7950_go_with_their_tags() -> None:
    found = {(app_tag, tag) for _, _, tag, app_tag, _ in _expected() if app_tag in APP_TAGS_OF_RFC_7950}
    assert found == {(app_tag, tag) for app_tag, (tag, _) in APP_TAGS_OF_RFC_7950.items()}


def test_all_but_what_is_no_message_or_not_to_be_known_says_where() -> None:
    """An error without a path is about a message that nothing can be found in, or hides what it is about."""
    silent = {
        name
        for name, answer in _read(ANSWERS.read_text()).items()
        if any(not _LINE.fullmatch(line)[4] for line in answer.splitlines() if _LINE.fullmatch(line))
    }
    hidden = {
        "access-denied: writes of several nodes that may not be read",
        "rollback-failed: a commit that can be neither done nor undone",
        "operation-failed: a fault of ours",
        "too-big: a request beyond message-size",
    }
    assert {name for name in silent if not name.startswith("malformed-message")} == hidden


def test_no_message_is_of_more_than_one_line_or_tells_a_token() -> None:
    text = ANSWERS.read_text()
    assert "secret" not in text
    assert "Traceback" not in text
