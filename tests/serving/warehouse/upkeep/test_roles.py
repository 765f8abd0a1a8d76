"""What each role may do, on a real server: the dashboard reads as altaviz_reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from config.errors import WarehouseError
from config.sections.database import DatabaseConfig
from serving.warehouse import embedded
from serving.warehouse.connection import OWNER, READER, WRITER, Warehouse, may_become, open_reader, open_warehouse, open_writer
from serving.warehouse.migrations import grant_roles, migrate, missing_roles
from serving.warehouse.tables import upsert_predictions
from tests.conftest import PROJECT
from tests.serving.warehouse.conftest import PASSWORD, database_config
from tests.serving.warehouse.test_tables import OK, T

KEY = "INSERT INTO api_keys (key_id, name, role, key_sha256, created_by) VALUES ('k1', 'page', 'reader', repeat('a', 64), 'altaviz')"


@pytest.fixture
def reader(warehouse: Warehouse) -> Iterator[Warehouse]:
    with open_reader(database_config(), Path(str(warehouse.parameters["host"])).parent) as reader:
        yield reader


def _refused(warehouse: Warehouse, statement: str) -> str:
    with pytest.raises(WarehouseError) as refused, warehouse.connection() as connection:
        connection.execute(statement)
    return str(refused.value)


def test_a_reader_reads_the_views_and_cannot_write(reader: Warehouse, warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK])
    with reader.connection() as connection:
        assert connection.execute("SELECT current_user::text, current_setting('statement_timeout')").fetchone() == (READER, "10s")
        connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", [T.isoformat()])
        assert connection.execute("SELECT rul_days FROM v_fleet_health_summary WHERE compressor_id = 'C-1'").fetchone() == (OK.rul_days,)
        assert connection.execute("SELECT count(*) FROM ml_predictions").fetchone() == (1,)
    assert "read-only transaction" in _refused(reader, "UPDATE ml_predictions SET rul_days = 1")
    lifted = "SET TRANSACTION READ WRITE; UPDATE ml_predictions SET rul_days = 1"
    assert "permission denied for table ml_predictions" in _refused(reader, lifted)


def test_a_reader_sees_keys_and_messages_but_no_hash_and_no_content(reader: Warehouse, warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute(KEY)
    try:
        with reader.connection() as connection:
            assert connection.execute("SELECT name, role FROM api_keys").fetchall() == [("page", "reader")]
            assert connection.execute("SELECT channel, attempts FROM outbox").fetchall() == []
        for statement in ("SELECT key_sha256 FROM api_keys", "SELECT payload FROM outbox", "SELECT details FROM api_writes"):
            assert "permission denied" in _refused(reader, statement)
    finally:
        with warehouse.connection() as connection:
            connection.execute("DELETE FROM api_keys")


def test_a_writer_adds_rows_in_a_new_month_and_changes_no_table(warehouse: Warehouse) -> None:
    earlier = OK.prediction_timestamp.replace(year=2025, month=7)
    with warehouse.connection() as connection:
        connection.execute("SET LOCAL ROLE altaviz_writer")
        assert upsert_predictions(connection, [replace(OK, prediction_timestamp=earlier)]) == 1
    with warehouse.connection() as connection:
        connection.execute("SET LOCAL ROLE altaviz_reader")
        assert connection.execute("SELECT prediction_timestamp FROM ml_predictions").fetchall() == [(earlier,)]
    with open_writer(database_config(), Path(str(warehouse.parameters["host"])).parent) as writer:
        assert "must be owner" in _refused(writer, "DROP TABLE ml_predictions")
    assert "must be owner" in _refused(warehouse, "SET LOCAL ROLE altaviz_writer; DROP TABLE ml_predictions")
    assert "permission denied" in _refused(warehouse, "SET LOCAL ROLE altaviz_writer; DELETE FROM api_writes")
    assert "permission denied" in _refused(
        warehouse, "SET LOCAL ROLE altaviz_reader; SELECT ensure_month_partitions('ml_predictions', '{}')"
    )


def test_an_owner_owns_every_table_view_and_function(warehouse: Warehouse) -> None:
    query = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
          AND pg_get_userbyid(relowner) <> %(owner)s
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> %(owner)s
    """
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK])
        assert connection.execute(query, {"owner": OWNER}).fetchall() == []
        assert grant_roles(connection) == []


def test_a_server_that_lets_us_make_no_role_is_used_without_and_says_so(remote: DatabaseConfig, short_home: Path) -> None:
    with open_warehouse(remote, short_home) as warehouse:
        migrate(warehouse)
        with warehouse.connection() as connection:
            assert missing_roles(connection) == sorted(grant_roles(connection)) == [OWNER, READER, WRITER]
            assert not may_become(connection, READER)
    with open_reader(remote, short_home) as reader:
        with reader.connection() as connection:
            assert connection.execute("SELECT current_user::text").fetchone() == ("planner",)
        assert "read-only transaction" in _refused(reader, "DELETE FROM api_keys")


def test_the_statements_for_an_administrator_give_a_server_its_roles(remote: DatabaseConfig, short_home: Path) -> None:
    page = (PROJECT / "docs" / "how-to" / "warehouse.md").read_text(encoding="utf-8")
    by_administrator, by_owner, _ = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    with open_warehouse(remote, short_home) as warehouse:
        migrate(warehouse)
        administrator = {**warehouse.parameters, "user": embedded.ROLE, "password": PASSWORD}
        with psycopg.connect(**administrator, autocommit=True) as connection:
            connection.execute(by_administrator.replace(" TO altaviz;", " TO planner;"))
        try:
            with warehouse.connection() as connection:
                assert connection.execute(by_owner).fetchone() == ([],)
            with open_reader(remote, short_home) as reader, reader.connection() as connection:
                assert connection.execute("SELECT current_user::text, (SELECT count(*) FROM v_alerts)").fetchone() == (READER, 0)
        finally:
            with psycopg.connect(**administrator, autocommit=True) as connection:
                connection.execute("REASSIGN OWNED BY altaviz_owner TO planner")
                connection.execute("DROP OWNED BY altaviz_owner, altaviz_reader, altaviz_writer")
                connection.execute("DROP ROLE altaviz_owner, altaviz_reader, altaviz_writer")
