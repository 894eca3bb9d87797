"""Whether what yang-library tells has changed since the last start (RFC 8525 section 3)."""

from pathlib import Path
from typing import Final

UPDATE: Final = "/ietf-yang-library:yang-library-update"
"""Path of the notification."""
FILE: Final = "yang-library"
"""In the state folder: the content-id that was served last."""
_LONGEST: Final = 256


def last_served(path: Path) -> str | None:
    """Return the content-id of the last start; None when there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text or None


def remember(path: Path, content_id: str) -> None:
    """Store the content-id of this start, wholly or not at all; raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(f"{content_id}\n", encoding="ascii")
    fresh.replace(path)
