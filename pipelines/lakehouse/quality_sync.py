"""Writes alerts and data quality metrics to the warehouse, for the days that changed readings affect."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import polars as pl
import psycopg

from config.sections.quality import AlertsSection
from config.settings import Settings
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, OPERATING_HOURS, REASON, SENSORS, TIMESTAMP, WITHDRAWN
from features.grid import scan_with_faults
from features.increments import rebuilt_since
from features.lake import COMPRESSORS, GOLD, REJECTS, SILVER, Interval, Lake
from features.reference_tables.tables import read_fleet, read_reference
from monitoring.alerts.data_alerts import find_data_alerts
from monitoring.alerts.threshold_alerts import WatchedColumn, alert_quantities, find_alerts, window_start
from monitoring.data_quality.daily_checks import STAGES, Day, measure_day, unplaced_rows
from pipelines.runtime.console import Advance
from serving.schemas import QualityMetric
from serving.warehouse.alerts import Source, alert_lock, alerted_since, count_alerts, live_since, replace_alerts
from serving.warehouse.connection import Warehouse
from serving.warehouse.lake_sync import record_only_sync, synced_version
from serving.warehouse.quality import replace_quality_metrics, summarize_quality

_SYNC: Final = "quality"
SOURCES: Final[tuple[Source, ...]] = ("threshold", "own_normal", "data")  # of alerts that readings raise


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
        synced = synced_version(connection, sync_id)
        if synced != version:
            changed = rebuilt_since(lake, synced)
            written += _write_alerts(connection, lake, settings, compressors, changed)
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


def _write_alerts(
    connection: psycopg.Connection, lake: Lake, settings: Settings, compressors: pl.DataFrame, changed: list[Interval] | None
) -> int:
    """Find alerts again from the first changed reading on. Start earlier where an alert was live."""
    days = lake.rows_by_date(SILVER)
    rules = settings.quality.alerts
    if not days:
        return replace_alerts(connection, [], None, SOURCES)
    if changed == []:
        return 0
    oldest = datetime.combine(min(days), time(), UTC)
    quantities = alert_quantities(compressors, settings.thresholds, rules)
    since = None
    if changed is None:
        begins = dict.fromkeys(sorted(compressors[COMPRESSOR_ID]), oldest)
    else:
        since = _restarts(connection, lake, max(settings.etl.ingest.earliest, min(item.start for item in changed)), rules)
        lookback = timedelta(minutes=rules.group_minutes.value)
        begins = {compressor_id: moment - lookback for compressor_id, moment in since.items()}
    alerts = []
    for silver, gold in _read(lake, begins, quantities, rules):
        alerts += find_alerts([silver, gold], quantities, rules) + find_data_alerts(silver, rules)
    return replace_alerts(connection, alerts, since, SOURCES)


def _restarts(connection: psycopg.Connection, lake: Lake, changed: datetime, rules: AlertsSection) -> dict[str, datetime]:
    """By compressor with a reading or alert at or after `changed`: the newest window start with no live alert before it."""
    moment = window_start(changed, rules)
    scan = pl.scan_delta(lake.delta(SILVER)).filter(pl.col(DATE) >= moment.date(), pl.col(TIMESTAMP) >= moment)
    present = scan.select(pl.col(COMPRESSOR_ID).unique()).collect()[COMPRESSOR_ID].to_list()
    restarts = dict.fromkeys(sorted({*present, *alerted_since(connection, moment, SOURCES)}), moment)
    earlier: Mapping[str, datetime] = restarts
    while earlier:  # an alert may have begun while an older one was live
        earlier = {name: window_start(begun.astimezone(UTC), rules) for name, begun in live_since(connection, earlier, SOURCES).items()}
        restarts.update(earlier)
    return restarts


def _read(
    lake: Lake, begins: Mapping[str, datetime], quantities: list[WatchedColumn], rules: AlertsSection
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Silver and gold of some compressors at a time, so that memory holds `rows_per_pass` readings."""
    if not begins:
        return
    first = min(begins.values()).date()
    rows = sum(rows for day, rows in lake.rows_by_date(SILVER).items() if day >= first)
    step = max(1, rules.rows_per_pass * len(begins) // max(rows, 1))
    places = list(begins.items())
    columns = {item.column for item in quantities}
    for start in range(0, len(places), step):
        part = pl.LazyFrame(
            places[start : start + step], schema={COMPRESSOR_ID: pl.String, "begin": pl.Datetime("us", "UTC")}, orient="row"
        )
        silver, gold = scan_with_faults(lake.delta(SILVER)), pl.scan_delta(lake.delta(GOLD))
        yield _rows_since(silver, part, first, {*columns, DATA_FAULTS}), _rows_since(gold, part, first, columns)


def _rows_since(scan: pl.LazyFrame, places: pl.LazyFrame, first: date, columns: set[str]) -> pl.DataFrame:
    """The rows of each compressor in `places` from its `begin` on, with the existing `columns`. `first` is the oldest day."""
    wanted = sorted(columns & set(scan.collect_schema()))
    since = scan.filter(pl.col(DATE) >= first).join(places, on=COMPRESSOR_ID, how="inner").filter(pl.col(TIMESTAMP) >= pl.col("begin"))
    return since.select(COMPRESSOR_ID, TIMESTAMP, *wanted).collect()


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
