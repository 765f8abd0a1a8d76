"""One migrated warehouse for all tests of the room, standing at a moment of the past with three compressors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from config.settings import Settings
from serving.alerts.life_cycle import Act
from serving.schemas import Compressor, StationRow
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import upsert_compressors, upsert_predictions, upsert_stations
from serving.work_orders.draft import DraftRequest, draft_order
from serving.work_orders.order import WorkOrder
from tests.folders import TemporaryDirectory
from tests.serving.warehouse.test_tables import OK, STALE, T

NOW = datetime(2026, 3, 9, 6, tzinfo=UTC)
ANN = Act("Ann", NOW, None)


@pytest.fixture(scope="session")
def planner_warehouse(settings: Settings) -> Iterator[Warehouse]:
    with TemporaryDirectory() as home, migrated_warehouse(settings.database, Path(home)) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(planner_warehouse: Warehouse) -> Warehouse:
    """C-1 is critical and due, C-2 was never scored, C-3 has readings that are too old. It stands at T."""
    with planner_warehouse.connection() as connection:
        connection.execute("TRUNCATE station_locations, work_orders CASCADE")
        connection.execute("TRUNCATE ml_predictions, maintenance_events")
        connection.execute("UPDATE view_rules SET replay_as_of = %s", [T])
        upsert_stations(connection, [StationRow("S-1", "Permian Basin", "Midland", 31.9973, -102.0779, "America/Chicago")])
        upsert_compressors(connection, [Compressor(f"C-{number}", "Ariel JGK/4", 1480.0, None, "S-1") for number in (1, 2, 3)])
        upsert_predictions(connection, [replace(OK, failure_probability=0.75), STALE])
    return planner_warehouse


def drafted(connection: psycopg.Connection, settings: Settings, request: DraftRequest | None = None, act: Act = ANN) -> WorkOrder:
    """An order of C-1, or what `request` asks for."""
    return draft_order(connection, request or DraftRequest("C-1"), act, settings.costs, settings.work_orders)
