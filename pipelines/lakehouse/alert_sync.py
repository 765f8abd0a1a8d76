"""Writes the alerts of readings to the warehouse, from the first changed reading on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import polars as pl
import psycopg

from config.sections.quality import AlertsSection
from config.settings import Settings
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, TIMESTAMP
from features.grid import scan_with_faults
from features.lake import GOLD, SILVER, Interval, Lake
from features.sensor_health.settings import HealthRules
from monitoring.alerts.engine import SOURCES, AlertEngine
from monitoring.alerts.grouping import window_start
from monitoring.alerts.threshold_alerts import alert_quantities
from serving.warehouse.alerts import Alert, alerted_since, live_since, replace_alerts

_PLACES: Final = pl.Schema({COMPRESSOR_ID: pl.String(), "begin": pl.Datetime("us", "UTC")})


def write_alerts(
    connection: psycopg.Connection, lake: Lake, settings: Settings, compressors: pl.DataFrame, changed: list[Interval] | None
) -> int:
    """Find alerts again from the first changed reading on (None: from the first of all). Start earlier where an alert was live.

    Returns the rows inserted, changed or deleted.
    """
    days = lake.rows_by_date(SILVER)
    rules = settings.quality.alerts
    if not days:
        return replace_alerts(connection, [], None, SOURCES)
    if changed == []:
        return 0
    quantities = alert_quantities(compressors, settings.thresholds, rules)
    engine = AlertEngine(rules, HealthRules.of(settings.quality.sensor_health, settings.thresholds), quantities)
    since = None
    if changed is None:
        begins = dict.fromkeys(sorted(compressors[COMPRESSOR_ID]), datetime.combine(min(days), time(), UTC))
    else:
        since = _restarts(connection, lake, max(settings.etl.ingest.earliest, min(item.start for item in changed)), rules)
        begins = {compressor_id: moment - engine.lookback for compressor_id, moment in since.items()}
    alerts: list[Alert] = []
    for silver, gold in _read(lake, begins, engine):
        alerts += engine.find(silver, gold, since)
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


def _read(lake: Lake, begins: Mapping[str, datetime], engine: AlertEngine) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Silver and gold of some compressors at a time, so that memory holds `rows_per_pass` readings."""
    rows_by_date = lake.rows_by_date(SILVER)
    columns = {item.column for item in engine.quantities}
    for places in _apart(begins):
        first = min(begin for _, begin in places).date()
        rows = sum(rows for day, rows in rows_by_date.items() if day >= first) * len(places) // len(begins)
        step = max(1, engine.rules.rows_per_pass * len(places) // max(rows, 1))
        for start in range(0, len(places), step):
            part = pl.LazyFrame(places[start : start + step], schema=_PLACES, orient="row")
            silver, gold = scan_with_faults(lake.delta(SILVER)), pl.scan_delta(lake.delta(GOLD))
            yield _rows_since(silver, part, first, {*columns, DATA_FAULTS}), _rows_since(gold, part, first, columns)


def _apart(begins: Mapping[str, datetime]) -> list[list[tuple[str, datetime]]]:
    """Compressors that begin within the newest two days, and the others: few of them reach far back, and all days of these are read."""
    newest = max(begins.values(), default=None)
    recent: list[tuple[str, datetime]] = []
    older: list[tuple[str, datetime]] = []
    for place in begins.items():
        (recent if newest is not None and place[1].date() >= newest.date() - timedelta(days=1) else older).append(place)
    return [places for places in (recent, older) if places]


def _rows_since(scan: pl.LazyFrame, places: pl.LazyFrame, first: date, columns: set[str]) -> pl.DataFrame:
    """The rows of each compressor in `places` from its `begin` on, with the existing `columns`. `first` is the oldest day."""
    wanted = sorted(columns & set(scan.collect_schema()))
    since = scan.filter(pl.col(DATE) >= first).join(places, on=COMPRESSOR_ID, how="inner").filter(pl.col(TIMESTAMP) >= pl.col("begin"))
    return since.select(COMPRESSOR_ID, TIMESTAMP, *wanted).collect()
