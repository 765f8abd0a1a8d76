"""The whole warehouse as one file and back, with PostgreSQL's own tools. Works on the embedded server and on a remote one."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from config.errors import WarehouseError
from serving.warehouse.binaries import binaries_dir
from serving.warehouse.connection import Warehouse
from serving.warehouse.encryption import SOCKET_PORT, tls_relay
from serving.warehouse.migrations import schema_version

_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",  # an argument would show it in the list of processes
}
_TLS_TIMEOUT_S: Final = 30.0
_OWN_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace
    ORDER BY relname"""


@dataclass(frozen=True)
class Dump:
    """What a dump holds: the schema's number and the rows of each table."""

    schema: str
    rows: dict[str, int]


def dump_warehouse(warehouse: Warehouse, target: Path) -> Dump:
    """Write a migrated warehouse to `target`, as of one moment. Others may write meanwhile. Raises WarehouseError."""
    with warehouse.connection() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        schema = schema_version(connection)
        if schema is None:
            raise WarehouseError(f"warehouse {warehouse.place} has no tables of this program: check DB_NAME")
        rows = count_tables(connection)
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        arguments = ("--format=custom", "--compress=none", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}")
        _run(warehouse, connection, "pg_dump", *arguments)
    return Dump(schema, rows)


def load_dump(warehouse: Warehouse, source: Path, expected: Dump) -> None:
    """Fill an empty database from a dump, in one transaction.

    Raises WarehouseError when the database is not empty, PostgreSQL refuses, or the row counts are not `expected`.
    """
    require_empty(warehouse)
    name = str(warehouse.parameters["dbname"])
    with warehouse.connection() as connection:
        arguments = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", f"--dbname={name}", str(source))
        _run(warehouse, connection, "pg_restore", *arguments)
    with warehouse.connection() as connection:
        found = count_tables(connection)
    if found != expected.rows:
        different = {table: (rows, found.get(table)) for table, rows in expected.rows.items() if found.get(table) != rows}
        raise WarehouseError(
            f"warehouse {warehouse.place} holds other rows than the backup (table: backup, here): {different}; restore again"
        )


def require_empty(warehouse: Warehouse) -> None:
    """Raise WarehouseError when the database holds a table."""
    with warehouse.connection() as connection:
        present = count_tables(connection)
    if present:
        raise WarehouseError(
            f"warehouse {warehouse.place} is not empty (it has {', '.join(present)}): name an empty database in DB_NAME, or unset DB_HOST"
        )


def count_tables(connection: psycopg.Connection) -> dict[str, int]:
    """Rows of every table, by name."""
    names = [str(row[0]) for row in connection.execute(_OWN_TABLES)]
    counts: dict[str, int] = {}
    for name in names:
        found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))).fetchone()
        counts[name] = int(found[0]) if found else 0
    return counts


def _run(warehouse: Warehouse, connection: psycopg.Connection, tool: str, *arguments: str) -> None:
    """Run a tool on the server of `connection`. If that uses TLS, a relay does so for the tool, which cannot."""
    named = {variable: str(warehouse.parameters[key]) for key, variable in _VARIABLES.items() if key in warehouse.parameters}
    if not connection.pgconn.ssl_in_use:
        _run_tool(warehouse, named, tool, *arguments)
        return
    server = connection.info
    with tls_relay(server.host, server.port, warehouse.parameters, _TLS_TIMEOUT_S) as folder:
        _run_tool(warehouse, {**named, "PGHOST": str(folder), "PGPORT": str(SOCKET_PORT)}, tool, *arguments)


def _run_tool(warehouse: Warehouse, named: dict[str, str], tool: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(binaries_dir() / tool), *arguments],
        env={**os.environ, **named, "PGSSLMODE": "disable"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or [f"exit {done.returncode}"]
        raise WarehouseError(f"warehouse {warehouse.place}: {errors[0].strip()}")
