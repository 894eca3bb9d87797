"""NETCONF over TLS (RFC 7589): OpenSSL's and Python's clients, and clients that are refused."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from dataplane.replication import making
from server.protocol.framing import Framer, Framing, encode
from server.protocol.messages import BASE_1_1, BASE_NAMESPACE
from tests.interop.test_server_configuration import TSRV, configure, free_port, statistics
from tests.support.keys import authority, identity, signed_by
from tests.support.netconf import refused
from tests.support.server import ServerUnderTest, running_server
from tests.support.wait import wait_for

CAPABILITIES = f"<capabilities><capability>{BASE_1_1}</capability></capabilities>"
HELLO = f'<hello xmlns="{BASE_NAMESPACE}">{CAPABILITIES}</hello>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUnderTest]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


class Keys:
    """The key store of a server, and what its clients have."""

    def __init__(self, store: Path, clients: Path) -> None:
        store.mkdir(mode=0o700, exist_ok=True)
        self.store, self.clients = store, clients
        self.authority = authority()
        self.put(store, "netconf", identity())
        self.write(store / "clients.crt", making.certificate_pem(self.authority[1]))
        self.put(clients, "good", signed_by(self.authority, []))
        self.put(clients, "stranger", identity())

    def put(self, folder: Path, name: str, pair: Any) -> None:
        self.write(folder / f"{name}.key", making.private_pem(pair[0]))
        self.write(folder / f"{name}.crt", making.certificate_pem(pair[1]))

    def write(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        path.chmod(0o600)

    def fingerprint(self, path: Path) -> str:
        shown = x509.load_pem_x509_certificate(path.read_bytes())
        return "04:" + shown.fingerprint(hashes.SHA256()).hex(":")

    def tls(self, *, key: str = "netconf", names: bool = True, ca: str = "clients") -> str:
        parts = f"<key>{key}</key><client-authority>{ca}</client-authority>"
        if names:
            parts += (
                '<cert-to-name xmlns:x="urn:ietf:params:xml:ns:yang:ietf-x509-cert-to-name"><id>1</id>'
                f"<fingerprint>{self.fingerprint(self.store / 'clients.crt')}</fingerprint>"
                "<map-type>x:specified</map-type><name>admin</name></cert-to-name>"
            )
        return f"<tls>{parts}</tls>"

    def client(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.store / "netconf.crt")
        context.load_cert_chain(self.clients / f"{name}.crt", self.clients / f"{name}.key")
        return context


@pytest.fixture
def keys(server: ServerUnderTest, tmp_path: Path) -> Keys:
    return Keys(server.state_dir / "keys", tmp_path)


class Client:
    """A NETCONF session over a connection that is TLS already."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self.framer = Framer()
        self.framing = Framing.END_OF_MESSAGE
        sock.sendall(b"".join(encode(self.framing, [HELLO.encode()])))
        self.hello = self.receive()
        self.framing = Framing.CHUNKED
        self.framer.switch(self.framing)

    def receive(self) -> bytes:
        while True:
            message = self.framer.next_message()
            if message is not None:
                return message
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.framer.feed(data)

    def rpc(self, body: str) -> bytes:
        text = f'<rpc xmlns="{BASE_NAMESPACE}" message-id="1">{body}</rpc>'
        self.sock.sendall(b"".join(encode(self.framing, [text.encode()])))
        return self.receive()


def connected(context: ssl.SSLContext, port: int) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", port), timeout=30)
    return context.wrap_socket(raw)


def tls_listen(port: int) -> str:
    return f"<listen><tls><name>t</name><address>127.0.0.1</address><port>{port}</port></tls></listen>"


def test_a_session_over_tls(session: Any, keys: Keys) -> None:
    port = free_port()
    configure(session, tls_listen(port) + keys.tls())
    with connected(keys.client("good"), port) as sock:
        assert sock.version() == "TLSv1.3"
        client = Client(sock)
        assert b"<session-id>" in client.hello
        large = client.rpc("<get/>")
        assert b"<username>admin</username>" in large
        assert b"netconf-tls" in large
        assert b"<ok/>" in client.rpc("<close-session/>")
        assert sock.recv(1) == b""


def test_notifications_come_while_the_session_reads(session: Any, keys: Keys) -> None:
    port = free_port()
    configure(session, tls_listen(port) + keys.tls())
    with connected(keys.client("good"), port) as sock:
        client = Client(sock)
        subscribe = '<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>'
        assert b"<ok/>" in client.rpc(subscribe)
        configure(session, "<limits><sessions>1999</sessions></limits>")
        assert b"netconf-config-change" in client.receive()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the Debian package openssl is not installed")
def test_the_client_of_openssl(session: Any, keys: Keys) -> None:
    port = free_port()
    configure(session, tls_listen(port) + keys.tls())
    said = b"".join(encode(Framing.END_OF_MESSAGE, [HELLO.encode()]))
    request = f'<rpc xmlns="{BASE_NAMESPACE}" message-id="7"><close-session/></rpc>'.encode()
    said += b"".join(encode(Framing.CHUNKED, [request]))
    done = subprocess.run(
        [
            *("openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-tls1_3"),
            *("-cert", keys.clients / "good.crt", "-key", keys.clients / "good.key"),
        ],
        input=said,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b'message-id="7"' in done.stdout


def refused_handshake(context: ssl.SSLContext, port: int) -> None:
    """In TLS 1.3 the client learns of its refusal with the first byte that it reads."""
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        Client(connected(context, port))


def test_strangers_are_refused_and_counted(session: Any, keys: Keys) -> None:
    port = free_port()
    configure(session, tls_listen(port) + keys.tls())
    before = statistics(session)
    refused_handshake(keys.client("stranger"), port)
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname = False
    bare.verify_mode = ssl.CERT_NONE
    refused_handshake(bare, port)
    old = keys.client("good")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    refused_handshake(old, port)
    wait_for(lambda: statistics(session)["handshake"] == before["handshake"] + 3, what="three are counted")


def test_a_certificate_that_is_nobodys_is_refused(session: Any, keys: Keys) -> None:
    port = free_port()
    configure(session, tls_listen(port) + keys.tls(names=False))
    before = statistics(session)["certificate"]
    refused_handshake(keys.client("good"), port)
    wait_for(lambda: statistics(session)["certificate"] == before + 1, what="it is counted")


def test_a_silent_client_is_cut_and_delays_nobody(session: Any, keys: Keys) -> None:
    port = free_port()
    configure(session, tls_listen(port) + keys.tls() + "<limits><login-grace>1</login-grace></limits>")
    before = statistics(session)["login-grace"]
    silent = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(20)]
    with connected(keys.client("good"), port) as sock:
        assert b"<ok/>" in Client(sock).rpc("<close-session/>")
    assert all(each.recv(1) == b"" for each in silent)
    for each in silent:
        each.close()
    assert statistics(session)["login-grace"] == before + 20


@pytest.mark.parametrize(
    ("options", "leaf", "message"),
    [
        ({"key": "none"}, "tls/tsrv:key", "There is no none.key in the key store."),
        ({"ca": "none"}, "tls/tsrv:client-authority[.='none']", "There is no none.crt in the key store."),
        ({"key": "mixed"}, "tls/tsrv:key", "Mixed.key is not the key of mixed.crt."),
    ],
)
def test_a_key_that_cannot_be_used_refuses_the_commit(
    session: Any, keys: Keys, options: dict[str, str], leaf: str, message: str
) -> None:
    keys.put(keys.store, "mixed", (identity()[0], identity()[1]))
    error = refused(configure, session, tls_listen(free_port()) + keys.tls(**options))
    assert (error.tag, error.app_tag, error.message) == ("operation-failed", "key-unusable", message)
    assert error.path.endswith(leaf)


def test_listening_needs_a_key(session: Any) -> None:
    error = refused(configure, session, tls_listen(free_port()))
    assert error.app_tag == "tls-not-configured"
    assert TSRV
