"""Compacts the Delta tables, and drops what retention does not keep of the warehouse: `altaviz maintain`."""

from __future__ import annotations

import time
from typing import Any

from config.settings import Settings
from features.lake import TIME_SERIES_TABLES, Lake
from pipelines.runtime.console import StageReporter
from pipelines.runtime.lake_lock import writing_lake
from pipelines.runtime.spark import LazySpark
from serving.schemas import present_moment
from serving.warehouse.migrations import grant_roles, migrated_warehouse
from serving.warehouse.upkeep.partitions import make_partitions_ahead
from serving.warehouse.upkeep.retention import apply_retention, plan_retention


def maintain(settings: Settings, spark: LazySpark, report: StageReporter, *, dry_run: bool) -> dict[str, Any]:
    """Keep the warehouse as database.yaml says, then OPTIMIZE and VACUUM each time-series table of the lake.

    `dry_run` only tells what the warehouse would lose. Returns tables (of the lake), warehouse, seconds. Raises WarehouseError.
    """
    started = time.perf_counter()
    with report.stage("warehouse"):
        warehouse = _keep_warehouse(settings, dry_run=dry_run)
    tables = {} if dry_run else _compact(settings, spark, report)
    return {"dry_run": dry_run, "warehouse": warehouse, "tables": tables, "seconds": round(time.perf_counter() - started, 2)}


def _keep_warehouse(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Rights of the roles, partitions ahead, retention. Returns what was, or would be, dropped with its rows, and what stays for which reason."""
    with migrated_warehouse(settings.database, settings.home) as warehouse:
        with warehouse.connection() as connection:
            plan = plan_retention(connection, settings.database.retention.model_dump())
        made, missing = 0, []
        if not dry_run:
            apply_retention(warehouse, plan)
            with warehouse.connection() as connection:
                missing = grant_roles(connection)
                made = make_partitions_ahead(connection, present_moment(), settings.database.partitions.months_ahead)
    return {
        "kept_since": dict(plan.limits),
        "dropped": {month.partition: month.rows for month in plan.months if month.stays_for is None},
        "stays": {month.partition: month.stays_for for month in plan.months if month.stays_for is not None},
        "deleted_rows": dict(plan.old_rows),
        "partitions_made": made,
        "missing_roles": missing,
    }


def _compact(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """OPTIMIZE, then VACUUM. Rows do not change."""
    lake = Lake(settings.lake_uri)
    tables: dict[str, Any] = {}
    with writing_lake(settings):
        for table in TIME_SERIES_TABLES:
            if lake.exists(table):
                with report.stage(f"compact {table}"):
                    tables[table] = lake.optimize(spark.get(), table)
                    lake.vacuum(spark.get(), table, settings.etl.lake.vacuum_retention_hours)
    return tables
