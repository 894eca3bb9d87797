"""Writes a report into a folder: the page, the pictures, the figures as JSON."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli.lab import page, svg
from cli.lab.page import Report

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = "report.html"
NO_PNG = "no PNG pictures: install twincast[report]"


def machine() -> str:
    """Say what machine this is, in a few words."""
    system = platform.uname()
    return (
        f"{os.cpu_count()} processors, {system.system} {system.release}, Python {platform.python_version()}"
    )


def now() -> str:
    """The time for people."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def write(report: Report, folder: Path) -> Path:
    """Write everything; return the page. PNG pictures are left out, with a word, without their library."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(page.html(report))
    for name, picture in page.pictures(report, svg.style()):
        (folder / f"{name}.svg").write_text(picture)
    content = [scenario.as_json() for scenario in report.scenarios]
    (folder / "report.json").write_text(
        json.dumps({"groups": report.groups, "scenarios": content}, indent=2) + "\n"
    )
    convert = _converter()
    if convert is None:
        print(NO_PNG, file=sys.stderr)
        return folder / PAGE
    for name, picture in page.pictures(report, svg.style(adaptive=False)):
        (folder / f"{name}.png").write_bytes(convert(picture))
    return folder / PAGE


def _converter() -> "Callable[[str], bytes] | None":
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        return None
    return lambda picture: bytes(svg_to_bytes(svg_string=picture, zoom=2))
