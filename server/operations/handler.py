"""What an operation is to the dispatcher."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from lxml import etree

from server.datastores.history import Author
from server.protocol.messages import BASE_NAMESPACE, Reply
from server.telemetry.sessions import Session


class Handler(Protocol):
    """Carries out one operation; raises RpcError or RpcErrors for what the client got wrong."""

    def __call__(self, session: Session, operation: etree._Element, /) -> Reply:
        """`operation` is the element below `<rpc>`."""


Handlers: TypeAlias = Mapping[str, Handler]
"""Clark name of the operation's element to its handler."""


def base(name: str) -> str:
    """Return the Clark name of an operation of RFC 6241."""
    return f"{{{BASE_NAMESPACE}}}{name}"


def author(session: Session, label: str = "", comment: str = "") -> Author:
    """Return who asks, for the commit history."""
    return Author(session.session_id, session.peer.username, session.peer.source_host, label, comment)
