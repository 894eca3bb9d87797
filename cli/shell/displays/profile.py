"""`display remote-backup-profile` and `display vrrp`: roles, bindings, and whether messages are copied."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lxml import etree

from cli.shell.answer import Answer, CommandError
from cli.shell.displays.layout import RULE, Reader, field, moment, several, table
from cli.shell.editing import subtree
from cli.shell.model import Model, Order, Path, Step
from cli.shell.words import PROFILE

if TYPE_CHECKING:
    from cli.shell.shell import Shell

TRB: Final = "urn:twincast:yang:remote-backup"
LARGE: Final = frozenset({"group"})
"""Lists of memberships, which are not asked for here."""
STATES: Final = {"init": "Initial", "backup": "Slave", "master": "Master"}
"""Our roles in the vendor's words."""


def profiles_of(data: etree._Element) -> list[Reader]:
    """Return the profiles in an answer."""
    root = data.find(f"{{{TRB}}}remote-backup")
    return Reader(root, TRB).all("remote-backup-profile") if root is not None else []


def entry_path(model: Model, place: str, *keys: str) -> Path:
    """Return the path of an entry of a list right below a top-level container. Raises CommandError."""
    node = model.find(place)
    root = model.find(place.rpartition("/")[0])
    if node is None or root is None:
        raise CommandError(f"Error: the server has no {place}.")
    return (Step(root), Step(node, keys))


def ask(shell: "Shell", place: str, *keys: str) -> etree._Element:
    """Return entries of a list with their defaults and state, but without memberships."""
    path = entry_path(shell.model, place, *keys)
    children = [child for child in path[-1].node.children if child.name not in LARGE]
    return shell.netconf.get(subtree(path, children), "report-all")


def profile(shell: "Shell", order: Order) -> Answer:
    """One profile with all that is known of it, or a table of all."""
    name = order.get("profile")
    data = ask(shell, PROFILE, *([name] if name else []))
    found = profiles_of(data)
    if name:
        return Answer("\n".join(whole(one(found, "remote-backup-profile", name))), data)
    return Answer("\n".join(overview(found)), data)


def one(found: Sequence[Reader], kind: str, name: str) -> Reader:
    """Return the only entry; raises CommandError when there is none."""
    if not found:
        raise CommandError(f"Error: there is no {kind} {name!r}.")
    return found[0]


def overview(profiles: Sequence[Reader]) -> list[str]:
    """Return the table of all profiles."""
    head = ("Backup-ID", "Profile-Name", "State", "Peer State", "igmp-copy", "DHCP-STB copies")
    rows = [
        (
            item.text("backup-id") or "",
            item.text("name") or "",
            state(item, "local-role"),
            state(item, "peer-role"),
            switch(item.text("dhcp-stb/igmp-copy")),
            copy_state(item, "dhcp-stb"),
        )
        for item in profiles
    ]
    return [*table(head, rows), f" Total {len(rows)} printed"]


def whole(item: Reader) -> list[str]:
    """Return the fields of one profile: the vendor's in the vendor's order, then what we know beyond."""
    return [
        RULE,
        field("Profile-Index", None),
        field("Profile-Name", item.text("name")),
        field("Service", "multicast" if item.text("service-type/multicast") != "false" else None),
        field("Remote-backup-service", item.text("service-name")),
        field("Backup-ID", item.text("backup-id")),
        *_track(item),
        field("Access-Control", None),
        field("State", state(item, "local-role")),
        field("Peer State", state(item, "peer-role")),
        *several("Interface", item.texts("bound-interface")),
        field("Backup mode", item.text("mode") or "hot"),
        *(field(label, None) for label in ("Slot-Number", "Card-Number", "Port-Number")),
        *(field(label, None) for label in ("Traffic threshold", "Traffic interval")),
        f" dhcp-stb igmp-copy {switch(item.text('dhcp-stb/igmp-copy'))}",
        f" dhcp-stb mld-copy {switch(item.text('dhcp-stb/mld-copy'))}",
        *_copying(item),
        RULE,
    ]


def _track(item: Reader) -> Iterator[str]:
    """How the role is decided."""
    if item.has("vrrp"):
        yield field("Track protocol", "VRRP")
        yield field("VRRP-ID", item.text("vrrp/vrid"))
        yield field("VRRP-Interface", item.text("vrrp/interface"))
        yield field("VRRP-Virtual-IP", item.text("vrrp/virtual-address"))
    elif item.has("e-trunk"):
        yield field("Track protocol", "E-Trunk")
        yield field("E-Trunk-ID", item.text("e-trunk/id"))
        yield field("E-Trunk-Priority", item.text("e-trunk/priority"))
    else:
        role = item.text("static-role")
        yield field("Track protocol", "static" if role else None)
        if role:
            yield field("Static-Role", STATES.get(role, role))


def _copying(item: Reader) -> list[str]:
    status = "igmp-copy-status"
    return [
        field("DHCP-STB copy state", copy_state(item, "dhcp-stb")),
        field("PPPoE-STB copy state", copy_state(item, "pppoe-stb")),
        field(
            "Groups / entries",
            f"{item.number(f'{status}/groups-count')} / {item.number(f'{status}/entries-count')}",
        ),
        field("Retained entries", item.text(f"{status}/retained-count")),
        field("Last batch completed", moment(item.text(f"{status}/last-batch-completed"))),
        field("Last role change", moment(item.text("last-role-change"))),
        field("Reason", item.text("last-role-change-reason")),
        *_hellos(item),
    ]


def _hellos(item: Reader) -> Iterator[str]:
    """Yield what was heard of the peer of an e-trunk, and why not what was not."""
    statistics = "hello-statistics"
    if not item.has(statistics):
        return
    sent, received = (item.number(f"{statistics}/{leaf}") for leaf in ("sent", "received"))
    yield field("Hellos sent / received", f"{sent} / {received}")
    for entry in item.all(f"{statistics}/refused"):
        yield field("Hellos refused", f"{entry.number('hellos')} {entry.text('reason')}")


def state(item: Reader, leaf: str) -> str:
    """Return a role in the vendor's words."""
    role = item.text(leaf) or ""
    return STATES.get(role, role)


def switch(value: str | None) -> str:
    """Return what is said of a copy leaf, which is true by default."""
    return "disable" if value == "false" else "enable"


def copy_state(item: Reader, kind: str) -> str:
    """Return the copy-state of one kind of subscriber; empty without a dataplane."""
    for entry in item.all("igmp-copy-status/subscriber-type"):
        if entry.text("type") == kind:
            return entry.text("copy-state") or ""
    return ""


_OFF: Final = frozenset({"admin-disabled", "service-disabled"})


def slot(shell: "Shell", order: Order) -> Answer:
    """What the dataplane has of a profile: whether a commit has reached it."""
    data = ask(shell, PROFILE, order.get("profile"))
    item = one(profiles_of(data), "remote-backup-profile", order.get("profile"))
    return Answer("\n".join(in_dataplane(item, order.get("slot"))), data)


def in_dataplane(item: Reader, number: str) -> list[str]:
    """Return the fields; the last line is the one that tells whether messages of DHCP STBs are copied."""
    known = copy_state(item, "dhcp-stb")
    status = "igmp-copy-status"
    copying = "disable" if known in _OFF else "enable"
    return [
        RULE,
        field("Slot", f"{number} (all slots are one dataplane)"),
        field("Profile-Name", item.text("name")),
        field("Backup-ID", item.text("backup-id")),
        field("State", state(item, "local-role")),
        field("Peer State", state(item, "peer-role")),
        field("Groups", item.text(f"{status}/groups-count")),
        field("Entries", item.text(f"{status}/entries-count")),
        field("Retained entries", item.text(f"{status}/retained-count")),
        field("Copy state", known),
        RULE,
        f" DHCP user IGMP copy : {copying if known else 'unknown, the dataplane does not answer'}",
    ]


def vrrp(shell: "Shell", _order: Order) -> Answer:
    """Who is master, profile by profile."""
    data = ask(shell, PROFILE)
    return Answer("\n".join(roles(profiles_of(data))), data)


def roles(profiles: Sequence[Reader]) -> list[str]:
    """Return a table of roles; for profiles with a VRRP group, of the group."""
    head = ("VRID", "State", "Peer State", "Interface", "Type", "Virtual IP", "Profile", "Last change")
    rows = []
    for item in profiles:
        kind = "VRRP" if item.has("vrrp") else "E-Trunk" if item.has("e-trunk") else "static"
        known = kind != "static" or item.text("static-role")
        rows.append(
            (
                item.text("vrrp/vrid") or item.text("e-trunk/id") or "",
                state(item, "local-role"),
                state(item, "peer-role"),
                item.text("vrrp/interface") or ", ".join(item.texts("bound-interface")),
                kind if known else "",
                item.text("vrrp/virtual-address") or "",
                item.text("name") or "",
                moment(item.text("last-role-change")) or "",
            )
        )
    masters = sum(item.text("local-role") == "master" for item in profiles)
    backups = sum(item.text("local-role") == "backup" for item in profiles)
    rest = len(rows) - masters - backups
    return [
        *table(head, rows),
        f" Total: {len(rows)}  Master: {masters}  Backup: {backups}  Non-active: {rest}",
    ]
