from __future__ import annotations

import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from config.errors import WarehouseError
from serving.warehouse.connection import Warehouse, open_warehouse
from serving.warehouse.migrations import latest_version, migrate, schema_version
from serving.warehouse.tables import TABLES
from tests.serving.warehouse.conftest import database_config


def test_schema_has_the_designs_tables_views_and_indexes(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        relations = connection.execute(
            "SELECT relname::text, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition"
        ).fetchall()
        partial = connection.execute("SELECT indexname::text, indexdef FROM pg_indexes WHERE indexdef LIKE '%WHERE%'").fetchall()
    kinds = dict(relations)
    partitioned = {name for name, kind in kinds.items() if kind == "p"}
    assert set(TABLES) <= set(kinds)
    assert partitioned == {"sensor_readings_agg", "ml_predictions", "alert_history", "data_quality_metrics", "drift_metrics"}
    assert {name for name, kind in kinds.items() if kind == "v"} >= {"v_latest_readings", "v_active_alerts", "v_fleet_health_summary"}
    assert (
        len([name for name in kinds if name.startswith("idx_")]) == 34
    )  # the design's 15, of drift and model decisions, predictions (newest, usable, withdrawn), alerts, outbox, work orders, keys, writes
    assert dict(partial)["idx_alert_unresolved"].endswith("WHERE (resolved = false)")
    assert dict(partial)["idx_predictions_rul"].endswith("WHERE (rul_days < (30)::numeric)")


def test_current_schema_is_left_alone(warehouse: Warehouse) -> None:
    assert migrate(warehouse) is False


def test_schema_newer_than_the_program_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(WarehouseError, match="schema 9999 is newer than this program's"):
            migrate(warehouse)
    finally:
        with warehouse.connection() as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", [latest_version()])


def _migrate_together(home: Path, barrier: Barrier, changed: Queue[bool]) -> None:
    with open_warehouse(database_config(), home) as warehouse:
        barrier.wait()
        changed.put(migrate(warehouse))


def test_of_two_processes_that_migrate_at_once_one_does_the_work(short_home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, changed = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_migrate_together, args=(short_home, barrier, changed)) for _ in range(2)]
    for process in processes:
        process.start()
    outcomes = sorted(changed.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    assert outcomes == [False, True]
    with open_warehouse(database_config(), short_home) as warehouse, warehouse.connection() as connection:
        assert schema_version(connection) == latest_version()
