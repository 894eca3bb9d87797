"""Commits reach the server itself: the provider of twincast-server.

Owns the order in which a change of the configuration takes hold: what can be refused is tried in prepare
(addresses are bound, certificates loaded), and apply only swaps.
"""

import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.access.users import UserStore
from server.datastores.history import Author, Cause
from server.datastores.partial import PartialLocks
from server.management.config import Checker, Listen, ServerConfig, TlsSettings, read
from server.management.idle import IdleWatch
from server.management.listeners import Address, BindError, Listeners, close
from server.management.lockout import APP_TAG, Lockout, Visitor, lockout
from server.management.names import SERVER, tsrv
from server.management.state import Counted, state
from server.protocol.errors import RpcError, RpcErrors, operation_failed
from server.provider import ActionHandler, Notice
from server.push.registry import Registry
from server.schema.model import Schema
from server.telemetry.sessions import SessionLimits, Sessions
from server.transport.admission import Admission
from server.transport.call_home import PREFIX, Caller
from server.transport.ssh import SshServer
from server.transport.tls import TlsIdentity, TlsServer
from server.transport.tls_keys import TlsKeyError, server_context, trusted_certificates
from server.tree.diff import Change
from server.tree.filter import Selection
from server.tree.location import Location
from server.tree.node import Container

logger = logging.getLogger("twincast.management.apply")

_TICK: Final = 1.0
"""Seconds between looks at idle sessions and at addresses that could not be listened on."""


@dataclass(frozen=True, slots=True)
class Services:
    """What is configured."""

    ssh: SshServer
    tls: TlsServer
    users: UserStore
    sessions: Sessions
    admission: Admission
    idle: IdleWatch
    caller: Caller
    partial: PartialLocks
    registry: Registry


class Management:
    """A `server.provider.Provider` with the server itself behind it, once there is one (`attach`)."""

    def __init__(self, schema: Schema, keys: Path) -> None:
        """`keys`: the folder of the key store."""
        self._schema = schema
        self._keys = keys
        self._checker = Checker(schema)
        self._services: Services | None = None
        self._listeners: Listeners | None = None
        self._running: Container | None = None
        self.config = ServerConfig()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="management", daemon=True)

    def attach(self, services: Services) -> None:
        """Act on the running configuration from now on."""
        self._services = services
        self._listeners = Listeners(services.ssh, services.tls)
        if self._running is not None:
            self.restore(self._running)
        self._thread.start()

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return what is wrong with `/server` beyond what YANG says."""
        return self._checker.check(root)

    def prepare(self, old: Container, new: Container, _changes: Sequence[Change]) -> "PreparedServer":
        """Bind and load what `new` needs. Raises RpcErrors naming the leaf of what cannot be had."""
        same = old.branch(tsrv("server")) is new.branch(tsrv("server"))
        if same or self._listeners is None:
            return PreparedServer(self, new, new, self.config, None, {})
        config = read(new)
        identity = self._identity(config)
        try:
            spare = self._listeners.reserve(config.listens)
        except BindError as error:
            raise RpcErrors([self._blame_listen(error)]) from error
        return PreparedServer(self, old, new, config, identity, spare)

    def keep_access(self, author: Author, cause: Cause, old: Container, new: Container) -> None:
        """Raise RpcError operation-failed when whoever commits could not come in again afterwards.

        A confirmed commit may do that: it is undone when he cannot come and confirm it.
        """
        same = old.branch(tsrv("server")) is new.branch(tsrv("server"))
        if same or cause is Cause.CONFIRMED_COMMIT or self._services is None:
            return
        session = self._services.sessions.get(author.session_id)
        if session is None:
            return
        peer, after = session.peer, read(new)
        visitor = Visitor(peer.username, peer.origin, self._services.users.stored(peer.username))
        trusted = self._trusted(after) if peer.origin.chain else frozenset()
        found = lockout(visitor, read(old), after, trusted)
        if found is not None:
            raise self._blame_lockout(found)

    def _trusted(self, config: ServerConfig) -> frozenset[bytes]:
        try:
            return trusted_certificates(self._keys, config.tls.authorities)
        except TlsKeyError as error:
            raise RpcErrors([self._blame_tls(config.tls, error)]) from error

    def _blame_lockout(self, found: Lockout) -> RpcError:
        at = Location(self._schema.node(f"{SERVER}/{found.node}"), ((found.key,),) if found.key else ())
        message = f"{found.why}, so you would be locked out; a confirmed commit may do that."
        return at.blame(operation_failed(message, app_tag=APP_TAG))

    def restore(self, running: Container) -> None:
        """Act on `running`; what cannot be had now is logged, and tried again where that can help."""
        self._running = running
        if self._listeners is None:
            return
        config = read(running)
        identity = None
        try:
            identity = self._identity(config)
        except RpcErrors as error:
            logger.error("tls-unusable", extra={"cause": str(error.errors[0])})  # noqa: TRY400 - not a fault
        self.follow(running, config, identity, {})

    def follow(
        self,
        root: Container,
        config: ServerConfig,
        identity: TlsIdentity | None,
        spare: Mapping[Address, socket.socket],
    ) -> None:
        """Make `config` what the server acts on."""
        if self._services is None or self._listeners is None:
            raise RuntimeError("nothing is attached")
        services = self._services
        self._running, self.config = root, config
        limits = config.limits
        services.users.configure(config.users)
        services.admission.limits = limits.transport
        services.sessions.limits = SessionLimits(limits.sessions, limits.sessions_per_user)
        services.partial.limits = limits.partial
        services.registry.limits = limits.push
        services.idle.timeout = limits.idle_timeout
        services.idle.timeouts = {
            f"{PREFIX}{client.name}": client.idle_timeout for client in config.clients if client.idle_timeout
        }
        services.tls.identity = identity
        self._listeners.follow(config.listens, spare)
        services.caller.follow(config.clients)

    def state(self, selection: Selection) -> dict[str, object]:
        """Return the operational data below `/server`."""
        if self._services is None or self._listeners is None or not selection.wants(SERVER):
            return {}
        services = self._services
        listening, calls = self._listeners.listening, services.caller.states()
        more = {"partial-locks": services.partial.refused, **services.registry.counters.data()}
        counted = Counted(services.admission, services.sessions, len(services.registry), more)
        return state(self.config, counted, listening, calls)

    def actions(self) -> Mapping[str, ActionHandler]:
        """Carry out nothing: the module has no actions."""
        return {}

    def listen(self, tell: Callable[[Notice], None]) -> None:
        """Tell nothing: the module has no notifications."""

    def close(self) -> None:
        """Stop looking, and listening."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        if self._listeners is not None:
            self._listeners.close()
        if self._services is not None:
            self._services.caller.close()

    def _look_after(self) -> None:
        while not self._stopping.wait(_TICK):
            try:
                self._tick()
            except Exception:
                logger.exception("management-failed")

    def _tick(self) -> None:
        if self._services is not None and self._listeners is not None:
            self._services.idle.end_idle()
            self._listeners.retry()

    def _identity(self, config: ServerConfig) -> TlsIdentity | None:
        """Load the key and the certificates; None when TLS is not configured. Raises RpcErrors."""
        settings = config.tls
        if not settings.key or not settings.authorities:
            return None
        try:
            context = server_context(self._keys, settings.key, settings.certificate, settings.authorities)
        except TlsKeyError as error:
            raise RpcErrors([self._blame_tls(settings, error)]) from error
        return TlsIdentity(context, settings.names)

    def _blame_tls(self, settings: TlsSettings, error: TlsKeyError) -> RpcError:
        own = error.leaf == "certificate" and settings.certificate == settings.key
        at = Location(self._schema.node(f"{SERVER}/tls/{'key' if own else error.leaf}"))
        if error.leaf == "client-authority":
            at = at.member(error.name)
        return at.blame(operation_failed(f"{_sentence(error)}.", app_tag="key-unusable"))

    def _blame_listen(self, error: BindError) -> RpcError:
        listen: Listen = error.listen
        schema = self._schema.node(f"{SERVER}/listen/{listen.transport}/address")
        failed = operation_failed(f"{error}.", app_tag="address-unusable")
        return Location(schema, ((listen.name,),)).blame(failed)


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[0].upper() + text[1:]


class PreparedServer:
    """A change whose sockets are bound and whose certificates are loaded: a `server.provider.Prepared`."""

    def __init__(
        self,
        management: Management,
        old: Container,
        new: Container,
        config: ServerConfig,
        identity: TlsIdentity | None,
        spare: Mapping[Address, socket.socket],
    ) -> None:
        self._management = management
        self._old = old
        self._new = new
        self._config = config
        self._identity = identity
        self._spare = spare

    def apply(self) -> None:
        """Act on the new configuration."""
        if self._old is not self._new:
            self._management.follow(self._new, self._config, self._identity, self._spare)

    def abort(self) -> None:
        """Give the sockets back."""
        close(self._spare)

    def revert(self) -> None:
        """Return to the configuration before `apply`."""
        if self._old is not self._new:
            self._management.restore(self._old)
