"""What docs/access.md says of the reasons is all of them, and no others."""

import re
from pathlib import Path

from dataplane.packets.wire import DropReason

TEXT = (Path(__file__).parents[3] / "docs" / "access.md").read_text(encoding="utf-8")


def test_every_reason_is_explained():
    rows = TEXT.partition("## What is refused")[2].splitlines()
    first = [row.split("|")[1] for row in rows if row.startswith("| `")]
    named = re.findall(r"`([^`]+)`", " ".join(first))
    assert sorted(named) == sorted(reason.value for reason in DropReason)
