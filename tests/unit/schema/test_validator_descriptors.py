"""The connection to the validator where a server has a thousand sessions."""

import fcntl
import resource
import socket

import pytest

from server.schema import validator

HIGH = 1_500
"""More than select() can look at."""


def test_the_connection_may_have_any_descriptor() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard <= HIGH:
        pytest.skip("the system allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, HIGH + 100), hard))
    low, child = socket.socketpair()
    connection = socket.socket(fileno=fcntl.fcntl(low, fcntl.F_DUPFD, HIGH))
    try:
        assert not validator._was_closed(connection)
        child.close()
        assert validator._was_closed(connection)
    finally:
        for each in (low, child, connection):
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
