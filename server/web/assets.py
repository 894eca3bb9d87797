"""The files of the page, read once: nothing in a request ever names a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    kind: str
    content: bytes


def _read(name: str, kind: str) -> Asset:
    return Asset(kind, files("server.web").joinpath("assets", name).read_bytes())


ASSETS: Final[Mapping[str, Asset]] = {
    "/": _read("index.html", "text/html; charset=utf-8"),
    "/app.js": _read("app.js", "text/javascript; charset=utf-8"),
    "/app.css": _read("app.css", "text/css; charset=utf-8"),
    "/icon.svg": _read("icon.svg", "image/svg+xml"),
}
"""By path."""
