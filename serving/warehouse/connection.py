"""Connections to the warehouse: one pool per process, one clear error while PostgreSQL is down."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from config.errors import WarehouseError
from config.sections.database import ConnectionConfig, DatabaseConfig, PoolConfig
from serving.warehouse import embedded
from serving.warehouse.encryption import explain_tls, tls_parameters

READER: Final = "altaviz_reader"
WRITER: Final = "altaviz_writer"
OWNER: Final = "altaviz_owner"
_CLOSE_TIMEOUT_S: Final = 1.0  # a worker that still waits for a dead server must not hold up the exit


@dataclass(frozen=True)
class Warehouse:
    """An open pool. A tool with its own connection uses `parameters`, those of psycopg.connect."""

    place: str
    pool: ConnectionPool[psycopg.Connection] = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection in one transaction: committed at the end, rolled back on an error.

        Raises WarehouseError for everything PostgreSQL refuses, with its first line as the reason.
        """
        try:
            with self.pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise WarehouseError(f"warehouse {self.place}: no connection became free, and none could be made: {error}") from error
        except psycopg.Error as error:
            raise WarehouseError(f"warehouse {self.place}: {_first_line(error)}") from error


@contextmanager
def open_warehouse(database: DatabaseConfig, home: Path) -> Iterator[Warehouse]:
    """Open the warehouse: the server of `database`, or the embedded one under `home`, started if need be.

    Raises WarehouseError without a connection within `connect_timeout_s`. The message has host, port, reason and remedy.
    """
    with _server(database, home) as server, _open_pool(server, database.pool, {}) as warehouse:
        yield warehouse


@contextmanager
def open_reader(database: DatabaseConfig, home: Path) -> Iterator[Warehouse]:
    """Open the warehouse for reading alone, as the role altaviz_reader. A statement is cancelled after `reader_statement_timeout_s`.

    Migrate first: migrations make the role. Where it is missing or may not be taken, sessions keep the server's role and write nothing all the
    same (`altaviz doctor` says so). Raises WarehouseError.
    """
    session = {"default_transaction_read_only": "on", "statement_timeout": f"{database.pool.reader_statement_timeout_s}s"}
    with _open_as(database, home, READER, session) as warehouse:
        yield warehouse


@contextmanager
def open_writer(database: DatabaseConfig, home: Path) -> Iterator[Warehouse]:
    """Open the warehouse for a program that faces the network, as the role altaviz_writer: it changes rows and no tables.

    Migrate first. Where the role is missing or may not be taken, sessions keep the server's role. Raises WarehouseError.
    """
    with _open_as(database, home, WRITER, {}) as warehouse:
        yield warehouse


@contextmanager
def _open_as(database: DatabaseConfig, home: Path, role: str, session: Mapping[str, str]) -> Iterator[Warehouse]:
    with _server(database, home) as server:
        one = database.pool.model_copy(update={"min_size": 1, "max_size": 1})
        with _open_pool(server, one, {}) as asking, asking.connection() as connection:
            taken = {"role": role} if may_become(connection, role) else {}
        with _open_pool(server, database.pool, {**session, **taken}) as warehouse:
            yield warehouse


def may_become(connection: psycopg.Connection, role: str) -> bool:
    """Whether the role exists and this session may take it (SET ROLE)."""
    row = connection.execute("SELECT coalesce(pg_has_role(current_user, to_regrole(%s), 'SET'), FALSE)", [role]).fetchone()
    return bool(row and row[0])


@contextmanager
def _server(database: DatabaseConfig, home: Path) -> Iterator[Mapping[str, Any]]:
    """How psycopg connects: to the server of `database`, or to the embedded one, which runs meanwhile."""
    if not database.connection.embedded:
        yield _remote(database.connection)
        return
    with embedded.embedded_server(home, database.embedded) as server:
        yield {"host": str(server.socket_dir), "port": embedded.PORT, "dbname": embedded.DATABASE, "user": embedded.ROLE}


def _remote(connection: ConnectionConfig) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "host": connection.host,
        "port": connection.port,
        "dbname": connection.name,
        "user": connection.user,
        **tls_parameters(connection),
    }
    if connection.password:
        parameters["password"] = connection.password.get_secret_value()
    return parameters


@contextmanager
def _open_pool(server: Mapping[str, Any], config: PoolConfig, session: Mapping[str, str]) -> Iterator[Warehouse]:
    place = f"{server['host']}:{server['port']}/{server['dbname']}"
    limits = {"statement_timeout": f"{config.statement_timeout_s}s", "lock_timeout": f"{config.lock_timeout_s}s"}
    parameters = {
        **server,
        "connect_timeout": config.connect_timeout_s,
        "application_name": "altaviz",
        "options": " ".join(f"-c {key}={value}" for key, value in {"timezone": "UTC", **limits, **session}.items()),
    }
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # the pool retries by itself; a lasting error is raised below
    pool: ConnectionPool[psycopg.Connection] = ConnectionPool(
        kwargs=parameters,
        min_size=config.min_size,
        max_size=config.max_size,
        timeout=config.connect_timeout_s,
        reconnect_timeout=config.connect_timeout_s,
        check=ConnectionPool.check_connection,
        open=False,
    )
    try:
        try:
            pool.open(wait=True, timeout=config.connect_timeout_s)
        except PoolTimeout as error:
            why = _why(parameters, error)
            advice = explain_tls(why) or "check DB_HOST, DB_PORT, DB_USER and DB_PASSWORD, and that the server runs"
            raise WarehouseError(f"PostgreSQL at {place} cannot be used: {why}; {advice}") from error
        yield Warehouse(place, pool, parameters)
    finally:
        pool.close(timeout=_CLOSE_TIMEOUT_S)


def _why(parameters: Mapping[str, Any], error: Exception) -> str:
    """The server's own reason: the pool only knows that it got no connection."""
    try:
        psycopg.connect(**{**parameters, "connect_timeout": 2}).close()
    except psycopg.Error as refused:
        return _first_line(refused)
    return str(error)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
