"""Writes alerts and data quality metrics to the warehouse, for the days that changed readings affect."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from dataclasses import asdict
from datetime import UTC, date, timedelta
from typing import Any, Final

import polars as pl
import psycopg

from config.settings import Settings
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, OPERATING_HOURS, REASON, SENSORS, TIMESTAMP, WITHDRAWN
from features.grid import scan_with_faults
from features.increments import rebuilt_since
from features.lake import COMPRESSORS, GOLD, REJECTS, SILVER, Interval, Lake
from features.reference_tables.tables import read_fleet, read_reference
from monitoring.data_quality.daily_checks import STAGES, Day, measure_day, unplaced_rows
from pipelines.lakehouse.alert_sync import AlertRun, write_alerts
from pipelines.runtime.console import Advance
from serving.schemas import QualityMetric
from serving.warehouse.alerts import alert_lock, count_alerts
from serving.warehouse.connection import Warehouse
from serving.warehouse.lake_sync import record_only_sync, synced_version
from serving.warehouse.quality import replace_quality_metrics, summarize_quality

_SYNC: Final = "quality"


def sync_quality(warehouse: Warehouse, lake: Lake, settings: Settings, advance: Advance) -> dict[str, Any]:
    """Bring alerts and quality metrics up to the lake in one transaction. Returns `alerts` and `quality` in total, and the rows written.

    A killed run records nothing, and the next run repeats it. Changed rules recompute everything.
    """
    gold = lake.delta(GOLD)
    version = int(gold.version())
    compressors, expected = read_reference(lake, COMPRESSORS), read_fleet(lake)
    sync_id = f"{gold.metadata().id}:{_SYNC}:{_fingerprint(settings, compressors, expected)}"
    written = 0
    with warehouse.connection() as connection:
        alert_lock(connection)
        synced, run = synced_version(connection, sync_id), AlertRun.of(connection, lake, settings, compressors)
        changed = rebuilt_since(lake, synced)
        if synced != version or run.changed_lives:
            written += write_alerts(connection, run, changed)
        if synced != version:
            written += _write_metrics(connection, lake, settings, expected, changed, advance)
            record_only_sync(connection, sync_id, _SYNC, version)
        alerts, quality = asdict(count_alerts(connection)), summarize_quality(connection)
    return {"alerts": alerts, "quality": quality, "quality_rows_written": written}


def _fingerprint(settings: Settings, compressors: pl.DataFrame, expected: pl.DataFrame) -> str:
    """Changes if anything but the readings changes the result."""
    shaping = {
        "quality": settings.quality.numbers("prediction_alerts", "alarm_kpis"),
        "stale_after_hours": settings.scoring.stale_after_hours,
        "thresholds": settings.thresholds.numbers("escalation", "shelving"),
        "compressors": compressors.select(COMPRESSOR_ID, "model", "install_date").sort(COMPRESSOR_ID).rows(),
        "retired": sorted({*compressors[COMPRESSOR_ID]} - {*expected[COMPRESSOR_ID]}),
    }
    return hashlib.sha256(json.dumps(shaping, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _write_metrics(
    connection: psycopg.Connection,
    lake: Lake,
    settings: Settings,
    expected: pl.DataFrame,
    changed: list[Interval] | None,
    advance: Advance,
) -> int:
    """Measure changed days and their neighbours again: a metric looks one day back, and data may end within a day."""
    silver_rows, gold_rows = lake.rows_by_date(SILVER), lake.rows_by_date(GOLD)
    days = sorted(silver_rows)
    reached = _reached_days(days, changed)
    rules = settings.quality
    metrics: list[QualityMetric] = []
    for done, day in enumerate(reached):
        advance(done, len(reached))
        measured = _read_day(lake, day, days, gold_rows.get(day, 0))
        metrics += measure_day(measured, expected, rules, settings.scoring.stale_after_hours)
    if days:
        rejected = _counted_rejects(lake).filter(pl.col("kind") == "row")
        unplaced = rejected.filter(pl.col(DATE).is_null() | ~pl.col(DATE).is_in(days)).group_by(REASON).len().sort(REASON).collect()
        all_rows = sum(silver_rows.values()) + int(rejected.select(pl.len()).collect().item())
        metrics.append(unplaced_rows(days[-1], dict(unplaced.iter_rows()), all_rows, rules))
    advance(len(reached), len(reached), rows=len(metrics))
    return replace_quality_metrics(connection, metrics, STAGES, reached, days)


def _counted_rejects(lake: Lake) -> pl.LazyFrame:
    """Rejects that count for quality: all but the rows of withdrawn files."""
    return pl.scan_delta(lake.delta(REJECTS)).filter(pl.col(REASON) != WITHDRAWN)


def _reached_days(days: list[date], changed: list[Interval] | None) -> list[date]:
    if changed is None:
        return days
    reached = set(days[-1:])
    for item in changed:
        first, end = bisect_left(days, item.start.astimezone(UTC).date()), bisect_right(days, item.end.astimezone(UTC).date())
        reached.update(days[max(first - 1, 0) : end + 1])
    return sorted(reached)


def _read_day(lake: Lake, day: date, days: list[date], gold_rows: int) -> Day:
    readings = scan_with_faults(lake.delta(SILVER)).filter(pl.col(DATE).is_between(day - timedelta(days=1), day))
    refused = _counted_rejects(lake).filter(pl.col(DATE) == day)
    return Day(
        date=day,
        is_oldest=day == days[0],
        is_newest=day == days[-1],
        readings=readings.select(COMPRESSOR_ID, TIMESTAMP, DATE, *SENSORS, OPERATING_HOURS, DATA_FAULTS).collect(),
        refused=refused.select("kind", REASON, COMPRESSOR_ID).collect(),
        gold_rows=gold_rows,
    )
