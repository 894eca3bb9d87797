"""What the operations ask before they do or show something: who may (RFC 8341), with its counters.

Owns the way from a user to his grants, remembered as long as running and his groups stay as they are.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from server.access.censor import censored, distinct
from server.access.nacm import Grants
from server.access.named import without_hidden_names
from server.access.policy import PolicyReader
from server.access.references import hidden_references
from server.access.rules import Access, Identity, Policy
from server.protocol.errors import ErrorType, RpcError, access_denied, together
from server.protocol.session import Peer
from server.schema.model import Operation, Schema, Tag
from server.tree.diff import Change, ChangeKind, diff
from server.tree.etag import etag
from server.tree.filter import Selection
from server.tree.location import Location
from server.tree.node import Container

_NACM: Final = "ietf-netconf-acm:nacm"
_COUNTER32: Final = 1 << 32
MAX_REFUSALS: Final = 64
"""Changes that one answer refuses."""
REMEMBERED: Final = 4_096
"""Users whose grants are kept: twice the sessions there can be."""

_NEEDED: Final = {
    ChangeKind.CREATE: Access.CREATE,
    ChangeKind.DELETE: Access.DELETE,
    ChangeKind.REPLACE: Access.UPDATE,
    ChangeKind.MOVE: Access.UPDATE,
}


@dataclass(slots=True)
class Denied:
    """What was denied since the server started (the counters of RFC 8341 section 3.5.2)."""

    operations: int = 0
    data_writes: int = 0
    notifications: int = 0


class Guard:
    """Decides for the users of sessions; safe for many threads.

    `running` is the configuration whose rules count.
    """

    def __init__(self, schema: Schema, running: Callable[[], Container]) -> None:
        self._schema = schema
        self._reader = PolicyReader(schema)
        self._running = running
        self._known: tuple[Policy | None, dict[Identity, Grants]] = (None, {})
        self._counting = threading.Lock()
        self._denied = Denied()

    def grants(self, peer: Peer) -> Grants:
        """Return what the user of a session may do now."""
        policy = self._reader.read(self._running())
        identity = Identity(peer.username, peer.groups, recovery=peer.administrator)
        last, known = self._known
        if last is not policy or len(known) >= REMEMBERED:
            known = {}
            self._known = policy, known
        found = known.get(identity)
        if found is None:
            found = known[identity] = Grants(policy, identity)
        return found

    def visible(self, peer: Peer, root: Container) -> Container:
        """Return what the user may read of `root`: `root` itself when that is all."""
        readable = self.grants(peer).reach(Access.READ)
        return without_hidden_names(self._schema, readable, readable.visible(root))

    def etag(self, peer: Peer, root: Container) -> str:
        """Return the etag of what the user may read of `root`: what he may not read cannot show in it."""
        return etag(self.visible(peer, root))

    def check_operation(self, peer: Peer, tag: Tag) -> None:
        """Raise RpcError access-denied when the user may not invoke the operation `tag`; counted."""
        operation = self._schema.rpcs.get(tag)
        if operation is None:
            name = tag.rpartition("}")[2]
            permitted = self.grants(peer).may_execute("", name)
        else:
            name = operation.name
            permitted = self.grants(peer).may_execute(
                operation.module, name, default_deny=operation.default_deny_all
            )
        if not permitted:
            with self._counting:
                self._denied.operations += 1
            raise access_denied(f"the operation <{name}> is not permitted to you", ErrorType.PROTOCOL)

    def check_changes(self, peer: Peer, changes: "tuple[Change, ...]") -> None:
        """Raise access-denied for the changes that the user may not make; counted as one request.

        Each error names the node when the user may read it, else nothing that he does not know.
        """
        grants = self.grants(peer)
        if grants.unrestricted:
            return
        denied = (at for change in changes for at in _denied(grants, change))
        refused = tuple(islice((self._refusal(grants, at) for at in denied), MAX_REFUSALS))
        if refused:
            self._count_write()
            raise together(distinct(refused))

    def permitted(self, peer: Peer, old: Container, new: Container) -> Container:
        """Return `new` when the user may go there from `old`; raises as `check_changes`."""
        if not self.grants(peer).unrestricted:
            self.check_changes(peer, diff(old, new))
        return new

    def check_references(self, peer: Peer, old: Container, new: Container) -> None:
        """Raise data-missing for references in `new`, and not in `old`, to what the user may not read.

        Called before the validator, whose verdict would tell whether the target exists.
        """
        grants = self.grants(peer)
        readable = grants.reach(Access.READ)
        if grants.unrestricted or readable.permits_all_below(Location(self._schema.root)):
            return
        found = hidden_references(self._schema, readable, diff(old, new), readable.visible(new))
        refused = tuple(islice(found, MAX_REFUSALS))
        if refused:
            raise together(refused)

    def check_locks(self, peer: Peer, nodes: Iterable[Location]) -> None:
        """Raise RpcError access-denied for the first node that the user may not lock; counted as a write.

        Who locks a node has to be permitted to read it with all that may be below it (RFC 5717 section
        2.4.1), and, so that nobody keeps others from what he may not do himself, to write it.
        """
        grants = self.grants(peer)
        if grants.unrestricted:
            return
        readable = grants.reach(Access.READ)
        writing = [grants.reach(access) for access in (Access.UPDATE, Access.CREATE, Access.DELETE)]
        for at in nodes:
            if not readable.permits_all_below(at) or not any(reach.permits(at) for reach in writing):
                with self._counting:
                    self._denied.data_writes += 1
                raise at.blame(access_denied("you may lock only what you may write and read as a whole"))

    def blind(self, peer: Peer) -> Callable[[Location, frozenset[Access]], RpcError | None] | None:
        """Return the check of writes to what the user may not read; None when nothing is denied to him.

        It returns the answer to a write at a location that needs some kinds of access, None when it may go
        on. Without it whoever may not read a node could find out by a create, delete or merge whether it is
        there, and what it is.
        """
        grants = self.grants(peer)
        if grants.unrestricted:
            return None
        counted = False

        def check(at: Location, needed: frozenset[Access]) -> RpcError | None:
            nonlocal counted
            if grants.reach(Access.READ).permits_all_above(at):
                return None
            if needed and all(grants.reach(access).permits(at) for access in needed):
                return None
            if not counted:
                self._count_write()
                counted = True
            return self._refusal(grants, at)

        return check

    def sight(self, peer: Peer) -> Callable[[Location], bool] | None:
        """Return what tells whether the user may know of a node; None when he may know of all."""
        grants = self.grants(peer)
        return None if grants.unrestricted else grants.reach(Access.READ).permits_all_above

    def censored(self, peer: Peer, errors: Iterable[RpcError]) -> tuple[RpcError, ...]:
        """Return errors as the user may see them."""
        grants = self.grants(peer)
        if grants.unrestricted:
            return tuple(errors)
        readable = grants.reach(Access.READ)
        return distinct(censored(self._schema, readable, error) for error in errors)

    def _count_write(self) -> None:
        """One request to write was denied, for however many nodes."""
        with self._counting:
            self._denied.data_writes += 1

    def _refusal(self, grants: Grants, at: Location) -> RpcError:
        error = access_denied("the change is not permitted to you")
        return at.blame(error) if grants.reach(Access.READ).permits_all_above(at) else error

    def check_action(self, peer: Peer, operation: Operation, at: Location) -> None:
        """Raise RpcError access-denied when the user may not invoke an action of the node `at`; counted."""
        grants = self.grants(peer)
        if grants.may_act(at, operation.module, operation.tag, default_deny=operation.default_deny_all):
            return
        with self._counting:
            self._denied.operations += 1
        error = access_denied(f"the action <{operation.name}> is not permitted to you")
        raise at.blame(error) if grants.reach(Access.READ).permits_all_above(at) else error

    def may_receive(self, peer: Peer, operation: Operation, at: Location | None = None) -> bool:
        """Return whether the user may be sent a notification, about the node `at` if it has one; counted."""
        permitted = self.grants(peer).may_receive(
            operation.module, operation.name, at, tag=operation.tag, default_deny=operation.default_deny_all
        )
        if not permitted:
            with self._counting:
                self._denied.notifications += 1
        return permitted

    def state(self, selection: Selection) -> dict[str, object]:
        """Return the counters below `/nacm` as RFC 7951-like data."""
        if not selection.wants(f"/{_NACM}"):
            return {}
        with self._counting:
            counted = {
                "denied-operations": self._denied.operations % _COUNTER32,
                "denied-data-writes": self._denied.data_writes % _COUNTER32,
                "denied-notifications": self._denied.notifications % _COUNTER32,
            }
        return {_NACM: counted}


def _denied(grants: Grants, change: Change) -> Iterable[Location]:
    reach = grants.reach(_NEEDED[change.kind])
    node = change.new if change.new is not None else change.old
    if change.kind in (ChangeKind.REPLACE, ChangeKind.MOVE) or node is None:
        return () if reach.permits(change.location) else (change.location,)
    return reach.denied(change.location, node)  # a created or deleted subtree, with all below it
