"""`display` of configurations: of a view, of a datastore, of what a commit would change."""

from typing import TYPE_CHECKING

from lxml import etree

from cli.shell.answer import Answer
from cli.shell.changes import differences
from cli.shell.editing import instance, subtree
from cli.shell.model import Order, Path
from cli.shell.render import Renderer, document

if TYPE_CHECKING:
    from cli.shell.shell import Shell


def this(shell: "Shell", _order: Order) -> Answer:
    """The running configuration of the current view."""
    return _of_view(shell, "running")


def this_candidate(shell: "Shell", _order: Order) -> Answer:
    """The candidate's configuration of the current view."""
    return _of_view(shell, "candidate")


def _of_view(shell: "Shell", datastore: str) -> Answer:
    path = shell.views.path
    if not path:
        return _of_datastore(shell, datastore)
    data = shell.netconf.get_config(datastore, subtree(path))
    return Answer(_view_text(Renderer(shell.model), data, path), data)


def _view_text(renderer: Renderer, data: etree._Element, path: Path) -> str:
    element = instance(data, path)
    if element is None:
        return "#\nreturn"
    return "\n".join(["#", *(f" {line.shown}" for line in renderer.view(element, path)), "#", "return"])


def running(shell: "Shell", _order: Order) -> Answer:
    """The whole running configuration."""
    return _of_datastore(shell, "running")


def candidate(shell: "Shell", _order: Order) -> Answer:
    """The whole candidate."""
    return _of_datastore(shell, "candidate")


def _of_datastore(shell: "Shell", datastore: str) -> Answer:
    data = shell.netconf.get_config(datastore)
    return Answer(document(Renderer(shell.model).sections(data)), data)


def changes(shell: "Shell", _order: Order) -> Answer:
    """What the next commit would change."""
    renderer = Renderer(shell.model)
    sides = [renderer.sections(shell.netconf.get_config(name)) for name in ("running", "candidate")]
    lines = list(differences(*sides))
    return Answer("\n".join(lines) or "Info: there are no changes.")
