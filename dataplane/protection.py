"""How a service's channel is protected: from what is configured and the key store to what a channel needs.

Owns what is logged about it: a channel without protection, keys that cannot be used, a certificate that ends
soon. It must never log a key.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from dataplane.config import Refusal, Security, ServiceConfig, Subject, TlsConfig
from dataplane.engine.effects import OpenChannel
from dataplane.replication.channel import Protection
from dataplane.replication.keys import KeyProblem, KeyStore
from dataplane.replication.sockets import MAX_MD5_KEY, md5_supported
from dataplane.replication.tls import TlsError
from dataplane.replication.trust import Credentials

WARN_DAYS: Final = 30
"""Days before the end of our own certificate from which on it is warned of, once a day."""

_log = logging.getLogger("twincast.dataplane.protection")


def protection(effect: OpenChannel, keys: KeyStore) -> Protection:
    """Return how a channel is protected, and say so where it is not."""
    if effect.security is Security.NONE:
        extra = {"service": effect.service, "peer": str(effect.peer.address)}
        _log.warning("channel-unprotected", extra=extra)
        return Protection()
    if effect.security is Security.TCP_MD5:
        return Protection(md5_key=effect.md5_key)
    return Protection(credentials=_ServiceCredentials(keys, effect.service, effect.tls))


def refusals(keys: KeyStore, service: ServiceConfig) -> Iterator[Refusal]:
    """Yield what can be foreseen to keep the channel of a service down: prepare refuses it."""
    if service.security is Security.TLS:
        for problem in keys.problems(service):
            yield _refusal(service, f"tls/{problem.leaf}", f"{problem}.", "key-not-usable")
    elif service.security is Security.TCP_MD5:
        if service.md5_key is not None and len(service.md5_key.value.encode()) > MAX_MD5_KEY:
            yield _refusal(
                service, "tcp-md5/key", f"The key is longer than {MAX_MD5_KEY} octets.", "key-too-long"
            )
        if not md5_supported():
            text = "This kernel was built without TCP MD5 signatures."
            yield _refusal(service, "tcp-md5", text, "tcp-md5-not-supported")


def _refusal(service: ServiceConfig, leaf: str, text: str, app_tag: str) -> Refusal:
    return Refusal(Subject.SERVICE, service.name, leaf, text, app_tag)


class _ServiceCredentials:
    """The credentials of one service, read anew at every call; what is wrong with them is logged once."""

    def __init__(self, keys: KeyStore, service: str, tls: TlsConfig) -> None:
        self._keys = keys
        self._service = service
        self._tls = tls
        self._told = ""
        self._warned: datetime | None = None

    def __call__(self) -> Credentials:
        """Return them; raises TlsError."""
        now = datetime.now(UTC)
        try:
            credentials = self._keys.credentials(self._service, self._tls, now)
        except KeyProblem as problem:
            self._tell(problem)
            raise TlsError(problem.reason) from problem
        self._told = ""
        self._warn(credentials.days_left(now), now)
        return credentials

    def _tell(self, problem: KeyProblem) -> None:
        if str(problem) != self._told:
            self._told = str(problem)
            extra = {"service": self._service, "reason": problem.reason, "problem": str(problem)}
            _log.error("channel-keys", extra=extra)

    def _warn(self, days: int, now: datetime) -> None:
        again = self._warned is None or now - self._warned >= timedelta(days=1)
        if days < WARN_DAYS and again:
            self._warned = now
            _log.warning("certificate-expires", extra={"service": self._service, "days": days})
