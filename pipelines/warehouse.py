"""Silver and reference data into the warehouse, as much as changed since it last looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import psycopg

from config.etl import EtlConfig
from config.fleet import FleetConfig
from features.aggregates import WINDOWS, hourly_aggregates
from features.build import rebuilt_since
from features.contract import DATE, TIMESTAMP, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.increments import Reach
from features.lake import COMPRESSORS, EVENTS, GOLD, SILVER, Interval, Lake, merge_intervals
from features.reference import read_reference_history
from features.withdrawals import read_withdrawals
from pipelines.console import Advance
from serving.schemas import Compressor, MaintenanceEvent, Station
from serving.warehouse import tables
from serving.warehouse.connection import Warehouse
from serving.warehouse.lake_sync import record_sync, synced_version
from serving.warehouse.withdrawn import TakenReadings, mark_predictions

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WINDOW = timedelta(hours=WINDOW_STEPS * WINDOW_STEP_HOURS)
_LOOKBACK = timedelta(hours=max(WINDOWS.values()))


def sync_reference(warehouse: Warehouse, lake: Lake, fleet: FleetConfig) -> None:
    """Stations, compressors and maintenance events as the lake has them, also those taken back."""
    compressors = read_reference_history(lake, COMPRESSORS).drop("retired_by_hand").with_columns(pl.col("model").fill_null("unknown"))
    events = read_reference_history(lake, EVENTS)
    with warehouse.connection() as connection:
        tables.upsert_stations(
            connection,
            (
                Station(station_id, station.basin, station.town, station.latitude, station.longitude, station.time_zone)
                for station_id, station in fleet.stations.items()
            ),
        )
        tables.upsert_compressors(connection, (Compressor(**row) for row in compressors.iter_rows(named=True)))
        tables.upsert_events(connection, (MaintenanceEvent(**row) for row in events.iter_rows(named=True)))


def sync_withdrawals(connection: psycopg.Connection, lake: Lake, etl: EtlConfig) -> int:
    """Mark the predictions that were made from a withdrawn file; returns how many are. Costs nothing while no file ever was."""
    withdrawals = read_withdrawals(lake)
    if not withdrawals:
        return 0
    reach = Reach.of(etl)
    taken = [
        TakenReadings(name, first, last, item.gold.table_id, item.gold.first_version, item.gold.last_version, item.withdrawn_at)
        for item in withdrawals
        if item.undone_at is None and item.gold is not None
        for name, (first, last) in item.spans.items()
    ]
    return mark_predictions(connection, taken, reach.silver + reach.gold + _WINDOW)


def sync_aggregates(warehouse: Warehouse, lake: Lake, advance: Advance) -> int:
    """Hourly aggregates of every hour whose readings changed, one transaction; returns the rows inserted, changed or deleted.

    Killed in between, nothing is recorded as taken in, and the next run does it again.
    """
    gold = lake.delta(GOLD)
    table_id, version = str(gold.metadata().id), int(gold.version())
    with warehouse.connection() as connection:
        seen = synced_version(connection, table_id)
        if seen == version:
            return 0
        reach = _reach(lake)
        days = _days(reach, rebuilt_since(lake, seen))
        written = tables.delete_aggregates_outside(connection, _floor_hour(reach.start), _floor_hour(reach.end) + _HOUR)
        for done, day in enumerate(days):
            advance(done, len(days))
            aggregates = _aggregates(lake, day)
            written += tables.upsert_aggregates(connection, aggregates)
            written += tables.delete_aggregates(connection, aggregates, day.start, day.end)
        record_sync(connection, table_id, GOLD, version)
        advance(len(days), len(days), rows=written)
    return written


def _reach(lake: Lake) -> Interval:
    """Where aggregates may stand, (start, end]; an empty interval when silver holds nothing."""
    extent = pl.scan_delta(lake.uri(SILVER)).select(pl.col(TIMESTAMP).min().alias("first"), pl.col(TIMESTAMP).max().alias("last")).collect()
    first, last = extent["first"][0], extent["last"][0]
    return Interval(_EPOCH, _EPOCH) if first is None else Interval(first - _HOUR, last + _LOOKBACK)


def _days(reach: Interval, changed: list[Interval] | None) -> list[Interval]:
    """Hour marks of `reach` to write, (start, end] of at most a day each, so that memory holds a day of readings whatever the history."""
    wanted = (
        [reach]
        if changed is None
        else [Interval(max(item.start - _HOUR, reach.start), min(item.end + _LOOKBACK, reach.end)) for item in changed]
    )
    days: list[Interval] = []
    for interval in merge_intervals([item for item in wanted if item.start < item.end], len(wanted) or 1):
        start = _floor_hour(interval.start)
        while start < interval.end:
            end = min(start + _DAY, _floor_hour(interval.end) + _HOUR)
            days.append(Interval(start, end))
            start = end
    return days


def _aggregates(lake: Lake, day: Interval) -> pl.DataFrame:
    since = day.start - _LOOKBACK
    silver = pl.scan_delta(lake.uri(SILVER)).filter(pl.col(DATE) >= since.date(), pl.col(DATE) <= day.end.date())
    return hourly_aggregates(silver, day.start, day.end)


def _floor_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
