"""A conversation with ncclient: `python -m tests.clients.ncclient_session BACKEND PORT VICTIM STEP...`.

It has a process of its own, since ncclient closes descriptors that are not its own any more: with libssh each
time a session ends, with paramiko when the server ends it. Prints what became of each step, as JSON: nothing,
or how it failed. VICTIM is the number of a session to be killed; the password comes on standard input.

With libssh two threads of ncclient use one session of a library that allows one: now and then an answer that
comes while the other thread writes is never seen (the step then fails with TimeoutExpiredError), and closing
may wait forever. So STEP, any number of them, says what to do, and the end is not waited for.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

import pytest
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport import session as session_module

from tests.support.netconf import NCM, TRB, backup, profile
from tests.support.profiles import SCHEMA, copying, stop_copying, subtree, undo, wrong, xpath


def change(session: Any, name: str, _victim: str) -> None:
    """Lock, edit, validate, commit, read with both filters, undo."""
    for capability in (":candidate", ":confirmed-commit", ":validate", ":xpath", ":notification"):
        assert capability in session.server_capabilities, capability
    with session.locked("candidate"):
        session.edit_config(stop_copying(name), target="candidate")
        session.validate()
        session.commit()
    wanted = ("subtree", subtree(name))
    assert copying(session.get_config("running", filter=wanted).data) == {name: "false"}
    assert copying(session.get(filter=("xpath", ({"trb": TRB}, xpath(name)))).data) == {name: "false"}
    session.edit_config(undo(name), target="candidate")
    session.commit()
    assert copying(session.get_config("running", filter=wanted).data) == {name: None}


def confirmed(session: Any, name: str, _victim: str) -> None:
    """Confirm one confirmed commit and cancel another, a persistent one."""
    wanted = ("subtree", subtree(name))
    session.edit_config(stop_copying(name), target="candidate")
    session.commit(confirmed=True, timeout="600")
    session.commit()
    session.edit_config(undo(name), target="candidate")
    session.commit(confirmed=True, timeout="600", persist="token")
    session.cancel_commit(persist_id="token")
    assert copying(session.get_config("running", filter=wanted).data) == {name: "false"}
    session.discard_changes()
    session.copy_config("running", "candidate")
    assert copying(session.get_config("candidate", filter=wanted).data) == {name: "false"}


def defaults(session: Any, name: str, _victim: str) -> None:
    """Ask for default values in two modes."""
    session.edit_config(backup(profile("<dhcp-stb/>", name)), target="candidate")
    session.commit()
    wanted = ("subtree", subtree(name))
    assert copying(session.get_config("running", wanted, with_defaults="report-all").data) == {name: "true"}
    assert copying(session.get_config("running", wanted, with_defaults="trim").data) == {name: None}


def schema(session: Any, _name: str, _victim: str) -> None:
    """Fetch a module."""
    assert session.get_schema(SCHEMA).data.startswith(f"module {SCHEMA} {{")


def notifications(session: Any, name: str, _victim: str) -> None:
    """Subscribe, and change something."""
    session.create_subscription()
    session.edit_config(stop_copying(name), target="candidate")
    session.commit()
    assert "<netconf-config-change" in session.take_notification(timeout=30).notification_xml


def kill(session: Any, _name: str, victim: str) -> None:
    """End somebody else's session."""
    session.kill_session(victim)
    state = f'<netconf-state xmlns="{NCM}"><sessions/></netconf-state>'
    assert f"<session-id>{victim}<" not in session.get(filter=("subtree", state)).data_xml


def refused(session: Any, name: str, _victim: str) -> None:
    """Be told where an edit is wrong."""
    with pytest.raises(RPCError) as caught:
        session.edit_config(wrong(name), target="candidate")
    assert caught.value.tag == "invalid-value"
    assert str(caught.value.path).endswith(f"[trb:name='{name}']/trb:dhcp-stb/trb:igmp-copy")
    session.discard_changes()


STEPS: Final = {
    step.__name__: step for step in (change, confirmed, defaults, schema, notifications, kill, refused)
}
BACKENDS: Final[dict[str, dict[str, bool]]] = {"paramiko": {}, "libssh": {"use_libssh": True}}
PATIENCE: Final = {"paramiko": 60, "libssh": 15}
"""Seconds until a request has failed."""


def outcome(step: Callable[[Any, str, str], None], session: Any, name: str, victim: str) -> str:
    """Carry out one step; empty, or how it failed."""
    try:
        step(session, name, victim)
    except Exception:  # noqa: BLE001 - whatever it is, the test tells it
        return traceback.format_exc()
    return ""


def main(backend: str, port: str, victim: str, *steps: str) -> None:
    """Carry out the steps in one session."""
    session_module.TICK = 0.005
    session = manager.connect(
        host="127.0.0.1",
        port=int(port),
        username="admin",
        password=sys.stdin.read(),
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=PATIENCE[backend],
        **BACKENDS[backend],
    )
    found = {name: outcome(STEPS[name], session, f"{backend}-{name}-{os.getpid()}", victim) for name in steps}
    if backend != "libssh":
        session.close_session()
    print(json.dumps(found), flush=True)
    os._exit(0)  # what closes its descriptors twice is not asked to end in good order


if __name__ == "__main__":
    main(*sys.argv[1:])
