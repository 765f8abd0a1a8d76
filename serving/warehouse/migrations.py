"""The schema of the warehouse: numbered Alembic revisions under versions/, each a SQL file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import psycopg

from config.errors import WarehouseError
from config.sections.database import DatabaseConfig
from serving.warehouse.connection import OWNER, READER, WRITER, Warehouse, open_warehouse, open_writer

if TYPE_CHECKING:
    import sqlalchemy

VERSIONS: Final = Path(__file__).parent / "versions"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('altaviz.migrations'))"


def latest_version() -> str:
    """The number of the newest migration file, e.g. "0002"."""
    return max(path.name[:4] for path in VERSIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def schema_version(connection: psycopg.Connection) -> str | None:
    """The number the database is at; None before the first migration."""
    found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def migrate(warehouse: Warehouse) -> bool:
    """Bring the schema to the newest version. Returns whether anything changed.

    All pending revisions run in one transaction under an advisory lock, so several processes may start at once.
    Raises WarehouseError when the database is newer than this program, or refuses.
    """
    latest = latest_version()
    with warehouse.connection() as connection:
        current = schema_version(connection)
    if current == latest:
        return False
    if current is not None and current > latest:
        raise WarehouseError(f"warehouse {warehouse.place}: its schema {current} is newer than this program's {latest}; update altaviz")
    return _upgrade(warehouse, current)


@contextmanager
def migrated_warehouse(database: DatabaseConfig, home: Path) -> Iterator[Warehouse]:
    """`open_warehouse`, at the newest schema. Raises WarehouseError."""
    with open_warehouse(database, home) as warehouse:
        migrate(warehouse)
        yield warehouse


@contextmanager
def migrated_writer(database: DatabaseConfig, home: Path) -> Iterator[Warehouse]:
    """`open_writer`, at the newest schema. Raises WarehouseError."""
    with open_warehouse(database, home) as warehouse:
        migrate(warehouse)
        with open_writer(database, home) as writer:
            yield writer


def grant_roles(connection: psycopg.Connection) -> list[str]:
    """Create the roles where the server allows it, and give them their rights. Returns the roles that are missing."""
    row = connection.execute("SELECT grant_roles()").fetchone()
    return list(row[0]) if row else []


def missing_roles(connection: psycopg.Connection) -> list[str]:
    """The roles of `grant_roles` that this server does not have. Without them every session has all rights of its own role."""
    query = "SELECT role FROM unnest(%s::text[]) AS role WHERE to_regrole(role) IS NULL ORDER BY role"
    return [str(role) for (role,) in connection.execute(query, [[READER, WRITER, OWNER]])]


def run_sql(bind: sqlalchemy.Connection, path: Path) -> None:
    """Run a whole SQL file on Alembic's connection. Psycopg gets it directly: SQLAlchemy would search it for parameters."""
    raw = cast(psycopg.Connection, bind.connection.driver_connection)
    raw.execute(path.read_bytes())


def _upgrade(warehouse: Warehouse, seen: str | None) -> bool:
    # Alembic and SQLAlchemy take longer to import than an up-to-date check takes to run.
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(**warehouse.parameters), poolclass=sqlalchemy.NullPool
    )
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(_LOCK)
            raw = cast(psycopg.Connection, connection.connection.driver_connection)
            changed = schema_version(raw) == seen  # else another process did it while this one waited
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            grant_roles(raw)
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise WarehouseError(
            f"warehouse {warehouse.place}: migration failed: {reason}; the role needs the right to create tables"
        ) from error
    return changed
