#!/usr/bin/env python3
"""Turn the copying of DHCP set-top boxes on or off on all routers of an inventory, together or not at all.

    igmp_copy.py off --inventory hosts.yaml --ssh-config ~/.ssh/config

A host's `data: profile` names the profile. The three tasks can be used in other runbooks as well.
"""

import argparse
import sys
import time
from typing import Any

from lxml import etree
from ncclient import manager
from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.task import AggregatedResult, Result, Task

REMOTE_BACKUP = "urn:twincast:yang:remote-backup"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
EDIT = """
<config xmlns="{netconf}" xmlns:nc="{netconf}">
  <remote-backup xmlns="{remote_backup}">
    <remote-backup-profile>
      <name>{profile}</name>
      <dhcp-stb><igmp-copy nc:operation="merge">{value}</igmp-copy></dhcp-stb>
    </remote-backup-profile>
  </remote-backup>
</config>"""
FILTER = """
<remote-backup xmlns="{remote_backup}">
  <remote-backup-profile><name>{profile}</name><igmp-copy-status/></remote-backup-profile>
</remote-backup>"""


class Netconf:
    """The connection of a host: one NETCONF session that stays for the whole run."""

    def open(
        self,
        hostname: str | None,
        username: str | None,
        password: str | None,
        port: int | None,
        platform: str | None,  # noqa: ARG002
        extras: dict[str, Any] | None = None,
        configuration: Config | None = None,  # noqa: ARG002
    ) -> None:
        """Connect; the host's key has to be known."""
        self.connection = manager.connect(
            host=hostname,
            port=port or 830,
            username=username,
            password=password,
            timeout=30,
            **(extras or {}),
        )

    def close(self) -> None:
        """End the session, and with it what was not confirmed."""
        self.connection.close_session()


def commit_for_a_while(task: Task, value: str, seconds: int) -> Result:
    """Change the leaf and commit it, to be confirmed within that many seconds."""
    router = task.host.get_connection("netconf", task.nornir.config)
    router.lock("candidate")
    config = EDIT.format(
        netconf=NETCONF, remote_backup=REMOTE_BACKUP, profile=task.host["profile"], value=value
    )
    router.edit_config(target="candidate", config=config, default_operation="none")
    router.validate(source="candidate")
    router.commit(confirmed=True, timeout=str(seconds))
    return Result(host=task.host, changed=True, result=f"committed for {seconds} s")


def verify(task: Task, disabled: bool) -> Result:
    """Ask for the copy-state until it is as ordered."""
    router = task.host.get_connection("netconf", task.nornir.config)
    text = FILTER.format(remote_backup=REMOTE_BACKUP, profile=task.host["profile"])
    path = "string(//r:igmp-copy-status/r:subscriber-type[r:type='dhcp-stb']/r:copy-state)"
    deadline = time.monotonic() + 10
    while True:
        data = etree.fromstring(router.get(filter=("subtree", text)).data_xml.encode())
        state = str(data.xpath(path, namespaces={"r": REMOTE_BACKUP}))
        if (state == "admin-disabled") == disabled:
            return Result(host=task.host, result=f"copy-state {state}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"copy-state is {state}")
        time.sleep(0.2)


def confirm(task: Task) -> Result:
    """Make the change last."""
    router = task.host.get_connection("netconf", task.nornir.config)
    router.commit()
    router.unlock("candidate")
    return Result(host=task.host, result="confirmed")


def told(result: AggregatedResult) -> bool:
    """Print what each host answered; return whether none failed."""
    for host, answers in result.items():
        text = answers[0].exception or answers[0].result
        print(f"{host}: {text}", file=sys.stderr if answers.failed else sys.stdout)
    return not result.failed


def main() -> int:
    """Return 0 when all routers carry the change for good, 1 when none does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("state", choices=["on", "off"])
    parser.add_argument("--inventory", default="hosts.yaml", metavar="FILE")
    parser.add_argument("--ssh-config", metavar="FILE", help="as for ssh: names, keys and known hosts")
    options = parser.parse_args()
    ConnectionPluginRegister.register("netconf", Netconf)
    with InitNornir(
        inventory={"plugin": "SimpleInventory", "options": {"host_file": options.inventory}},
        logging={"enabled": False},
    ) as routers:
        connect(routers, options.ssh_config)
        disabled = options.state == "off"
        value = "false" if disabled else "true"
        done = (
            told(routers.run(commit_for_a_while, value=value, seconds=60))
            and told(routers.run(verify, disabled=disabled))
            and told(routers.run(confirm))
        )
    print(f"igmp-copy is {options.state}" if done else "not changed", file=sys.stdout if done else sys.stderr)
    return 0 if done else 1


def connect(routers: Nornir, ssh_config: str | None) -> None:
    """Say how all hosts are reached; each connects with its first task."""
    for host in routers.inventory.hosts.values():
        host.connection_options["netconf"] = host.get_connection_parameters("netconf")
        host.connection_options["netconf"].extras = {"ssh_config": ssh_config, "hostkey_verify": True}


if __name__ == "__main__":
    sys.exit(main())
