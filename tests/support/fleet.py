"""A pair of routers as an orchestrator sees it: two real servers, and an SSH configuration of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
from ncclient import manager

from tests.support.fast_client import Key
from tests.support.ports import free_port
from tests.support.twincast import Twincast

NAMES = ("edge-a", "edge-b")
PROFILE = "rbp3"
CONFIG = """
<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
  <remote-backup xmlns="urn:twincast:yang:remote-backup">
    <remote-backup-service>
      <name>rbs1</name>
      <peer><address>127.0.0.{peer}</address><source-address>127.0.0.{own}</source-address><port>{port}</port></peer>
      <none/>
    </remote-backup-service>
    <remote-backup-profile>
      <name>rbp3</name>
      <service-name>rbs1</service-name>
      <backup-id>3</backup-id>
    </remote-backup-profile>
  </remote-backup>
</config>"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The servers by name, and the folder with `ssh_config`, `known_hosts` and the key of the user admin."""

    folder: Path
    routers: dict[str, Twincast]

    @property
    def ssh_config(self) -> Path:
        """For programs that log in as OpenSSH does: `edge-a` and `edge-b` with port, key and known host."""
        return self.folder / "ssh_config"

    @property
    def key(self) -> Path:
        """The private key of the user admin."""
        return self.folder / "key"

    def leaf(self, name: str) -> str:
        """What running says of igmp-copy on that router; empty when nobody set it."""
        with self.routers[name].connect() as session:
            return _leaf(session)


def _leaf(session: manager.Manager) -> str:
    data = session.get_config("running").data
    return str(data.xpath("string(//*[local-name()='igmp-copy'])"))


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Two configured servers on loopback that know each other; ended with the context."""
    key, port = Key.generate(), free_port()
    with ExitStack() as stack:
        routers = {name: stack.enter_context(Twincast(folder / name, key=key)) for name in NAMES}
        found = Fleet(folder, routers)
        _write_ssh(found, key)
        for number, router in enumerate(routers.values(), start=1):
            with router.connect() as session:
                config = CONFIG.format(own=number, peer=3 - number, port=port)
                session.edit_config(target="candidate", config=config)
                session.commit()
        yield found


def _write_ssh(found: Fleet, key: Key) -> None:
    found.key.write_bytes(key.private)
    found.key.chmod(0o600)
    known, hosts = [], []
    for name, router in found.routers.items():
        host_key = paramiko.PKey.from_path(router.state_dir / "host_key")
        known.append(f"[127.0.0.1]:{router.port} {host_key.get_name()} {host_key.get_base64()}\n")
        hosts.append(f"Host {name}\n  HostName 127.0.0.1\n  Port {router.port}\n")
    (found.folder / "known_hosts").write_text("".join(known))
    known_hosts = found.folder / "known_hosts"
    common = f"Host *\n  User admin\n  IdentityFile {found.key}\n  UserKnownHostsFile {known_hosts}\n"
    found.ssh_config.write_text("".join(hosts) + common)
