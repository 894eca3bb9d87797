"""A real keepalived in a namespace, configured as docs/vrrp.md says."""

import re
from pathlib import Path

from cli.lab.keepalived import MISSING, PROGRAM, Keepalived

__all__ = ["MISSING", "PROGRAM", "Keepalived", "sample"]

_GUIDE = Path(__file__).parents[2] / "docs/vrrp.md"


def sample(language: str) -> str:
    """The block of the guide in this language."""
    found = re.search(rf"```{language}\n(.*?)```", _GUIDE.read_text(), re.DOTALL)
    assert found
    return found[1]
