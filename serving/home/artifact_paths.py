"""Artifact paths in a SQLite tracking store. They follow the store's folder when it is moved, copied or restored.

MLflow writes absolute paths into its tables. The location of our experiment, `<folder>/mlartifacts`, names the folder they were written in.
If the store now lies elsewhere, one transaction gives every path the new prefix. No import of MLflow.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from config.errors import ModelError
from serving.home.ownership import explain_access

ARTIFACTS: Final = "mlartifacts"  # folder beside the database
MOVE_TAG: Final = "altaviz.moved"  # of an experiment: from, to, at
_SQLITE: Final = "sqlite:///"
_WAIT_S: Final = 60.0  # for another process's transaction
_COLUMNS: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("datasets", "dataset_source"),
)


@dataclass(frozen=True)
class Move:
    """The folder that the paths named before, the one they name now, and the time of the change."""

    origin: Path
    folder: Path
    moved_at: datetime


def store_file(tracking_uri: str) -> Path | None:
    """The database file of a SQLite store, None for a server."""
    return Path(tracking_uri.removeprefix(_SQLITE)).absolute() if tracking_uri.startswith(_SQLITE) else None


def local_path(uri: str) -> Path | None:
    """The path of `uri` on this machine, None for any other place."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(uri) if not parts.scheme else None


def follow_home(tracking_uri: str) -> Move | None:
    """Give the artifact paths the store's own folder. Returns None for a server, and when nothing had to change.

    Repeating it changes nothing. Two processes at once change it once. Raises ModelError when the file cannot be read or written.
    """
    file = store_file(tracking_uri)
    if file is None or not file.exists():
        return None
    with _opened(file) as connection:
        if not _origins(connection, file.parent):
            return None
        connection.execute("BEGIN IMMEDIATE")
        origins = _origins(connection, file.parent)  # another process may have been first
        move = None
        for experiment_id, origin in origins:
            move = Move(origin, file.parent, datetime.now(UTC))
            _rebase(connection, origin, file.parent)
            note = {"from": str(origin), "to": str(file.parent), "at": move.moved_at.isoformat(timespec="seconds")}
            values = (MOVE_TAG, json.dumps(note), experiment_id)
            connection.execute("INSERT OR REPLACE INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?)", values)
        connection.execute("COMMIT")
        return move


def last_move(tracking_uri: str) -> Move | None:
    """The newest change by `follow_home` in this store, None without one. Raises ModelError."""
    file = store_file(tracking_uri)
    if file is None or not file.exists():
        return None
    with _opened(file) as connection:
        if not _has_tables(connection):
            return None
        found = [json.loads(row[0]) for row in connection.execute("SELECT value FROM experiment_tags WHERE key = ?", [MOVE_TAG])]
    moves = [Move(Path(note["from"]), Path(note["to"]), datetime.fromisoformat(note["at"])) for note in found]
    return max(moves, key=lambda move: move.moved_at, default=None)


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=_WAIT_S, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        cure = explain_access(file) or f"bring {file.name} back with `altaviz restore` from a backup"
        raise ModelError(f"the MLflow store {file} cannot be used ({error}): {cure}") from error


def _has_tables(connection: sqlite3.Connection) -> bool:
    """False while MLflow makes a new store."""
    wanted = {"experiment_tags", *(table for table, _ in _COLUMNS)}
    return wanted <= {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _origins(connection: sqlite3.Connection, folder: Path) -> list[tuple[int, Path]]:
    """Experiments whose artifacts lie beside a store outside `folder`, with that place."""
    if not _has_tables(connection):
        return []
    rows = connection.execute("SELECT experiment_id, artifact_location FROM experiments WHERE artifact_location LIKE ?", [f"%/{ARTIFACTS}"])
    places = [(int(number), local_path(str(location))) for number, location in rows]
    return [(number, place.parent) for number, place in places if place is not None and not _same(place.parent, folder)]


def _same(one: Path, other: Path) -> bool:
    """Whether both paths lead to one folder, also by a symbolic link."""
    if one == other:
        return True
    with suppress(OSError):
        return one.samefile(other)
    return False


def _rebase(connection: sqlite3.Connection, origin: Path, folder: Path) -> None:
    forms = {
        f"{origin.as_uri()}/": f"{folder.as_uri()}/",
        f"file://{origin}/": f"{folder.as_uri()}/",
        f"{origin}/": f"{folder}/",
        f'{{"path": "{origin}/': f'{{"path": "{folder}/',  # a data set of gold: JSON
    }
    for table, column in _COLUMNS:
        # every value is read once and gets at most one prefix: the new folder may lie below the old one
        case = " ".join(f"WHEN substr({column}, 1, {len(old)}) = ? THEN ? || substr({column}, {len(old) + 1})" for old in forms)
        parameters = [part for pair in forms.items() for part in pair]
        connection.execute(f"UPDATE {table} SET {column} = CASE {case} ELSE {column} END", parameters)
