"""The listening sockets of the configuration: bound before a commit, accepting from it on."""

import logging
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from server.management.config import Listen, Transport
from server.transport.ssh import SshServer
from server.transport.tls import TlsServer

logger = logging.getLogger("twincast.management.listeners")

Address: TypeAlias = tuple[str, int]
_BACKLOG: Final = 256


class BindError(Exception):
    """An address cannot be listened on; the text says why."""

    def __init__(self, listen: Listen, reason: str) -> None:
        super().__init__(f"{listen.address} port {listen.port} cannot be listened on: {reason}")
        self.listen = listen


class Listeners:
    """Owns one socket for each address; its servers accept on a duplicate. Thread-safe."""

    def __init__(self, ssh: SshServer, tls: TlsServer) -> None:
        self._servers: Final[Mapping[Transport, SshServer | TlsServer]] = {
            Transport.SSH: ssh,
            Transport.TLS: tls,
        }
        self._lock = threading.Lock()
        self._wanted: tuple[Listen, ...] = ()
        self._open: dict[Address, tuple[Listen, socket.socket, socket.socket]] = {}
        self._closed = False

    def reserve(self, wanted: Iterable[Listen]) -> dict[Address, socket.socket]:
        """Bind what is not open yet, without accepting. Raises BindError, and then nothing is bound."""
        spare: dict[Address, socket.socket] = {}
        with self._lock:
            try:
                for listen in wanted:
                    if listen.at not in self._open:
                        spare[listen.at] = _bind(listen)
            except BindError:
                close(spare)
                raise
        return spare

    def follow(self, wanted: tuple[Listen, ...], spare: Mapping[Address, socket.socket]) -> None:
        """Accept on what is wanted and nothing else; `spare` has the sockets that were bound for it."""
        with self._lock:
            self._wanted = wanted
            by_address = {listen.at: listen for listen in wanted}
            for at in [at for at, (listen, *_) in self._open.items() if by_address.get(at) != listen]:
                self._end(at, keep=at in by_address)
            self._begin(spare)

    def retry(self) -> None:
        """Try again to listen on what could not be had."""
        with self._lock:
            self._begin({})

    def listening(self, listen: Listen) -> bool:
        """Whether connections are accepted on it."""
        with self._lock:
            return listen.at in self._open

    def close(self) -> None:
        """Close all sockets; the servers close theirs."""
        with self._lock:
            self._closed = True
            for _, master, _ in self._open.values():
                master.close()
            self._open.clear()

    def _begin(self, spare: Mapping[Address, socket.socket]) -> None:
        if self._closed:
            return
        for listen in self._wanted:
            if listen.at in self._open:
                continue
            try:
                master = spare.get(listen.at) or _bind(listen)
            except BindError as error:
                logger.warning("not-listening", extra={"listener": listen.endpoint, "cause": str(error)})
                continue
            self._accept(listen, master)

    def _accept(self, listen: Listen, master: socket.socket) -> None:
        accepting = master.dup()
        self._open[listen.at] = listen, master, accepting
        self._servers[listen.transport].listen(accepting, listen.endpoint)
        logger.info("listening", extra={"listener": listen.endpoint, "address": listen.address})

    def _end(self, at: Address, *, keep: bool) -> None:
        """Accept no more; `keep` the socket for another listener with this address."""
        listen, master, accepting = self._open.pop(at)
        self._servers[listen.transport].acceptor.remove(accepting)
        if keep:
            successor = next(each for each in self._wanted if each.at == at)
            self._accept(successor, master)
        else:
            master.close()


def close(sockets: Mapping[Address, socket.socket]) -> None:
    """Close sockets that are not needed."""
    for each in sockets.values():
        each.close()


def _bind(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    try:
        return socket.create_server(listen.at, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise BindError(listen, error.strerror or str(error)) from error
