"""The security of a channel from NETCONF to the wire: two whole routers on loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ncclient.operations import RPCError

from cli.main import main
from dataplane.replication.sockets import md5_supported
from tests.support.ports import free_port
from tests.support.twincast import Twincast
from tests.support.wait import wait_for

NAMESPACE = "urn:twincast:yang:remote-backup"
ADDRESSES = ("127.0.0.1", "127.0.0.2")
KEY = "a key that nobody sees"

CONFIG = """
<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">
  <remote-backup xmlns="urn:twincast:yang:remote-backup">
    <remote-backup-service nc:operation="replace">
      <name>rbs1</name>
      <peer><address>{peer}</address><source-address>{own}</source-address><port>{port}</port></peer>
      {security}
    </remote-backup-service>
  </remote-backup>
</config>"""

FILTER = f"""
<remote-backup xmlns="{NAMESPACE}"><remote-backup-service><name>rbs1</name>
<channel-state/><channel-security/><last-down-reason/></remote-backup-service></remote-backup>"""


class Pair:
    """Two routers and a NETCONF session with each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.routers = [Twincast(folder / name) for name in "ab"]
        for router in self.routers:
            stack.enter_context(router)
        self.sessions = [stack.enter_context(router.connect()) for router in self.routers]
        self.port = free_port()

    def commit(self, number: int, security: str) -> None:
        own, peer = ADDRESSES[number], ADDRESSES[1 - number]
        config = CONFIG.format(own=own, peer=peer, port=self.port, security=security)
        session = self.sessions[number]
        with session.locked("candidate"):
            session.edit_config(target="candidate", config=config)
            session.commit()

    def state(self, number: int) -> dict[str, str]:
        data = self.sessions[number].get(filter=("subtree", FILTER)).data_ele
        found = data.find(f".//{{{NAMESPACE}}}remote-backup-service")
        return {child.tag.partition("}")[2]: child.text for child in found}

    def both(self, **wanted: str) -> Callable[[], bool]:
        names = {name.replace("_", "-"): value for name, value in wanted.items()}
        return lambda: all(names.items() <= self.state(number).items() for number in (0, 1))

    def keys(self, number: int, *arguments: str) -> None:
        assert main([*arguments, "--state-dir", str(self.routers[number].state_dir)]) == 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: Any) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path_factory.mktemp("pair"), stack)


def test_without_keys_the_default_says_what_is_missing(pair: Pair) -> None:
    for number in (0, 1):
        pair.commit(number, "")
    wait_for(pair.both(channel_state="down", last_down_reason="key-missing"), what="key-missing")
    assert "channel-security" not in pair.state(0)


def test_two_operators_make_and_exchange_their_keys(pair: Pair, capfd: Any) -> None:
    for number in (0, 1):
        pair.keys(number, "keygen")
    for number in (0, 1):
        handed = pair.routers[1 - number].state_dir / "keys" / "channel.crt"
        pair.keys(number, "keys", "import", "rbs1-peer", str(handed))
    wait_for(pair.both(channel_state="connected", channel_security="tls"), what="connected")
    capfd.readouterr()


def test_a_key_that_is_named_and_missing_is_refused(pair: Pair) -> None:
    with pytest.raises(RPCError) as refused:
        pair.commit(0, "<tls><peer-key>nobody</peer-key></tls>")
    assert refused.value.app_tag == "key-not-usable"
    assert "nobody.pub does not exist" in str(refused.value.message)
    assert str(refused.value.path).endswith("trb:tls/trb:peer-key")
    with pytest.raises(RPCError) as refused:
        pair.commit(0, "<tls><peer-key>a</peer-key><peer-certificate>b</peer-certificate></tls>")
    assert refused.value.app_tag == "peer-certificate-and-key"
    pair.sessions[0].discard_changes()
    wait_for(pair.both(channel_state="connected", channel_security="tls"), what="connected as before")


def test_plain_tcp_is_what_the_state_says(pair: Pair) -> None:
    for number in (0, 1):
        pair.commit(number, "<none/>")
    wait_for(pair.both(channel_state="connected", channel_security="none"), what="connected in clear")
    for router in pair.routers:
        assert any("channel-unprotected" in line for line in router.log)


def test_an_md5_key_is_never_shown(pair: Pair) -> None:
    if not md5_supported():
        pytest.skip("no TCP MD5 signatures in this kernel")
    for number in (0, 1):
        pair.commit(number, f"<tcp-md5><key>{KEY}</key></tcp-md5>")
    wait_for(pair.both(channel_state="connected", channel_security="tcp-md5"), what="connected")
    for router in pair.routers:
        assert KEY not in "".join(router.log)


COPY_STATE = f"""
<remote-backup xmlns="{NAMESPACE}"><remote-backup-profile><name>rbp1</name>
<igmp-copy-status/></remote-backup-profile></remote-backup>"""
PROFILE = """
<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
  <remote-backup xmlns="urn:twincast:yang:remote-backup"><remote-backup-profile>
    <name>rbp1</name><service-name>rbs1</service-name><backup-id>7</backup-id>
  </remote-backup-profile></remote-backup></config>"""


def status(pair: Pair, number: int, leaf: str) -> list[str]:
    data = pair.sessions[number].get(filter=("subtree", COPY_STATE)).data_ele
    return [found.text for found in data.iter(f"{{{NAMESPACE}}}{leaf}")]


def test_a_block_is_what_the_copy_state_says_and_ends_without_a_new_connection(pair: Pair) -> None:
    for number in (0, 1):
        pair.commit(number, "<none/>")
        pair.sessions[number].edit_config(target="candidate", config=PROFILE)
        pair.sessions[number].commit()
    wait_for(pair.both(channel_state="connected"), what="connected")
    said = len(pair.routers[0].log)
    pair.commit(
        0,
        "<none/><backup-block><direction>send</direction><service>multicast</service></backup-block>",
    )
    assert set(status(pair, 0, "copy-state")) == {"blocked"}
    assert "blocked" not in status(pair, 1, "copy-state")
    pair.commit(0, "<none/>")
    assert "blocked" not in status(pair, 0, "copy-state")
    assert pair.state(0)["channel-state"] == "connected"
    assert not [line for line in pair.routers[0].log[said:] if "channel-state-changed" in line]


def test_the_daily_batch_is_sent_at_its_time(pair: Pair) -> None:
    def completed() -> list[str]:
        return status(pair, 0, "last-batch-completed")

    before = completed()
    soon = datetime.now().astimezone() + timedelta(seconds=10)  # time for a slow machine to commit
    pair.commit(0, f"<none/><daily-batch-backup>{soon:%H:%M:%S}</daily-batch-backup>")
    wait_for(lambda: completed() != before, what="the batch", timeout=40)


def test_an_md5_key_is_replaced_on_one_router_after_the_other(pair: Pair) -> None:
    if not md5_supported():
        pytest.skip("no TCP MD5 signatures in this kernel")
    for number in (0, 1):
        pair.commit(number, f"<tcp-md5><key>{KEY}</key></tcp-md5>")
    wait_for(pair.both(channel_state="connected", channel_security="tcp-md5"), what="connected")
    for first, second in ((0, 1), (1, 0)):
        security = f"<tcp-md5><key>{KEY} {first}</key></tcp-md5>"
        pair.commit(first, security)
        wait_for(pair.both(channel_state="connecting"), what="two keys, no connection")
        pair.commit(second, security)
        wait_for(pair.both(channel_state="connected", channel_security="tcp-md5"), what="connected again")
