"""How events are written: one line each on standard error, fields as key=value.

Owns the formatter. The message of a record is the name of the event; its fields come in `extra`.
"""

import json
import logging
import sys
import time

_ORDINARY = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Writes `time level logger event key=value ...`; a traceback follows as one escaped field."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        head = (
            f"{stamp}.{int(record.msecs):03d}Z {record.levelname.lower()} {record.name} {record.getMessage()}"
        )
        fields = [f"{key}={_text(value)}" for key, value in record.__dict__.items() if key not in _ORDINARY]
        if record.exc_info:
            fields.append(f"traceback={json.dumps(self.formatException(record.exc_info))}")
        return " ".join([head, *fields])


def _text(value: object) -> str:
    """Quote what would break the line or the key=value form."""
    text = str(value)
    if text and text.isprintable() and " " not in text and '"' not in text and "=" not in text:
        return text
    # What a terminal would take for an order is escaped too: json leaves U+0080 to U+009F as they are.
    return json.dumps(text, ensure_ascii=not text.isprintable())


def configure(level: str = "info") -> None:
    """Send every event to standard error, from `level` on; libraries only from warning on."""
    # What no line shows need not be found out for each ("Optimization" in Python's logging how-to).
    logging._srcfile = None  # noqa: SLF001 - the documented way to save the walk up the stack
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("twincast").setLevel(level.upper())
    # paramiko reports every failed handshake of a port scan as an error with a traceback of its own.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
