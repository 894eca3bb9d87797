"""The commands of the session: views, commit and its relatives."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from cli.shell.answer import Answer, CommandError
from cli.shell.displays.profile import ask, entry_path
from cli.shell.displays.service import services_of
from cli.shell.editing import action
from cli.shell.model import Act, Order
from cli.shell.netconf import Refused
from cli.shell.words import SERVICE

if TYPE_CHECKING:
    from cli.shell.shell import Shell

LEAVE: Final = "Warning: there are changes that were not committed. Commit them? [Y(yes)/N(no)/C(cancel)]: "
OTHERS: Final = "Warning: the candidate holds changes of other sessions. {} them too? [Y(yes)/N(no)]: "


def system_view(shell: "Shell", _order: Order) -> Answer:
    """Go to the system view; a script locks a shared candidate, so that its commit is its own changes."""
    if shell.ask is None and shell.candidate.lock_of == "candidate":
        _lock(shell)
    shell.views = shell.views.system()
    return Answer("" if shell.ask is None else "Enter system view, return to user view with 'return'.")


def _lock(shell: "Shell") -> None:
    if not shell.candidate.locked:
        shell.netconf.lock(shell.candidate.lock_of)
        shell.candidate.locked = True


def lock(shell: "Shell", _order: Order) -> Answer:
    """Keep others out: of the shared candidate or, with a private one, of running."""
    _lock(shell)
    return Answer()


def unlock(shell: "Shell", _order: Order) -> Answer:
    """Let others in again; what a shared candidate holds is discarded then, so that is asked about first."""
    if not shell.candidate.locked:
        raise CommandError("Error: this session has locked nothing.")
    datastore = shell.candidate.lock_of
    if datastore == "candidate" and shell.candidate.changed and not _settled(shell):
        return Answer()
    shell.netconf.lock(datastore, unlock=True)
    shell.candidate.locked = False
    return Answer()


def quit_view(shell: "Shell", _order: Order) -> Answer:
    """Leave a view; below the user view there is only the end."""
    if not shell.views.configuring:
        return Answer(leave=True)
    if len(shell.views.stack) == 1 and not _settled(shell):
        return Answer()
    shell.views = shell.views.leave()
    return Answer()


def return_to_user(shell: "Shell", _order: Order) -> Answer:
    """Go back to the user view."""
    if _settled(shell):
        shell.views = shell.views.top()
    return Answer()


def _settled(shell: "Shell") -> bool:
    """Have the user decide about changes of his that wait; returns whether he may leave."""
    shell.candidate.settle()
    if not shell.candidate.own or shell.ask is None:
        return True
    answer = shell.ask(LEAVE, "ync")
    if answer == "y":
        commit(shell, Order("commit", {}))
    elif answer == "n":
        _discard(shell)
    return answer != "c" and not shell.candidate.own


def commit(shell: "Shell", order: Order) -> Answer:
    """Commit; on trial the server undoes it by itself unless a second commit confirms it."""
    shell.candidate.look()
    if shell.candidate.conflict:
        raise CommandError(f"Error: {shell.candidate.conflict}")
    if shell.candidate.foreign and not _agreed(shell, "Commit"):
        raise CommandError("Error: nothing was committed.")
    values = {"persist": order.get("token"), "persist-id": order.get("persist-id")}
    on_trial = bool(order.get("seconds"))
    if values["persist"] and not on_trial:
        raise CommandError("Error: persist goes with trial: commit trial SECONDS persist WORD.")
    if on_trial:
        values["confirm-timeout"] = order.get("seconds")
    given = {name: value for name, value in values.items() if value}
    shell.netconf.commit(given, confirmed=on_trial, comment=order.get("description"))
    shell.candidate.emptied()
    shell.trial = on_trial and not values["persist"]
    if on_trial:
        return Answer(
            f"Info: on trial for {order.get('seconds')} s; 'commit' confirms it, 'abort trial' undoes it."
        )
    return Answer()


def _agreed(shell: "Shell", verb: str) -> bool:
    return shell.ask is not None and shell.ask(OTHERS.format(verb), "yn") == "y"


def update(shell: "Shell", order: Order) -> Answer:
    """Merge in what others have committed; when both changed one thing, as the word says."""
    shell.netconf.update(order.get("resolution") or "revert-on-conflict")
    return Answer()


def abort(shell: "Shell", order: Order) -> Answer:
    """Discard the changes and go back to the user view."""
    clear(shell, order)
    shell.views = shell.views.top()
    return Answer()


def abort_trial(shell: "Shell", order: Order) -> Answer:
    """Undo the commit that is on trial."""
    shell.netconf.cancel_commit(order.get("persist-id"))
    shell.trial = False
    shell.candidate.look()
    if not shell.candidate.changed:
        return Answer("Info: the commit on trial was undone.")
    return Answer("Info: the commit on trial was undone; its changes are in the candidate again.")


def clear(shell: "Shell", _order: Order) -> Answer:
    """Discard the changes of the candidate."""
    shell.candidate.look()
    if shell.candidate.foreign and shell.ask is not None and not _agreed(shell, "Discard"):
        raise CommandError("Error: nothing was discarded.")
    _discard(shell)
    return Answer()


def _discard(shell: "Shell") -> None:
    shell.netconf.discard()
    shell.candidate.emptied()


def rollback(shell: "Shell", order: Order) -> Answer:
    """Fill the candidate with what running was and commit it: one undoable step with a reason."""
    shell.candidate.look()
    if shell.candidate.changed:
        raise CommandError(
            "Error: there are changes that were not committed: 'commit' or 'clear configuration candidate'."
        )
    number = order.get("commit-id")
    reason = order.get("description") or f"rollback to commit {number}"
    shell.netconf.rollback(number, reason)
    shell.candidate.edited()
    try:
        shell.netconf.commit({}, comment=reason)
    except Refused:
        _discard(shell)
        raise
    shell.candidate.emptied()
    return Answer(f"Info: the configuration is what it was after commit {number}.")


def reset_all(shell: "Shell", _order: Order) -> Answer:
    """Start the counters of every service from zero."""
    names = [item.text("name") or "" for item in services_of(ask(shell, SERVICE))]
    for name in names:
        _reset(shell, name)
    return Answer(f"Info: the counters of {', '.join(names) or 'no service'} were reset.")


def reset_service(shell: "Shell", order: Order) -> Answer:
    """Start the counters of one service from zero."""
    _reset(shell, order.get("service"))
    return Answer("Info: the counters were reset.")


def _reset(shell: "Shell", name: str) -> None:
    path = entry_path(shell.model, SERVICE, name)
    reset = next(item for item in path[-1].node.actions if item.name == "reset-statistics")
    shell.netconf.call(action(Act(path, reset)))


VERBS: Final[Mapping[str, Callable[["Shell", Order], Answer]]] = {
    "system-view": system_view,
    "quit": quit_view,
    "return": return_to_user,
    "commit": commit,
    "abort": abort,
    "abort-trial": abort_trial,
    "clear": clear,
    "rollback": rollback,
    "lock": lock,
    "update": update,
    "reset-all": reset_all,
    "reset-service": reset_service,
    "unlock": unlock,
}
