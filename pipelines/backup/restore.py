"""Fills an empty home from a backup: `altaviz restore`.

A restore that was killed can be run again. No other command may use the home meanwhile.
"""

from __future__ import annotations

import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from config.errors import HomeError, InputError
from config.settings import Settings
from features.contract import CHAMPION
from pipelines.backup.archive import DATABASE_DUMP, HOME_FOLDER, Manifest, extract_archive, read_manifest, verify_archive
from pipelines.backup.backup import STORE_FILE
from pipelines.runtime.console import StageReporter
from pipelines.runtime.home_access import RESTORING, create_home
from pipelines.runtime.mlflow_environment import quieten
from serving.registry.client import Registry
from serving.warehouse.connection import open_warehouse
from serving.warehouse.dump import Dump, load_dump, require_empty
from serving.warehouse.embedded import embedded_server
from serving.warehouse.migrations import grant_roles, latest_version, migrate

_NOT_COUNTED: Final = ("logs", "lost+found")  # a home with nothing else in it is empty


def open_empty_home(home: Path) -> None:
    """Create the home where there is none. Raises HomeError when it holds anything but an unfinished restore."""
    if home.is_dir() and not (home / RESTORING).exists():
        found = sorted(path.name for path in home.iterdir() if path.name not in _NOT_COUNTED)
        if found:
            raise HomeError(f"home {home} is not empty (it has {', '.join(found[:5])}): restore into a new folder with --home")
    create_home(home)


def restore(settings: Settings, file: Path, report: StageReporter) -> dict[str, Any]:
    """Fill an empty home from a backup: checksums first, then files, database and artifact paths.

    Returns file, home, from_home, made_at, schema, files, bytes, rows, champion, database, not_covered, seconds.
    Raises InputError for a file that is damaged or newer than this program, WarehouseError if the database is not empty.
    """
    started = time.perf_counter()
    home, file = settings.home, file.expanduser().absolute()
    _require_known(file, read_manifest(file))
    with report.stage("checksums"):
        manifest = verify_archive(file)
    if not settings.database.connection.embedded:
        with open_warehouse(settings.database, home) as warehouse:
            require_empty(warehouse)
    _clear(settings)
    (home / RESTORING).touch()
    try:
        with report.stage("files"):
            _extract(file, home)
    except OSError as error:
        raise HomeError(f"home {home} cannot be written ({error.strerror or error}): free some space, then restore again") from error
    dump = home / DATABASE_DUMP
    with report.stage("database"), open_warehouse(settings.database, home) as warehouse:
        load_dump(warehouse, dump, Dump(manifest.schema, manifest.rows))
        migrate(warehouse)
        with warehouse.connection() as connection:
            grant_roles(connection)  # a dump has no rights in it
        place = warehouse.place
    dump.unlink()
    champion = None
    if (home / STORE_FILE).is_file() and "tracking store" not in manifest.not_covered:
        quieten()
        with report.stage("tracking store"):
            champion = Registry(f"sqlite:///{home / STORE_FILE}").version_of(CHAMPION)  # opening it puts its paths right
    (home / RESTORING).unlink()
    return {
        "file": file,
        "home": home,
        "from_home": manifest.home,
        "made_at": manifest.made_at,
        "schema": manifest.schema,
        "files": len(manifest.members),
        "bytes": manifest.bytes,
        "rows": manifest.rows,
        "champion": champion,
        "database": place,
        "not_covered": manifest.not_covered,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _require_known(file: Path, manifest: Manifest) -> None:
    """Raise InputError for a backup of a newer program or a newer MLflow."""
    if manifest.schema > latest_version():
        raise InputError(f"backup {file} has the schema {manifest.schema}, newer than this program's {latest_version()}: update altaviz")
    spec = find_spec("mlflow")
    if manifest.mlflow_revision is None or spec is None or spec.origin is None:
        return
    known = Path(spec.origin).parent / "store" / "db_migrations" / "versions"
    if not list(known.glob(f"{manifest.mlflow_revision}_*.py")):
        raise InputError(f"backup {file} has a tracking store of a newer MLflow (revision {manifest.mlflow_revision}): update mlflow")


def _clear(settings: Settings) -> None:
    """Remove what an interrupted restore has left."""
    home = settings.home
    if (home / "postgres" / "PG_VERSION").exists():
        with embedded_server(home, settings.database.embedded):
            pass  # its last user stops a server that a killed restore left running
    for path in home.iterdir():
        if path.name in (*_NOT_COUNTED, RESTORING):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _extract(file: Path, home: Path) -> None:
    """Move the members below HOME_FOLDER into the home, and the dump beside them."""
    unpacked = home / ".unpacked"
    for _ in extract_archive(file, unpacked):
        pass
    for path in (*(unpacked / HOME_FOLDER).iterdir(), unpacked / DATABASE_DUMP):
        path.rename(home / path.name)
    shutil.rmtree(unpacked)
