"""Serves the page: one event loop in a thread of its own, with a limit for everything.

A connection carries one request. What is refused is counted by cause and said in a line of the log for the
first of a kind in a while.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from server.web import response
from server.web.assets import ASSETS
from server.web.request import HEAD_END, MAXIMUM_HEAD, RefusedRequest, Request, admit, parse
from server.web.watch import Spectator, Watch

logger = logging.getLogger("twincast.web")

EVENTS: Final = "/events"
_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What clients may use; times in seconds. `request`: from connecting to the end of the headers.

    `write`: until a client has taken what was sent. `stream`: after so long an event stream ends, and the
    browser asks for another. `quiet`: until a comment shows that the stream is alive.
    """

    connections: int = 32
    streams: int = 8
    request: float = 5.0
    write: float = 5.0
    stream: float = 3600.0
    quiet: float = 5.0
    log_again: float = 60.0


class WebServer:
    """Answers on a listening socket, which it closes at the end; `watch` makes the pictures."""

    def __init__(self, listener: socket.socket, watch: Watch, limits: WebLimits | None = None) -> None:
        self.refused: Counter[str] = Counter()
        """Requests and connections that were refused, by cause."""
        self.address: Final[tuple[str, int]] = listener.getsockname()[:2]
        self._listener = listener
        self._watch = watch
        self._limits = limits or WebLimits()
        self._connections = self._streams = 0
        self._logged: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._watch.start()
        self._thread.start()
        host, port = self.address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        logger.info("web-ready", extra={"address": where})

    def stop(self, timeout: float = 1.0) -> None:
        """End every connection and wait for the threads."""
        self._watch.close()
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout)
        self._listener.close()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accepted, sock=self._listener, limit=MAXIMUM_HEAD)
        await self._stopping.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            request = await self._request(reader)
            if request.path == EVENTS:
                await self._events(request, reader, writer)
            else:
                await self._asset(request, writer)
        except RefusedRequest as refused:
            self._count(refused.cause, writer)
            await self._refuse(writer, refused.status)
        except (TimeoutError, OSError):
            self._count("connection-lost", writer)
        finally:
            self._connections -= 1
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        """Read a request that may be answered."""
        if self._connections > self._limits.connections:
            raise RefusedRequest(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-connections")
        try:
            async with asyncio.timeout(self._limits.request):
                request = parse(await reader.readuntil(HEAD_END))
        except TimeoutError as error:
            raise RefusedRequest(HTTPStatus.REQUEST_TIMEOUT, "request-timeout") from error
        except asyncio.LimitOverrunError as error:
            raise RefusedRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large") from error
        except asyncio.IncompleteReadError as error:
            raise OSError("the client went away") from error
        admit(request, self.address[0])
        return request

    async def _asset(self, request: Request, writer: asyncio.StreamWriter) -> None:
        asset = ASSETS.get(request.path)
        if asset is None:
            raise RefusedRequest(HTTPStatus.NOT_FOUND, "not-found")
        body = b"" if request.method == "HEAD" else asset.content
        await self._send(writer, response.head(HTTPStatus.OK, asset.kind, len(asset.content)) + body)

    async def _events(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._streams >= self._limits.streams:
            raise RefusedRequest(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-streams")
        await self._send(writer, response.head(HTTPStatus.OK, _STREAM, None))
        if request.method == "HEAD":
            return
        spectator = Spectator(asyncio.get_running_loop())
        self._streams += 1
        self._watch.add(spectator)
        gone = asyncio.ensure_future(reader.read(1))  # a client that says more, or nothing ever again
        try:
            await self._pictures(spectator, writer, gone)
        finally:
            gone.cancel()
            self._watch.remove(spectator)
            self._streams -= 1

    async def _pictures(
        self, spectator: Spectator, writer: asyncio.StreamWriter, gone: asyncio.Future[bytes]
    ) -> None:
        """Send pictures until the client has gone or has looked long enough."""
        end = time.monotonic() + self._limits.stream
        while not gone.done() and time.monotonic() < end:
            following = asyncio.ensure_future(spectator.next())
            try:
                await asyncio.wait(
                    {following, gone}, timeout=self._limits.quiet, return_when=asyncio.FIRST_COMPLETED
                )
                shown = response.event(following.result()) if following.done() else response.KEEP_ALIVE
            finally:
                following.cancel()
            if not gone.done():
                await self._send(writer, shown)

    async def _send(self, writer: asyncio.StreamWriter, content: bytes) -> None:
        """Send, and wait until the client takes it; one that does not is given up."""
        writer.write(content)
        async with asyncio.timeout(self._limits.write):
            await writer.drain()

    async def _refuse(self, writer: asyncio.StreamWriter, status: HTTPStatus) -> None:
        with contextlib.suppress(TimeoutError, OSError):
            await self._send(writer, response.refusal(status))

    def _count(self, cause: str, writer: asyncio.StreamWriter) -> None:
        self.refused[cause] += 1
        now = time.monotonic()
        if now - self._logged.get(cause, -self._limits.log_again) >= self._limits.log_again:
            self._logged[cause] = now
            source = writer.get_extra_info("peername")
            logger.warning(
                "web-refused",
                extra={"cause": cause, "count": self.refused[cause], "source": source[0] if source else ""},
            )
