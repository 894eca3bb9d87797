"""docs/capabilities.md, made from running servers: `python -m tests.capabilities > docs/capabilities.md`.

What is announced comes from the hello and yang-library; which test proves it is said in CAPABILITIES and
MODULES. Whoever adds a capability or a module adds a line there and makes the document anew;
tests/interop/test_capabilities.py holds the three together.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from lxml import etree

from tests.support.twincast import Twincast

PREFIX: Final = "urn:ietf:params:netconf:"
LIBRARY: Final = '<yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"/>'

CAPABILITIES: Final[Mapping[str, str]] = {
    "base:1.0": "interop/test_ssh_transport.py::test_netconf_client",
    "base:1.1": "interop/test_ssh_transport.py::test_netconf_client",
    "capability:candidate:1.0": "interop/test_candidate.py::test_the_whole_cycle",
    "capability:confirmed-commit:1.0": "interop/test_confirmed_commit.py::test_ncclient_confirms_and_cancels",
    "capability:confirmed-commit:1.1": "interop/test_confirmed_commit.py::test_ncclient_confirms_and_cancels",
    "capability:rollback-on-error:1.0": "interop/test_candidate.py::test_error_options",
    "capability:validate:1.0": "interop/test_candidate.py::test_the_whole_cycle",
    "capability:validate:1.1": "interop/test_candidate.py::test_test_only_changes_nothing",
    "capability:xpath:1.0": "interop/test_xpath_filters.py::test_what_is_selected",
    "capability:writable-running:1.0": (
        "interop/test_writable_running.py::test_an_edit_of_running_is_a_commit"
    ),
    "capability:startup:1.0": (
        "interop/test_writable_running.py::test_startup_is_what_a_start_begins_with_and_running_survives_a_restart"
    ),
    "capability:url:1.0": "interop/test_urls.py::test_the_whole_round",
    "capability:notification:1.0": "interop/test_notifications.py::test_sessions_and_commits_are_told",
    "capability:interleave:1.0": (
        "interop/test_tls_transport.py::test_notifications_come_while_the_session_reads"
    ),
    "capability:partial-lock:1.0": (
        "interop/test_partial_locks.py::test_what_is_locked_is_the_holders_alone"
    ),
    "capability:private-candidate:1.0": (
        "interop/test_private_candidates.py::test_everybody_has_his_own_and_the_others_share_one"
    ),
    "capability:txid:1.0": "interop/test_transaction_ids.py::test_every_container_and_entry_has_one",
    "capability:txid:etag:1.0": (
        "interop/test_transaction_ids.py::test_a_change_is_made_when_nothing_else_changed"
    ),
    "capability:with-defaults:1.0": "interop/test_with_defaults.py::test_the_four_modes",
    "capability:with-operational-defaults:1.0": (
        "interop/test_nmda.py::test_operational_has_defaults_and_origins"
    ),
    "capability:yang-library:1.1": "interop/test_reading.py::test_yang_library",
}
"""For each capability the test that proves it, below tests/."""

_FETCHED = "interop/test_capabilities.py::test_every_module_can_be_fetched"
MODULES: Final[Mapping[str, str]] = {
    "iana-if-type": "interop/test_values.py::test_a_value_comes_back_in_its_canonical_form",
    "ietf-datastores": "interop/test_nmda.py::test_the_conventional_datastores",
    "ietf-inet-types": "interop/test_generated_conformance.py",
    "ietf-interfaces": "interop/test_generated_conformance.py",
    "ietf-netconf": "interop/test_edit_operations.py::test_operations_on_what_is_there",
    "ietf-netconf-acm": "interop/test_access_control.py::test_a_rule_lets_one_subtree_be_written",
    "ietf-netconf-monitoring": "interop/test_reading.py::test_monitoring_tells_the_truth_about_sessions",
    "ietf-netconf-nmda": "interop/test_nmda.py::test_edit_data",
    "ietf-netconf-notifications": "interop/test_notifications.py::test_sessions_and_commits_are_told",
    "ietf-netconf-partial-lock": "interop/test_partial_locks.py::test_the_monitoring_tells_it",
    "ietf-netconf-private-candidate": (
        "interop/test_private_candidates.py::test_a_conflict_refuses_the_commit_and_names_the_node"
    ),
    "ietf-netconf-txid": "interop/test_transaction_ids.py::test_only_what_changed_is_sent",
    "ietf-netconf-with-defaults": "interop/test_with_defaults.py::test_the_four_modes",
    "ietf-nmda-compare": "interop/test_compare.py::test_what_differs",
    "ietf-origin": "interop/test_nmda.py::test_origin_filters",
    "ietf-subscribed-notifications": (
        "interop/test_stream_subscriptions.py::test_several_subscriptions_of_one_session"
    ),
    "ietf-x509-cert-to-name": "interop/test_tls_transport.py::test_a_session_over_tls",
    "ietf-yang-library": "interop/test_yang_library_update.py::test_other_modules_are_told_once",
    "ietf-yang-push": "interop/test_on_change_push.py::test_everything_once_and_then_what_changes",
    "ietf-yang-types": "interop/test_generated_conformance.py",
    "nc-notifications": (
        "interop/test_notifications.py::test_a_replay_tells_the_past_then_says_so_then_goes_on"
    ),
    "notifications": "interop/test_notifications.py::test_a_filter_selects_notifications",
    "twincast-commit-history": "interop/test_commit_history.py::test_the_way_back",
    "twincast-remote-backup": "interop/test_clients.py::test_ncclient",
    "twincast-server": (
        "interop/test_server_configuration.py::test_a_listener_comes_and_goes_with_the_configuration"
    ),
    "ietf-ip": _FETCHED,
    "ietf-network-instance": _FETCHED,
    "ietf-restconf": _FETCHED,
    "ietf-yang-metadata": _FETCHED,
    "ietf-yang-patch": _FETCHED,
    "ietf-yang-schema-mount": _FETCHED,
    "ietf-yang-structure-ext": _FETCHED,
}
"""For each module the test that proves it, below tests/."""

VOLATILE: Final = ("content-id=",)
"""Parameters that differ with every change of a module; the document does not tell their values."""
OURS: Final = "twincast-"
"""Modules of this project, whose revisions change often; the document does not tell them."""

HEAD: Final = """# Capabilities

Made from running servers by `python -m tests.capabilities`; a test compares it with what they say. What only
a server has that was started with `--writable-running --startup --url-dir DIR --url-https` is marked with an
asterisk. Each row names a test that proves it, below `tests/`.

## Of the hello

`urn:ietf:params:netconf:` is left out. The hello also names the modules of YANG version 1 below.
"""
TAIL: Final = """
## Modules of yang-library

get-schema has each of them. The modules of Twincast have their revisions there.
"""


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of yang-library."""

    name: str
    revision: str
    implemented: bool
    features: tuple[str, ...]
    deviations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """What one server says of itself: `capabilities` by name without parameters, and its modules by name."""

    capabilities: Mapping[str, str]
    modules: Mapping[str, Module]

    @classmethod
    def of(cls, session: Any) -> Self:
        """Ask a server."""
        uris = [uri for uri in session.server_capabilities if "?module=" not in uri]
        parts = [uri.removeprefix(PREFIX).partition("?") for uri in uris]
        library = session.get(("subtree", LIBRARY)).data
        modules = [_module(entry) for entry in library.iter("{*}module", "{*}import-only-module")]
        return cls({name: rest for name, _, rest in parts}, {module.name: module for module in modules})


def _module(entry: etree._Element) -> Module:
    def values(name: str) -> tuple[str, ...]:
        return tuple(sorted(element.text or "" for element in entry.iterfind(f"{{*}}{name}")))

    implemented = etree.QName(entry).localname == "module"
    revision = entry.findtext("{*}revision") or ""
    name = entry.findtext("{*}name") or ""
    return Module(name, revision, implemented, values("feature"), values("deviation"))


def ask(folder: Path) -> tuple[Announced, Announced]:
    """Start a server as it is, and one with all options, and ask both."""
    urls = folder / "urls"
    urls.mkdir()
    options = ("--writable-running", "--startup", "--url-dir", str(urls), "--url-https")
    with Twincast(folder / "plain") as plain, plain.connect() as session:
        without = Announced.of(session)
    with Twincast(folder / "options", *options) as full, full.connect() as session:
        return without, Announced.of(session)


def document(plain: Announced, full: Announced) -> str:
    """The document. Raises LookupError for what has no line above."""
    return "\n".join((HEAD, *_capabilities(plain, full), TAIL, *_modules(plain, full), ""))


def _capabilities(plain: Announced, full: Announced) -> Iterator[str]:
    yield from ("| capability | parameters | proved by |", "| --- | --- | --- |")
    for name, parameters in full.capabilities.items():
        mark = "" if name in plain.capabilities else " *"
        told = "; ".join(_lasting(parameter) for parameter in parameters.split("&") if parameter)
        yield f"| `{name}`{mark} | {told} | `{_proof(CAPABILITIES, name)}` |"


def _modules(plain: Announced, full: Announced) -> Iterator[str]:
    yield from (
        "| module | revision | | features | deviations | proved by |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    for module in sorted(full.modules.values(), key=lambda each: (not each.implemented, each.name)):
        always = plain.modules[module.name].features if module.name in plain.modules else ()
        features = ", ".join(name if name in always else f"{name} *" for name in module.features)
        revision = "" if module.name.startswith(OURS) else module.revision
        kind = "implemented" if module.implemented else "imported"
        facts = (f"`{module.name}`", revision, kind, features, ", ".join(module.deviations))
        yield f"| {' | '.join(facts)} | `{_proof(MODULES, module.name)}` |"


def _lasting(parameter: str) -> str:
    return next((f"{name}..." for name in VOLATILE if parameter.startswith(name)), parameter)


def _proof(proofs: Mapping[str, str], name: str) -> str:
    if name not in proofs:
        raise LookupError(f"{name} is announced, but tests/capabilities.py names no test that proves it")
    return proofs[name]


def main() -> None:
    """Print the document."""
    with tempfile.TemporaryDirectory() as folder:
        print(document(*ask(Path(folder))), end="")


if __name__ == "__main__":
    main()
