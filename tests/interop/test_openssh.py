"""NETCONF behind OpenSSH's own server, and over the Unix socket that its subsystem program uses."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lxml import etree
from ncclient import manager

from server.transport.handover import Note, connect_unix, hand_over
from tests.support.netconf import NC, SPACES
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
USER = pwd.getpwuid(os.getuid()).pw_name
HELLO = (
    f'<hello xmlns="{NC}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>'
    "</capabilities></hello>]]>]]>"
)
CLOSE = f'<rpc message-id="1" xmlns="{NC}"><close-session/></rpc>]]>]]>'
SESSIONS = (
    '<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state>'
)


@pytest.fixture(scope="module")
def twincast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twincast]:
    with Twincast(tmp_path_factory.mktemp("openssh")) as running:
        yield running


def program(twincast: Twincast) -> list[str]:
    """The command line of the subsystem."""
    socket_path = str(twincast.state_dir / "netconf.sock")
    return [sys.executable, "-P", "-m", "cli.main", "netconf-subsystem", "--socket", socket_path]


def test_the_program_hands_over_and_ends_with_the_session(twincast: Twincast) -> None:
    done = subprocess.run(
        program(twincast), input=f"{HELLO}{CLOSE}", capture_output=True, text=True, timeout=30, check=True
    )
    hello, reply, rest = done.stdout.split("]]>]]>")
    assert "<session-id>" in hello
    assert "<ok/>" in reply
    assert rest == ""


def test_a_client_that_leaves_ends_the_session(twincast: Twincast) -> None:
    with subprocess.Popen(
        program(twincast), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        running.stdin.write(HELLO)
        running.stdin.close()
        assert running.wait(30) == 0


def test_without_a_server_the_program_says_so(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "cli.main",
        "netconf-subsystem",
        "--socket",
        str(tmp_path / "none"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "No such file" in done.stderr


def local(twincast: Twincast, note: str = "") -> tuple[socket.socket, socket.socket]:
    """A session over a pair of sockets, as a program on this machine has it; and its connection."""
    ours, theirs = socket.socketpair()
    connection = connect_unix(twincast.state_dir / "netconf.sock")
    hand_over(connection, theirs.fileno(), theirs.fileno(), Note(note))
    theirs.close()
    ours.settimeout(30)
    return ours, connection


def message(stream: socket.socket) -> str:
    received = b""
    while not received.endswith(b"]]>]]>"):
        data = stream.recv(65_536)
        assert data, received
        received += data
    return received.decode()


def test_a_local_user_is_who_the_kernel_says_and_may_do_everything_as_owner(twincast: Twincast) -> None:
    stream, connection = local(twincast, "198.51.100.7 5000 198.51.100.8 830")
    with stream, connection:
        message(stream)
        stream.sendall(HELLO.encode())
        request = f'<rpc message-id="1" xmlns="{NC}"><get><filter>{SESSIONS}</filter></get></rpc>]]>]]>'
        stream.sendall(request.encode())
        reply = message(stream)
        assert f"<username>{USER}</username>" in reply
        assert "<source-host>198.51.100.7</source-host>" in reply
        stream.sendall(f'<rpc message-id="2" xmlns="{NC}"><kill-session/></rpc>]]>]]>'.encode())
        assert "missing-element" in message(stream)  # and not access-denied


def test_who_connects_and_says_nothing_is_given_up(twincast: Twincast) -> None:
    with connect_unix(twincast.state_dir / "netconf.sock") as connection:
        connection.sendall(b"not a note")
        connection.settimeout(30)
        assert connection.recv(1) == b""
    stream, connection = local(twincast)
    with stream, connection:
        assert "<hello" in message(stream)


def test_a_session_is_killed_while_its_client_waits(twincast: Twincast) -> None:
    stream, connection = local(twincast)
    with stream, connection, twincast.connect() as session:
        hello = message(stream)
        stream.sendall(HELLO.encode())
        found = re.search(r"<session-id>(\d+)<", hello)
        assert found
        session.kill_session(found[1])
        assert stream.recv(1) == b""
        assert connection.recv(1) == b""


def test_the_server_dies_and_the_client_sees_the_end(tmp_path: Path) -> None:
    with Twincast(tmp_path) as running:
        stream, connection = local(running)
        with stream, connection:
            message(stream)
            running.kill("server")
            assert stream.recv(1) == b""
        again, connection = local(running)
        with again, connection:
            assert "<hello" in message(again)


@contextmanager
def sshd(folder: Path, command: list[str]) -> Iterator[tuple[int, Path]]:
    """OpenSSH's server on a free port with keys of its own; yields the port and the client's key."""
    if SSHD is None:
        pytest.skip("OpenSSH server is not installed")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "client"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True, timeout=30
        )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/client.pub\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        f"Subsystem netconf {' '.join(command)}\n"
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stdout=log, stderr=log
        )
    try:
        wait_for(lambda: "listening" in (folder / "sshd.log").read_text(), what="sshd listening", timeout=30)
        yield port, folder / "client"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


@pytest.fixture(scope="module")
def front(twincast: Twincast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    folder = tmp_path_factory.mktemp("sshd")
    script = folder / "subsystem"
    root = Path(__file__).resolve().parents[2]
    script.write_text(f'#!/bin/sh\ncd "{root}" && exec {" ".join(program(twincast))}\n')
    script.chmod(0o755)
    with sshd(folder, [str(script)]) as running:
        yield running


def test_ncclient_behind_a_real_sshd(twincast: Twincast, front: tuple[int, Path]) -> None:
    port, key = front
    with manager.connect(
        host="127.0.0.1",
        port=port,
        username=USER,
        key_filename=str(key),
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    ) as session:
        assert ":candidate" in session.server_capabilities
        config = f'<config xmlns="{NC}"><remote-backup xmlns="{SPACES["trb"]}"><remote-backup-profile>'
        config += "<name>rbp3</name></remote-backup-profile></remote-backup></config>"
        with session.locked("candidate"):
            session.edit_config(target="candidate", config=config)
            session.validate("candidate")
            session.commit()
        assert "rbp3" in str(session.get_config("running"))
        sessions = etree.fromstring(str(session.get(("subtree", SESSIONS))).encode())
        mine = sessions.xpath(f"//ncm:session[ncm:session-id='{session.session_id}']", namespaces=SPACES)
        assert mine[0].findtext("ncm:username", namespaces=SPACES) == USER
        assert mine[0].findtext("ncm:source-host", namespaces=SPACES) == "127.0.0.1"


def test_the_openssh_client_sees_the_end(front: tuple[int, Path]) -> None:
    port, key = front
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
    command = ["ssh", "-p", str(port), "-i", str(key), *(f"-o{option}" for option in options)]
    done = subprocess.run(
        [*command, f"{USER}@127.0.0.1", "-s", "netconf"],
        input=f"{HELLO}{CLOSE}",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.count("]]>]]>") == 2
    assert "<ok/>" in done.stdout
