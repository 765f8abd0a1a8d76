"""Saves a home to one file, also while a cycle runs: `altaviz backup`.

A cycle writes the lake first, then artifacts and the tracking store, then the database. A backup copies them in reverse, so each part is at
least as new as the parts that refer to it. A cycle killed at that moment would leave the same, and the next cycle completes it. The lake's
lock is held only while its files are hard-linked. Delta never changes a file.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from config.errors import HomeError, InputError
from config.secrets import hide_passwords
from config.settings import Settings
from features.lake import Lake
from pipelines.backup.archive import DATABASE_DUMP, FORMAT, HOME_FOLDER, Manifest, describe_members, write_archive
from pipelines.runtime.console import StageReporter
from pipelines.runtime.lake_lock import writing_lake
from serving.home.artifact_paths import ARTIFACTS, store_file
from serving.warehouse.dump import dump_warehouse
from serving.warehouse.migrations import migrated_warehouse

STORE_FILE: Final = "mlflow.db"
STUDIES_FILE: Final = "tuning.db"
_STAGING: Final = ".backup"
_HISTORY: Final = "history"
# Commands rebuild these: logs, caches, scratch, notes of files being read, and the simulated fleets of the gate and of `evaluate`.
# `.env` stays out too: a restored home must not use the servers and passwords of the saved one.
LEFT_OUT: Final = (
    *("logs", "staging", "scratch", "spark-scratch", "spark-warehouse", "benchmark", "bentoml"),
    *("gate", "evaluation", f"{_HISTORY}/simulated"),
    *(".env", "reading", f"{_HISTORY}/reading", f"{_HISTORY}/staging"),
)
_TAKEN_OTHERWISE: Final = ("lake", "postgres", "postgres.new", STORE_FILE, STUDIES_FILE, ARTIFACTS)


def back_up(settings: Settings, file: Path, report: StageReporter) -> dict[str, Any]:
    """Write the home to `file`. It appears whole or not at all, and replaces an earlier backup of that name.

    Returns file, home, made_at, schema, bytes, files, rows, lake_versions, lock_held_s, not_covered, left_out, seconds.
    Raises InputError if the file cannot be written; HomeError, WarehouseError, ModelError.
    """
    started = time.perf_counter()
    file = file.expanduser().absolute()
    if file.is_relative_to(settings.home):
        raise InputError(f"{file} lies in the home that it would save: choose a file outside {settings.home}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _staging(settings.home) as staging:
            manifest, held = _collect(settings, staging, report)
            with report.stage("pack"):
                write_archive(file, staging, manifest)
    except OSError as error:
        raise InputError(
            f"the backup {file} cannot be written ({error.strerror or error}): free some space or name another file"
        ) from error
    return {
        "file": file,
        "home": settings.home,
        "made_at": manifest.made_at,
        "schema": manifest.schema,
        "bytes": file.stat().st_size,
        "files": len(manifest.members),
        "rows": manifest.rows,
        "lake_versions": manifest.lake_versions,
        "lock_held_s": held,
        "not_covered": manifest.not_covered,
        "left_out": list(LEFT_OUT),
        "seconds": round(time.perf_counter() - started, 2),
    }


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """Yield a folder in the home, where files can be hard-linked. Only one backup runs at a time. The rest of a killed one is removed."""
    folder = home / _STAGING
    try:
        with FileLock(home / f"{_STAGING}.lock", timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            (folder / HOME_FOLDER).mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        raise HomeError(f"another backup of {home} is running: wait for it") from None


def _collect(settings: Settings, staging: Path, report: StageReporter) -> tuple[Manifest, float]:
    """Copy the parts in the order that keeps them consistent. Returns the manifest, and how many seconds a lake was locked."""
    home, target, made_at = settings.home, staging / HOME_FOLDER, datetime.now(UTC)
    with report.stage("inbox and files"):
        for path in sorted(home.iterdir()):
            if path.name not in _TAKEN_OTHERWISE:
                _copy(path, target / path.name, home)
    with report.stage("database"), migrated_warehouse(settings.database, home) as warehouse:
        dump = dump_warehouse(warehouse, staging / DATABASE_DUMP)
    not_covered = _elsewhere(settings)
    with report.stage("tracking store"):
        if settings.tuning.storage is None:
            _copy_sqlite(home / STUDIES_FILE, target / STUDIES_FILE)
        if "tracking store" not in not_covered:
            _copy_sqlite(home / STORE_FILE, target / STORE_FILE)
            _copy(home / ARTIFACTS, target / ARTIFACTS, home)
    held = 0.0
    with report.stage("lake"):
        for owner in (settings, settings.below(_HISTORY)):
            if (owner.home / "lake").is_dir() and "lake" not in (not_covered if owner is settings else {}):
                held = max(held, _link_lake(owner, target / owner.home.relative_to(home) / "lake"))
    with report.stage("checksums"):
        members = describe_members(staging)
    manifest = Manifest(
        format=FORMAT,
        altaviz=version("altaviz"),
        made_at=made_at.isoformat(timespec="seconds"),
        home=str(home),
        schema=dump.schema,
        rows=dump.rows,
        mlflow_revision=_mlflow_revision(target / STORE_FILE),
        lake_versions=_lake_versions(target / "lake"),
        not_covered=not_covered,
        members=members,
    )
    return manifest, held


def _elsewhere(settings: Settings) -> dict[str, str]:
    """Parts that the configuration keeps outside the home. The database of a server is dumped in any case."""
    places: dict[str, str] = {}
    if settings.etl.lake.uri:
        places["lake"] = hide_passwords(settings.etl.lake.uri)
    if settings.etl.lake.training_uri:
        places["training lake"] = hide_passwords(settings.etl.lake.training_uri)
    if settings.etl.ingest.inbox:
        places["inbox"] = str(settings.etl.ingest.inbox)
    if settings.tuning.storage:
        places["studies"] = "ALTAVIZ_TUNING_STORAGE"
    store = store_file(settings.tracking_uri)
    if store is None or store.resolve() != (settings.home / STORE_FILE).resolve():
        places["tracking store"] = "MLFLOW_TRACKING_URI"
    return places


def _copy(source: Path, target: Path, home: Path) -> None:
    """Copy a file or folder of the home. Skip locks, lakes and what commands rebuild."""
    name = str(source.relative_to(home))
    if name in (*LEFT_OUT, f"{_HISTORY}/lake") or source.name.startswith((".backup", ".lake", ".write-probe")) or source.suffix == ".lock":
        return
    if source.is_dir():
        for path in sorted(source.iterdir()):
            _copy(path, target / path.name, home)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source, target)
        except FileNotFoundError:
            return  # taken away from the inbox meanwhile


def _copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is at one moment, even while others write it."""
    if not source.is_file():
        return
    with closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)


def _link_lake(owner: Settings, target: Path) -> float:
    """Hard-link every file of a lake below `target` under the lake's lock. Returns the seconds that it was held."""
    lake = owner.home / "lake"
    with writing_lake(owner):
        since = time.perf_counter()
        for folder, _, files in os.walk(lake, followlinks=True):
            inside = target / Path(folder).relative_to(lake)
            inside.mkdir(parents=True, exist_ok=True)
            for name in files:
                _link(Path(folder) / name, inside / name)
        return round(time.perf_counter() - since, 3)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _lake_versions(lake: Path) -> dict[str, int]:
    copied = Lake(str(lake))
    return {path.name: copied.version(path.name) for path in sorted(lake.glob("*")) if copied.exists(path.name)}


def _mlflow_revision(store: Path) -> str | None:
    if not store.is_file():
        return None
    with closing(sqlite3.connect(store)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None
