"""Writes changes of silver and the reference data to the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import polars as pl
import psycopg

from config.sections.etl import EtlConfig
from config.sections.fleet import FleetConfig
from config.settings import Settings
from features.aggregates import WINDOWS, hourly_aggregates
from features.contract import DATE, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.increments import Influence, rebuilt_since
from features.lake import COMPRESSORS, EVENTS, GOLD, SILVER, Interval, Lake, merge_intervals
from features.reference_tables.tables import read_reference_history
from features.withdrawals import read_withdrawals
from pipelines.runtime.console import Advance
from serving.schemas import Compressor, MaintenanceEvent, StationRow, present_moment
from serving.warehouse import tables
from serving.warehouse.connection import Warehouse
from serving.warehouse.lake_sync import record_sync, synced_version
from serving.warehouse.withdrawn import Marks, TakenReadings, mark_predictions
from serving.work_orders.reported_events import waiting_events, with_waiting_events

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_WINDOW = timedelta(hours=WINDOW_STEPS * WINDOW_STEP_HOURS)
_EVER = Interval(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_LOOKBACK = timedelta(hours=max(WINDOWS.values()))


def sync_reference(warehouse: Warehouse, lake: Lake, fleet: FleetConfig) -> None:
    """Write stations, compressors and maintenance events, including those taken back.

    Events of completed work orders that the lake has not taken in yet stay in force.
    """
    compressors = read_reference_history(lake, COMPRESSORS).drop("retired_by_hand").with_columns(pl.col("model").fill_null("unknown"))
    history = read_reference_history(lake, EVENTS)
    with warehouse.connection() as connection:
        events = with_waiting_events(history, waiting_events(connection), present_moment())
        tables.upsert_stations(
            connection,
            (
                StationRow(station_id, station.basin, station.town, station.latitude, station.longitude, station.time_zone)
                for station_id, station in fleet.stations.items()
            ),
        )
        tables.upsert_compressors(connection, (Compressor(**row) for row in compressors.iter_rows(named=True)))
        tables.upsert_events(connection, (MaintenanceEvent(**row) for row in events.iter_rows(named=True)))


def sync_view_rules(warehouse: Warehouse, settings: Settings) -> None:
    """Write the settings that the warehouse's views use."""
    with warehouse.connection() as connection:
        tables.write_view_rules(connection, settings.etl.ingest.clock_skew, settings.scoring.health)


def sync_withdrawals(connection: psycopg.Connection, lake: Lake, etl: EtlConfig) -> Marks:
    """Mark predictions that used a withdrawn file. It costs nothing if no file was ever withdrawn."""
    withdrawals = read_withdrawals(lake)
    if not withdrawals:
        return Marks(0, {})
    reach = Influence.of(etl)
    taken = [
        TakenReadings(name, first, last, item.gold.table_id, item.gold.first_version, item.gold.last_version, item.withdrawn_at)
        for item in withdrawals
        if item.undone_at is None and item.gold is not None
        for name, (first, last) in item.spans.items()
    ]
    return mark_predictions(connection, taken, reach.silver + reach.gold + _WINDOW)


def sync_aggregates(warehouse: Warehouse, lake: Lake, advance: Advance) -> int:
    """Recompute the aggregates of every hour with changed readings, in one transaction. Returns the rows inserted, changed or deleted.

    A killed run records nothing, and the next run repeats it.
    """
    gold = lake.delta(GOLD)
    table_id, version = str(gold.metadata().id), int(gold.version())
    with warehouse.connection() as connection:
        synced = synced_version(connection, table_id)
        if synced == version:
            return 0
        changed = rebuilt_since(lake, synced)
        wanted = [_EVER] if changed is None else [Interval(item.start - _HOUR, item.end + _LOOKBACK) for item in changed]
        wanted = merge_intervals(wanted, len(wanted) or 1)
        days = hours_within(wanted, _reach(lake))
        written = sum(tables.delete_aggregates(connection, None, gap.start, gap.end) for gap in _between(wanted, days))
        for done, day in enumerate(days):
            advance(done, len(days))
            aggregates = _aggregates(lake, day)
            written += tables.upsert_aggregates(connection, aggregates)
            written += tables.delete_aggregates(connection, aggregates, day.start, day.end)
        record_sync(connection, table_id, GOLD, version)
        advance(len(days), len(days), rows=written)
    return written


def _reach(lake: Lake) -> list[Interval]:
    """The intervals (start, end] that may hold aggregates, one per day of silver. A stray old reading adds its own days only."""
    midnights = (datetime.combine(day, time(), UTC) for day in lake.rows_by_date(SILVER))
    return [Interval(midnight - _HOUR, midnight + _DAY + _LOOKBACK) for midnight in midnights]


def _between(wanted: list[Interval], days: list[Interval]) -> list[Interval]:
    """The parts of `wanted` outside `days`, where no aggregate remains; both ascending."""
    gaps: list[Interval] = []
    for interval in wanted:
        start = interval.start
        for day in days:
            if start < day.start < interval.end:
                gaps.append(Interval(start, day.start))
            if day.start < interval.end:
                start = max(start, day.end)
        if start < interval.end:
            gaps.append(Interval(start, interval.end))
    return gaps


def hours_within(wanted: list[Interval], reach: list[Interval]) -> list[Interval]:
    """The part of `wanted` inside `reach`: disjoint full hours (start, end] of at most a day, ascending."""
    days: list[Interval] = []
    reached = merge_intervals(reach, len(reach) or 1)
    for interval in merge_intervals(wanted, len(wanted) or 1):
        for stretch in reached:
            start = max(_floor_hour(max(interval.start, stretch.start)), days[-1].end if days else _EVER.start)
            until = min(interval.end, stretch.end)
            while start < until:
                end = min(start + _DAY, _floor_hour(until) + _HOUR)
                days.append(Interval(start, end))
                start = end
    return days


def _aggregates(lake: Lake, day: Interval) -> pl.DataFrame:
    since = day.start - _LOOKBACK
    silver = pl.scan_delta(lake.uri(SILVER)).filter(pl.col(DATE) >= since.date(), pl.col(DATE) <= day.end.date())
    return hourly_aggregates(silver, day.start, day.end)


def _floor_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
