"""Configurations behind file and https URLs (RFC 6241 section 8.8)."""

import datetime
import http.server
import os
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree

from tests.support.netconf import NC, SPACES, TRB, backup, config, edit, names, profile, refused, request
from tests.support.server import running_server

CREDENTIALS = "operator:pass%3Aword"


@dataclass
class Depot:
    """An https server that keeps what is put; `seen` are the requests."""

    port: int
    kept: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)


def _handler(depot):
    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self, status, body=b""):
            depot.seen.append((self.command, self.path, self.headers["Authorization"]))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"https://localhost:{depot.port}/kept")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            body = depot.kept.get(self.path)
            if self.path == "/elsewhere":
                self._answer(302)
            else:
                self._answer(404) if body is None else self._answer(200, body)

        def do_PUT(self):
            depot.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(201)

        def do_DELETE(self):
            self._answer(404 if depot.kept.pop(self.path, None) is None else 204)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A folder with a key and its own certificate for localhost."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key").write_bytes(private)
    (folder / "certificate").write_bytes(signed.public_bytes(Encoding.PEM))
    return folder


@pytest.fixture(scope="module")
def depot(certificate):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as serving:
        depot = Depot(serving.server_address[1])
        serving.RequestHandlerClass = _handler(depot)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "certificate", certificate / "key")
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield depot
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("urls")


@pytest.fixture(scope="module")
def server(tmp_path_factory, folder, certificate):
    options = {"url_folder": str(folder), "url_https": True}
    trust = {"SSL_CERT_FILE": str(certificate / "certificate")}
    state = tmp_path_factory.mktemp("server")
    with running_server(state, netconf=("url", "startup"), options=options, environment=trust) as running:
        yield running


def _ask(session, operation, target="", source=""):
    inner = "".join(
        f"<{name}>{text if text.startswith('<') else f'<url>{text}</url>'}</{name}>"
        for name, text in (("target", target), ("source", source))
        if text
    )
    return request(session, f'<{operation} xmlns="{NC}">{inner}</{operation}>')


def test_it_is_announced_with_its_schemes(session):
    url = "urn:ietf:params:netconf:capability:url:1.0?scheme=file,https"
    assert url in list(session.server_capabilities)


@pytest.mark.parametrize("scheme", ["file", "https"])
def test_the_whole_round(session, depot, folder, scheme):
    url = "file:///night.xml" if scheme == "file" else f"https://localhost:{depot.port}/night.xml"
    edit(session, profile(name="a"))
    session.commit()
    _ask(session, "copy-config", url, "<running/>")
    stored = (folder / "night.xml").read_bytes() if scheme == "file" else depot.kept["/night.xml"]
    root = etree.fromstring(stored)
    assert root.tag == f"{{{NC}}}config"
    assert root.findtext(".//trb:name", namespaces=SPACES) == "a"
    edit(session, profile(name="b"))
    session.commit()
    _ask(session, "validate", source=url)
    _ask(session, "copy-config", "<candidate/>", url)
    assert names(session) == ["a"]
    _ask(session, "copy-config", "<startup/>", url)
    assert names(session, "startup") == ["a"]
    _ask(session, "delete-config", url)
    error = refused(_ask, session, "copy-config", "<candidate/>", url)
    assert (error.tag, error.app_tag, error.path) == (
        "operation-failed",
        "url-failed",
        "/nc:rpc/nc:copy-config/nc:source/nc:url",
    )


def test_an_edit_from_a_url(session, folder):
    (folder / "edit.xml").write_text(backup(profile(name="a") + profile(name="b")))
    body = "<target><candidate/></target><url>file:///edit.xml</url>"
    request(session, f'<edit-config xmlns="{NC}">{body}</edit-config>')
    (folder / "edit.xml").write_text(backup(profile(name="a", attributes='nc:operation="delete"')))
    request(session, f'<edit-config xmlns="{NC}">{body}</edit-config>')
    assert names(session) == ["b"]
    error = refused(request, session, f'<edit-config xmlns="{NC}">{body}{config("")}</edit-config>')
    assert error.tag == "bad-element"


def test_what_a_file_holds_is_judged_like_a_request(session, folder):
    (folder / "bad.xml").write_text(backup(profile("<backup-id>9999</backup-id>")))
    error = refused(_ask, session, "copy-config", "<candidate/>", "file:///bad.xml")
    assert (error.tag, "backup-id" in error.path) == ("invalid-value", True)
    (folder / "bad.xml").write_text(backup(profile("<backup-id>9</backup-id>")))
    assert refused(_ask, session, "validate", source="file:///bad.xml").app_tag == "service-name-missing"


NO_CONFIGURATION = {
    "no XML": ("hello", "not well-formed"),
    "another element": (f'<data xmlns="{NC}"/>', "expected <config>"),
    "a document type": (f'<!DOCTYPE config><config xmlns="{NC}"/>', "document type"),
    "nothing": ("", "not well-formed"),
}


@pytest.mark.parametrize(("text", "reason"), NO_CONFIGURATION.values(), ids=NO_CONFIGURATION)
def test_what_is_no_configuration(session, folder, text, reason):
    (folder / "no.xml").write_text(text)
    error = refused(_ask, session, "validate", source="file:///no.xml")
    assert (error.tag, error.app_tag) == ("operation-failed", "url-failed")
    assert reason in error.message


@pytest.fixture(scope="module")
def outside(tmp_path_factory, folder):
    """A secret beside the folder, and every way to it that a file system has."""
    secret = tmp_path_factory.mktemp("outside") / "secret.xml"
    secret.write_text(config(f'<secret xmlns="{TRB}"/>'))
    (folder / "link.xml").symlink_to(secret)
    (folder / "linked").symlink_to(secret.parent)
    (folder / "inner").mkdir()
    os.mkfifo(folder / "pipe")
    return secret


ESCAPES = (
    "file:///../outside0/secret.xml",
    "file:///inner/../../outside0/secret.xml",
    "file:///%2e%2e/outside0/secret.xml",
    "file:///inner/%2E%2E/%2e%2e/etc/passwd",
    "file:///link.xml",
    "file:///linked/secret.xml",
    "file:////etc/passwd",
    "file:///inner",
    "file:///inner/",
    "file:///",
    "file:///pipe",
    "file:///no%00thing",
)


@pytest.mark.parametrize("url", ESCAPES)
def test_no_way_leads_out_of_the_folder(session, outside, url):
    before = outside.read_bytes()
    error = refused(_ask, session, "copy-config", "<candidate/>", url)
    assert (error.tag, error.app_tag) == ("operation-failed", "url-failed")
    assert "secret" not in error.message
    if "pipe" not in url and "link.xml" not in url:
        refused(_ask, session, "copy-config", url, "<running/>")
    assert outside.read_bytes() == before


def test_a_link_is_replaced_not_followed(session, outside, folder):
    before = outside.read_bytes()
    (folder / "link2.xml").symlink_to(outside)
    _ask(session, "copy-config", "file:///link2.xml", "<running/>")
    assert outside.read_bytes() == before
    assert not (folder / "link2.xml").is_symlink()


REFUSED = (
    "http://localhost/x",
    "ftp://localhost/x",
    "file://elsewhere/x",
    "https:///x",
    "x" * 3000,
    "https://h:port/",
)


@pytest.mark.parametrize("url", REFUSED)
def test_urls_that_are_not_offered(session, url):
    error = refused(_ask, session, "copy-config", "<candidate/>", url)
    assert (error.tag, error.path) == ("invalid-value", "/nc:rpc/nc:copy-config/nc:source/nc:url")
    assert len(error.message) < 200


def test_a_url_onto_itself(session):
    assert refused(_ask, session, "copy-config", "file:///x", "file:///x").tag == "invalid-value"


def test_credentials_are_sent_and_never_told(session, depot, server):
    url = f"https://{CREDENTIALS}@localhost:{depot.port}/missing"
    error = refused(_ask, session, "copy-config", "<candidate/>", url)
    assert "the server answered 404" in error.message
    assert depot.seen[-1] == ("GET", "/missing", "Basic b3BlcmF0b3I6cGFzczp3b3Jk")
    assert "pass" not in error.message
    assert "pass%3Aword" not in server.log.read_text()


def test_a_redirection_is_not_followed(session, depot):
    seen = len(depot.seen)
    url = f"https://localhost:{depot.port}/elsewhere"
    assert "the server answered 302" in refused(_ask, session, "validate", source=url).message
    assert len(depot.seen) == seen + 1


def test_a_certificate_of_another_name(session, depot):
    url = f"https://127.0.0.1:{depot.port}/x"
    assert "TLS" in refused(_ask, session, "validate", source=url).message


def test_nobody_there(session):
    error = refused(_ask, session, "validate", source="https://localhost:1/x")
    assert "Connection refused" in error.message


def test_an_export_leaves_no_other_file_behind(session, folder):
    before = set(Path(folder).iterdir())
    _ask(session, "copy-config", "file:///one.xml", "<running/>")
    _ask(session, "copy-config", "file:///one.xml", "<candidate/>")
    assert set(Path(folder).iterdir()) - before == {folder / "one.xml"}
    assert (folder / "one.xml").stat().st_mode & 0o077 == 0
