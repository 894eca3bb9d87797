"""Client of the validator: canonical values and the verdict on a configuration.

The validator itself is a process of its own (`server.schema.validator_child`), because libyang is C and
reads what clients send. This side survives its death: a request is repeated once.
"""

import logging
import select
import socket
import threading
import time
from collections.abc import Callable

import msgspec

from server.protocol.errors import RpcErrors, operation_failed, too_big
from server.schema.model import Schema
from server.schema.validator_errors import map_errors
from server.schema.validator_wire import (
    GREETING,
    FrameTooLongError,
    Reply,
    Request,
    Work,
    encode,
    read_exactly,
    read_frame,
)

_LOG = logging.getLogger("twincast.schema.validator")


class _ValidatorDiedError(Exception):
    """The connection ended before the reply was complete."""


class Validator:
    """Talks to the validator child over a stream socket; safe to share between threads.

    `connect` opens a connection to a listener that outlives the child, as the supervisor's does; `schema`
    gives errors their paths. `timeout` is seconds for one request, `restart_timeout` seconds to wait for a
    dead child to come back. Requests are judged one after another.
    """

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        schema: Schema,
        *,
        timeout: float = 120.0,
        restart_timeout: float = 5.0,
    ) -> None:
        self._connect = connect
        self._schema = schema
        self._timeout = timeout
        self._restart_timeout = restart_timeout
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._closing = False

    def canonical(self, xml: bytes) -> bytes:
        """Check names, types and keys and return the same data with canonical values.

        `xml` is zero or more sibling top-level elements without a wrapper, without comments and without
        attributes; so is the result. Keys come first in each entry and the entries of system-ordered lists
        come back sorted; empty containers stay. Nothing else is judged: no must, when, mandatory or leafref.
        Raises RpcErrors with one error.
        """
        return self._ask(Request(Work.CANONICAL, xml)).xml

    def validate(self, xml: bytes, *, partial: bool = False) -> None:
        """Judge a configuration (RFC 7950 section 8.1); raises RpcErrors with every error found.

        `partial` says that list entries were left out: too few of them are then no error here.
        """
        self._ask(Request(Work.VALIDATE, xml), partial=partial)

    def operation(self, xml: bytes) -> bytes:
        """Judge one body of an operation and return it with canonical values and defaults.

        The form of `xml` is that of `server.schema.judged_operations`: the elements from the top level down
        to the operation's own, with keys, then `<input>` or `<output>`; a notification as it is sent.
        Whether instances that leafrefs refer to exist is not judged. Raises RpcErrors with every error found.
        """
        return self._ask(Request(Work.OPERATION, xml)).xml

    def close(self) -> None:
        """Close the connection for good; a request under way ends with operation-failed."""
        self._closing = True
        connection = self._connection
        if connection is not None:
            _shut(connection)
        with self._lock:
            self._drop()

    def _ask(self, request: Request, *, partial: bool = False) -> Reply:
        try:
            frame = encode(request)
        except FrameTooLongError as error:
            raise RpcErrors([too_big(f"the data is too large to judge: {error}")]) from error
        with self._lock:
            reply = self._exchange_twice(frame)
        if reply.errors:
            errors = map_errors(self._schema, reply.errors, request.xml, partial=partial)
            if errors:
                raise RpcErrors(errors)
        return reply

    def _exchange_twice(self, frame: bytes) -> Reply:
        for attempt in (1, 2):
            try:
                return self._exchange(frame)
            except _ValidatorDiedError as error:
                self._drop()
                _LOG.warning("validator-died", extra={"attempt": attempt, "reason": str(error)})
        raise RpcErrors([operation_failed("the validator could not judge this request")])

    def _exchange(self, frame: bytes) -> Reply:
        connection = self._connected()
        deadline = time.monotonic() + self._timeout
        try:
            connection.settimeout(self._timeout)
            connection.sendall(frame)
            return msgspec.msgpack.decode(read_frame(connection, deadline), type=Reply)
        except TimeoutError as error:
            self._drop()
            raise RpcErrors([operation_failed("the validator did not answer in time")]) from error
        except (EOFError, OSError, FrameTooLongError, msgspec.DecodeError) as error:
            raise _ValidatorDiedError(f"{type(error).__name__}: {error}") from error

    def _connected(self) -> socket.socket:
        if self._connection is not None and _was_closed(self._connection):
            self._drop()
        return self._connection or self._open()

    def _open(self) -> socket.socket:
        """Connect and wait for the greeting: the child that sends it may still be starting."""
        try:
            connection = self._connection = self._connect()
        except OSError as error:
            raise RpcErrors([operation_failed("the validator is not there")]) from error
        if self._closing:  # only from here on can close() end it
            raise RpcErrors([operation_failed("the server is stopping")])
        try:
            greeting = read_exactly(connection, len(GREETING), time.monotonic() + self._restart_timeout)
        except TimeoutError as error:
            self._drop()
            raise RpcErrors([operation_failed("the validator is not there")]) from error
        except (EOFError, OSError) as error:
            raise _ValidatorDiedError(f"{type(error).__name__}: {error}") from error
        if greeting != GREETING:
            self._drop()
            raise RpcErrors([operation_failed("the validator speaks another version")])
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _was_closed(connection: socket.socket) -> bool:
    """Between requests the child says nothing, so anything to read is its end.

    Not by select(), which cannot look at descriptors from 1,024 on: those of a server with many sessions.
    """
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
