"""Deep queues: past the system's limit where the privilege is there, up to it elsewhere."""

import socket
from typing import Any

import pytest

from dataplane.receive_queue import SO_RCVBUFFORCE, enlarge


class Socket:
    """A socket that refuses some options."""

    def __init__(self, refused: int | None) -> None:
        self.refused = refused
        self.taken: list[tuple[int, int]] = []

    def setsockopt(self, _: int, option: int, value: int) -> None:
        if option == self.refused:
            raise PermissionError
        self.taken.append((option, value))


@pytest.mark.parametrize(
    ("refused", "option"),
    [(None, SO_RCVBUFFORCE), (SO_RCVBUFFORCE, socket.SO_RCVBUF)],
    ids=["root", "others"],
)
def test_the_limit_is_passed_where_that_is_allowed(refused: int | None, option: int) -> None:
    opened: Any = Socket(refused)
    enlarge(opened, 1 << 20)
    assert opened.taken == [(option, 1 << 20)]
