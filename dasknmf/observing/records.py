"""Log records as JSON, one object a line."""

from __future__ import annotations

import json
import logging
import math
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dasknmf.events import Event


def event_record(event: Event) -> dict[str, Any]:
    """Return an event as plain values that JSON has: its kind, and its fields.

    Examples
    --------
    >>> from dasknmf.events import CheckpointWritten
    >>> event_record(CheckpointWritten("fit.checkpoint", iteration=20, seconds=0.5))
    {'event': 'checkpoint_written', 'location': 'fit.checkpoint', 'iteration': 20, 'seconds': 0.5}
    """
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    return {"event": kind, **plain(asdict(event))}


class JsonLines(logging.Formatter):
    """Writes a log record as one JSON object on one line.

    Every line has ``time`` (ISO 8601, UTC), ``level``, ``logger`` and ``message``, the text that people read; those
    of an event of a run also have ``event``, its kind, and its fields.

    Examples
    --------
    >>> record = logging.makeLogRecord({"name": "dasknmf", "levelname": "INFO", "msg": "done", "created": 0.0})
    >>> JsonLines().format(record)
    '{"time": "1970-01-01T00:00:00.000+00:00", "level": "info", "logger": "dasknmf", "message": "done"}'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = getattr(record, "event", None)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(event_record(told) if told is not None else {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers of numpy as plain ones, and null for NaN and infinity."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):  # a numpy number
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
