"""The home directory while a job writes it: one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from config.errors import HomeError
from config.settings import Settings, ensure_home


@contextmanager
def writing_lake(settings: Settings) -> Iterator[None]:
    """Hold the lake's lock; a killed holder frees it. Raises HomeError when another command keeps it too long."""
    from filelock import FileLock, Timeout

    ensure_home(settings.home)
    seconds = settings.etl.lake.lock_timeout_s
    try:
        with FileLock(settings.home / ".lake.lock", timeout=seconds):
            yield
    except Timeout:
        raise HomeError(
            f"another altaviz command has been writing {settings.home} for over {seconds:.0f} s: wait for it or end it"
        ) from None
