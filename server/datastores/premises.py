"""What clients rely on when they change a configuration: that nodes are still as they know them.

An edit may say which etag a node has (draft-ietf-netconf-transaction-id). An edit of running is refused when
it has another; what edits of the candidate say is kept with it and is looked at when it is committed. Pure.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from server.protocol.errors import (
    ErrorType,
    InfoElement,
    RpcError,
    RpcErrors,
    operation_failed,
    resource_denied,
)
from server.protocol.session import Peer
from server.tree.etag import along, etag, versioned
from server.tree.location import Location
from server.tree.node import Container

TXID_MODULE_NAMESPACE: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-txid"
MAX_PREMISES: Final = 10_000
"""Nodes that one candidate may be relied on for; with their paths about 5 MB."""
MAX_ERRORS: Final = 256
MISMATCH: Final = "txid-value-mismatch"
"""error-app-tag."""

Visible: TypeAlias = Callable[[Peer, Container], Container]
"""What of a tree may be read at the other end of a session."""


@dataclass(frozen=True, slots=True)
class Premise:
    """Who is at the other end of a session takes the node at `location` to have an etag."""

    peer: Peer
    location: Location
    etag: str


@dataclass(slots=True)
class Premises:
    """Those of one candidate: of each user the last for each node."""

    _kept: dict[tuple[str, Location], Premise] = field(default_factory=dict)

    def add(self, premises: Iterable[Premise]) -> None:
        """Keep some; raises RpcError resource-denied, and then none of them is kept."""
        fresh = {(premise.peer.username, premise.location): premise for premise in premises}
        if len(fresh.keys() | self._kept.keys()) > MAX_PREMISES:
            message = f"the candidate has etags for more than {MAX_PREMISES} nodes; commit it or discard it"
            raise resource_denied(message, ErrorType.PROTOCOL)
        self._kept.update(fresh)

    def clear(self) -> None:
        """Rely on nothing any more."""
        self._kept.clear()

    def check(self, user: str, root: Container, visible: Visible) -> None:
        """Look whether `root` is as it was taken to be; raises as `check`."""
        check(user, root, self._kept.values(), visible)


def check(user: str, root: Container, premises: Iterable[Premise], visible: Visible) -> None:
    """Raise RpcErrors operation-failed, one for each node that is not as it was taken to be.

    What another user than `user` has said is told without its path: `user` may not be permitted to read it.
    """
    found = list(islice(_mismatches(user, root, premises, visible), MAX_ERRORS))
    if found:
        raise RpcErrors(found)


def _mismatches(
    user: str, root: Container, premises: Iterable[Premise], visible: Visible
) -> Iterator[RpcError]:
    for premise in premises:
        seen = visible(premise.peer, along(root, premise.location))
        branch = versioned(seen, premise.location)
        own = "" if branch is None else etag(branch)
        if own != premise.etag:
            yield _mismatch(premise, own) if premise.peer.username == user else _of_another()


def _mismatch(premise: Premise, own: str) -> RpcError:
    at = premise.location
    is_root = at.schema.parent is None
    what = "the configuration" if is_root else f"<{at.schema.name}>"
    why = "is not what the etag stands for" if own else "does not exist any more"
    info = [] if is_root else [InfoElement("mismatch-path", at.path, namespaces=at.namespaces)]
    if own:
        info.append(InfoElement("mismatch-etag-value", own))
    error = _failed(f"{what} {why}: read it again", tuple(info))
    return error if is_root else at.blame(error)


def _of_another() -> RpcError:
    return _failed("another user has edited the candidate for a running configuration that has changed", ())


def _failed(message: str, info: tuple[InfoElement, ...]) -> RpcError:
    error = operation_failed(message, type=ErrorType.PROTOCOL, app_tag=MISMATCH)
    error.info = (InfoElement("txid-value-mismatch-error-info", "", TXID_MODULE_NAMESPACE, children=info),)
    return error
