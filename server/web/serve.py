"""Puts the status page together from the parts of the server."""

import socket
import time
from typing import Any, Final

from lxml import etree

from server.datastores.locks import Datastore
from server.datastores.store import Store
from server.provider import Provider, Watched
from server.schema.model import Schema
from server.status.picture import MOST_GROUPS, Event, Picture, picture
from server.status.plain import merged, of_state, of_tree
from server.status.rates import Rates
from server.telemetry.streams import Stream
from server.tree.filter import Selection
from server.web.service import WebServer
from server.web.watch import Watch

_BACKUP: Final = "{urn:twincast:yang:remote-backup}"
_INTERFACES: Final = "{urn:ietf:params:xml:ns:yang:ietf-interfaces}"


class Reader:
    """Makes pictures of this router. What it reads holds keys; a picture has none."""

    def __init__(self, schema: Schema, provider: Provider, store: Store) -> None:
        self._provider = provider
        self._store = store
        self._selection = Selection(schema, _wanted())
        self._rates = Rates()
        self._name = socket.gethostname()

    def read(self, events: tuple[Event, ...]) -> Picture:
        """Return the picture of now."""
        running = self._store.root(Datastore.RUNNING)
        tags = (f"{_BACKUP}remote-backup", f"{_INTERFACES}interfaces")
        kept = running.with_children({tag: running.children[tag] for tag in tags if tag in running.children})
        self._rates.begin(time.monotonic())
        return picture(self._name, merged(of_tree(kept), self._state()), events, self._rates)

    def _state(self) -> dict[str, Any]:
        """Return the state, none while there is no dataplane: asking would be a line of the log each time."""
        if isinstance(self._provider, Watched) and not self._provider.connected():
            return {}
        return of_state(self._provider.state(self._selection), MOST_GROUPS)


def _wanted() -> tuple[etree._Element, ...]:
    interfaces = etree.Element(f"{_INTERFACES}interfaces")
    etree.SubElement(etree.SubElement(interfaces, f"{_INTERFACES}interface"), f"{_BACKUP}multicast")
    wanted = etree.Element("filter")
    etree.SubElement(wanted, f"{_BACKUP}remote-backup")
    wanted.append(interfaces)
    return (wanted,)


def serve(descriptor: int, schema: Schema, provider: Provider, store: Store, stream: Stream) -> WebServer:
    """Answer on a listening socket from now on; `provider` is what stands behind the replication."""
    watch = Watch(Reader(schema, provider, store).read, stream)
    server = WebServer(socket.socket(fileno=descriptor), watch)
    server.start()
    return server
