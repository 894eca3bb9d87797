"""`display remote-backup-service` and `display multicast-rui statistic`: the channels."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lxml import etree

from cli.shell.answer import Answer
from cli.shell.displays.layout import RULE, Reader, field, moment, table
from cli.shell.displays.profile import TRB, ask, one, profiles_of
from cli.shell.model import Order
from cli.shell.words import PROFILE, SERVICE

if TYPE_CHECKING:
    from cli.shell.shell import Shell

_SENT: Final = ("total", "fail", "success", "acknowledged", "queue-dropped", "retransmitted")
_RECEIVED: Final = (
    "total",
    "fail",
    "success",
    "duplicate",
    "sequence-gap",
    "decode-error",
    "blocked",
    "refused-connections",
    "unknown-profile",
    "unknown-access",
)
_VENDORS: Final = 3
"""How many of them the vendor has too, and prints first."""


def services_of(data: etree._Element) -> list[Reader]:
    """Return the services in an answer."""
    root = data.find(f"{{{TRB}}}remote-backup")
    return Reader(root, TRB).all("remote-backup-service") if root is not None else []


def service(shell: "Shell", order: Order) -> Answer:
    """One service, in full with `verbose`; or a table of all."""
    name = order.get("service")
    data = ask(shell, SERVICE, *([name] if name else []))
    found = services_of(data)
    if not name:
        return Answer("\n".join(overview(found)), data)
    item = one(found, "remote-backup-service", name)
    return Answer("\n".join(whole(item, verbose=bool(order.get("verbose")))), data)


def overview(services: Sequence[Reader]) -> list[str]:
    """Return the table of all services."""
    head = ("Service-Name", "TCP-State", "Peer-ip", "Source-ip", "TCP-Port", "Security", "Sync state")
    rows = [
        (
            item.text("name") or "",
            tcp_state(item),
            item.text("peer/address") or "",
            item.text("peer/source-address") or "",
            item.text("peer/port") or "",
            item.text("channel-security") or "",
            item.text("sync-state") or "",
        )
        for item in services
    ]
    return [*table(head, rows), f" Total {len(rows)} printed"]


def tcp_state(item: Reader) -> str:
    """Return the state of the channel with a capital, as the vendor prints it."""
    found = (item.text("channel-state") or "").capitalize()
    return f"{found} (shutdown)" if item.text("enabled") == "false" else found


def whole(item: Reader, *, verbose: bool) -> list[str]:
    """Return the fields of one service: the vendor's in the vendor's order, then what we know beyond."""
    return [
        RULE,
        field("Service-Index", None),
        field("Service-Name", item.text("name")),
        field("TCP-State", tcp_state(item)),
        field("Peer-ip", item.text("peer/address")),
        field("Source-ip", item.text("peer/source-address")),
        field("TCP-Port", item.text("peer/port")),
        field("Track-BFD", None),
        field("Track-interface", None),
        field("SSL-Policy-Name", _policy(item)),
        field("SSL-State", item.text("channel-security")),
        field("Last up time", moment(item.text("last-up-time"))),
        field("Last down time", moment(item.text("last-down-time"))),
        field("Last down reason", item.text("last-down-reason")),
        field("Batch-backup", _daily(item)),
        field("Blocked on TX", _blocked(item, "send")),
        field("Blocked on RX", _blocked(item, "receive")),
        field("Sync state", item.text("sync-state")),
        *(_mismatches(item)),
        *(_counters(item) if verbose else ()),
        RULE,
    ]


def _policy(item: Reader) -> str | None:
    """What stands for the vendor's policy: the name of this router's key."""
    if item.has("none") or item.has("tcp-md5"):
        return None
    return item.text("tls/key") or "channel"


def _daily(item: Reader) -> str | None:
    time = item.text("daily-batch-backup")
    return f"multicast daily {time}" if time else None


def _blocked(item: Reader, direction: str) -> str:
    blocks = (entry for entry in item.all("backup-block") if entry.text("direction") == direction)
    return ", ".join(entry.text("service") or "" for entry in blocks) or "no"


def _mismatches(item: Reader) -> Iterator[str]:
    for entry in item.all("peer-mismatch"):
        yield field(
            "Peer differs",
            f"{entry.text('profile')} {entry.text('setting')}: {entry.text('local-value')} here, "
            f"{entry.text('peer-value')} there",
        )


def _counters(item: Reader) -> Iterator[str]:
    yield field("Counters since", moment(item.text("statistics/discontinuity-time")))
    for name in _SENT:
        yield field(f"  sent {name}", str(item.number(f"statistics/sent/{name}")))
    for name in _RECEIVED:
        yield field(f"  received {name}", str(item.number(f"statistics/received/{name}")))


def statistic(shell: "Shell", _order: Order) -> Answer:
    """What crossed the channels, service by service, and what was copied, profile by profile."""
    data = ask(shell, SERVICE)
    profiles = ask(shell, PROFILE)
    lines = [*records(services_of(data)), *copies(profiles_of(profiles))]
    for child in profiles:
        root = data.find(child.tag)
        if root is None:
            data.append(child)
        else:
            root.extend(list(child))
    return Answer("\n".join(lines), data)


def records(services: Sequence[Reader]) -> Iterator[str]:
    """Yield the vendor's counters of each service."""
    for item in services:
        yield RULE
        yield f" Remote-backup-service {item.text('name')}, since " + (
            moment(item.text("statistics/discontinuity-time")) or "the start"
        )
        for title, kind, names in (
            ("RUI Master send", "sent", _SENT),
            ("RUI Slave receive", "received", _RECEIVED),
        ):
            for name in names[:_VENDORS]:
                yield field(f"{title} {name}", str(item.number(f"statistics/{kind}/{name}")))
    yield RULE


def copies(profiles: Sequence[Reader]) -> list[str]:
    """Return what was copied by kind of subscriber: which of them still grow after a commit."""
    head = ("Profile", "Subscribers", "Copied", "Applied", "Not copied", "Copy state")
    rows = []
    for item in profiles:
        for entry in item.all("igmp-copy-status/subscriber-type"):
            refused = sum(part.number("messages") for part in entry.all("statistics/not-copied"))
            rows.append(
                (
                    item.text("name") or "",
                    entry.text("type") or "",
                    str(entry.number("statistics/copied/total")),
                    str(entry.number("statistics/applied/total")),
                    str(refused),
                    entry.text("copy-state") or "",
                )
            )
    return table(head, rows) if rows else []
