"""Two real PostgreSQL servers: the embedded one of a home, and one over TCP with a password."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.loader import CONFIG_DIR, load_section
from config.sections.database import DatabaseConfig
from serving.schemas import Compressor, StationRow
from serving.warehouse import embedded
from serving.warehouse.binaries import run_tool, server_binaries, server_user
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import upsert_compressors, upsert_stations
from tests.folders import TemporaryDirectory

PASSWORD = "0123-of-digits"


def database_config(**environ: str) -> DatabaseConfig:
    return load_section(CONFIG_DIR / "database.yaml", DatabaseConfig, environ)


@pytest.fixture
def short_home() -> Iterator[Path]:
    with TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def migrated() -> Iterator[Warehouse]:
    with TemporaryDirectory() as home, migrated_warehouse(database_config(), Path(home)) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(migrated: Warehouse) -> Warehouse:
    """The embedded warehouse with empty tables but for two stations and three compressors."""
    with migrated.connection() as connection:
        connection.execute("TRUNCATE station_locations CASCADE")
        connection.execute("TRUNCATE sensor_readings_agg, ml_predictions, alert_history, data_quality_metrics, maintenance_events")
        connection.execute("TRUNCATE drift_metrics, drift_decisions, model_decisions, retention, lake_sync, outbox, api_writes")
        upsert_stations(
            connection, [StationRow("S-1", "Permian Basin", "Midland", 31.9973, -102.0779, "America/Chicago"), StationRow("S-2")]
        )
        upsert_compressors(connection, [Compressor(f"C-{number}", "Ariel JGK/4", 1480.0, None, "S-1") for number in (1, 2, 3)])
    return migrated


@pytest.fixture(scope="session")
def remote() -> Iterator[DatabaseConfig]:
    """The settings of a server on 127.0.0.1 with a password and an ordinary role."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    config = database_config(DB_HOST="127.0.0.1", DB_PORT=port, DB_NAME="fleet", DB_USER="planner", DB_PASSWORD=PASSWORD)
    with TemporaryDirectory() as directory:
        home = Path(directory)
        with (
            embedded.embedded_server(home, config.embedded) as server,
            psycopg.connect(host=str(server.socket_dir), user=embedded.ROLE, dbname=embedded.DATABASE, autocommit=True) as connection,
        ):
            connection.execute(f"CREATE ROLE planner LOGIN PASSWORD '{PASSWORD}'")
            connection.execute(f"ALTER ROLE altaviz PASSWORD '{PASSWORD}'")
            connection.execute("CREATE DATABASE fleet OWNER planner")
        (server.data_dir / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        user = server_user()
        control = (user, server.data_dir, server_binaries(user) / "pg_ctl")
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -p {port}"
        run_tool(*control, "start", "--wait", "--silent", "-D", server.data_dir, "-l", server.data_dir / "log", "-o", options)
        try:
            yield config
        finally:
            run_tool(*control, "stop", "--mode=fast", "--wait", "--silent", "-D", server.data_dir)
