from __future__ import annotations

import socket
import time
from pathlib import Path

import psycopg
import pytest

from config.errors import ConfigError, WarehouseError
from config.sections.database import DatabaseConfig
from serving.warehouse.connection import Warehouse, open_warehouse
from serving.warehouse.migrations import migrate
from serving.warehouse.tables import table_counts
from tests.serving.warehouse.conftest import PASSWORD, database_config


def test_remote_server_is_migrated_and_used_with_a_password(remote: DatabaseConfig, short_home: Path) -> None:
    with open_warehouse(remote, short_home) as warehouse:
        migrate(warehouse)
        with warehouse.connection() as connection:
            assert set(table_counts(connection).values()) == {0}
            assert connection.execute("SELECT current_user::text, current_setting('timezone')").fetchone() == ("planner", "UTC")
    assert list(short_home.iterdir()) == []


def test_password_shows_neither_in_the_settings_nor_in_the_warehouse(remote: DatabaseConfig, short_home: Path) -> None:
    with open_warehouse(remote, short_home) as warehouse:
        assert PASSWORD not in f"{remote!r} {remote} {remote.model_dump_json()} {warehouse!r}"


def test_wrong_password_is_refused_in_one_line_without_the_password(remote: DatabaseConfig, short_home: Path) -> None:
    connection = remote.connection
    wrong = database_config(
        DB_HOST="127.0.0.1", DB_PORT=str(connection.port), DB_NAME="fleet", DB_USER="planner", DB_PASSWORD="not-the-one"
    )
    fast = wrong.model_copy(update={"pool": wrong.pool.model_copy(update={"connect_timeout_s": 2})})
    with pytest.raises(WarehouseError, match="password authentication failed") as refused:
        open_warehouse(fast, short_home).__enter__()
    assert "not-the-one" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_server_that_is_down_is_named_within_seconds(short_home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    down = database_config(DB_HOST="127.0.0.1", DB_PORT=str(port))
    fast = down.model_copy(update={"pool": down.pool.model_copy(update={"connect_timeout_s": 2})})
    started = time.monotonic()
    with pytest.raises(WarehouseError, match=rf"127\.0\.0\.1:{port}/altaviz cannot be used: .*Connection refused; check DB_HOST"):
        open_warehouse(fast, short_home).__enter__()
    assert time.monotonic() - started < 6


def test_server_that_never_answers_is_given_up_within_seconds(short_home: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mute = database_config(DB_HOST="127.0.0.1", DB_PORT=str(silent.getsockname()[1]))
        fast = mute.model_copy(update={"pool": mute.pool.model_copy(update={"connect_timeout_s": 2})})
        started = time.monotonic()
        with pytest.raises(WarehouseError, match="timeout"):
            open_warehouse(fast, short_home).__enter__()
        assert time.monotonic() - started < 8


def test_error_inside_a_transaction_rolls_back_and_becomes_one_line(warehouse: Warehouse) -> None:
    def fail_half_way() -> None:
        with warehouse.connection() as connection:
            connection.execute("DELETE FROM compressor_metadata")
            connection.execute("SELECT * FROM no_such_table")

    with pytest.raises(WarehouseError, match='relation "no_such_table" does not exist'):
        fail_half_way()
    with warehouse.connection() as connection:
        assert table_counts(connection)["compressor_metadata"] == 3


def test_connection_that_the_server_dropped_is_replaced(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("SELECT 1")
    with psycopg.connect(**warehouse.parameters, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    with warehouse.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("password", ["", "postgres", "planner"])
def test_default_password_is_refused_for_another_machine(password: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.yaml.*DB_PASSWORD"):
        database_config(DB_HOST="db.plant.example", DB_USER="planner", DB_PASSWORD=password)


def test_loopback_server_may_go_without_a_password() -> None:
    assert database_config(DB_HOST="127.0.0.1").connection.password is None
