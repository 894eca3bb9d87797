"""Ports for what has to be told a port before it listens."""

import socket


def free_port() -> int:
    """A port that nobody listens on now, in the range that the YANG module allows."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if 1024 <= port <= 55535:
            return port
