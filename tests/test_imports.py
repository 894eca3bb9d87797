"""The import rules of the architecture: what may import what, read from the sources themselves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("server", "dataplane", "cli")

PURE = (
    "cli/lab/timeline.py",
    "cli/lab/measure.py",
    "cli/lab/scenes.py",
    "cli/lab/svg.py",
    "cli/lab/plots.py",
    "cli/lab/page.py",
    "cli/top/render.py",
    "cli/top/requests.py",
    "server/protocol",
    "server/tree",
    "server/xpath",
    "server/access/rules.py",
    "server/access/failures.py",
    "server/access/certificates.py",
    "server/management/config.py",
    "server/management/names.py",
    "server/management/lockout.py",
    "server/transport/reconnect.py",
    "server/access/reach.py",
    "server/access/nacm.py",
    "server/access/policy.py",
    "server/access/censor.py",
    "server/access/named.py",
    "server/schema/names.py",
    "server/schema/node.py",
    "server/datastores/candidates.py",
    "server/datastores/confirmed.py",
    "server/datastores/history.py",
    "server/schema/yang_text.py",
    "server/schema/judged_operations.py",
    "server/schema/off_references.py",
    "server/datastores/locks.py",
    "server/datastores/partial.py",
    "server/push/errors.py",
    "server/push/limits.py",
    "server/push/machine.py",
    "server/push/pace.py",
    "server/push/terms.py",
    "server/push/update.py",
    "server/push/unconfigured.py",
    "dataplane/packets",
    "dataplane/membership",
    "dataplane/replication/records.py",
    "dataplane/replication/messages.py",
    "dataplane/replication/liveness.py",
    "dataplane/replication/mapping.py",
    "dataplane/replication/settings.py",
    "dataplane/replication/outputs.py",
    "dataplane/replication/outgoing.py",
    "dataplane/replication/pending.py",
    "dataplane/replication/incoming.py",
    "dataplane/replication/handshake.py",
    "dataplane/replication/peer.py",
    "dataplane/replication/trust.py",
    "dataplane/roles",
    "dataplane/forwarding/desired.py",
    "dataplane/forwarding/memory.py",
    "dataplane/forwarding/placement.py",
    "dataplane/forwarding/plane.py",
    "dataplane/forwarding/querier.py",
    "dataplane/forwarding/reports.py",
    "dataplane/forwarding/upstream.py",
    "dataplane/engine",
    "dataplane/recording/plain.py",
    "dataplane/recording/journal.py",
    "dataplane/recording/replay.py",
    "dataplane/actions.py",
    "dataplane/copy_policy.py",
    "dataplane/subscriber_list.py",
    "dataplane/config.py",
    "server/northbound/config.py",
    "server/northbound/claims.py",
    "server/status",
    "server/web/request.py",
    "server/web/response.py",
    "server/schema/outline.py",
    "cli/shell/tokens.py",
    "cli/shell/grammar.py",
    "cli/shell/values.py",
    "cli/shell/model.py",
    "cli/shell/pattern.py",
    "cli/shell/words.py",
    "cli/shell/nodes.py",
    "cli/shell/phrases.py",
    "cli/shell/orders.py",
    "cli/shell/language.py",
    "cli/shell/editing.py",
    "cli/shell/views.py",
    "cli/shell/render.py",
    "cli/shell/changes.py",
    "cli/shell/pipes.py",
    "cli/shell/rfc7951.py",
)
IMPURE = frozenset(
    {"socket", "asyncio", "threading", "time", "os", "logging", "subprocess", "selectors", "select"}
)


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        path = ROOT / folder
        if path.suffix == ".py":
            assert path.exists(), f"{folder} is named here but is not there"
            yield path
        else:
            found = sorted(path.rglob("*.py")) or [path.with_suffix(".py")]
            assert all(file.exists() for file in found), f"{folder} is named here but is not there"
            yield from found


def imported(path: Path) -> set[str]:
    """Every module that the file imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def importers(module: str) -> set[str]:
    """The files that import `module` or something in it."""
    return {
        str(path.relative_to(ROOT))
        for path in modules(*PACKAGES)
        if any(name == module or name.startswith(f"{module}.") for name in imported(path))
    }


def test_dataplane_never_imports_server() -> None:
    assert not {name for name in importers("server") if name.startswith("dataplane/")}


def test_only_northbound_and_cli_import_the_dataplane() -> None:
    outside = {name for name in importers("dataplane") if not name.startswith(("dataplane/", "cli/"))}
    assert {name for name in outside if not name.startswith("server/northbound/")} == set()


def test_northbound_reaches_the_dataplane_through_its_client_and_types_only() -> None:
    allowed = {
        "dataplane.config",
        "dataplane.state",
        "dataplane.control.client",
        "dataplane.control.messages",
    }
    for path in modules("server/northbound"):
        reached = {name for name in imported(path) if name.startswith("dataplane")}
        assert {name for name in reached if not any(name.startswith(prefix) for prefix in allowed)} <= {
            "dataplane",
            "dataplane.control",
        }, path


def test_nothing_below_cli_imports_cli() -> None:
    assert {name for name in importers("cli") if not name.startswith("cli/")} == set()


def test_libyang_is_in_the_validator_child_only() -> None:
    assert importers("oopt_gnpy_libyang") == {"server/schema/validator_child.py"}


def test_pyang_is_in_the_schema_only() -> None:
    assert {name for name in importers("pyang") if not name.startswith("server/schema/")} == set()


def test_paramiko_is_in_the_ssh_transport_only() -> None:
    assert {name for name in importers("paramiko") if not name.startswith("server/transport/")} == set()


@pytest.mark.parametrize("path", list(modules(*PURE)), ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_modules_import_no_world(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imported(path)}
    assert tops & IMPURE == set()


@pytest.mark.parametrize("path", list(modules(*PACKAGES)), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400, "split it: a file is read from top to bottom"


FLOORS = {
    "server": {
        "protocol": 1,
        "schema": 2,
        "tree": 3,
        "xpath": 4,
        "access": 4,
        "provider": 4,
        "status": 4,
        "providers": 5,
        "datastores": 5,
        "telemetry": 5,
        "push": 6,
        "operations": 7,
        "northbound": 7,
        "transport": 8,
        "web": 8,
        "management": 9,
        "metrics": 9,
        "app": 10,
    },
    "dataplane": {
        "actions": 0,
        "config": 0,
        "state": 0,
        "netlink": 0,
        "receive_queue": 0,
        "packets": 1,
        "links": 1,
        "capture": 1,
        "copy_policy": 2,
        "subscriber_list": 2,
        "interfaces": 2,
        "wires": 2,
        "news": 2,
        "subscriber_files": 3,
        "membership": 2,
        "replication": 2,
        "roles": 2,
        "forwarding": 3,
        "engine": 4,
        "recording": 5,
        "control": 5,
        "protection": 5,
        "clock": 5,
        "channel_messages": 5,
        "captures": 5,
        "shell": 6,
        "app": 7,
    },
}


@pytest.mark.parametrize("path", list(modules(*FLOORS)), ids=lambda path: str(path.relative_to(ROOT)))
def test_an_import_only_goes_down_a_floor(path: Path) -> None:
    package, part = path.relative_to(ROOT).parts[:2]
    own, floors = part.removesuffix(".py"), FLOORS[package]
    if own == "__init__":
        return
    split = [name.split(".") for name in imported(path) if name.startswith(f"{package}.")]
    reached = {names[1] for names in split if names[1] in floors or len(names) == 2}
    assert {part for part in reached if part != own and floors[part] >= floors[own]} == set()
