"""`display igmp` and `display mld`: memberships, interfaces toward subscribers, messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import etree

from cli.shell.answer import Answer
from cli.shell.displays.layout import Reader, duration, field, table
from cli.shell.displays.profile import TRB, entry_path, profiles_of
from cli.shell.editing import subtree
from cli.shell.model import Order
from cli.shell.words import INTERFACE, PROFILE

if TYPE_CHECKING:
    from cli.shell.shell import Shell

IETF: Final = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
KINDS: Final = ("query", "report", "leave", "total")


@dataclass(frozen=True, slots=True)
class Membership:
    """One subscriber in one group."""

    profile: str
    entry: Reader

    def text(self, leaf: str) -> str:
        """Return a leaf of the entry, empty when it is not there."""
        return self.entry.text(leaf) or ""


def group(shell: "Shell", order: Order) -> Answer:
    """The groups that have members, interface by interface."""
    path = entry_path(shell.model, PROFILE)
    chosen = subtree(path)
    profile = chosen[0][0]
    name = path[-1].node.child("name")
    etree.SubElement(profile, name.tag)
    wanted = etree.SubElement(profile, f"{{{TRB}}}group")
    for leaf, given in (("group-address", "group"), ("interface", "interface")):
        if order.get(given):
            etree.SubElement(wanted, f"{{{TRB}}}{leaf}").text = order.get(given)
    data = shell.netconf.get(chosen)
    found = [item for item in memberships(data) if (":" in item.text("group-address")) is _is_mld(order)]
    show = verbose if order.get("verbose") else brief
    return Answer("\n".join(show(found, "MLD" if _is_mld(order) else "IGMP")), data)


def _is_mld(order: Order) -> bool:
    return order.get("protocol") == "mld"


def memberships(data: etree._Element) -> Iterator[Membership]:
    """Yield the memberships of an answer."""
    for profile in profiles_of(data):
        for entry in profile.all("group"):
            yield Membership(profile.text("name") or "", entry)


def _by_interface(found: Sequence[Membership]) -> dict[str, list[Membership]]:
    sorted_in: dict[str, list[Membership]] = {}
    for item in found:
        sorted_in.setdefault(item.text("interface"), []).append(item)
    return sorted_in


def brief(found: Sequence[Membership], protocol: str) -> Iterator[str]:
    """Yield a row for each group of an interface, whatever the number of its members."""
    if not found:
        yield f" Total 0 {protocol} Groups reported"
    for interface, members in _by_interface(found).items():
        groups: dict[str, list[Membership]] = {}
        for item in members:
            groups.setdefault(item.text("group-address"), []).append(item)
        yield f" {interface}:"
        yield f"  Total {len(groups)} {protocol} Group{'s' if len(groups) != 1 else ''} reported"
        head = ("Group Address", "Last Reporter", "Uptime", "Expires", "Members", "Origin", "Forwarding")
        yield from (f" {line}" for line in table(head, [_of_group(*item) for item in groups.items()]))


def _of_group(address: str, members: list[Membership]) -> tuple[str, ...]:
    last = max(members, key=lambda item: int(item.text("expire") or 0))
    up = max((item.text("up-time") or "0" for item in members), key=int)
    origins = sorted({item.text("origin") for item in members})
    forwarding = any(item.text("forwarding") == "true" for item in members)
    return (
        address,
        last.text("last-reporter"),
        duration(up) or "",
        duration(last.text("expire")) or "",
        str(len(members)),
        "+".join(origins),
        "yes" if forwarding else "no",
    )


def verbose(found: Sequence[Membership], protocol: str) -> Iterator[str]:
    """Yield everything about every membership."""
    for interface, members in _by_interface(found).items():
        yield f" {interface}:"
        for item in members:
            yield from _fields(item)
    yield f" Total {len(found)} {protocol} memberships"


def _fields(item: Membership) -> Iterator[str]:
    yield field("Group", item.text("group-address"))
    yield field("  Subscriber", item.text("subscriber"))
    yield field("  Subscriber type", item.text("subscriber-type"))
    yield field("  Profile", item.profile)
    yield field("  Origin", item.text("origin"))
    yield field("  Group mode", item.text("filter-mode"))
    yield field("  Uptime", duration(item.text("up-time")))
    yield field("  Expires", duration(item.text("expire")))
    yield field("  Last reporter", item.text("last-reporter"))
    yield field("  Forwarding", f"{item.text('forwarding')} ({item.text('forwarding-reason')})")
    for source in item.entry.all("source"):
        expires = duration(source.text("expire")) or "excluded"
        yield field("  Source", f"{source.text('source-address')}, {expires}")


def interfaces_of(data: etree._Element) -> Iterator[tuple[str, Reader]]:
    """Yield the name and the multicast part of each interface that takes part."""
    for entry in data.iterfind(f"{{{IETF}}}interfaces/{{{IETF}}}interface"):
        part = entry.find(f"{{{TRB}}}multicast")
        if part is not None:
            yield entry.findtext(f"{{{IETF}}}name", ""), Reader(part, TRB)


def _interfaces(shell: "Shell", order: Order) -> etree._Element:
    name = order.get("interface")
    path = entry_path(shell.model, INTERFACE, *([name] if name else []))
    node = path[-1].node
    chosen = [child for child in node.children if child.name in {"name", "multicast"}]
    return shell.netconf.get(subtree(path, chosen), "report-all")


def interface(shell: "Shell", order: Order) -> Answer:
    """How IGMP is spoken on each interface toward subscribers."""
    data = _interfaces(shell, order)
    return Answer("\n".join(line for item in interfaces_of(data) for line in on_interface(*item)), data)


def on_interface(name: str, item: Reader) -> list[str]:
    """Return the fields of one interface."""
    if item.has("upstream"):
        return [f" {name}: toward the core, preference {item.text('upstream/preference')}"]
    return [
        f" {name}:",
        field("Remote backup profile", item.text("remote-backup-profile")),
        field("Access id", item.text("access-id")),
        field("IGMP version", item.text("igmp/version")),
        field("Query interval (s)", item.text("igmp/query-interval")),
        field("Max response time (s)", item.text("igmp/query-max-response-time")),
        field("Last member query (s)", item.text("igmp/last-member-query-interval")),
        field("Robustness", item.text("igmp/robustness-variable")),
        field("Immediate leave", item.text("igmp/immediate-leave")),
        field("Querier", item.text("querier")),
        field("MLD querier", item.text("mld-querier")),
        field("Group limit", item.text("igmp/max-groups")),
        field("Group filter rules", str(len(item.all("igmp/group-filter")))),
        field("Forwarding plane", item.text("plane")),
    ]


def counters(shell: "Shell", order: Order) -> Answer:
    """The messages of each interface by kind."""
    data = _interfaces(shell, order)
    lines = [line for item in interfaces_of(data) for line in messages(*item)]
    return Answer("\n".join(lines), data)


def messages(name: str, item: Reader) -> list[str]:
    """Return the table of one interface: what was sent, taken and refused."""
    rows = [
        (
            kind.capitalize(),
            *(str(item.number(f"statistics/{what}/{kind}")) for what in ("sent", "received", "error")),
        )
        for kind in KINDS
    ]
    dropped = [
        field(f"  dropped {entry.text('reason')}", entry.text("packets"))
        for entry in item.all("statistics/dropped")
    ]
    return [f" {name}:", *table(("Message Type", "Sent", "Valid", "Invalid"), rows), *dropped]
