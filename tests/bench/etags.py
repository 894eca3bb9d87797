"""Etags with 100,000 entries: the first, one after a change of one leaf, and what a current one saves."""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.management import COMMIT, GET_ALL, NAMESPACE, one_leaf, profiles
from tests.bench.table import Row, latency
from tests.support.fast_client import Client, timed
from tests.support.server import PASSWORD, USER, running_server

ENTRIES, PIECE, TURNS = 100_000, 10_000, 50
TXID = 'xmlns:txid="urn:ietf:params:xml:ns:netconf:txid:1.0"'
COMMIT_WITH = (
    '<commit><with-etag xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-txid">true</with-etag></commit>'
)


def rows() -> Iterator[Row]:
    """Measure a server with nothing behind its configuration."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        client = Client(server.port, USER, PASSWORD)
        for first in range(0, ENTRIES, PIECE):
            client.rpc(profiles(first, PIECE))
        client.rpc(COMMIT)
        yield from _commits(client)
        yield from _reads(client)
        client.close()


def _commits(client: Client) -> Iterator[Row]:
    plain = [_one_leaf(client, turn, COMMIT) for turn in range(TURNS)]
    yield Row(f"one-leaf commit, {ENTRIES} entries", TURNS, "commits", note=latency(plain))
    yield Row("the first etag", timed(client, COMMIT_WITH), "s")
    tagged = [_one_leaf(client, turn, COMMIT_WITH) for turn in range(TURNS)]
    yield Row("one-leaf commit that tells the etag", TURNS, "commits", note=latency(tagged))


def _one_leaf(client: Client, turn: int, commit: str) -> float:
    client.rpc(one_leaf(turn))
    return timed(client, commit)


def _reads(client: Client) -> Iterator[Row]:
    yield Row("get-config of all, first", timed(client, GET_ALL), "s")
    yield Row("get-config of all, second", timed(client, GET_ALL), "s")
    asked = GET_ALL.replace("<get-config>", f'<get-config {TXID} txid:etag="?">')
    yield Row("get-config of all with etags, first", timed(client, asked), "s")
    yield Row("get-config of all with etags, second", timed(client, asked), "s")
    _one_leaf(client, TURNS + 1, COMMIT)
    begin = time.perf_counter()
    found = re.search(rb'<data [^>]*txid:etag="([^"]+)"', client.rpc(asked))
    yield Row("get-config of all with etags, after a change of one leaf", time.perf_counter() - begin, "s")
    yield Row(
        f"get-config that sends the etags of {PIECE} entries", timed(client, _known(client, asked)), "s"
    )
    current = asked.replace("?", found[1].decode() if found else "")
    seconds = [timed(client, current) for _ in range(TURNS)]
    yield Row("get-config of all with the etag that is current", TURNS, "answered", note=latency(seconds))


def _known(client: Client, asked: str) -> str:
    """A request that sends the etags of the first entries, each by its own element."""
    entry = re.compile(rb'<remote-backup-profile txid:etag="([^"]+)"><name>([^<]+)')
    found = entry.findall(client.rpc(asked))[:PIECE]
    elements = "".join(
        f'<remote-backup-profile txid:etag="{own.decode()}"><name>{name.decode()}</name>'
        "</remote-backup-profile>"
        for own, name in found
    )
    inner = f'<remote-backup xmlns="{NAMESPACE}" {TXID}>{elements}</remote-backup>'
    return f"<get-config><source><running/></source><filter>{inner}</filter></get-config>"
