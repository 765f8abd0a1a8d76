"""Silver and reference data into the warehouse, as much as changed since it last looked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import polars as pl

from config.fleet import FleetConfig
from features.aggregates import WINDOWS, hourly_aggregates
from features.build import rebuilt_since
from features.contract import DATE
from features.lake import COMPRESSORS, EVENTS, GOLD, SILVER, Interval, Lake, merge_intervals
from features.reference import read_reference
from pipelines.console import Advance
from serving.schemas import Compressor, MaintenanceEvent, Station
from serving.warehouse import tables
from serving.warehouse.connection import Warehouse
from serving.warehouse.lake_sync import record_sync, synced_version

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LOOKBACK = timedelta(hours=max(WINDOWS.values()))


def sync_reference(warehouse: Warehouse, lake: Lake, fleet: FleetConfig) -> None:
    """Stations, compressors and maintenance events as the lake has them."""
    with warehouse.connection() as connection:
        tables.upsert_stations(
            connection,
            (
                Station(station_id, station.basin, station.town, station.latitude, station.longitude, station.time_zone)
                for station_id, station in fleet.stations.items()
            ),
        )
        tables.upsert_compressors(connection, (Compressor(**row) for row in read_reference(lake, COMPRESSORS).iter_rows(named=True)))
        tables.upsert_events(connection, (MaintenanceEvent(**row) for row in read_reference(lake, EVENTS).iter_rows(named=True)))


def sync_aggregates(warehouse: Warehouse, lake: Lake, advance: Advance) -> int:
    """Hourly aggregates of every hour whose readings changed, one transaction; returns the rows inserted or changed.

    Killed in between, nothing is recorded as taken in, and the next run does it again.
    """
    gold = lake.delta(GOLD)
    table_id, version = str(gold.metadata().id), int(gold.version())
    with warehouse.connection() as connection:
        seen = synced_version(connection, table_id)
        if seen == version:
            return 0
        written = 0
        days = _days(lake, rebuilt_since(lake, seen))
        for done, day in enumerate(days):
            advance(done, len(days))
            written += tables.upsert_aggregates(connection, _aggregates(lake, day))
        record_sync(connection, table_id, GOLD, version)
        advance(len(days), len(days), rows=written)
    return written


def _days(lake: Lake, changed: list[Interval] | None) -> list[Interval]:
    """Hour marks to write, (start, end] of at most a day each, so that memory holds a day of readings whatever the history.

    Days without readings that no window reaches have no marks: a stray reading of years ago costs its own days, not the years between.
    """
    reach = [
        Interval(midnight - _HOUR, midnight + _DAY + _LOOKBACK)
        for midnight in (datetime.combine(day, time(), UTC) for day in lake.rows_by_date(SILVER))
    ]
    wanted = reach if changed is None else [Interval(item.start - _HOUR, item.end + _LOOKBACK) for item in changed]
    return hours_within(wanted, reach)


def hours_within(wanted: list[Interval], reach: list[Interval]) -> list[Interval]:
    """The part of `wanted` inside `reach`, as disjoint full hours (start, end] of at most a day each, ascending."""
    days: list[Interval] = []
    reached = merge_intervals(reach, len(reach) or 1)
    for interval in merge_intervals(wanted, len(wanted) or 1):
        for stretch in reached:
            start = max(_floor_hour(max(interval.start, stretch.start)), days[-1].end if days else _FIRST)
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
