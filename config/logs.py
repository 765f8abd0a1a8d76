"""Structured logs: one JSON line per event.

They go to `<home>/logs/altaviz.log`, and to stderr where no person watches.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from config.plain_text import plain_json
from config.secrets import hide_in_values

_FRAMES: Final = 8  # of an unexpected error, in the log of the service


def set_up_logs(home: Path, *, to_stderr: bool) -> None:
    """Send events to the log file below `home`, and to stderr if requested.

    The file must be writable. Call this once per process.
    """
    handlers: list[logging.Handler] = []
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handlers.append(logging.FileHandler(folder / "altaviz.log", encoding="utf-8", delay=True))
    if to_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    logger = logging.getLogger("altaviz")
    for earlier in list(logger.handlers):
        logger.removeHandler(earlier)
        earlier.close()
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,  # the id of the request, in the service
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_to_json),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _to_json(event: dict[str, Any], **options: Any) -> str:
    """One event as JSON, with passwords hidden.

    A traceback may quote the address that a library received. Values that are no JSON become text first, and
    quotes are escaped last.
    """
    return plain_json(json.dumps(hide_in_values(json.loads(json.dumps(event, **options)))))


def get_log() -> Any:
    """The application's logger: `log.info("event", stage=..., rows=..., seconds=...)`."""
    return structlog.get_logger("altaviz")


def place_of(error: BaseException) -> dict[str, str]:
    """Where an unexpected error was raised, as a log field `where`: innermost first. The service logs this and no traceback."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {"where": " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))}


@contextmanager
def native_output_to(log: Path) -> Iterator[None]:
    """Send stdout and stderr of native code into `log` while the block runs.

    A process started inside the block keeps writing there for as long as it lives.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    with log.open("ab") as stream:
        for descriptor in kept:
            os.dup2(stream.fileno(), descriptor)
    try:
        yield
    finally:
        for descriptor, copy in kept.items():
            os.dup2(copy, descriptor)
            os.close(copy)
