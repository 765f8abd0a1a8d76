"""Checks a home before a job uses it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from config.errors import ConfigError, HomeError
from config.settings import DEFAULT_HOME, Settings, ensure_home
from serving.home.ownership import require_access
from serving.home.passage import blocking_folder, find_place, new_home, require_passage

RESTORING: Final = ".restoring"  # lies in a home while `altaviz restore` fills it


def open_home(home: Path) -> None:
    """Create the home if it is missing, and check that its files can be used. Raises HomeError with the command that repairs it"""
    if home.exists():
        require_access(home)
        if (home / RESTORING).exists():
            raise HomeError(f"the restore into {home} was interrupted: run the same `altaviz restore` again")
    create_home(home)


def create_home(home: Path) -> None:
    """Create the home if it is missing, with access for the database server, and check that it can be written. Raises HomeError."""
    with new_home(home):
        ensure_home(home)


def require_database_place(settings: Settings) -> None:
    """Raise HomeError before any work if the embedded database server could not reach the home."""
    try:
        embedded = settings.database.connection.embedded
    except ConfigError:
        return  # opening the database reports it
    if embedded:
        require_passage(settings.home)


def demo_home(settings: Settings) -> Path:
    """The home of the demo: that of `settings`.

    If it is the default, and root's database server cannot reach it, another place that it can.
    """
    blocked = settings.home == DEFAULT_HOME.absolute() and os.geteuid() == 0 and blocking_folder(settings.home)
    return (find_place("-demo") if blocked and settings.database.connection.embedded else None) or settings.home
