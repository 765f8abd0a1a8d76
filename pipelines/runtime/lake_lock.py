"""Locks a lake for one writer at a time. Only jobs that write load it: scoring works without the package `filelock`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from config.errors import HomeError
from config.settings import Settings, ensure_home


@contextmanager
def writing_lake(settings: Settings) -> Iterator[None]:
    """Hold the lake's lock. A killed process frees it. Raises HomeError if another command holds it too long."""
    ensure_home(settings.home)
    seconds = settings.etl.lake.lock_timeout_s
    try:
        with FileLock(settings.home / ".lake.lock", timeout=seconds):
            yield
    except Timeout:
        raise HomeError(
            f"another altaviz command has been writing to {settings.home} for over {seconds:.0f} s: wait for it, or stop it"
        ) from None
