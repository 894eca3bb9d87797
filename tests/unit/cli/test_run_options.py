"""The options of `twincast run`, and how events are written."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.logs import LineFormatter
from cli.main import main, parser
from cli.run import UsageError, parse_listen
from cli.state_folder import StateFolder, StateFolderError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8300", ("127.0.0.1", 8300)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:830", ("::1", 830)),
    ],
)
def test_listen_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8300", "localhost:8300", "::1:830", "127.0.0.1:", "127.0.0.1:70000", "[127.0.0.1]:1"]
)
def test_listen_addresses_that_cannot_be_used_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="ADDR:PORT"):
        parse_listen(text)


def test_wrong_usage_is_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--plane", "paper"])
    assert ended.value.code == 2
    assert "paper" in capsys.readouterr().err


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """The command sets up logging for its whole process; later tests want their own back."""
    root = logging.getLogger()
    handlers, levels = (
        root.handlers[:],
        {name: logging.getLogger(name).level for name in ("", "twincast", "paramiko")},
    )
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("logging_restored")
def test_user_without_credentials_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--state-dir", str(tmp_path), "--plane", "memory", "--user", "eve"]) == 2
    assert "--user eve" in capsys.readouterr().err


def test_defaults_need_no_privilege() -> None:
    options = parser().parse_args(["run"])
    assert (options.listen, options.plane) == ("127.0.0.1:8300", "auto")


def test_a_state_folder_has_one_supervisor(tmp_path: Path) -> None:
    first = StateFolder(tmp_path / "state")
    with pytest.raises(StateFolderError, match="in use"):
        StateFolder(tmp_path / "state")
    assert (first.path.stat().st_mode & 0o777) == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateFolderError, match="file"):
        StateFolder(tmp_path / "file" / "state")


def test_sockets_work_in_folders_with_long_names(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / ("x" * 120))
    with folder.listen("control.sock"):
        assert (folder.path / "control.sock").is_socket()
        assert (folder.path / "control.sock").stat().st_mode & 0o777 == 0o600


def test_pid_files(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.write_pid("server", os.getpid())
    assert (tmp_path / "server.pid").read_text() == f"{os.getpid()}\n"
    folder.forget("server.pid")
    assert not (tmp_path / "server.pid").exists()


def line(event: str, **fields: object) -> str:
    record = logging.makeLogRecord(
        {"name": "twincast.x", "levelno": 20, "levelname": "INFO", "msg": event, **fields}
    )
    return LineFormatter().format(record)


def test_an_event_is_one_line_of_fields() -> None:
    text = line("session-opened", session=4, user="admin", note='two words "quoted"\nand a line')
    assert text.endswith(
        'info twincast.x session-opened session=4 user=admin note="two words \\"quoted\\"\\nand a line"'
    )


def test_no_character_of_a_field_reaches_a_terminal_as_an_order() -> None:
    text = line("operation", paths="a\x9b31m\u2028b \x1b[2J", user="zoë")
    assert text.isprintable()
    assert text.endswith("user=zoë")


def test_a_traceback_stays_on_the_line() -> None:
    try:
        raise ValueError("cause")
    except ValueError:
        text = line("unexpected", exc_info=sys.exc_info())
    assert "\n" not in text
    assert "ValueError: cause" in text


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("twincast")
