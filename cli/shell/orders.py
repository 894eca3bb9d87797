"""The commands that are not made from the model: those of the session, `display` and `reset`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cli.shell.grammar import Kind, State, merge
from cli.shell.model import Model, Order
from cli.shell.pattern import Slot, compile_pattern
from cli.shell.values import LeafKind, NumberKind, TextKind
from cli.shell.words import INTERFACE, PROFILE, SERVICE
from server.schema.outline import OutlineType

USER: Final = "user"
CONFIGURING: Final = "configuring"
EVERYWHERE: Final = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what is typed, in which views, and the name of what is done."""

    pattern: str
    name: str
    help: str
    view: str = EVERYWHERE


COMMANDS: Final = (
    Command("system-view", "system-view", "Enter the system view, where the configuration is edited", USER),
    Command("quit", "quit", "Leave this view; in the user view, leave the shell"),
    Command("return", "return", "Go back to the user view", CONFIGURING),
    Command(
        "commit [trial <seconds>] [persist <token>] [persist-id <persist-id>] [description <description>]",
        "commit",
        "Make the candidate configuration the running one",
        CONFIGURING,
    ),
    Command("abort", "abort", "Discard the changes and go back to the user view", CONFIGURING),
    Command("abort trial [persist-id <persist-id>]", "abort-trial", "Undo a commit on trial", CONFIGURING),
    Command("clear configuration candidate", "clear", "Discard the changes of the candidate"),
    Command(
        "rollback configuration to commit-id <commit-id> [description <description>]",
        "rollback",
        "Make running what it was after an earlier commit",
    ),
    Command("configuration exclusive", "lock", "Let nobody else change the configuration", CONFIGURING),
    Command(
        "update [{resolution:prefer-candidate|prefer-running}]",
        "update",
        "Merge what others have committed into the candidate",
        CONFIGURING,
    ),
    *(
        Command(pattern, name, "Show configuration and state")
        for pattern, name in (
            ("display this", "display-this"),
            ("display this candidate", "display-this-candidate"),
            ("display current-configuration", "display-running"),
            ("display configuration candidate", "display-candidate"),
            ("display configuration changes", "display-changes"),
            ("display configuration commit list", "display-commits"),
            ("display configuration commit changes [at <commit-id>]", "display-commit"),
            ("display remote-backup-profile [<profile>]", "display-profile"),
            ("display remote-backup-profile slot <slot> <profile>", "display-profile-slot"),
            ("display remote-backup-service [<service> [{verbose:verbose}]]", "display-service"),
            ("display multicast-rui statistic [all]", "display-statistic"),
            (
                "display {protocol:igmp|mld} group [<group>] [interface <interface>] [{verbose:verbose}]",
                "display-igmp-group",
            ),
            ("display igmp interface [<interface>]", "display-igmp-interface"),
            ("display igmp control-message counters [<interface>]", "display-igmp-counters"),
            ("display vrrp", "display-vrrp"),
            ("display users", "display-users"),
        )
    ),
    *(
        Command(pattern, name, "Start counters from zero")
        for pattern, name in (
            ("reset multicast-rui statistic all", "reset-all"),
            ("reset multicast remote-backup {igmp|bas} statistics", "reset-all"),
            ("reset remote-backup-service <service> statistic", "reset-service"),
        )
    ),
)

UNDO: Final = (Command("configuration exclusive", "unlock", "Let others change it again", CONFIGURING),)

HELPS: Final[Mapping[str, str]] = {
    "this": "The configuration of this view",
    "current-configuration": "The running configuration",
    "candidate": "The configuration that the next commit makes the running one",
    "changes": "What the next commit changes, or what a commit changed",
    "list": "The commits that are known, the last one first",
    "configuration": "The candidate configuration, and the commits before",
    "exclusive": "For this session only, until it ends or undoes it",
    "remote-backup-profile": "Remote backup profiles: roles, bindings, and whether they copy",
    "remote-backup-service": "Remote backup services: the channels to peers",
    "multicast-rui": "Records that crossed the channels",
    "igmp": "IGMP: memberships, interfaces, messages",
    "group": "The groups that have members",
    "interface": "Interfaces toward subscribers",
    "control-message": "Messages by kind",
    "vrrp": "Who is master, profile by profile, however that is decided",
    "users": "The NETCONF sessions",
    "mld": "MLD: memberships",
    "multicast": "Multicast replication",
    "remote-backup": "Multicast replication",
    "bas": "Memberships of subscribers",
    "statistics": "Counters",
    "counters": "Messages by kind",
    "commit": "The commits before",
    "to": "The commit to go back to",
    "slot": "As the dataplane sees it",
    "verbose": "Everything that is known",
    "all": "All of them",
    "trial": "Undo it by itself unless it is confirmed in time",
    "persist": "Let another session confirm it that knows this word",
    "persist-id": "The word of the commit on trial",
    "description": "Why, for the list of commits",
    "commit-id": "The number of a commit, see display configuration commit list",
    "prefer-candidate": "Where both changed one thing, keep what this session has",
    "prefer-running": "Where both changed one thing, take what was committed",
    "at": "A commit other than the last",
    "undo": "Take something back",
    "display": "Show configuration and state",
    "reset": "Start counters from zero",
    "clear": "Discard the changes of the candidate",
    "rollback": "Make running what it was after an earlier commit",
    "statistic": "Counters",
}


def orders(model: Model, *, configuring: bool) -> State:
    """Return the state of the commands of the user view, or of those below the system view."""
    return merge(_state(model, item) for item in COMMANDS if _stands(item, configuring))


def undo_orders(model: Model, *, configuring: bool) -> State:
    """Return what may follow `undo` among them."""
    return merge(_state(model, item) for item in UNDO if _stands(item, configuring))


def _stands(command: Command, configuring: bool) -> bool:
    return command.view in {EVERYWHERE, CONFIGURING if configuring else USER}


def _state(model: Model, command: Command) -> State:
    first = command.pattern.split()[0]
    helps = {**HELPS, first: command.help}
    return compile_pattern(
        command.pattern, _slots(model), helps, lambda values: Order(command.name, {**values})
    )


def _slots(model: Model) -> dict[str, Slot]:
    return {
        "profile": _named(model, f"{PROFILE}/name", "A profile"),
        "service": _named(model, f"{SERVICE}/name", "A service"),
        "interface": _named(model, f"{INTERFACE}/name", "An interface"),
        "group": Slot(TextKind(64), "The address of a group"),
        "slot": Slot(NumberKind(0, 255), "Any number: there is one dataplane"),
        "seconds": Slot(NumberKind(1, 2**32 - 1), "How long it may stay unconfirmed, in seconds"),
        "commit-id": Slot(NumberKind(0, 2**64 - 1), "The number of a commit"),
        "token": Slot(TextKind(64), "A word of your own"),
        "persist-id": Slot(TextKind(64), "The word that was given with persist"),
        "description": Slot(TextKind(1024), "Why it is done", rest=True),
    }


def _named(model: Model, path: str, text: str) -> Slot:
    node = model.find(path)
    kind: Kind = TextKind(128, lower=True)
    if node is not None:
        kind = LeafKind(OutlineType("leafref", target=path), model.find)
    return Slot(kind, text)
