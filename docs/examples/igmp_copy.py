#!/usr/bin/env python3
"""Turn the copying of DHCP set-top boxes on or off on all routers of a profile, together or not at all.

    igmp_copy.py off rbp3 edge-a.example.net edge-b.example.net:830 --user ops

Each router gets the change as a confirmed commit, is then asked whether it does what was meant, and only
when all of them do is the change confirmed. If one refuses, or does not answer, all of them go back: those
that can be reached by <cancel-commit>, the others when the session ends or the time is over.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport import TransportError

REMOTE_BACKUP = "urn:twincast:yang:remote-backup"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
EDIT = """
<config xmlns="{netconf}" xmlns:nc="{netconf}">
  <remote-backup xmlns="{remote_backup}">
    <remote-backup-profile>
      <name>{profile}</name>
      <dhcp-stb>{leaf}</dhcp-stb>
    </remote-backup-profile>
  </remote-backup>
</config>"""
LEAF = {
    "on": '<igmp-copy nc:operation="remove"/>',
    "off": '<igmp-copy nc:operation="merge">false</igmp-copy>',
}
FILTER = """
<remote-backup xmlns="{remote_backup}">
  <remote-backup-profile><name>{profile}</name><igmp-copy-status/></remote-backup-profile>
</remote-backup>"""
SECONDS_TO_TAKE_EFFECT = 10


class Refused(Exception):
    """A router that does not do what was ordered."""


def main() -> int:
    """Return 0 when all routers carry the change for good, 1 when none does."""
    options = arguments()
    with ExitStack() as stack:
        name = ""
        routers: dict[str, manager.Manager] = {}
        changed: list[manager.Manager] = []
        try:
            for name in options.routers:
                routers[name] = stack.enter_context(connect(name, options))
                stack.enter_context(routers[name].locked("candidate"))
            for name, router in routers.items():
                edit(router, options)
                router.commit(confirmed=True, timeout=str(options.timeout))
                changed.append(router)
                print(f"{name}: committed, to be confirmed within {options.timeout} s")
            for name, router in routers.items():
                print(f"{name}: copy-state {verify(router, options)}")
            for name, router in routers.items():
                router.commit()
                print(f"{name}: confirmed")
        except (RPCError, TransportError, Refused, OSError) as error:
            print(f"not changed: {name}: {error} {getattr(error, 'path', '') or ''}", file=sys.stderr)
            for router in changed:
                attempt(router.cancel_commit)
            for router in routers.values():
                attempt(router.discard_changes)
            return 1
    print(f"igmp-copy of {options.profile} is {options.state} on {len(routers)} routers")
    return 0


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("state", choices=["on", "off"])
    parser.add_argument("profile")
    parser.add_argument("routers", nargs="+", metavar="HOST[:PORT]")
    parser.add_argument("--user", required=True)
    parser.add_argument(
        "--ssh-config", metavar="FILE", help="as for ssh: names, keys and known hosts, without ports"
    )
    parser.add_argument("--timeout", type=int, default=60, metavar="SECONDS", help="of the confirmed commit")
    return parser.parse_args()


def connect(name: str, options: argparse.Namespace) -> manager.Manager:
    """Return a session with that router, whose host key is known."""
    host, _, port = name.partition(":")
    return manager.connect(
        host=host,
        port=int(port or 830),
        username=options.user,
        ssh_config=options.ssh_config,
        hostkey_verify=True,
        timeout=30,
    )


def edit(router: manager.Manager, options: argparse.Namespace) -> None:
    """Make the change in the candidate and have it judged."""
    config = EDIT.format(
        netconf=NETCONF, remote_backup=REMOTE_BACKUP, profile=options.profile, leaf=LEAF[options.state]
    )
    router.edit_config(target="candidate", config=config, default_operation="none")  # makes no profile
    router.validate(source="candidate")


def verify(router: manager.Manager, options: argparse.Namespace) -> str:
    """Return the copy-state of DHCP set-top boxes when it is as ordered. Raises Refused when it is not."""
    deadline = time.monotonic() + SECONDS_TO_TAKE_EFFECT
    while time.monotonic() < deadline:
        state = copy_state(router, options.profile)
        if (state == "admin-disabled") == (options.state == "off"):
            return state
        time.sleep(0.2)
    raise Refused(f"copy-state is {state} after {SECONDS_TO_TAKE_EFFECT} s")


def copy_state(router: manager.Manager, profile: str) -> str:
    """Return what the router says of DHCP set-top boxes."""
    text = FILTER.format(remote_backup=REMOTE_BACKUP, profile=profile)
    data = etree.fromstring(router.get(filter=("subtree", text)).data_xml.encode())
    path = "//r:subscriber-type[r:type='dhcp-stb']/r:copy-state/text()"
    return str(data.xpath(f"string({path})", namespaces={"r": REMOTE_BACKUP}))


def attempt(order: Callable[[], object]) -> None:
    """Take something back; what cannot be reached takes it back by itself."""
    try:
        order()
    except (RPCError, TransportError, OSError) as error:
        print(f"while taking back: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
