"""The server process: builds the objects, starts and stops them in order.

Owns the wiring only. Sockets that must outlive a crash of this process come from the supervisor.
"""

import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.access.guard import Guard
from server.access.users import CredentialsError, UserStore
from server.datastores.candidates import Resolution
from server.datastores.judge import Judge
from server.datastores.locks import Datastore
from server.datastores.startup import Start
from server.datastores.storage import InstanceLock, Storage, StorageError
from server.datastores.store import Store
from server.management import names as management_names
from server.management.apply import Management, Services
from server.management.idle import IdleWatch
from server.northbound import claims
from server.northbound.apply import DataplaneProvider
from server.operations import base_events
from server.operations.action import Actions
from server.operations.bodies import Bodies
from server.operations.commit import Commit
from server.operations.compare import Compare
from server.operations.control import Control
from server.operations.dispatch import Dispatcher
from server.operations.dynamic import Dynamic
from server.operations.edit import Edit
from server.operations.history import History
from server.operations.inline import Configurations, Inline
from server.operations.nmda import INTENDED, OPERATIONAL, Nmda
from server.operations.partial import Partial
from server.operations.retrieve import Retrieve
from server.operations.schemas import Schemas
from server.operations.selections import Selections
from server.operations.sources import Offer
from server.operations.subscribe import Subscribe
from server.operations.terms import TermsReader
from server.operations.urls import Urls
from server.protocol.errors import RpcError, RpcErrors
from server.protocol.messages import BASE_1_0, BASE_1_1
from server.provider import Notice, Provider
from server.providers import Providers
from server.push.registry import Registry
from server.push.running_log import RunningLog
from server.push.scheduler import Scheduler
from server.push.unconfigured import configured_subscriptions
from server.push.watch import Watch
from server.schema import library, served
from server.schema.model import Schema, load_schema
from server.schema.sources import ModuleSources, SchemaError
from server.schema.validator import Validator
from server.telemetry.content import Contents
from server.telemetry.monitoring import Monitoring
from server.telemetry.replay import ReplayError, open_log
from server.telemetry.sessions import Sessions
from server.telemetry.streams import Stream
from server.telemetry.subscriptions import Subscriptions
from server.transport.admission import Admission
from server.transport.call_home import Caller
from server.transport.handover import connect_unix
from server.transport.local import LocalServer
from server.transport.ssh import SshServer
from server.transport.ssh_wire import HostKeyError
from server.transport.tls import TlsServer

logger = logging.getLogger("twincast.server.app")

_CAPABILITY: Final = "urn:ietf:params:netconf:capability:"
_FEATURES: Final = {
    "candidate": ("candidate:1.0",),
    "confirmed-commit": ("confirmed-commit:1.0", "confirmed-commit:1.1"),
    "rollback-on-error": ("rollback-on-error:1.0",),
    "validate": ("validate:1.0", "validate:1.1"),
    "writable-running": ("writable-running:1.0",),
    "startup": ("startup:1.0",),
    "xpath": ("xpath:1.0",),
}
"""Features of ietf-netconf and the capabilities that they are."""
_OPERATIONAL_MODES: Final = "report-all-tagged,trim,explicit"


def capabilities(schema: Schema, schemes: Sequence[str]) -> tuple[str, ...]:
    """Return what the hello announces; `schemes` are those of the URLs that can be read and written."""
    module = schema.by_name["ietf-netconf"]
    named = [name for feature in module.features for name in _FEATURES.get(feature, ())]
    if schemes:
        named.append(f"url:1.0?scheme={','.join(schemes)}")
    named += ["notification:1.0", "interleave:1.0", "partial-lock:1.0", "txid:1.0", "txid:etag:1.0"]
    modes = ",".join(Resolution)
    named.append(f"private-candidate:1.0?supported-resolution-modes={modes}")
    named.append("with-defaults:1.0?basic-mode=explicit&also-supported=report-all,report-all-tagged,trim")
    named.append(f"with-operational-defaults:1.0?basic-mode=report-all&also-supported={_OPERATIONAL_MODES}")
    return (BASE_1_0, BASE_1_1, *(_CAPABILITY + name for name in named), *library.capabilities(schema))


KEYS_FOLDER: Final = "keys"
"""The key store in the state folder."""

STOP_SECONDS = 0.5
"""How long the sessions' threads may take to end by themselves. Then what they may be waiting for, dataplane
and validator, is closed, which ends their waiting; a commit that is being stored is waited for always."""

COLLECTION: Final = (50_000, 20, 50)
"""Thresholds of Python's cyclic collector. Trees hold no cycles and are freed without it, but a request of
10,000 entries makes so many objects that the usual thresholds look through them a hundred times."""

StartFailure = (
    SchemaError,
    StorageError,
    CredentialsError,
    HostKeyError,
    ReplayError,
    RpcError,
    RpcErrors,
    OSError,
)
"""What can keep the server from starting and is told to the operator in one line."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the supervisor tells the server.

    `listener_fd`: a listening TCP socket for NETCONF over SSH. `local_fd`: a listening Unix socket for
    programs on this machine (see `transport.local`), None for none. `ready_fd`: where `ready` or
    `failed: reason` is written, one line, then closed. `state_dir` holds `twincast.db`, `host_key`,
    `users.json`, `control.sock` and `validator.sock`. `url_folder` is where file URLs lead, `url_https`
    allows https. `again`: this server replaces one that ended, so that running stays what it was.
    `metrics_fd`, `web_fd`: listening TCP sockets for scrapes of metrics and for the status page,
    None for none.
    `heartbeat`: seconds between signs of life on `ready_fd`, which then stays open; 0 for none.
    """

    state_dir: Path
    listener_fd: int
    ready_fd: int
    sources: ModuleSources
    local_fd: int | None = None
    url_folder: Path | None = None
    url_https: bool = False
    again: bool = False
    metrics_fd: int | None = None
    web_fd: int | None = None
    heartbeat: float = 0.0


ProviderFactory = Callable[[Schema, Path], Provider]
"""Makes what stands behind the configuration, from the schema and the state folder."""


def dataplane_provider(schema: Schema, state_dir: Path) -> Provider:
    """The dataplane process behind the control socket of the state folder."""
    return DataplaneProvider(state_dir / "control.sock", schema)


def run(options: ServerOptions, make_provider: ProviderFactory = dataplane_provider) -> int:
    """Serve until SIGTERM; return the exit status: 0 after SIGTERM, 1 when it could not start.

    SIGINT is ignored: the supervisor, which gets it from the terminal too, ends its children in order.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # blocked before any thread exists, so that it waits for sigwait whoever is running
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with ExitStack() as stack:
        try:
            _start(options, make_provider, stack)
        except StartFailure as failure:
            logger.error("start-failed", extra={"reason": str(failure)})  # noqa: TRY400 - not a fault
            _tell(options.ready_fd, f"failed: {' '.join(str(failure).split())}")
            return 1
        gc.freeze()  # the schema and the loaded configuration stay: no collection need look at them
        gc.set_threshold(*COLLECTION)
        _serve_until_terminated(options)
        logger.info("stopping")
    return 0


def _serve_until_terminated(options: ServerOptions) -> None:
    if not options.heartbeat:
        _tell(options.ready_fd, "ready")
        signal.sigwait({signal.SIGTERM})
        return
    os.write(options.ready_fd, b"ready\n")
    while signal.sigtimedwait({signal.SIGTERM}, options.heartbeat) is None:
        os.write(options.ready_fd, b".")


def _tell(ready_fd: int, line: str) -> None:
    os.write(ready_fd, f"{line}\n".encode())
    os.close(ready_fd)


@dataclass(frozen=True, slots=True)
class _Core:
    """What the operations work on."""

    schema: Schema
    validator: Validator
    behind: Provider
    provider: Provider
    judge: Judge
    store: Store
    management: Management


def _start(options: ServerOptions, make_provider: ProviderFactory, stack: ExitStack) -> None:
    """Bring everything up; what was started is stopped backwards when `stack` ends."""
    state_dir = options.state_dir
    stack.enter_context(InstanceLock(state_dir))
    core = _core(options, make_provider, stack)
    urls = Urls(options.url_folder, https=options.url_https)
    core.provider.restore(core.store.root(Datastore.RUNNING))
    sessions = Sessions(capabilities(core.schema, urls.schemes))
    listener = socket.socket(fileno=options.listener_fd)
    users = UserStore(state_dir / "users.json")
    guard = Guard(core.schema, lambda: core.store.root(Datastore.RUNNING))
    subscriptions = Subscriptions(_stream(core, state_dir, stack), sessions, guard, base_events.PRIVATE)
    registry = _registry(subscriptions.stream, stack)
    admission = Admission()
    idle = IdleWatch(
        sessions, lambda one: subscriptions.subscribed(one) or registry.subscribed(one), admission.refusals
    )
    operations = _operations(core, guard, sessions, subscriptions, registry, urls, idle)
    ssh = SshServer(listener, state_dir / "host_key", users, operations, admission)
    tls = TlsServer(users, operations, admission)
    for transport in (ssh, tls):
        stack.callback(transport.stop, STOP_SECONDS)
        transport.start()
    if options.local_fd is not None:
        owner = state_dir.stat().st_uid
        local = LocalServer(socket.socket(fileno=options.local_fd), owner, operations, admission=admission)
        stack.callback(local.stop, STOP_SECONDS)
        local.start()
    if options.metrics_fd is not None:
        from server import metrics

        fd, stream = options.metrics_fd, subscriptions.stream
        scrapes = metrics.serve(fd, core.schema, core.behind, core.management, core.store, sessions, stream)
        stack.callback(scrapes.stop)
    if options.web_fd is not None:
        from server.web.serve import serve

        page = serve(options.web_fd, core.schema, core.behind, core.store, subscriptions.stream)
        stack.callback(page.stop)
    stack.callback(core.management.close)
    core.store.keep(core.management.keep_access)
    caller, partial = Caller(ssh, tls), core.store.partial
    core.management.attach(Services(ssh, tls, users, sessions, admission, idle, caller, partial, registry))


def _core(options: ServerOptions, make_provider: ProviderFactory, stack: ExitStack) -> _Core:
    state_dir = options.state_dir
    schema = load_schema(options.sources)
    claims.verify(schema)
    claims.verify_module(schema, management_names.MODULE, management_names.CLAIMED)
    validator = Validator(lambda: connect_unix(state_dir / "validator.sock"), schema)
    stack.callback(validator.close)
    management = Management(schema, state_dir / KEYS_FOLDER)
    behind = make_provider(schema, state_dir)
    provider = Providers((behind, management))
    stack.callback(provider.close)
    judge = Judge(schema, validator, provider, configured_subscriptions)
    store = _store(schema, state_dir / "twincast.db", judge, provider, again=options.again)
    stack.callback(store.close)
    for waited_for in (provider, validator):  # once more, before the store: it waits for commits that wait
        stack.callback(waited_for.close)
    return _Core(schema, validator, behind, provider, judge, store, management)


def _store(schema: Schema, path: Path, judge: Judge, provider: Provider, *, again: bool) -> Store:
    start = Start.RUNNING
    if Offer.of(schema, ()).startup:
        start = Start.AGAIN if again else Start.STARTUP
    storage = Storage(path)
    try:
        return Store(schema, storage, judge, provider, start)
    except Exception:
        storage.close()
        raise


def _stream(core: _Core, state_dir: Path, stack: ExitStack) -> Stream:
    """Start the event stream, and have it told what the provider knows."""
    stream = Stream(Contents(core.schema), open_log(state_dir / "events.db", time.time_ns() // 1000))
    stack.callback(stream.close)
    stream.start()
    core.provider.listen(stream.put)
    _tell_library(core.schema, state_dir / served.FILE, stream)
    return stream


def _registry(stream: Stream, stack: ExitStack) -> Registry:
    """Start what dynamic subscriptions need."""
    scheduler, waiting = Scheduler(), Scheduler()
    for each in (scheduler, waiting):
        stack.callback(each.close)
        each.start()
    return Registry(stream, scheduler, waiting=waiting)


def _both(put: Callable[[Notice], None], happened: Callable[[], None]) -> Callable[[Notice], None]:
    """What the provider announces is a notification, and may change what on-change subscriptions tell."""

    def tell(notice: Notice) -> None:
        put(notice)
        happened()

    return tell


def _tell_library(schema: Schema, path: Path, stream: Stream) -> None:
    """Notify that yang-library is not what it was at the last start; the first start changes nothing."""
    last, now = served.last_served(path), schema.content_id
    if last == now:
        return
    if last is not None:
        stream.put(Notice(served.UPDATE, data={"content-id": now}))
    served.remember(path, now)


def _operations(
    core: _Core,
    guard: Guard,
    sessions: Sessions,
    subscriptions: Subscriptions,
    registry: Registry,
    urls: Urls,
    idle: IdleWatch,
) -> Dispatcher:
    configurations = Configurations(core.store, Inline(core.schema, core.validator), urls)
    offer = Offer.of(core.schema, urls.schemes)
    monitoring = Monitoring(core.schema, sessions, core.store.locks, core.store.partial_locks)
    history = History(core.schema, core.store, core.judge, guard)
    kept = (guard.state, history.state, subscriptions.state, registry.state)
    sources = (core.provider.state, monitoring.state, *kept)
    bodies = Bodies(core.schema, core.validator, core.store, guard, sources)
    retrieve = Retrieve(core.schema, core.store, guard, sources, offer)
    selections = Selections(core.schema, core.store, guard, retrieve, subscriptions.stream.contents)
    log = RunningLog(core.store.root(Datastore.RUNNING))
    watch = Watch(registry, log, selections, lambda: core.store.root(Datastore.RUNNING))
    terms = TermsReader(core.schema, (*offer.datastores, INTENDED, OPERATIONAL))
    edit = Edit(core.schema, core.store, guard, core.judge, configurations, urls, core.validator.canonical)
    parts = (
        retrieve,
        Nmda(core.schema, core.store, retrieve, edit, offer),
        Actions(core.schema, bodies, guard, core.provider.actions()),
        Subscribe(subscriptions, registry.subscribed),
        Dynamic(registry, subscriptions, terms, selections, core.schema, log),
        edit,
        Commit(core.store, guard, core.judge, configurations, offer),
        Control(core.store, sessions, offer),
        Partial(core.schema, core.store, guard),
        Schemas(core.schema),
        Compare(core.schema, core.store, guard, offer),
        history,
    )
    base = base_events.BaseEvents(core.schema, sessions, subscriptions.stream.put)
    core.store.listen(base)
    core.store.listen(watch)
    core.provider.listen(_both(subscriptions.stream.put, watch.happened))
    handlers = [bodies.judged(part.handlers()) for part in parts]
    return Dispatcher(sessions, core.store, guard, handlers, (subscriptions, registry, base, idle))
