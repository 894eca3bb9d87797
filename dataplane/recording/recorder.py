"""Writes a recording to a file while the dataplane runs.

Its owner alone can read the file, whose size is bounded. What a burst of messages holds is written at the
end of the burst, before anything else happens, so that a crash leaves what led to it.
"""

import logging
import os
from pathlib import Path

from dataplane.engine.messages import BurstEnded, Message
from dataplane.recording.journal import Begin, Writer

_log = logging.getLogger("twincast.dataplane.recorder")


class Recorder:
    """Appends one run to a file until `limit` octets are in it; then, or when writing fails, it stops.

    Raises OSError when the file cannot be opened.
    """

    def __init__(self, path: Path, begin: Begin, now: float, limit: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        self._room = limit - os.fstat(self._descriptor).st_size
        self._writer = Writer()
        self._waiting = [self._writer.line(now, begin)]
        self._write()

    def put(self, message: Message, now: float) -> None:
        """Record a message that the engine is about to be given."""
        if self._descriptor < 0:
            return
        self._waiting.append(self._writer.line(now, message))
        if isinstance(message, BurstEnded):
            self._write()

    def close(self) -> None:
        """Write what waits and close the file."""
        self._write()
        self._end("closed")

    def _write(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._room -= len(data)
        if self._room < 0:
            self._end("full")
            return
        try:
            os.write(self._descriptor, data)
        except OSError as error:
            self._end(str(error))

    def _end(self, reason: str) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            _log.info("recording-ended", extra={"reason": reason})
