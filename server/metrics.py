"""The metrics endpoint of the server: what it tells, and where it listens. Wiring only."""

import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.provider import Provider, Watched
from server.schema.model import Schema
from server.telemetry.exposition import Sources, StateCollector
from server.telemetry.monitoring import STATE, date_and_time
from server.telemetry.sessions import Sessions
from server.telemetry.streams import Stream
from server.transport.scrapes import ScrapeServer
from server.tree.filter import Selection

logger = logging.getLogger("twincast.server.metrics")

COMMITS: Final = ("twincast_commits", "Commits of the running configuration, by result.", "result")
DROPPED: Final = ("twincast_notifications_dropped", "Notifications that were dropped, by cause.", "cause")
REFUSED: Final = ("twincast_metrics_refused", "Scrapes that were refused, by cause.", "cause")


def serve(
    descriptor: int,
    schema: Schema,
    behind: Provider,
    management: Provider,
    store: Store,
    sessions: Sessions,
    stream: Stream,
) -> ScrapeServer:
    """Answer scrapes on a listening socket from now on.

    `behind` is what stands behind the configuration of the replication, `management` behind the server's own.
    """
    registry = CollectorRegistry()
    server = ScrapeServer(socket.socket(fileno=descriptor), lambda accept: _render(registry, accept))
    where = Sources(
        dataplane=behind.state,
        server=(management.state, _statistics(sessions)),
        running=lambda: store.root(Datastore.RUNNING),
        connected=behind.connected if isinstance(behind, Watched) else None,
        counted=lambda: (
            (*COMMITS, store.commit_counts()),
            (*DROPPED, {"stream-queue": stream.dropped}),
            (*REFUSED, server.refused()),
        ),
    )
    registry.register(StateCollector(schema, where))
    ProcessCollector(registry=registry)
    server.start()
    logger.info("metrics-ready", extra={"address": _address(descriptor)})
    return server


def _statistics(sessions: Sessions) -> Callable[[Selection], Mapping[str, object]]:
    """The statistics of RFC 6022, without the rest of netconf-state, which is large."""

    def state(_selection: Selection) -> Mapping[str, object]:
        statistics = sessions.statistics
        began = date_and_time(statistics.started_at)
        return {STATE: {"statistics": {"netconf-start-time": began, **statistics.data()}}}

    return state


def _render(registry: CollectorRegistry, accept: str) -> tuple[str, bytes]:
    try:
        encoder, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # the client asks for a version that is no number
        encoder, content_type = choose_encoder("")
    return content_type, encoder(registry)


def _address(descriptor: int) -> str:
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
