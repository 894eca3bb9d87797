"""The provider with a real dataplane process behind it: commits, refusals, crashes in between."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplane.forwarding.placement import MAXIMUM_TABLES, capacity
from server.northbound.apply import DataplaneProvider
from server.protocol.errors import ErrorTag, RpcErrors
from server.schema.model import Schema, load_schema
from server.schema.sources import default_sources
from server.tree.build import from_data
from server.tree.diff import diff
from server.tree.filter import everything
from server.tree.node import Container, empty_root
from tests.support.dataplane import DataplaneProcess
from tests.support.wait import wait_for

Profiles = Callable[..., Container]


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema(default_sources())


@pytest.fixture
def process(tmp_path: Path) -> Iterator[DataplaneProcess]:
    process = DataplaneProcess(tmp_path / "dataplane")
    process.start()
    yield process
    process.close()


@pytest.fixture
def provider(process: DataplaneProcess, schema: Schema) -> Iterator[DataplaneProvider]:
    provider = DataplaneProvider(process.path, schema)
    provider.restore(empty_root(schema.root))
    yield provider
    provider.close()


def tree(schema: Schema, *names: str, **services: dict[str, object]) -> Container:
    backup = {
        "remote-backup-profile": [{"name": name} for name in names],
        "remote-backup-service": [{"name": name, **body} for name, body in services.items()],
    }
    return from_data(schema, {"twincast-remote-backup:remote-backup": backup})


def known(process: DataplaneProcess) -> set[str]:
    return {profile.name for profile in process.state().profiles}


def test_a_commit_is_acted_on_when_apply_returns(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    old, new = empty_root(schema.root), tree(schema, "a")
    prepared = provider.prepare(old, new, diff(old, new))
    assert known(process) == set()
    prepared.apply()
    assert known(process) == {"a"}
    newer = tree(schema, "a", "b")
    prepared = provider.prepare(new, newer, diff(new, newer))
    prepared.apply()
    prepared.revert()
    assert known(process) == {"a"}
    prepared = provider.prepare(new, newer, diff(new, newer))
    prepared.abort()
    assert known(process) == {"a"}
    data = provider.state(everything(schema))
    assert from_data(schema, data).children


def test_a_refusal_names_the_leaf(schema: Schema, provider: DataplaneProvider) -> None:
    old, new = empty_root(schema.root), tree(schema, rbs1={"tls": {"key": "nobody"}})
    with pytest.raises(RpcErrors) as refused:
        provider.prepare(old, new, diff(old, new))
    error = refused.value.errors[0]
    assert (error.tag, error.app_tag) == (ErrorTag.OPERATION_FAILED, "key-not-usable")
    service = "/trb:remote-backup/trb:remote-backup-service[trb:name='rbs1']"
    assert error.path == f"{service}/trb:tls/trb:key"


def interfaces(schema: Schema, count: int) -> Container:
    entries = [
        {
            "name": f"eth{number:03}",
            "type": "iana-if-type:ethernetCsmacd",
            "twincast-remote-backup:multicast": {"access-id": number + 1},
        }
        for number in range(count)
    ]
    return from_data(schema, {"ietf-interfaces:interfaces": {"interface": entries}})


def test_ports_that_do_not_fit_are_refused_with_their_path(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    most = capacity(MAXIMUM_TABLES)
    old, new, more = empty_root(schema.root), interfaces(schema, most), interfaces(schema, most + 1)
    provider.prepare(old, new, diff(old, new)).apply()
    wait_for(lambda: len(process.state().interfaces) == most, what="as many as fit")
    with pytest.raises(RpcErrors) as refused:
        provider.prepare(new, more, diff(new, more))
    paths = [error.path for error in refused.value.errors]
    assert paths == [f"/if:interfaces/if:interface[if:name='eth{most}']/trb:multicast"]


def test_a_dataplane_that_comes_back_is_given_running(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    old, new = empty_root(schema.root), tree(schema, "a")
    provider.prepare(old, new, diff(old, new)).apply()
    process.kill()
    process.start()
    wait_for(lambda: known(process) == {"a"}, what="running is restored")


def test_one_that_dies_between_prepare_and_apply_does_not_undo_the_commit(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    old, new = empty_root(schema.root), tree(schema, "a")
    prepared = provider.prepare(old, new, diff(old, new))
    process.kill()
    prepared.apply()
    process.start()
    wait_for(lambda: known(process) == {"a"}, what="the commit is restored")
    newer = tree(schema, "a", "b")
    provider.prepare(new, newer, diff(new, newer)).apply()
    assert known(process) == {"a", "b"}


def test_prepare_waits_for_a_dataplane_that_is_away(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    process.kill()
    starter = threading.Thread(target=process.start)
    starter.start()
    old, new = empty_root(schema.root), tree(schema, "a")
    provider.prepare(old, new, diff(old, new)).apply()
    starter.join()
    assert known(process) == {"a"}


def test_a_dataplane_that_stays_away_fails_the_commit(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    process.kill()
    old, new = empty_root(schema.root), tree(schema, "a")
    with pytest.raises(RpcErrors) as refused:
        provider.prepare(old, new, diff(old, new))
    error = refused.value.errors[0]
    assert (error.tag, error.app_tag) == (ErrorTag.OPERATION_FAILED, "dataplane-away")
    assert provider.state(everything(schema)) == {}


def test_what_means_nothing_to_the_dataplane_does_not_wait_for_it(
    schema: Schema, process: DataplaneProcess, provider: DataplaneProvider
) -> None:
    process.kill()
    old = empty_root(schema.root)
    entry = {"name": "lo", "type": "iana-if-type:softwareLoopback"}
    new = from_data(schema, {"ietf-interfaces:interfaces": {"interface": [entry]}})
    provider.prepare(old, new, diff(old, new)).apply()
