"""Client of the validator: canonical values and the verdict on a configuration.

The validator itself is a process of its own (`server.schema.validator_child`), because libyang is C and
reads what clients send. This side survives its death: a request is repeated once.
"""

import socket
from collections.abc import Callable

from server.schema.model import Schema


class Validator:
    """Talks to the validator child over a stream socket; safe to share between threads.

    `connect` opens a connection; `schema` gives errors their paths. `timeout` is seconds for one request, `restart_timeout` seconds to wait
    for a dead child to come back.
    """

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        schema: Schema,
        *,
        timeout: float = 120.0,
        restart_timeout: float = 5.0,
    ) -> None:
        self._schema = schema
        self._connect = connect
        self._timeout = timeout
        self._restart_timeout = restart_timeout

    def canonical(self, xml: bytes) -> bytes:
        """Check names, types and keys and return the same data with canonical values.

        `xml` is zero or more sibling top-level elements without a wrapper; so is the result. Nothing else is
        judged: no must, when, mandatory or leafref. Raises RpcErrors.
        """
        raise NotImplementedError

    def validate(self, xml: bytes) -> None:
        """Judge a whole configuration (RFC 7950 section 8.1); raises RpcErrors with every error found."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection; a later request opens a new one."""
