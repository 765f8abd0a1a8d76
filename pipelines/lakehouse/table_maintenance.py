"""Compacts the Delta tables and removes files that are no longer needed: `altaviz maintain`."""

from __future__ import annotations

import time
from typing import Any

from config.settings import Settings
from features.lake import TIME_SERIES_TABLES, Lake
from pipelines.runtime.console import StageReporter
from pipelines.runtime.lake_lock import writing_lake
from pipelines.runtime.spark import LazySpark


def maintain(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """OPTIMIZE, then VACUUM, each time-series table that exists. Rows do not change."""
    started = time.perf_counter()
    lake = Lake(settings.lake_uri)
    tables: dict[str, Any] = {}
    with writing_lake(settings):
        for table in TIME_SERIES_TABLES:
            if lake.exists(table):
                with report.stage(f"compact {table}"):
                    tables[table] = lake.optimize(spark.get(), table)
                    lake.vacuum(spark.get(), table, settings.etl.lake.vacuum_retention_hours)
    return {"tables": tables, "seconds": round(time.perf_counter() - started, 2)}
