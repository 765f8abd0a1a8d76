"""The home directory: what is checked before a job uses it, and one writer of its lake at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from config.errors import ConfigError, HomeError
from config.settings import DEFAULT_HOME, Settings, ensure_home
from serving.home.ownership import require_access
from serving.home.passage import blocking_folder, find_place, new_home, require_passage

RESTORING: Final = ".restoring"  # lies in a home while `altaviz restore` fills it


def open_home(home: Path) -> None:
    """Create the home where there is none, and prove that its files can be used. Raises HomeError with the command that mends it."""
    if home.exists():
        require_access(home)
        if (home / RESTORING).exists():
            raise HomeError(f"the restore into {home} did not come to its end: run the same `altaviz restore` again")
    create_home(home)


def create_home(home: Path) -> None:
    """Create the home where there is none, so that the database server can reach it, and prove that it can be written. Raises HomeError."""
    with new_home(home):
        ensure_home(home)


def require_database_place(settings: Settings) -> None:
    """Raise HomeError when the home would hold the database and its server could not reach it: said before any work is done."""
    try:
        embedded = settings.database.connection.embedded
    except ConfigError:
        return  # told by whoever opens the database
    if embedded:
        require_passage(settings.home)


def demo_home(settings: Settings) -> Path:
    """Where the demo keeps everything: the home of `settings`; but where nobody named one, and root's database server cannot reach ./var, a place that it can."""
    blocked = settings.home == DEFAULT_HOME.absolute() and os.geteuid() == 0 and blocking_folder(settings.home)
    return (find_place("-demo") if blocked and settings.database.connection.embedded else None) or settings.home


@contextmanager
def writing_lake(settings: Settings) -> Iterator[None]:
    """Hold the lake's lock; a killed holder frees it. Raises HomeError when another command keeps it too long."""
    ensure_home(settings.home)
    seconds = settings.etl.lake.lock_timeout_s
    try:
        with FileLock(settings.home / ".lake.lock", timeout=seconds):
            yield
    except Timeout:
        raise HomeError(
            f"another altaviz command has been writing {settings.home} for over {seconds:.0f} s: wait for it or end it"
        ) from None
