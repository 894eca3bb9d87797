"""From the configuration tree to what the server acts on: typed values, and what is wrong beyond YANG.

Pure. Defaults are the values that the server has without any configuration.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from server.access.certificates import CertToName, FingerprintError, MapType, parse_fingerprint
from server.access.users import CredentialsError, User, parse_hash, parse_key
from server.datastores.partial import PartialLimits
from server.management.names import SERVER, tsrv
from server.protocol.errors import RpcError, invalid_value
from server.protocol.framing import FramingLimits
from server.push.limits import Limits
from server.push.pace import CENTISECOND, SECOND
from server.schema.model import Schema
from server.transport.connection import ConnectionLimits
from server.transport.limits import TransportLimits
from server.transport.outbox import OutboxLimits
from server.transport.reconnect import Client, Endpoint, StartWith, Strategy
from server.tree.location import Location
from server.tree.node import Branch, Container, Entry


class Transport(StrEnum):
    """What is spoken on a connection."""

    SSH = "ssh"
    TLS = "tls"


_LISTEN_PORTS: Final = {Transport.SSH: 830, Transport.TLS: 6513}
_CALL_PORTS: Final = {Transport.SSH: 4334, Transport.TLS: 4335}


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    transport: Transport
    name: str
    address: str
    port: int

    @property
    def at(self) -> tuple[str, int]:
        """Address and port."""
        return self.address, self.port

    @property
    def endpoint(self) -> str:
        """What sessions that come by it have in their `Origin`."""
        return f"{self.transport}:{self.name}"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Names in the key store, and the mapping from certificates to users."""

    key: str = ""
    certificate: str = ""
    authorities: tuple[str, ...] = ()
    names: tuple[CertToName, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What clients may use; `idle_timeout` in seconds, 0 for none."""

    sessions: int = 2000
    sessions_per_user: int = 2000
    idle_timeout: float = 0.0
    transport: TransportLimits = field(default_factory=TransportLimits)
    partial: PartialLimits = field(default_factory=PartialLimits)
    push: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Everything that `/server` says."""

    listens: tuple[Listen, ...] = ()
    tls: TlsSettings = field(default_factory=TlsSettings)
    users: dict[str, User] = field(default_factory=dict)
    clients: tuple[Client, ...] = ()
    limits: ServerLimits = field(default_factory=ServerLimits)


def read(root: Container) -> ServerConfig:
    """Return what a valid configuration says."""
    server = root.branch(tsrv("server"))
    if server is None:
        return ServerConfig()
    limits = server.branch(tsrv("limits"))
    return ServerConfig(
        listens=tuple(_listens(server.branch(tsrv("listen")))),
        tls=_tls(server.branch(tsrv("tls"))),
        users={entry.key[0]: _user(entry) for entry in _entries(server.branch(tsrv("users")), "user")},
        clients=tuple(_clients(server.branch(tsrv("call-home")))),
        limits=ServerLimits() if limits is None else _limits(limits),
    )


class Checker:
    """Finds what is wrong with `/server` beyond what YANG says; keeps the last result."""

    def __init__(self, schema: Schema) -> None:
        self._key: Final = schema.node(f"{SERVER}/users/user/authorized-key/key")
        self._fingerprint: Final = schema.node(f"{SERVER}/tls/cert-to-name/fingerprint")
        self._port: Final = {
            transport: schema.node(f"{SERVER}/listen/{transport}/port") for transport in Transport
        }
        self._last: tuple[Container | None, tuple[RpcError, ...]] = (None, ())

    def check(self, root: Container) -> Sequence[RpcError]:
        """Return the errors, each with the path of its leaf."""
        server = root.branch(tsrv("server"))
        last, errors = self._last
        if server is not last:
            errors = () if server is None else tuple(self._errors(server))
            self._last = server, errors
        return errors

    def _errors(self, server: Container) -> Iterator[RpcError]:
        for user in _entries(server.branch(tsrv("users")), "user"):
            for key in user.entries(tsrv("authorized-key")):
                yield from self._key_errors(user, key)
        for entry in _entries(server.branch(tsrv("tls")), "cert-to-name"):
            try:
                parse_fingerprint(entry.value(tsrv("fingerprint")) or "")
            except FingerprintError as error:
                yield _blame(Location(self._fingerprint, (entry.key,)), f"{error}.", "fingerprint-unusable")
        yield from self._listen_errors(tuple(_listens(server.branch(tsrv("listen")))))

    def _key_errors(self, user: Entry, key: Entry) -> Iterator[RpcError]:
        try:
            parse_key(key.value(tsrv("key")) or "")
        except CredentialsError as error:
            yield _blame(Location(self._key, (user.key, key.key)), f"{error}.", "key-unusable")

    def _listen_errors(self, listens: Sequence[Listen]) -> Iterator[RpcError]:
        taken: dict[tuple[str, int], Listen] = {}
        for listen in listens:
            other = taken.setdefault(listen.at, listen)
            if other is not listen and other.transport is not listen.transport:
                message = f"Listener {other.name!r} of {other.transport} has this address and port already."
                at = Location(self._port[listen.transport], ((listen.name,),))
                yield _blame(at, message, "address-in-use")


def _blame(at: Location, message: str, app_tag: str) -> RpcError:
    return at.blame(invalid_value(message[0].upper() + message[1:], app_tag=app_tag))


def _listens(listen: Container | None) -> Iterator[Listen]:
    for transport in Transport:
        for entry in _entries(listen, transport):
            port = int(entry.value(tsrv("port")) or _LISTEN_PORTS[transport])
            yield Listen(transport, entry.key[0], entry.value(tsrv("address")) or "", port)


def _tls(tls: Container | None) -> TlsSettings:
    if tls is None:
        return TlsSettings()
    key = tls.value(tsrv("key")) or ""
    return TlsSettings(
        key=key,
        certificate=tls.value(tsrv("certificate")) or key,
        authorities=tuple(tls.values(tsrv("client-authority"))),
        names=tuple(_cert_to_name(entry) for entry in tls.entries(tsrv("cert-to-name"))),
    )


def _cert_to_name(entry: Entry) -> CertToName:
    return CertToName(
        id=int(entry.key[0]),
        fingerprint=parse_fingerprint(entry.value(tsrv("fingerprint")) or ""),
        map_type=MapType((entry.value(tsrv("map-type")) or "").rpartition(":")[2]),
        name=entry.value(tsrv("name")) or "",
    )


def _user(entry: Entry) -> User:
    password = entry.value(tsrv("password"))
    return User(
        password=None if password is None else parse_hash(password),
        keys=tuple(parse_key(key.value(tsrv("key")) or "") for key in entry.entries(tsrv("authorized-key"))),
        groups=tuple(entry.values(tsrv("group"))),
    )


def _clients(call_home: Container | None) -> Iterator[Client]:
    for entry in _entries(call_home, "client"):
        if entry.value(tsrv("enabled")) != "false":
            yield _client(entry)


def _client(entry: Entry) -> Client:
    transport = Transport(entry.value(tsrv("transport")) or Transport.SSH)
    periodic = entry.branch(tsrv("periodic"))
    strategy = entry.branch(tsrv("reconnect-strategy"))
    return Client(
        name=entry.key[0],
        tls=transport is Transport.TLS,
        endpoints=tuple(
            Endpoint(
                each.key[0],
                each.value(tsrv("address")) or "",
                int(each.value(tsrv("port")) or _CALL_PORTS[transport]),
            )
            for each in sorted(entry.entries(tsrv("endpoint")), key=lambda each: each.key)
        ),
        strategy=Strategy() if strategy is None else _strategy(strategy),
        period=0.0 if periodic is None else float(periodic.value(tsrv("period")) or 3600),
        idle_timeout=0.0 if periodic is None else float(periodic.value(tsrv("idle-timeout")) or 120),
    )


def _strategy(strategy: Container) -> Strategy:
    own = Strategy()
    return Strategy(
        start_with=StartWith(strategy.value(tsrv("start-with")) or own.start_with),
        max_wait=float(strategy.value(tsrv("max-wait")) or own.max_wait),
        max_attempts=int(strategy.value(tsrv("max-attempts")) or own.max_attempts),
        min_backoff=float(strategy.value(tsrv("min-backoff")) or own.min_backoff),
        max_backoff=float(strategy.value(tsrv("max-backoff")) or own.max_backoff),
    )


def _limits(limits: Container) -> ServerLimits:
    own, transport = ServerLimits(), TransportLimits()
    framing, outbox = FramingLimits(), OutboxLimits()

    def number(name: str, default: float) -> int:
        return int(limits.value(tsrv(name)) or default)

    message = number("message-size", framing.message)
    session = ConnectionLimits(
        hello_timeout=float(number("hello-timeout", ConnectionLimits().hello_timeout)),
        framing=FramingLimits(number("hello-size", framing.hello), message, message),
        outbox=OutboxLimits(
            number("notification-backlog", outbox.messages),
            number("notification-backlog-size", outbox.octets),
        ),
        nesting_depth=number("nesting-depth", ConnectionLimits().nesting_depth),
    )
    return ServerLimits(
        partial=PartialLimits(
            number("partial-locks", own.partial.locks), number("partial-lock-nodes", own.partial.nodes)
        ),
        push=Limits(
            total=number("subscriptions", own.push.total),
            per_session=number("subscriptions-per-session", own.push.per_session),
            suspension=number("subscription-suspension", own.push.suspension / SECOND) * SECOND,
            period=number("push-period", own.push.period / CENTISECOND) * CENTISECOND,
            update=number("push-update-size", own.push.update),
        ),
        sessions=number("sessions", own.sessions),
        sessions_per_user=number("sessions-per-user", own.sessions_per_user),
        idle_timeout=float(number("idle-timeout", own.idle_timeout)),
        transport=TransportLimits(
            connections=number("connections", transport.connections),
            unauthenticated=number("unauthenticated-connections", transport.unauthenticated),
            unauthenticated_per_source=number(
                "unauthenticated-per-source", transport.unauthenticated_per_source
            ),
            login_grace=float(number("login-grace", transport.login_grace)),
            auth_attempts=number("login-attempts", transport.auth_attempts),
            failures_per_source=number("failures-per-source", transport.failures_per_source),
            failure_window=float(number("failure-window", transport.failure_window)),
            sessions_per_connection=number("sessions-per-connection", transport.sessions_per_connection),
            session_grace=float(number("session-grace", transport.session_grace)),
            write_stall=float(number("write-stall", transport.write_stall)),
            session=session,
        ),
    )


def _entries(branch: Branch | None, name: str) -> Iterator[Entry]:
    return iter(()) if branch is None else branch.entries(tsrv(name))
