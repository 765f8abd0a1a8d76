"""Writes the alerts of readings to the warehouse, from the first changed reading or life on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import polars as pl
import psycopg

from config.settings import Settings
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, TIMESTAMP
from features.grid import scan_with_faults
from features.lake import EVENTS, GOLD, SILVER, Interval, Lake
from features.reference_tables.renewals import read_renewals
from features.reference_tables.tables import read_reference
from features.sensor_health.settings import HealthRules
from monitoring.alerts.engine import SOURCES, AlertEngine, alert_engine
from monitoring.alerts.grouping import window_start
from monitoring.alerts.machine_lives import Lives, changed_lives, learns_since, lives_of, with_learned
from serving.warehouse.alerts import Alert, alerted_since, live_since, replace_alerts
from serving.warehouse.machine_lives import FIRST, MachineLife, read_lives, replace_lives

_PLACES: Final = pl.Schema({COMPRESSOR_ID: pl.String(), "begin": pl.Datetime("us", "UTC")})


@dataclass(frozen=True)
class AlertRun:
    """What alerts follow from: the lake, the rules, and the lives of the machines as events and earlier runs tell them."""

    lake: Lake
    settings: Settings
    compressors: pl.DataFrame
    lives: Lives
    stored: Mapping[str, Sequence[MachineLife]]

    @classmethod
    def of(cls, connection: psycopg.Connection, lake: Lake, settings: Settings, compressors: pl.DataFrame) -> AlertRun:
        """The run of the present lake."""
        names = sorted(compressors[COMPRESSOR_ID])
        return cls(lake, settings, compressors, lives_of(names, read_renewals(read_reference(lake, EVENTS))), read_lives(connection))

    @property
    def changed_lives(self) -> dict[str, datetime]:
        """Since when events tell other lives of a compressor than the last run knew."""
        return changed_lives(self.lives, self.stored)


def write_alerts(connection: psycopg.Connection, run: AlertRun, changed: list[Interval] | None) -> int:
    """Find alerts again from the first changed reading or life on (None: from the first of all). Start earlier where an alert was live.

    Returns the rows of alerts inserted, changed or deleted.
    """
    days, rules = run.lake.rows_by_date(SILVER), run.settings.quality.alerts
    names = sorted(run.compressors[COMPRESSOR_ID])
    if not days:
        replace_lives(connection, names, [])
        return replace_alerts(connection, [], None, SOURCES)
    oldest = datetime.combine(min(days), time(), UTC)
    thresholds = run.settings.thresholds
    engine = alert_engine(run.compressors, rules, HealthRules.of(run.settings.quality.sensor_health, thresholds), thresholds)
    since, lives = None, run.lives
    if changed is None:
        begins = dict.fromkeys(names, oldest)
    else:
        first = max(run.settings.etl.ingest.earliest, min(item.start for item in changed)) if changed else None
        since = _restarts(connection, run, first, oldest)
        lives = with_learned(run.lives, run.stored, since)
        begins = {name: _begin(lives[name], moment, engine.lookback, engine.state_lookback) for name, moment in since.items()}
        if not since:
            return 0
    alerts: list[Alert] = []
    learned = {(life.compressor_id, life.life_from): life for own in lives.values() for life in own}
    for silver, gold in _read(run.lake, begins, engine):
        found, known = engine.find(silver, gold, since, lives)
        alerts += found
        learned |= {(life.compressor_id, life.life_from): life for life in known}
    replace_lives(connection, list(lives), learned.values())
    return replace_alerts(connection, alerts, since, SOURCES)


def _begin(own: Sequence[MachineLife], moment: datetime, lookback: timedelta, state_lookback: timedelta) -> datetime:
    """Where the readings of a compressor begin that decide its alerts from `moment` on."""
    learns = learns_since(own, moment)
    return moment - lookback if learns is None else FIRST if learns == FIRST else min(moment - lookback, learns - state_lookback)


def _restarts(connection: psycopg.Connection, run: AlertRun, changed: datetime | None, oldest: datetime) -> dict[str, datetime]:
    """By compressor with a reading or alert at or after `changed`, or with changed lives: the newest window start with no live alert before it."""
    rules = run.settings.quality.alerts
    restarts = {name: window_start(max(moment, oldest).astimezone(UTC), rules) for name, moment in run.changed_lives.items()}
    if changed is not None:
        moment = window_start(changed, rules)
        scan = pl.scan_delta(run.lake.delta(SILVER)).filter(pl.col(DATE) >= moment.date(), pl.col(TIMESTAMP) >= moment)
        present = scan.select(pl.col(COMPRESSOR_ID).unique()).collect()[COMPRESSOR_ID].to_list()
        for name in sorted({*present, *alerted_since(connection, moment, SOURCES)}):
            restarts[name] = min(moment, restarts.get(name, moment))
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
