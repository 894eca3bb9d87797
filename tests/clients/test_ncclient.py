"""ncclient, the client of most automation in Python, with both of its SSH backends: paramiko and libssh."""

import json
import subprocess
import sys

import pytest

from tests.clients.ncclient_session import BACKENDS, STEPS
from tests.support.twincast import PASSWORD

covers = pytest.mark.covers
pytestmark = pytest.mark.timeout(600)
TRIES = 6


@pytest.fixture(scope="module", params=BACKENDS)
def outcome(request, twincast):
    """What became of each step of a conversation."""
    if request.param == "libssh":
        return {step: _patiently(twincast, step) for step in STEPS}
    return _conversation(twincast, request.param, *STEPS)


def _conversation(twincast, backend, *steps):
    victim = twincast.client()
    command = [sys.executable, "-m", "tests.clients.ncclient_session", backend]
    command += [str(twincast.port), victim.session_id, *steps]
    try:
        done = subprocess.run(
            command, input=PASSWORD, capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        victim.close()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _patiently(twincast, step):
    """A step over libssh, again where ncclient has lost an answer (see ncclient_session)."""
    for _ in range(TRIES):
        found = _conversation(twincast, "libssh", step)[step]
        if "TimeoutExpiredError" not in found:
            break
    return found


@covers("hello", "lock", "edit-config", "validate", "commit", "get-config", "get", "subtree", "xpath")
def test_a_change_is_locked_edited_validated_committed_and_read(outcome):
    assert outcome["change"] == ""


@covers("confirmed-commit", "cancel-commit", "discard-changes", "copy-config")
def test_a_confirmed_commit_is_confirmed_or_cancelled(outcome):
    assert outcome["confirmed"] == ""


@covers("with-defaults")
def test_defaults_are_told(outcome):
    assert outcome["defaults"] == ""


@covers("get-schema")
def test_a_module_is_fetched(outcome):
    assert outcome["schema"] == ""


@covers("notifications")
def test_notifications_come_beside_answers(outcome):
    assert outcome["notifications"] == ""


@covers("kill-session")
def test_another_session_is_killed(outcome):
    assert outcome["kill"] == ""


@covers("errors")
def test_what_is_refused_is_told_with_its_path(outcome):
    assert outcome["refused"] == ""
