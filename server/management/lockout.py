"""Whether whoever commits could come in again the way he came. Pure."""

from dataclasses import dataclass

from server.access.certificates import name_of
from server.access.users import User, credentials
from server.management.config import ServerConfig
from server.protocol.session import Origin

APP_TAG = "would-lock-out"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who has a session, how he came, and what the state folder says of him."""

    name: str
    origin: Origin
    stored: User


@dataclass(frozen=True, slots=True)
class Lockout:
    """What is missing: a node below /server, the key of its entry if it is one of a list, and why."""

    node: str
    key: str
    why: str


def lockout(
    visitor: Visitor, before: ServerConfig, after: ServerConfig, trusted: frozenset[bytes]
) -> Lockout | None:
    """Return what would keep the visitor from coming again; None when nothing would.

    What did so before already does not count. `trusted` has the certificates of client authorities after
    the change, as DER.
    """
    return _endpoint(visitor, before, after) or _credential(visitor, before, after, trusted)


def _endpoint(visitor: Visitor, before: ServerConfig, after: ServerConfig) -> Lockout | None:
    kind, _, name = visitor.origin.endpoint.partition(":")
    if kind == "call-home":
        gone = _called(name, before) and not _called(name, after)
        return Lockout("call-home/client", name, f"The client {name!r} would not be called") if gone else None
    old = next((each for each in before.listens if each.endpoint == visitor.origin.endpoint), None)
    if old is None or old in after.listens:
        return None
    same = any(each.at == old.at and each.transport is old.transport for each in after.listens)
    why = f"{old.address} port {old.port} would not be listened on"
    return None if same else Lockout(f"listen/{old.transport}", old.name, why)


def _called(name: str, config: ServerConfig) -> bool:
    return any(client.name == name for client in config.clients)


def _credential(
    visitor: Visitor, before: ServerConfig, after: ServerConfig, trusted: frozenset[bytes]
) -> Lockout | None:
    chain = visitor.origin.chain
    if chain:
        if not _known(visitor, before):
            return None
        if not _known(visitor, after):
            return Lockout("tls/cert-to-name", "", "Your certificate would not be yours")
        believed = bool(after.tls.key) and not trusted.isdisjoint(chain)
        return None if believed else Lockout("tls", "", "Your certificate would not be believed")
    if not _accepted(visitor, before) or _accepted(visitor, after):
        return None
    what = visitor.origin.credential.partition(":")[0]
    return Lockout("users/user", visitor.name, f"The {what} that you logged in with would not be accepted")


def _known(visitor: Visitor, config: ServerConfig) -> bool:
    return name_of(visitor.origin.chain, config.tls.names) == visitor.name


def _accepted(visitor: Visitor, config: ServerConfig) -> bool:
    configured = config.users.get(visitor.name, User())
    return visitor.origin.credential in credentials(visitor.stored) | credentials(configured)
