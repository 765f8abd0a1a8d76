"""Builds silver and gold from bronze, and updates the warehouse: `altaviz features`."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from config.settings import Settings
from features.build import Rules, build_silver_and_gold
from features.lake import Lake
from features.row_counts import count_rows
from pipelines.lakehouse.books_sync import sync_books
from pipelines.lakehouse.order_events import take_in_order_events
from pipelines.lakehouse.prediction_alerts import sync_prediction_alerts
from pipelines.lakehouse.quality_sync import sync_quality
from pipelines.lakehouse.warehouse_sync import sync_aggregates, sync_reference, sync_view_rules, sync_withdrawals
from pipelines.runtime.console import StageReporter
from pipelines.runtime.lake_lock import writing_lake
from pipelines.runtime.moment import choose_moment
from pipelines.runtime.spark import LazySpark
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.upkeep.partitions import make_partitions_ahead


def build_lake(settings: Settings, as_of: datetime | None, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Bring silver, rejects and gold up to bronze at `as_of` (now when None).

    Returns the row counts (features.row_counts.count_rows) and the time spans that were recomputed. Raises MomentError, NoDataError.
    """
    started = time.perf_counter()
    lake = Lake(settings.lake_uri)
    moment = choose_moment(settings, as_of)
    with writing_lake(settings):
        rules = Rules(settings.etl, settings.thresholds, settings.fleet, settings.quality.sensor_health)
        plan = build_silver_and_gold(spark.get, lake, rules, moment, report.stage)
        books = count_rows(lake)
    rebuilt = "all" if plan.changed is None else [[item.start, item.end] for item in plan.changed]
    return {**books, "as_of": moment, "rebuilt": rebuilt, "seconds": round(time.perf_counter() - started, 2)}


def build(settings: Settings, as_of: datetime | None, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Run `build_lake`, then write reference data, hourly aggregates, alerts and quality metrics to the warehouse.

    The lake takes in the events of completed work orders first.

    Raises MomentError, NoDataError, WarehouseError.
    """
    started = time.perf_counter()
    moment = choose_moment(settings, as_of)
    lake = Lake(settings.lake_uri)
    # a warehouse that is down fails the command before the hour of Spark
    with migrated_warehouse(settings.database, settings.home) as warehouse:
        books = build_lake(settings, moment, spark, report)
        take_in_order_events(settings, warehouse)
        with report.stage("warehouse") as advance:
            sync_reference(warehouse, lake, settings.fleet)
            sync_view_rules(warehouse, settings)
            with warehouse.connection() as connection:
                make_partitions_ahead(connection, moment, settings.database.partitions.months_ahead)
                sync_prediction_alerts(connection, settings, sync_withdrawals(connection, lake, settings.etl).changed)
            aggregate_rows = sync_aggregates(warehouse, lake, advance)
        with report.stage("quality") as advance:
            checked = sync_quality(warehouse, lake, settings, advance)
            with warehouse.connection() as connection:
                sync_books(connection, lake, books)
    return {**books, **checked, "aggregate_rows_written": aggregate_rows, "seconds": round(time.perf_counter() - started, 2)}
