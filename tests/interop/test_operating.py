"""status, check-config, export and import, as they are typed, against a real server and without one."""

import io
import json
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest

from cli.main import main
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

CONFIG = {
    "ietf-interfaces:interfaces": {
        "interface": [
            {
                "name": "lo",
                "type": "iana-if-type:softwareLoopback",
                "twincast-remote-backup:multicast": {"remote-backup-profile": "rbp3"},
            }
        ]
    },
    "twincast-remote-backup:remote-backup": {
        "remote-backup-service": [
            {
                "name": "rbs1",
                "peer": {"address": "127.0.0.2", "source-address": "127.0.0.1", "port": 7999},
                "none": {},
            }
        ],
        "remote-backup-profile": [
            {"name": "rbp3", "service-name": "rbs1", "backup-id": 3, "dhcp-stb": {"igmp-copy": False}}
        ],
    },
}
TEXT = json.dumps(CONFIG)
NOBODY = 65534
EMPTY = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>\n'


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def twincast(*words: str | Path, text: str = "") -> Done:
    """Run a command in this process, which saves a start of Python each time."""
    out, err, typed = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(text.encode()))
    with redirect_stdout(out), redirect_stderr(err), patch("sys.stdin", typed):
        status = main([str(word) for word in words])
    return Done(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twincast]:
    with Twincast(tmp_path_factory.mktemp("router")) as router:
        yield router


def ask(router: Twincast, *words: str, text: str = "") -> Done:
    return twincast(*words, "--state-dir", router.state_dir, text=text)


def empty(router: Twincast) -> None:
    assert ask(router, "import", "--replace", "-", text="<config/>").returncode == 0


def exported(router: Twincast) -> str:
    done = ask(router, "export")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_is_exported_can_be_imported(router: Twincast, tmp_path: Path, form: str) -> None:
    done = ask(router, "import", "--replace", "-", text=TEXT)
    assert (done.returncode, done.stdout) == (0, "committed\n"), done.stderr
    kept = tmp_path / f"kept.{form}"
    assert ask(router, "export", "--format", form, str(kept)).returncode == 0
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    before = exported(router)
    assert form == "xml" or json.loads(kept.read_text()) == CONFIG
    empty(router)
    assert exported(router) == EMPTY
    assert ask(router, "import", str(kept)).returncode == 0
    assert exported(router) == before
    assert twincast("check-config", kept).returncode == 0


def test_an_import_is_all_or_nothing(router: Twincast) -> None:
    empty(router)
    refused = TEXT.replace('"service-name": "rbs1"', '"service-name": "rbs9"')
    done = ask(router, "import", "-", text=refused)
    assert done.returncode == 1
    assert "trb:service-name" in done.stderr
    assert exported(router) == EMPTY
    assert ask(router, "import", "-", text=TEXT).returncode == 0, "the candidate was left as it was"


def test_a_dry_run_changes_nothing(router: Twincast) -> None:
    empty(router)
    done = ask(router, "import", "--dry-run", "-", text=TEXT)
    *changes, last = done.stdout.splitlines()
    assert (done.returncode, last) == (0, "valid; nothing was changed")
    assert changes == [
        "create   /ietf-interfaces:interfaces",
        "create   /twincast-remote-backup:remote-backup",
    ]
    assert exported(router) == EMPTY


def test_a_candidate_that_somebody_locked_is_left_alone(router: Twincast) -> None:
    with router.connect() as other, other.locked("candidate"):
        done = ask(router, "import", "-", text=TEXT)
    assert done.returncode == 1
    assert "lock-denied" in done.stderr


def test_what_cannot_be_read_is_told(router: Twincast, tmp_path: Path) -> None:
    assert "neither JSON nor XML" in ask(router, "import", "-", text="hello").stderr
    assert "expected a whole number" in ask(router, "import", "-", text=TEXT.replace("7999", '"7999"')).stderr
    missing = ask(router, "import", str(tmp_path / "none.xml"))
    assert (missing.returncode, "No such file" in missing.stderr) == (2, True)


def test_without_a_server_nothing_is_exported(tmp_path: Path) -> None:
    for command in (("export",), ("import", "-")):
        done = twincast(*command, "--state-dir", tmp_path, text="<config/>")
        assert done.returncode == 2
        assert "no server at" in done.stderr


VALID = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{}</config>'
PROFILE = (
    '<remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile><name>{}</name>'
    "{}</remote-backup-profile></remote-backup>"
)


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        (TEXT, 0, "-: valid"),
        (VALID.format(""), 0, "-: valid"),
        (PROFILE.format("rbp3", ""), 0, "-: valid"),
        (PROFILE.format("RBP3", ""), 1, "trb:name"),
        (PROFILE.format("rbp3", "<nix/>"), 1, "trb:remote-backup-profile[trb:name='rbp3']"),
        (PROFILE.format("rbp3", "<service-name>rbs1</service-name>"), 1, "instance-required"),
        (TEXT.replace("127.0.0.2", "127.0.0.1"), 1, "source-address-equals-peer"),
        ("<config>", 2, "neither JSON nor XML"),
        ("<!DOCTYPE config [<!ENTITY a 'b'>]><config>&a;</config>", 2, "document type declaration"),
    ],
)
def test_a_configuration_is_judged_without_a_server(text: str, status: int, told: str) -> None:
    done = twincast("check-config", "-", text=text)
    assert done.returncode == status, done.stderr
    assert told in done.stdout + done.stderr


def test_every_fault_has_a_line_of_its_own() -> None:
    wrong = TEXT.replace("127.0.0.2", "nix").replace('"backup-id": 3', '"backup-id": 0')
    done = twincast("check-config", "-", text=wrong)
    lines = done.stderr.splitlines()
    assert {line.partition(": ")[0].rpartition("trb:")[2] for line in lines} == {"address", "backup-id"}


def test_status_of_a_router_whose_peer_is_away(router: Twincast) -> None:
    assert ask(router, "import", "--replace", "-", text=TEXT).returncode == 0
    done = ask(router, "status", "--json")
    assert done.returncode == 1, done.stdout
    told = json.loads(done.stdout)
    assert told["status"] == "degraded"
    assert told["dataplane"] == {"reachable": True, "configured": True, "plane": "memory"}
    assert {problem["subject"] for problem in told["problems"]} == {"dataplane", "service rbs1"}
    shown = ask(router, "status")
    assert shown.stdout.startswith("twincast: degraded\nserver     up since ")
    assert "service    rbs1: channel " in shown.stdout


def test_status_without_a_router_is_down(tmp_path: Path) -> None:
    done = twincast("status", "--state-dir", tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("twincast: down\nserver     down\ndataplane  down\n")


def test_status_of_a_dataplane_that_hangs_is_down(tmp_path: Path) -> None:
    with Twincast(tmp_path / "router") as router:
        pid = router.pid("dataplane")
        os.kill(pid, signal.SIGSTOP)
        try:
            done = ask(router, "status", "--json")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert done.returncode == 2
        assert json.loads(done.stdout)["dataplane"]["reachable"] is False
        wait_for(lambda: ask(router, "status").returncode == 1, what="the dataplane is back", timeout=30)


def as_nobody(*words: str, text: str = "") -> Done:
    """Run a command as a user whom nobody knows; what it imports has been imported before."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            done = twincast(*words, text=text)
            os.write(writer, json.dumps([done.stdout, done.stderr]).encode())
            status = done.returncode
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Done(status, *json.loads(text or '["", ""]'))


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody may enter, which tmp_path is not."""
    if os.geteuid() != 0:
        pytest.skip("users and folders of others are made by root")
    with TemporaryDirectory(prefix="twincast-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        yield Path(folder)


def test_a_command_closes_its_session(router: Twincast) -> None:
    assert ask(router, "export").returncode == 0

    def reasons() -> set[str]:
        ended = [line for line in router.log if "session-ended" in line and "user=admin" not in line]
        return {line.split(" reason=")[1].split()[0] for line in ended}

    wait_for(reasons, what="its end")
    assert reasons() == {"closed"}


def test_access_control_applies_to_who_is_no_administrator(tmp_path: Path, public: Path) -> None:
    here = ("--socket", str(public / "netconf.sock"))
    with Twincast(
        tmp_path / "router", "--netconf-socket", here[1], "--netconf-socket-mode", "0666"
    ) as router:
        for words in (("import", "-"), ("export",), ("status",)):
            assert twincast(*words, *here, text=TEXT).returncode != 99
        shown = as_nobody("export", *here)
        assert (shown.returncode, "rbp3" in shown.stdout) == (0, True), shown
        changed = TEXT.replace('"igmp-copy": false', '"igmp-copy": true')
        refused = as_nobody("import", "-", *here, text=changed)
        assert (refused.returncode, "access-denied" in refused.stderr) == (1, True), refused
        asked = as_nobody("status", "--json", *here, "--state-dir", str(router.state_dir))
        state = json.loads(asked.stdout)
        assert (asked.returncode, state["dataplane"]["reachable"]) == (1, None)
        assert {each["subject"] for each in state["problems"]} == {"service rbs1"}
