"""The startup datastore (RFC 6241 section 8.7): what running begins with, if it is to be told apart.

Owns its root and its durable copy. Called under the writer lock of the store; `root` may be read anywhere.
"""

import logging
from enum import StrEnum

from server.datastores.judge import Judge, refuse
from server.datastores.storage import Storage, StorageError
from server.protocol.errors import operation_failed
from server.schema.model import Schema
from server.tree.diff import decode, diff, encode_delta
from server.tree.edit import share
from server.tree.node import Container

logger = logging.getLogger("twincast.datastores.startup")


class Start(StrEnum):
    """What running begins with: itself, every commit being saved; the startup datastore; or itself on a
    server that has a startup datastore and only replaces one that ended.
    """

    RUNNING = "running"
    STARTUP = "startup"
    AGAIN = "again"


class Startup:
    """The datastore startup of one server."""

    def __init__(self, schema: Schema, storage: Storage, judge: Judge, running: Container) -> None:
        """Load it; without one stored it is what `running` is. Raises StorageError and RpcErrors."""
        self._schema = schema
        self._storage = storage
        self._judge = judge
        self.root = self._loaded(running)

    def save(self, new: Container) -> None:
        """Make `new` startup; raises RpcErrors when it is not valid, RpcError when it cannot be stored."""
        settled = self._judge.settle(self.root, new)
        refuse(settled.errors)
        if not settled.changes:
            return
        rows = encode_delta(self._schema, self.root, settled.root)
        try:
            self._storage.write_startup(rows, self._schema.content_id)
        except StorageError as error:
            logger.error("not-stored", extra={"reason": str(error)})  # noqa: TRY400 - not a fault
            raise operation_failed("startup could not be stored; it is unchanged") from error
        self.root = settled.root

    def _loaded(self, running: Container) -> Container:
        stored = self._storage.load_startup()
        if stored is None:
            empty = decode(self._schema, ())
            self._storage.write_startup(encode_delta(self._schema, empty, running), self._schema.content_id)
            return running
        content_id, units = stored
        try:
            root = share(running, decode(self._schema, units.items()))
        except ValueError as error:
            raise StorageError(f"the stored startup does not fit the YANG modules: {error}") from error
        if content_id != self._schema.content_id and diff(running, root):
            refuse(self._judge.whole(root))
        return root
