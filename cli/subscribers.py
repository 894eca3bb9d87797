"""`twincast subscribers`: the list of a site's subscribers, for the dataplane that runs and for the next one.

Reads a list of patterns or lines of JSON, hands it to the dataplane in parts, and keeps it in the state
folder. A list that has one line that cannot be read is refused as a whole.
"""

import json
import secrets
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from cli.errors import said
from cli.state_folder import CONTROL_SOCKET, SUBSCRIBERS_FOLDER, state_dir
from dataplane.control.client import (
    Action,
    ActionRefused,
    ClearSubscribers,
    ControlClient,
    ProfileState,
    RequestFailed,
    StateSelection,
    Unavailable,
)
from dataplane.subscriber_files import SubscriberFiles, parts
from dataplane.subscriber_list import MAX_PATTERNS, PatternError, normalized, pattern_of

MAX_LINE: Final = 4096
"""Characters of one line."""
CONNECT_TIMEOUT: Final = 2.0
_PARTS: Final = {"outer-vlan": 0xFFF, "inner-vlan": 0xFFF, "pppoe-session": 0xFFFF}


class _Refused(Exception):
    """What was asked for cannot be done; the text says why."""


def subscribers(options: Namespace) -> int:
    """Load, clear or show. Returns 0, or 1 when it could not."""
    work: dict[str, Callable[[Namespace, SubscriberFiles], None]] = {
        "load": _load,
        "clear": _clear,
        "show": _show,
    }
    options.profile = options.profile or ""
    try:
        folder = state_dir(options.state_dir)
        work[options.verb](options, SubscriberFiles(folder / SUBSCRIBERS_FOLDER))
    except (_Refused, RequestFailed, OSError, ValueError) as error:
        print(f"twincast: {said(error)}", file=sys.stderr)
        return 1
    return 0


def read(lines: Iterable[str]) -> Iterator[str]:
    """Yield the patterns of a list, each once, as they are written; raises ValueError naming the line."""
    known: set[str] = set()
    for number, line in enumerate(lines, 1):
        try:
            pattern = _pattern(line.strip())
        except PatternError as error:
            raise ValueError(f"line {number}: {error}") from error
        if pattern is None or pattern in known:
            continue
        if len(known) >= MAX_PATTERNS:
            raise ValueError(f"line {number}: a list holds at most {MAX_PATTERNS} subscribers")
        known.add(pattern)
        yield pattern


def _pattern(line: str) -> str | None:
    if len(line) > MAX_LINE:
        raise PatternError(f"more than {MAX_LINE} characters")
    if not line or line.startswith("#"):
        return None
    return _of_json(line) if line.startswith("{") else normalized(line)


def _of_json(line: str) -> str:
    """A subscriber as an object; what is not named is any, other names are for others."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PatternError("no JSON object") from error
    if not isinstance(fields, dict):
        raise PatternError("no JSON object")
    if not fields.keys() & {"mac", *_PARTS}:
        raise PatternError(f"none of mac, {', '.join(_PARTS)}")
    mac = fields.get("mac")
    if mac is not None and not isinstance(mac, str):
        raise PatternError("mac: expected text")
    numbers = [_number(fields, name, limit) for name, limit in _PARTS.items()]
    return pattern_of(mac, *numbers)


def _number(fields: dict[str, object], name: str, limit: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise PatternError(f"{name}: expected a number from 0 to {limit}")
    return value


def _load(options: Namespace, files: SubscriberFiles) -> None:
    with _opened(options.file) as file:
        patterns = list(read(file))
    with _dataplane(options) as client:
        if client is not None:
            for part in parts(options.profile, secrets.randbits(63), patterns):
                _act(client, part)
        path = files.write(options.profile, patterns)
        known = client is None or not options.profile or any(_profiles(client, options.profile))
    waits = "" if known else "; there is no such profile yet"
    print(f"{len(patterns)} subscribers for {_whose(options.profile)}, kept in {path}{_when(client)}{waits}")


def _clear(options: Namespace, files: SubscriberFiles) -> None:
    there = files.remove(options.profile)
    with _dataplane(options) as client:
        if client is not None:
            _act(client, ClearSubscribers(options.profile))
    what = "forgot the list" if there else "there was no list"
    print(f"{what} for {_whose(options.profile)}{_when(client)}")


def _show(options: Namespace, files: SubscriberFiles) -> None:
    """What decides now, by profile, or what is kept when nothing runs."""
    with _dataplane(options) as client:
        if client is None:
            for profile in files.profiles():
                print(f"{_whose(profile)}: {len(files.read(profile))} subscribers, from the next start on")
            return
        for found in _profiles(client, options.profile):
            print(f"{_whose(found.name)}: {_described(found)}")


def _profiles(client: ControlClient, name: str) -> Iterator[ProfileState]:
    """Yield what is told of a profile, or of all without a name."""
    wanted = StateSelection((), (name,) if name else None, (), (), counts=False)
    for piece in client.state(wanted):
        yield from piece.profiles


def _described(state: ProfileState) -> str:
    if state.subscriber_list_entries is None or state.subscriber_list_loaded is None:
        return "no list, everyone is copied"
    since = datetime.fromtimestamp(state.subscriber_list_loaded, UTC)
    return f"{state.subscriber_list_entries} subscribers, loaded {since:%Y-%m-%dT%H:%M:%SZ}"


def _act(client: ControlClient, action: Action) -> None:
    outcome = client.act(action)
    if isinstance(outcome, ActionRefused):
        raise _Refused(outcome.message)


@contextmanager
def _dataplane(options: Namespace) -> Iterator[ControlClient | None]:
    """Connect to the dataplane; None when none runs. Raises _Refused when it goes away in between."""
    client = ControlClient(state_dir(options.state_dir) / CONTROL_SOCKET)
    client.start()
    try:
        yield client if client.wait_connected(timeout=CONNECT_TIMEOUT) else None
    except Unavailable as error:
        raise _Refused(f"{error}; nothing was kept") from error
    finally:
        client.close()


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        yield sys.stdin
        return
    with Path(name).open(encoding="utf-8") as file:
        yield file


def _whose(profile: str) -> str:
    return f"profile {profile}" if profile else "all profiles without a list of their own"


def _when(client: ControlClient | None) -> str:
    return "" if client is not None else "; no dataplane runs, so from the next start on"
