"""Running a test in a child process that has a user and a network namespace of its own, with loopback up.

The child is forked, so the test sees its fixtures; what it returns is ignored, and what it raises comes back
as a `ChildFailure` with the child's traceback, or as the skip that it asked for.
"""

import fcntl
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import pytest

from cli.lab.namespaces import NamespaceError, enter_user_namespace

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


class ChildFailure(AssertionError):
    """The test failed in its namespace; the text is the traceback of the child."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    kind: str
    text: str = ""


def run_in_namespaces(test: Callable[[], object]) -> None:
    """Call `test` as root of a fresh user and network namespace, skipping where the kernel allows none."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(test, writer)
    os.close(writer)
    _judge(_outcome_of(child, reader))


def _child(test: Callable[[], object], writer: int) -> NoReturn:
    try:
        # A group of its own, so that what the test leaves behind can be ended with it.
        os.setpgid(0, 0)
        outcome = _attempt(test)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(writer, pickle.dumps(outcome))
    finally:
        os._exit(0)


def _attempt(test: Callable[[], object]) -> _Outcome:
    try:
        enter_user_namespace()
    except NamespaceError as error:
        return _Outcome("skipped", f"no user namespaces: {error}")
    _loopback_up()
    try:
        test()
    except pytest.skip.Exception as skipped:
        return _Outcome("skipped", str(skipped))
    except BaseException:  # noqa: BLE001 - whatever ended the test is the parent's to report
        # A pipe takes 64 KiB without a reader.
        return _Outcome("failed", traceback.format_exc()[-32_000:])
    return _Outcome("passed")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def _outcome_of(child: int, reader: int) -> _Outcome:
    """Wait for the child; whatever way this ends, nothing of its process group stays."""
    with os.fdopen(reader, "rb") as stream:
        try:
            # Not reaped yet: its number must stay taken until the group is ended.
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        finally:
            _end_group(child)
            _, status = os.waitpid(child, 0)
        answer = stream.read()
    if not answer:
        return _Outcome("failed", f"the test's process died, wait status {status}")
    outcome = pickle.loads(answer)
    assert isinstance(outcome, _Outcome)
    return outcome


def _end_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _judge(outcome: _Outcome) -> None:
    if outcome.kind == "skipped":
        pytest.skip(outcome.text)
    if outcome.kind == "failed":
        raise ChildFailure("\n" + outcome.text)
