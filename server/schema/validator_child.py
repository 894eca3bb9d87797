"""The validator process: libyang, alone with what clients sent, without privileges.

The only file that imports libyang. It judges one request at a time. When libyang crashes the process dies;
the supervisor starts another one and the client asks again.
"""

import logging
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec
import oopt_gnpy_libyang as libyang

from server.schema.confine import confine
from server.schema.judged_operations import rewritten
from server.schema.off_references import without_off_references
from server.schema.sources import ModuleSources, SchemaError
from server.schema.validator_wire import (
    GREETING,
    FrameTooLongError,
    Phase,
    RawError,
    Reply,
    Request,
    Work,
    encode,
    read_frame,
)
from server.schema.yang_text import YangSyntaxError

_LOG = logging.getLogger("twincast.schema.validator_child")

MAX_CONNECTIONS = 32
FRAME_TIMEOUT = 30.0
"""Seconds for one frame to arrive or to leave: the server is local, so a slower one hangs."""
MAX_ERRORS = 1_000
"""Errors of one request that are passed on; a client cannot use more."""

_PARSE = libyang.ParseOptions
_VALIDATE = libyang.ValidationOptions
# Given to every request: unknown nodes and state data are errors.
_CONFIGURATION = _PARSE.Strict | _PARSE.NoState
_PRINT = libyang.PrintFlags.WithSiblings | libyang.PrintFlags.Shrink | libyang.PrintFlags.KeepEmptyCont


def _load(sources: ModuleSources, *, operations: bool) -> libyang.Context:
    """A context with all modules; `operations`: rewritten so that the bodies of operations are data."""
    with tempfile.TemporaryDirectory(prefix="twincast-yang-") as folder:
        options = libyang.ContextOptions.NoYangLibrary | libyang.ContextOptions.DisableSearchCwd
        context = libyang.Context(folder, options)
        # What is built into libyang is there in one revision only; ours cannot take its place.
        built_in = {module.name for module in context.modules()}
        _write_modules(Path(folder), sources, built_in, operations=operations)
        for module in sources.implemented:
            revision = None if module.name in built_in else module.revision or None
            try:
                context.load_module(module.name, revision, list(module.features))
            except libyang.Error as error:
                causes = "; ".join(item.message for item in context.errors()) or str(error)
                raise SchemaError(f"{module.path}: libyang: {causes}") from error
    context.clean_all_errors()
    return context


class Engine:
    """The libyang contexts with all modules; raises SchemaError when one does not load.

    `_context` is the data as the modules define it, `_operations` has the bodies of operations in it.
    """

    def __init__(self, sources: ModuleSources) -> None:
        # date-and-time values are rewritten to the zone of the process.
        os.environ["TZ"] = "UTC"
        time.tzset()
        libyang.set_log_options(libyang.LogOptions.Store)
        self._context = _load(sources, operations=False)
        self._operations = _load(sources, operations=True)

    def modules(self) -> dict[str, tuple[str, bool, frozenset[str]]]:
        """Module name → (revision, implemented, enabled features); the implemented one of several."""
        found: dict[str, tuple[str, bool, frozenset[str]]] = {}
        for module in sorted(self._context.modules(), key=lambda item: bool(item.implemented)):
            enabled = frozenset(item.name for item in module.features if item.is_enabled)
            found[module.name] = (module.revision or "", bool(module.implemented), enabled)
        return found

    def judge(self, request: Request) -> Reply:
        """Do what is asked; every fault of the data is in the reply."""
        try:
            text = request.xml.decode("utf-8")
        except UnicodeDecodeError:
            return Reply(errors=(RawError(Phase.PARSE, "The data is not UTF-8."),))
        if request.work is Work.CANONICAL:
            return _canonical(self._context, text)
        if request.work is Work.OPERATION:
            return self._operation(text)
        return _validate(self._context, text, _CONFIGURATION, _VALIDATE.NoState)

    def _operation(self, text: str) -> Reply:
        reply = _validate(self._operations, text, _PARSE.Strict, None)
        if reply.errors:
            return reply
        return _printed(self._operations.parse_data(text, libyang.DataFormat.XML, _PARSE.Strict, None))


def _canonical(context: libyang.Context, text: str) -> Reply:
    try:
        data = context.parse_data(text, libyang.DataFormat.XML, _CONFIGURATION | _PARSE.ParseOnly)
    except libyang.Error:
        return Reply(errors=_errors(context, Phase.PARSE))
    return _printed(data)


def _printed(data: libyang.DataNode | None) -> Reply:
    if data is None:
        return Reply()
    printed = data.print(libyang.DataFormat.XML, _PRINT) or ""
    # libyang prints a carriage return as it is, which the next parser turns into a line feed.
    return Reply(xml=printed.replace("\r", "&#13;").encode())


def _validate(
    context: libyang.Context,
    text: str,
    parse: libyang.ParseOptions,
    validate: libyang.ValidationOptions | None,
) -> Reply:
    """One pass when all is well. The pass for all errors crashes on data that does not even parse."""
    if _passes(context, text, parse, validate):
        return Reply()
    context.clean_all_errors()
    if not _passes(context, text, parse | _PARSE.ParseOnly, None):
        return Reply(errors=_errors(context, Phase.PARSE))
    several = _VALIDATE.MultiError if validate is None else validate | _VALIDATE.MultiError
    if _passes(context, text, parse, several):
        return Reply(errors=(RawError(Phase.CONSTRAINT, "The data is not valid."),))
    return Reply(errors=_errors(context, Phase.CONSTRAINT))


def _passes(
    context: libyang.Context,
    text: str,
    parse: libyang.ParseOptions,
    validate: libyang.ValidationOptions | None,
) -> bool:
    try:
        context.parse_data(text, libyang.DataFormat.XML, parse, validate)
    except libyang.Error:
        return False
    return True


def _errors(context: libyang.Context, phase: Phase) -> tuple[RawError, ...]:
    found = [
        RawError(
            phase, item.message or "", item.data_path or "", item.app_tag or "", item.validation_code.name
        )
        for item in context.errors()[:MAX_ERRORS]
        if item.level is libyang.LogLevel.Error or item.level.name == "Error"
    ]
    context.clean_all_errors()
    return tuple(found) or (RawError(phase, "The data cannot be read."),)


def _write_modules(
    folder: Path, sources: ModuleSources, built_in: Collection[str], *, operations: bool
) -> None:
    """Put exactly the selected files in one folder, so that libyang can find no others."""
    for module in sources.modules:
        revision = f"@{module.revision}" if module.revision else ""
        try:
            text = without_off_references(module.text(), module.features)
            text = rewritten(text, built_in) if operations else text
        except YangSyntaxError as error:
            raise SchemaError(f"{module.path}: {error}") from error
        (folder / f"{module.name}{revision}.yang").write_text(text, encoding="utf-8")


class _Service:
    """Answers the connections of one listener, one request after another."""

    def __init__(self, listener: socket.socket, engine: Engine) -> None:
        self._listener = listener
        self._engine = engine
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def serve_forever(self) -> NoReturn:
        while True:
            for key, _events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._answer(key.fileobj)

    def _accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except BlockingIOError:
            return
        if len(self._selector.get_map()) > MAX_CONNECTIONS:
            _LOG.warning("validator-connection-refused", extra={"limit": MAX_CONNECTIONS})
            connection.close()
            return
        connection.settimeout(FRAME_TIMEOUT)
        try:
            connection.sendall(GREETING)
        except OSError:
            connection.close()
            return
        self._selector.register(connection, selectors.EVENT_READ)

    def _answer(self, connection: socket.socket) -> None:
        try:
            frame = read_frame(connection, time.monotonic() + FRAME_TIMEOUT)
            request = msgspec.msgpack.decode(frame, type=Request)
            reply = encode(self._engine.judge(request))
            connection.settimeout(FRAME_TIMEOUT)
            connection.sendall(reply)
        except (EOFError, ConnectionError):
            self._drop(connection)
        except (OSError, FrameTooLongError, msgspec.DecodeError) as error:
            _LOG.warning("validator-connection-dropped", extra={"reason": str(error)})
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # the interpreter ends with the default, which a second one meets
    sys.exit(0)


def run_child(listener: socket.socket, sources: ModuleSources) -> NoReturn:
    """Serve requests on connections to `listener` until SIGTERM (exit status 0).

    Exit status 1 when the modules cannot be loaded; the reason goes to the log. The privileges that it does
    not need are given up before the first request.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        engine = Engine(sources)
    except SchemaError as error:
        _LOG.error("validator-modules-refused", extra={"reason": str(error)})
        sys.exit(1)
    confine()
    _Service(listener, engine).serve_forever()
