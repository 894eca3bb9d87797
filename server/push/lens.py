"""What a subscription needs to see of datastores; `server.operations.selections` implements it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from server.protocol.session import Peer
from server.push.terms import DatastoreTerms, Filter
from server.schema.node import SchemaNode
from server.telemetry.subscription import Condition
from server.tree.node import Container

FILTERS: Final = "{urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications}filters"
ACCESS: Final = "{urn:ietf:params:xml:ns:yang:ietf-netconf-acm}nacm"
"""Top-level nodes of running that subscriptions depend on, whatever they are about."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen; `streamed` are the nodes above lists whose entries come when they are printed."""

    tree: Container
    streamed: frozenset[SchemaNode] = frozenset()


class Lens(Protocol):
    """One selection of one datastore. What a user may not read is not there when it is applied.

    `polls`: it is about state that changes without a commit. `waits`: a look may wait for the dataplane.
    """

    @property
    def polls(self) -> bool:
        """See above."""

    @property
    def waits(self) -> bool:
        """See above; the same for all selections of a datastore."""

    def concerns(self, old: Container, new: Container) -> bool:
        """Whether going from one configuration to another may change what is selected."""

    def look(self, peer: Peer, root: Container | None = None) -> Look:
        """Return what is selected for a user now; raises Unacceptable for a filter that takes too long.

        `root` is the configuration to look at in the place of the present one.
        """

    def try_out(self, peer: Peer) -> Look:
        """`look`, for the first time; raises Unacceptable when it takes so long that others would suffer."""

    def pieces(self, look: Look) -> Iterable[bytes]:
        """Print it; raises ConnectionError when the source of state goes away."""


class Selections(Protocol):
    """Makes what filters say, and finds configured ones."""

    def condition(self, wanted: Filter) -> Condition | None:
        """Return what lets event records pass, None for all; raises Unacceptable filter-unsupported."""

    def lens(self, terms: DatastoreTerms, session_id: int) -> Lens:
        """Return what sees what a subscription is about, the candidate as the session has it.

        Raises Unacceptable when it cannot be had.
        """

    def stream_filter(self, peer: Peer, name: str) -> Filter | None:
        """Return the configured stream-filter of a name, None when the user may read none."""

    def selection_filter(self, peer: Peer, name: str) -> Filter | None:
        """Return the configured selection-filter of a name, None when the user may read none."""
