"""The SSH transport against clients that others wrote: ncclient, netconf-client, OpenSSH and libssh2."""

import contextlib
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import ncclient.manager
import ncclient.operations.rpc
import ncclient.transport.errors
import netconf_client.connect
import netconf_client.ncclient
import paramiko
import pytest
import ssh2.exceptions
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from lxml import etree

from server.access.private_file import write_private
from server.access.users import UserStore
from server.protocol.framing import Framing, encode
from server.protocol.messages import BASE_1_0, BASE_1_1, BASE_NAMESPACE
from server.protocol.session import TerminationReason
from server.transport.admission import Admission
from server.transport.connection import ConnectionLimits
from server.transport.limits import TransportLimits
from server.transport.refusals import Refusal
from server.transport.ssh import SshServer
from tests.support.netconf_client import RawClient
from tests.support.operations import RecordingOperations
from tests.support.wait import wait_for

PASSWORD = "correct horse"
LARGE = 20_000_000
DONE = [TerminationReason.CLOSED]


@dataclass
class Served:
    """A server on a port of its own, and what it recorded."""

    server: SshServer
    operations: RecordingOperations
    port: int
    folder: Path
    clients: list[RawClient] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.folder / "key"

    def raw(self, *, hello: bool = True) -> RawClient:
        client = RawClient(self.port, "admin", key=self.key)
        self.clients.append(client)
        if hello:
            client.hello()
        return client

    def reasons(self, number: int) -> list[TerminationReason]:
        return self.operations.session(number).reasons

    def ended(self, number: int, reason: TerminationReason) -> None:
        wait_for(lambda: self.reasons(number), what=f"session {number} ends")
        assert self.reasons(number) == [reason]

    def refused(self, refusal: Refusal) -> int:
        return self.server.refusals.snapshot()[refusal]


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Write a private key where a client finds it and return its authorized_keys line."""
    key = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_suffix(".pub").write_bytes(line)
    return line.decode()


@contextlib.contextmanager
def serve(folder: Path, limits: TransportLimits | None = None) -> Iterator[Served]:
    users = UserStore(folder / "users.json")
    if not users.names:
        users.add_password("admin", PASSWORD)
        users.add_keys("admin", make_key(folder / "key"))
    operations = RecordingOperations()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    server = SshServer(listener, folder / "host_key", users, operations, Admission(limits))
    server.start()
    served = Served(server, operations, port, folder)
    try:
        yield served
    finally:
        for client in served.clients:
            client.close()
        operations.release.set()
        server.stop()


@pytest.fixture
def served(tmp_path):
    with serve(tmp_path) as running:
        yield running


def by_ncclient(served: Served, **credentials) -> ncclient.manager.Manager:
    return ncclient.manager.connect(
        host="127.0.0.1",
        port=served.port,
        username="admin",
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
        **credentials,
    )


def echo(text: str) -> etree._Element:
    node = etree.Element(f"{{{BASE_NAMESPACE}}}echo")
    etree.SubElement(node, "{urn:x}x").text = text
    return node


def texts(reply: ncclient.operations.rpc.RPCReply) -> str:
    """All character data of a reply."""
    root = etree.fromstring(reply.xml.encode(), etree.XMLParser(huge_tree=True))
    return "".join(root.itertext())


@pytest.mark.parametrize("credentials", [{"password": PASSWORD}, {"key": True}], ids=["password", "key"])
def test_ncclient(served, credentials):
    if "key" in credentials:
        credentials = {"key_filename": str(served.key)}
    with by_ncclient(served, **credentials) as manager:
        assert manager.session_id == "1"
        assert BASE_1_1 in manager.server_capabilities
        text = "\r\n<&>\t é \U0001f4fa " * 100
        assert texts(manager.dispatch(echo(text))) == text
        request = etree.Element(f"{{{BASE_NAMESPACE}}}get", size=str(LARGE))
        assert len(texts(manager.dispatch(request))) == LARGE // 1000 * 993
    served.ended(1, TerminationReason.CLOSED)
    peer = served.operations.session(1).peer
    assert (peer.username, peer.source_host, peer.transport) == ("admin", "127.0.0.1", "netconf-ssh")


def test_ncclient_sends_a_large_request(served):
    with by_ncclient(served, password=PASSWORD) as manager:
        text = "x" * 5_000_000
        assert texts(manager.dispatch(echo(text))) == text


@pytest.mark.parametrize("base", [BASE_1_0, BASE_1_1])
def test_netconf_client(served, base, monkeypatch):
    listed = f"<capabilities><capability>{base}</capability></capabilities>"
    own = f"<hello xmlns='{BASE_NAMESPACE}'>{listed}</hello>"
    monkeypatch.setattr("netconf_client.session.DEFAULT_HELLO", own.encode())
    session = netconf_client.connect.connect_ssh(
        host="127.0.0.1", port=served.port, username="admin", password=PASSWORD
    )
    with netconf_client.ncclient.Manager(session, timeout=30) as manager:
        reply = manager.get()
        assert reply.data_ele is not None
        manager.lock("candidate")
        manager.commit()
        manager.close_session()
        served.ended(1, TerminationReason.CLOSED)


def openssh(served: Served, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh")
    if program is None:
        pytest.skip("the OpenSSH client is not installed")
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    options += ["IdentitiesOnly=yes", "IdentityAgent=none"]
    flags = [flag for option in options for flag in ("-o", option)]
    command = [program, "-F", "none", *flags, "-p", str(served.port), "-i", str(served.key), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


def conversation(*bodies: str) -> bytes:
    hello = (
        f'<hello xmlns="{BASE_NAMESPACE}"><capabilities><capability>{BASE_1_1}</capability>'
        "</capabilities></hello>]]>]]>"
    )
    requests = [f'<rpc xmlns="{BASE_NAMESPACE}" message-id="{n}">{b}</rpc>' for n, b in enumerate(bodies)]
    return hello.encode() + b"".join(b"".join(encode(Framing.CHUNKED, [r.encode()])) for r in requests)


def test_openssh_as_a_subsystem(served):
    stdin = conversation('<get size="1000"/>', "<close-session/>")
    ended = openssh(served, "-s", "admin@127.0.0.1", "netconf", stdin=stdin)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(b"</rpc-reply>") == 2
    assert b"x" * 992 in ended.stdout
    served.ended(1, TerminationReason.CLOSED)


def test_openssh_that_insists_on_a_terminal(served):
    stdin = conversation("<close-session/>")
    ended = openssh(served, "-tt", "-s", "admin@127.0.0.1", "netconf", stdin=stdin)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(b"</rpc-reply>") == 1
    served.ended(1, TerminationReason.CLOSED)


def test_requests_before_the_end_of_input_are_answered(served):
    stdin = conversation("<lock/>", "<unlock/>")
    ended = openssh(served, "-s", "admin@127.0.0.1", "netconf", stdin=stdin)
    assert ended.stdout.count(b"<ok/>") == 2
    served.ended(1, TerminationReason.DROPPED)


@pytest.mark.parametrize("arguments", [("true",), ("-s", "sftp"), ("-s", "NETCONF")])
def test_openssh_gets_no_program_and_no_other_subsystem(served, arguments):
    *flags, request = arguments
    assert openssh(served, *flags, "admin@127.0.0.1", request).returncode != 0
    assert served.operations.sessions == []
    assert served.refused(Refusal.REQUEST) == 1


def test_openssh_gets_no_shell(served):
    assert openssh(served, "admin@127.0.0.1").returncode != 0
    assert served.operations.sessions == []


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_key_types(served, kind):
    path = served.folder / kind
    served.server._users.add_keys("admin", make_key(path, kind))
    with by_ncclient(served, key_filename=str(path)) as manager:
        assert manager.connected


def test_libssh2(served):
    client = served.raw()
    assert client.rpc('<echo><x xmlns="urn:x"/></echo>').count(b"urn:x") == 1
    assert len(client.rpc(f'<get size="{LARGE}"/>')) > LARGE
    assert b"<ok/>" in client.rpc("<close-session/>")
    with pytest.raises(EOFError):
        client.receive()
    served.ended(1, TerminationReason.CLOSED)


def test_only_current_algorithms_are_offered(served):
    """Read from the server's own SSH_MSG_KEXINIT (RFC 4253 section 7.1)."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
        client.sendall(b"SSH-2.0-test\r\n")
        received = client.makefile("rb")
        assert received.readline().startswith(b"SSH-2.0-Twincast")
        size = int.from_bytes(received.read(4), "big")
        message = paramiko.Message(received.read(size)[2 + 16 :])
    offered = [message.get_list() for _ in range(8)]
    weak = re.compile("sha1$|sha1-|md5|cbc|3des|arcfour|group1-|group-exchange|dss|ssh-rsa|zlib")
    assert not [name for names in offered for name in names if weak.search(name)]
    assert "curve25519-sha256" in offered[0]
    assert offered[1] == ["ssh-ed25519"]


@pytest.mark.parametrize("user", ["admin", "nobody"])
def test_wrong_password(served, user):
    with pytest.raises(ssh2.exceptions.AuthenticationError):
        RawClient(served.port, user, password="wrong")
    assert served.refused(Refusal.PASSWORD) == 1
    assert served.operations.sessions == []


def test_wrong_key(served):
    make_key(served.folder / "other")
    with pytest.raises(ncclient.transport.errors.AuthenticationError):
        by_ncclient(served, key_filename=str(served.folder / "other"))
    assert served.refused(Refusal.KEY) >= 1
    assert served.operations.sessions == []


def test_a_signature_by_another_key_is_refused(served):
    """The public half of a known key is no login: a client that offers it must prove the private half."""
    make_key(served.folder / "other")

    class Impostor(paramiko.Ed25519Key):
        def asbytes(self) -> bytes:
            return paramiko.Ed25519Key.from_private_key_file(str(served.key)).asbytes()

    transport = paramiko.Transport(("127.0.0.1", served.port))
    try:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey("admin", Impostor.from_private_key_file(str(served.folder / "other")))
    finally:
        transport.close()


def test_attempts_are_counted(tmp_path):
    with serve(tmp_path, TransportLimits(auth_attempts=3)) as served:
        transport = paramiko.Transport(("127.0.0.1", served.port))
        transport.start_client(timeout=10)
        for _ in range(3):
            with pytest.raises(paramiko.SSHException):
                transport.auth_password("admin", "wrong")
        with pytest.raises(paramiko.SSHException):
            transport.auth_password("admin", PASSWORD)
        transport.close()
        assert served.refused(Refusal.AUTH_ATTEMPTS) == 1
        assert served.refused(Refusal.PASSWORD) == 3


def test_a_connection_that_never_logs_in_ends(tmp_path, caplog):
    with serve(tmp_path, TransportLimits(login_grace=0.2)) as served:
        silent = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        half = paramiko.Transport(("127.0.0.1", served.port))
        half.start_client(timeout=10)
        wait_for(lambda: served.refused(Refusal.LOGIN_GRACE) == 2, what="both are cut")
        while silent.recv(1024):
            pass
        wait_for(lambda: not half.is_active(), what="the half-open connection is gone")
        silent.close()


def test_a_connection_without_a_session_ends(tmp_path):
    with serve(tmp_path, TransportLimits(session_grace=0.2)) as served:
        client = served.raw(hello=False)
        wait_for(lambda: served.refused(Refusal.SESSION_GRACE) == 1, what="the connection is cut")
        client.close()


def test_one_source_that_says_nothing_does_not_keep_others_out(tmp_path):
    """Another source gets in while one has all the connections that it may have without logging in."""
    limits = TransportLimits(unauthenticated=3, unauthenticated_per_source=2)
    with serve(tmp_path, limits) as served, ExitStack() as stack:
        from_there = [_from("127.0.0.2", served.port, stack) for _ in range(3)]
        assert [each.recv(4) for each in from_there] == [b"SSH-", b"SSH-", b""]
        assert served.refused(Refusal.UNAUTHENTICATED_PER_SOURCE) == 1
        served.raw().close()
        assert served.refused(Refusal.UNAUTHENTICATED) == 0
        from_there[0].close()
        wait_for(lambda: served.server.admission.counts()[1] == 1, what="a place is free again")
        assert _from("127.0.0.2", served.port, stack).recv(4) == b"SSH-"


def _from(source, port, stack):
    there = ("127.0.0.1", port)
    return stack.enter_context(socket.create_connection(there, timeout=10, source_address=(source, 0)))


def test_too_many_unauthenticated_connections(tmp_path):
    with serve(tmp_path, TransportLimits(unauthenticated=2)) as served:
        silent = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(2)]
        assert all(each.recv(4) == b"SSH-" for each in silent)
        third = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        assert third.recv(1) == b""
        assert served.refused(Refusal.UNAUTHENTICATED) == 1
        silent.pop().close()
        wait_for(lambda: served.refused(Refusal.HANDSHAKE) == 1, what="a place is free again")
        served.raw().close()
        for each in (third, *silent):
            each.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-x\r\n\xff\xff\xff\xff" + b"x" * 100,
        b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a" + b"\x14" * 20,
        b"SSH-2.0-x\r\n\x00\x00\x00\x00\x00\x00\x00\x00",
        b"x" * 20_000,
        b"",
    ],
    ids=["http", "version", "huge-packet", "short-kexinit", "empty-packet", "endless-banner", "nothing"],
)
def test_a_failed_handshake_is_one_line(served, caplog, sent):
    with caplog.at_level("DEBUG"):
        client = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        with contextlib.suppress(OSError):  # the server need not wait for the end of what it refuses
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        client.close()
        lines = wait_for(
            lambda: [r for r in caplog.records if r.msg in ("handshake-failed", "connection-failed")],
            what="the failure is logged",
        )
    assert len(lines) == 1
    assert not [record for record in caplog.records if record.exc_info or "Traceback" in record.getMessage()]
    served.raw().close()


def test_several_sessions_on_one_connection(tmp_path):
    with serve(tmp_path, TransportLimits(sessions_per_connection=3)) as served:
        transport = paramiko.Transport(("127.0.0.1", served.port))
        transport.connect(username="admin", password=PASSWORD)
        channels = [transport.open_session() for _ in range(3)]
        with pytest.raises(paramiko.ChannelException):
            transport.open_session()
        for channel in channels:
            channel.invoke_subsystem("netconf")
        wait_for(lambda: len(served.operations.sessions) == 3, what="three sessions")
        served.operations.session(2).peer.terminate(TerminationReason.KILLED)
        served.ended(2, TerminationReason.KILLED)
        assert (served.reasons(1), served.reasons(3)) == ([], [])
        wait_for(lambda: opened(transport), what="the place is free again")
        transport.close()
        served.ended(1, TerminationReason.DROPPED)
        served.ended(3, TerminationReason.DROPPED)


def opened(transport: paramiko.Transport) -> paramiko.Channel | None:
    """A new channel, or None while the server refuses."""
    try:
        return transport.open_session(timeout=5)
    except paramiko.ChannelException:
        return None


def flood(channel: paramiko.Channel, octets: int) -> None:
    """Send without regard for the window the server has given."""
    for _ in range(octets // 32768):
        channel.out_window_size = 1 << 20
        channel.sendall(b" " * 32768)


def test_a_client_that_ignores_its_window_is_cut(served):
    client = paramiko.Transport(("127.0.0.1", served.port))
    client.connect(username="admin", password=PASSWORD)
    channel = client.open_session()
    channel.invoke_subsystem("netconf")
    channel.sendall(conversation("<wait/>"))
    assert served.operations.waiting.wait(10)
    with pytest.raises((OSError, EOFError)):
        flood(channel, 64_000_000)
    served.operations.release.set()
    served.ended(1, TerminationReason.DROPPED)
    client.close()


def test_a_channel_has_one_session(served):
    transport = paramiko.Transport(("127.0.0.1", served.port))
    transport.connect(username="admin", password=PASSWORD)
    channel = transport.open_session()
    channel.invoke_subsystem("netconf")
    with pytest.raises(paramiko.SSHException):
        channel.invoke_subsystem("netconf")
    assert len(served.operations.sessions) == 1
    transport.close()


@pytest.mark.parametrize("kind", ["direct-tcpip", "x11"])
def test_nothing_is_forwarded(served, kind):
    transport = paramiko.Transport(("127.0.0.1", served.port))
    transport.connect(username="admin", password=PASSWORD)
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel(kind, ("127.0.0.1", served.port), ("127.0.0.1", 1))
    with pytest.raises(paramiko.SSHException):
        transport.request_port_forward("127.0.0.1", 0)
    transport.close()
    assert served.refused(Refusal.CHANNEL) == 1


def test_kill_while_the_other_session_reads(served):
    victim, killer = served.raw(), served.raw()
    assert b"<ok/>" in killer.rpc("<kill-session><session-id>1</session-id></kill-session>")
    served.ended(1, TerminationReason.KILLED)
    with pytest.raises((EOFError, ssh2.exceptions.SSH2Error)):
        victim.receive()
    assert b"<ok/>" in killer.rpc("<close-session/>")


def test_kill_while_a_reply_is_written_to_a_client_that_does_not_read(served):
    victim, killer = served.raw(), served.raw()
    victim.send(f'<get size="{LARGE}"/>')
    wait_for(lambda: victim.socket.recv(1, socket.MSG_PEEK), what="the reply has begun")
    assert b"<ok/>" in killer.rpc("<kill-session><session-id>1</session-id></kill-session>")
    served.ended(1, TerminationReason.KILLED)
    victim.close()


def test_kill_while_a_request_is_carried_out(served):
    victim, killer = served.raw(), served.raw()
    victim.send("<wait/>")
    assert served.operations.waiting.wait(10)
    assert b"<ok/>" in killer.rpc("<kill-session><session-id>1</session-id></kill-session>")
    assert served.reasons(1) == []
    served.operations.release.set()
    served.ended(1, TerminationReason.KILLED)
    victim.close()


def test_the_client_vanishes_in_the_middle_of_a_chunk(served):
    client = served.raw()
    client.write(b"\n#100000\n<rpc")
    client.close()
    served.ended(1, TerminationReason.DROPPED)


def test_the_client_vanishes_in_the_middle_of_a_reply(served):
    client = served.raw()
    client.send(f'<get size="{LARGE}"/>')
    wait_for(lambda: client.socket.recv(1, socket.MSG_PEEK), what="the reply has begun")
    client.close()
    served.ended(1, TerminationReason.DROPPED)


def test_no_hello_in_time(tmp_path):
    with serve(tmp_path, TransportLimits(session=ConnectionLimits(hello_timeout=0.1))) as served:
        client = served.raw(hello=False)
        client.channel.subsystem("netconf")
        wait_for(lambda: served.operations.sessions, what="the session begins")
        served.ended(1, TerminationReason.TIMEOUT)
        client.close()


def test_a_message_that_is_too_large_ends_the_session(served):
    client = served.raw()
    client.write(b"\n#4000000000\n")
    served.ended(1, TerminationReason.OTHER)
    assert b"<error-tag>too-big</error-tag>" in client.receive()
    with pytest.raises(EOFError):
        client.receive()
    client.close()


def test_a_slow_password_check_does_not_hold_up_others(served):
    """Sessions go on while as many checks as there are places wait for their turn at scrypt."""
    client = served.raw()
    guesses = [threading.Thread(target=_guess, args=(served.port,)) for _ in range(8)]
    for guess in guesses:
        guess.start()
    while any(guess.is_alive() for guess in guesses):
        assert b"<ok/>" in client.rpc("<lock/>")
    assert served.refused(Refusal.PASSWORD) == 8
    client.close()


def _guess(port: int) -> None:
    with contextlib.suppress(ssh2.exceptions.AuthenticationError):
        RawClient(port, "admin", password="wrong")


def test_the_host_key_stays(tmp_path):
    keys = []
    for _ in range(2):
        with serve(tmp_path) as served:
            transport = paramiko.Transport(("127.0.0.1", served.port))
            transport.start_client(timeout=10)
            keys.append(transport.get_remote_server_key().asbytes())
            transport.close()
    assert keys[0] == keys[1]
    assert (tmp_path / "host_key").stat().st_mode & 0o777 == 0o600


def test_stop_ends_every_session_and_leaves_the_socket_to_its_owner(tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    users = UserStore(tmp_path / "users.json")
    users.add_keys("admin", make_key(tmp_path / "key"))
    for _ in range(2):
        operations = RecordingOperations()
        server = SshServer(listener.dup(), tmp_path / "host_key", users, operations)
        server.start()
        clients = [RawClient(port, "admin", key=tmp_path / "key") for _ in range(3)]
        for client in clients:
            client.hello()
        server.stop()
        assert [session.reasons for session in operations.sessions] == [[TerminationReason.OTHER]] * 3
        for client in clients:
            client.close()
    listener.close()
