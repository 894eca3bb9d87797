"""TLS 1.3 between octets and octets: no socket, no clock of its own but the certificate's dates.

Built on OpenSSL by pyOpenSSL, not on the standard library: an end that listens has to accept a certificate
that it knows by its pinned public key alone, which the standard library cannot be told. A context is made for
every connection, so nothing of an earlier one (a session ticket, a certificate since replaced) is taken over.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from OpenSSL import SSL, crypto

from dataplane.config import Address
from dataplane.replication.trust import Credentials, TrustedCertificates, refusal

PROTOCOL: Final = b"twincast"
"""The name in ALPN (RFC 7301): a client or server of another protocol with the same keys is not taken."""
_CHUNK = 65_536
_WORDS: Final = (
    ("alert", "peer-refused-handshake"),
    ("wrong version number", "peer-without-tls"),
    ("did not return a certificate", "peer-certificate-absent"),
    ("unsupported protocol", "tls-version-mismatch"),
)
_CERTIFICATE_ALERTS: Final = ("certificate", "unknown ca", "access denied")


class TlsError(Exception):
    """The connection cannot go on; `reason` is the word for last-down-reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TlsClosed(Exception):
    """The other end has said that nothing follows (close_notify)."""


class TlsSession:
    """One end of one connection: `feed` what arrived, `read` what it says, send `output`."""

    def __init__(self, credentials: Credentials, peer: Address, *, client: bool) -> None:
        """`peer`: the configured address of the other end. Raises TlsError for what OpenSSL cannot use."""
        self.established = False
        self._client = client
        self._credentials = credentials
        self._peer = peer
        self._refusal = ""
        self._asked = self._chain_broken = False
        try:
            self._tls = SSL.Connection(self._context(), None)
        except (SSL.Error, crypto.Error) as error:
            raise TlsError(_word(error)) from error
        if client:
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()

    def _context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.use_privatekey(self._credentials.key)
        context.use_certificate(self._credentials.chain[0])
        for certificate in self._credentials.chain[1:]:
            context.add_extra_chain_cert(certificate)
        if isinstance(self._credentials.peer, TrustedCertificates):
            _trust(context, self._credentials.peer.certificates)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        if self._client:
            context.set_alpn_protos([PROTOCOL])
        else:
            context.set_alpn_select_callback(_select)
        return context

    def _verify(self, _: Any, shown: crypto.X509, __: int, depth: int, ok: int) -> bool:  # noqa: ANN401
        """Judge the peer's own certificate; a chain that does not end in trust is remembered until then."""
        self._chain_broken = self._chain_broken or not ok
        if depth:
            return True
        self._asked = True
        self._refusal = self._judge(shown.to_cryptography())
        return not self._refusal

    def _judge(self, shown: x509.Certificate) -> str:
        chain_ok = self._asked and not self._chain_broken
        identity = self._credentials.peer
        return refusal(identity, shown, chain_ok=chain_ok, peer=self._peer, now=datetime.now(UTC))

    def feed(self, data: bytes) -> None:
        """Take what arrived, and go on with the handshake. Raises TlsError."""
        while data:
            data = data[self._tls.bio_write(data) :]
        if not self.established:
            self.handshake()

    def handshake(self) -> None:
        """Go on as far as it gets; a client begins with it. Raises TlsError."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise TlsError(self._refusal or _word(error)) from error
        self._complete()

    def _complete(self) -> None:
        """What the callbacks were asked is asked again: that nothing was skipped is not left to a library."""
        shown = self._tls.get_peer_certificate(as_cryptography=True)
        if shown is None:
            raise TlsError("peer-certificate-absent")
        problem = self._refusal or self._judge(shown)
        if problem:
            raise TlsError(problem)
        if self._tls.get_alpn_proto_negotiated() != PROTOCOL:
            raise TlsError("peer-of-another-protocol")
        self.established = True

    def read(self, limit: int) -> bytes:
        """Return what the peer said, at most `limit` octets, b"" for nothing yet.

        Raises TlsClosed after its last word, and TlsError.
        """
        try:
            said: bytes = self._tls.recv(limit)
        except SSL.WantReadError:
            return b""
        except SSL.ZeroReturnError as error:
            raise TlsClosed from error
        except SSL.Error as error:
            raise TlsError(_word(error)) from error
        return said

    def write(self, data: bytes) -> None:
        """Say something; it is in `output` then. Raises TlsError."""
        try:
            self._tls.sendall(data)
        except SSL.Error as error:
            raise TlsError(_word(error)) from error

    def close(self) -> None:
        """Say that nothing follows."""
        try:
            self._tls.shutdown()
        except SSL.Error:
            return

    def output(self) -> bytes:
        """Return what has to be sent now."""
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self._tls.bio_read(_CHUNK))
            except SSL.WantReadError:
                return b"".join(parts)


def _trust(context: SSL.Context, certificates: Iterable[x509.Certificate]) -> None:
    """Trust these and what they signed, whether or not they are authorities' (RFC 5280 section 6.1.1 d)."""
    store = context.get_cert_store()
    if store is None:
        raise TlsError("tls-failed")
    for certificate in certificates:
        store.add_cert(crypto.X509.from_cryptography(certificate))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)


def _select(_: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401 - bytes or pyOpenSSL's constant
    return PROTOCOL if PROTOCOL in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _word(error: SSL.Error | crypto.Error) -> str:
    """Return the down reason for what OpenSSL says."""
    said = " ".join(str(part[-1]) for part in error.args[0]) if error.args and error.args[0] else ""
    if "alert" in said and any(word in said for word in _CERTIFICATE_ALERTS):
        return "peer-refused-certificate"
    return next((word for part, word in _WORDS if part in said), "tls-failed")
