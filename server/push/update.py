"""A push-update: everything that is selected, within a limit (RFC 8641 section 4.3.1). Pure."""

from collections.abc import Iterable
from typing import Final

from server.push.errors import PUSH

PUSH_UPDATE: Final = "push-update"


class TooBigError(Exception):
    """An update is larger than one may be."""


def push_update(number: int, contents: Iterable[bytes], most: int) -> list[bytes]:
    """Return the notification's content in pieces; raises TooBigError beyond `most` octets."""
    begin = f'<{PUSH_UPDATE} xmlns="{PUSH}"><id>{number}</id><datastore-contents>'
    return [begin.encode(), *bounded(contents, most), f"</datastore-contents></{PUSH_UPDATE}>".encode()]


def bounded(pieces: Iterable[bytes], most: int) -> list[bytes]:
    """Return pieces that are made while they are taken; raises TooBigError once there are too many octets."""
    taken: list[bytes] = []
    left = most
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise TooBigError
        taken.append(piece)
    return taken
