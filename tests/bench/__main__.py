"""`make bench`: measures everything, prints the table and writes `bench-results/bench.json`.

Arguments choose parts: membership, management, replication, capture, switchover, forwarding, state, states,
routers, sessions, etags, push.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import (
    capturing,
    etags,
    forwarding,
    management,
    membership,
    push,
    replication,
    routers,
    sessions,
    state,
    states,
)
from tests.bench.machine import description
from tests.bench.table import HEAD, Row

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "membership": membership.rows,
    "replication": replication.rows,
    "switchover": replication.switchover_rows,
    "capture": capturing.rows,
    "forwarding": forwarding.rows,
    "states": states.rows,
    "routers": routers.rows,
    "management": management.rows,
    "state": state.rows,
    "sessions": sessions.rows,
    "etags": etags.rows,
    "push": push.rows,
}


def main(chosen: list[str]) -> int:
    """Measure the chosen parts, all when none is named."""
    unknown = set(chosen) - set(PARTS)
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    machine = description()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(HEAD, flush=True)
    found = []
    for part in chosen or PARTS:
        for row in PARTS[part]():
            print(row, flush=True)
            found.append(row.as_json())
    folder = Path("bench-results")
    folder.mkdir(exist_ok=True)
    (folder / "bench.json").write_text(json.dumps({"machine": machine, "rows": found}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
