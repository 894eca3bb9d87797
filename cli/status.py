"""`twincast status`: health and readiness of the router on this machine, for people and for programs."""

import json
import os
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from cli.health import Copying, Dataplane, Profile, Report, Server, Service
from cli.netconf import LocalSession, RefusedError, UnreachableError
from cli.state_folder import CONTROL_SOCKET, router_of
from dataplane.control.client import ControlClient

TRB: Final = "{urn:twincast:yang:remote-backup}"
TSRV: Final = "{urn:twincast:yang:server}"
NCM: Final = "{urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring}"
ANSWER_SECONDS: Final = 10.0
"""A server that takes longer does not serve."""
DATAPLANE_SECONDS: Final = 2.0
SHOWN: Final = 20
"""Problems that are shown to a person; a program gets all of them."""

_STATUS: Final = "<subscriber-type><type/><copy-state/><peer-setting-mismatch/></subscriber-type>"
_SERVER: Final = f"""<server xmlns="{TSRV[1:-1]}"><statistics><sessions/></statistics></server>
<netconf-state xmlns="{NCM[1:-1]}"><statistics><netconf-start-time/></statistics></netconf-state>"""
_BACKUP: Final = f"""<remote-backup xmlns="{TRB[1:-1]}">
<remote-backup-service><name/><enabled/><channel-state/><channel-security/><sync-state/><last-down-reason/>
</remote-backup-service>
<remote-backup-profile><name/><service-name/><local-role/><peer-role/>
<igmp-copy-status>{_STATUS}</igmp-copy-status><mld-copy-status>{_STATUS}</mld-copy-status>
</remote-backup-profile></remote-backup>"""


def status(options: Namespace) -> int:
    """Print how the router is. Returns 0 when all is well, 1 when something is not, 2 when it is down."""
    report = ask(*router_of(options.state_dir, options.socket))
    if options.json:
        print(json.dumps({"status": report.health, **msgspec.to_builtins(report)}, indent=2))
    else:
        print("\n".join(lines(report)))
    return report.health.exit_status


def ask(folder: Path, socket: Path) -> Report:
    """Ask the server and the dataplane; what does not answer in time is down."""
    dataplane = _ask_dataplane(folder / CONTROL_SOCKET)
    # the server would wait for a dataplane that hangs
    wanted = _SERVER if dataplane.reachable is False else _SERVER + _BACKUP
    get = f'<get><filter type="subtree">{wanted}</filter></get>'
    try:
        with LocalSession(socket) as session:
            return read(session.data(get, ANSWER_SECONDS), dataplane)
    except (UnreachableError, RefusedError) as error:
        return Report(Server(error=str(error)), dataplane)


def _ask_dataplane(path: Path) -> Dataplane:
    """Ask at the control socket, which is for the owner of the state folder and for root only."""
    try:
        there = path.is_socket()
    except PermissionError:
        return Dataplane()
    if not there:
        return Dataplane(reachable=False)
    if not _may_connect(path):
        return Dataplane()
    client = ControlClient(path)
    client.start()
    try:
        found = client.wait_connected(timeout=DATAPLANE_SECONDS)
    finally:
        client.close()
    if found is None:
        return Dataplane(reachable=False)
    welcome = found[1]
    return Dataplane(True, welcome.configured, welcome.plane)


def _may_connect(path: Path) -> bool:
    return os.access(path, os.W_OK)


def read(data: etree._Element, dataplane: Dataplane) -> Report:
    """Return what an answer of the server says."""
    backup = data.find(f"{TRB}remote-backup")
    services = () if backup is None else tuple(map(_service, backup.iterfind(f"{TRB}remote-backup-service")))
    profiles = () if backup is None else tuple(map(_profile, backup.iterfind(f"{TRB}remote-backup-profile")))
    sessions = data.findtext(f"{TSRV}server/{TSRV}statistics/{TSRV}sessions", "0")
    since = data.findtext(f"{NCM}netconf-state/{NCM}statistics/{NCM}netconf-start-time", "")
    return Report(Server(sessions=int(sessions), since=since), dataplane, services, profiles)


def _text(element: etree._Element, name: str) -> str:
    return element.findtext(f"{TRB}{name}") or ""


def _service(element: etree._Element) -> Service:
    return Service(
        _text(element, "name"),
        _text(element, "enabled") != "false",
        _text(element, "channel-state"),
        _text(element, "channel-security"),
        _text(element, "sync-state"),
        _text(element, "last-down-reason"),
    )


def _profile(element: etree._Element) -> Profile:
    copying = tuple(
        Copying(
            protocol,
            _text(kind, "type"),
            _text(kind, "copy-state"),
            _text(kind, "peer-setting-mismatch") == "true",
        )
        for protocol in ("igmp", "mld")
        for kind in element.iterfind(f"{TRB}{protocol}-copy-status/{TRB}subscriber-type")
    )
    return Profile(
        _text(element, "name"),
        _text(element, "service-name"),
        _text(element, "local-role"),
        _text(element, "peer-role"),
        copying,
    )


def lines(report: Report) -> Iterator[str]:
    """Yield what a person reads: the verdict, the parts, and what is wrong."""
    yield f"twincast: {report.health}"
    server, dataplane = report.server, report.dataplane
    yield "server     " + (
        "down" if server.error else f"up since {server.since}, {server.sessions} sessions, this one included"
    )
    up = {True: f"up, plane {dataplane.plane}", False: "down", None: "not asked: not permitted"}
    yield f"dataplane  {up[dataplane.reachable]}"
    for service in report.services:
        state = "disabled" if not service.enabled else f"channel {service.channel_state or 'unknown'}"
        details = [state, service.channel_security, service.sync_state if service.enabled else ""]
        yield f"service    {service.name}: {', '.join(filter(None, details))}"
    roles = Counter(each.local_role or "unknown" for each in report.profiles)
    if roles:
        counts = ", ".join(f"{count} {role}" for role, count in sorted(roles.items()))
        yield f"profiles   {len(report.profiles)}: {counts}"
    yield from (f"problem    {each}" for each in report.problems[:SHOWN])
    if len(report.problems) > SHOWN:
        yield f"problem    and {len(report.problems) - SHOWN} more; --json has all of them"
