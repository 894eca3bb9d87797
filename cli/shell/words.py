"""The vendor's words where they differ from the names of the model, and how views are called.

Data only: a leaf that is added to the model needs nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SERVICE: Final = "/twincast-remote-backup:remote-backup/remote-backup-service"
PROFILE: Final = "/twincast-remote-backup:remote-backup/remote-backup-profile"
INTERFACE: Final = "/ietf-interfaces:interfaces/interface"

TITLES: Final[Mapping[str, str]] = {
    SERVICE: "rm-backup-srv-{}",
    PROFILE: "rm-backup-prf-{}",
    INTERFACE: "{}",
}
"""What the prompt shows of a view; other views are called NAME-KEY."""

HOISTED: Final[Mapping[str, tuple[str, ...]]] = {INTERFACE: ("multicast",)}
"""Containers whose children can be typed without the container's word."""

POSITIONAL: Final[Mapping[str, str]] = {f"{SERVICE}/peer": "address", f"{PROFILE}/e-trunk": "id"}
"""Containers whose first value needs no word: `peer 10.0.0.2`, `e-trunk 1`."""

REST_OF_LINE: Final = frozenset({"description", "comment"})
"""Leaves that take the line to its end."""

BY_ITSELF: Final[Mapping[str, tuple[str, str]]] = {INTERFACE: ("type", "iana-if-type:ethernetCsmacd")}
"""What an entry is given when it is made by its view's command: a router's user types no type."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A vendor's command for leaves of a view.

    `pattern` names leaves by their paths below the entry; `sets` are leaves that it gives a fixed value.
    `undo` followed by the words up to the first value takes all of them away. What is not `shown` is
    another way to type something that is shown otherwise.
    """

    view: str
    pattern: str
    help: str
    sets: tuple[tuple[str, str], ...] = ()
    shown: bool = True


PHRASES: Final = (
    Phrase(
        PROFILE,
        "backup-id <backup-id> remote-backup-service <service-name>",
        "The number of the profile on the channel, and the service whose channel it is",
    ),
    Phrase(PROFILE, "peer-backup <mode>", "How far the backup prepares itself"),
    Phrase(
        PROFILE,
        "vrrp-id <vrrp/vrid> interface <vrrp/interface> [virtual-address <vrrp/virtual-address>]",
        "The VRRP group that decides the role",
    ),
    Phrase(
        PROFILE,
        "vrrp6-id <vrrp/vrid> interface <vrrp/interface> [virtual-address <vrrp/virtual-address>]",
        "The VRRP group for IPv6 that decides the role",
        shown=False,
    ),
    Phrase(
        SERVICE,
        "peer-ipv6 <peer/address> source-ipv6 <peer/source-address> port <peer/port>",
        "Where the peer is, by IPv6",
        shown=False,
    ),
    Phrase(SERVICE, "bind ssl-policy <tls/key>", "The key and certificate of this router", shown=False),
    Phrase(SERVICE, "shutdown", "Take the channel down and keep it down", sets=(("enabled", "false"),)),
    Phrase(
        SERVICE,
        "batch-backup service-type {all|multicast} daily <daily-batch-backup>",
        "Send a batch of the memberships",
    ),
)


@dataclass(frozen=True, slots=True)
class EntryPhrase:
    """A vendor's command for an entry of a list of a view; keys that are left out have a `default`."""

    view: str
    words: str
    list: str
    help: str
    defaults: tuple[str, ...]


ENTRIES: Final = (
    EntryPhrase(
        SERVICE, "backup block", "backup-block", "Stop replication in one direction", ("", "multicast")
    ),
)


@dataclass(frozen=True, slots=True)
class ActionPhrase:
    """A vendor's command for an action of a view."""

    view: str
    pattern: str
    action: str
    help: str


ACTIONS: Final = (
    ActionPhrase(
        SERVICE,
        "batch-backup service-type {all|multicast} now",
        "batch-backup",
        "Send a batch of the memberships",
    ),
)


def title(path: str, name: str, keys: tuple[str, ...]) -> str:
    """Return what the prompt shows of an entry's view."""
    form = TITLES.get(path)
    return form.format(*keys) if form else "-".join((name, *keys))


def first_sentence(text: str) -> str:
    """Return the first sentence of a description, for a list of words."""
    for position in range(len(text) - 1):
        if text[position] in ".:;" and text[position + 1] == " " and text[position - 2] != ".":
            return text[:position]
    return text.rstrip(".")
