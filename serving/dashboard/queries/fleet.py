"""The fleet as the Today page shows it: one page of rows, counts by station, repairs by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row, scalar_row

from serving.warehouse.fleet import RANK

_SOUGHT: Final = sql.SQL(
    """
    (%(stations)s::text[] = '{}' OR station_id = ANY(%(stations)s))
    AND (%(basins)s::text[] = '{}' OR basin = ANY(%(basins)s))
    AND (%(models)s::text[] = '{}' OR model = ANY(%(models)s))
    AND (%(urgencies)s::text[] = '{}' OR health_status = ANY(%(urgencies)s))
    AND (NOT %(attention)s OR health_status <> 'healthy' OR act_by IS NOT NULL OR data_alerts > 0 OR unacknowledged_alerts > 0
         OR jsonb_array_length(coalesce(data_faults, '[]')) > 0)
    """
)
_ORDERS: Final = {
    "most urgent first": RANK,
    "soonest date first": "act_by NULLS LAST, health_rank DESC, rul_days_now NULLS LAST, compressor_id",
    "largest saving first": "expected_saving_usd DESC NULLS LAST, health_rank DESC, compressor_id",
    "most new alerts first": "unacknowledged_alerts DESC, open_alerts DESC, health_rank DESC, compressor_id",
    "by name": "compressor_id",
}
ORDERS: Final = tuple(_ORDERS)  # as the page and the address name them


@dataclass(frozen=True)
class FleetFilter:
    """Which compressors are shown. An empty tuple filters nothing."""

    stations: tuple[str, ...] = ()
    basins: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    urgencies: tuple[str, ...] = ()
    attention: bool = False  # only those that somebody should look at

    def parameters(self) -> dict[str, Any]:
        """For the SQL."""
        return {
            "stations": list(self.stations),
            "basins": list(self.basins),
            "models": list(self.models),
            "urgencies": list(self.urgencies),
            "attention": self.attention,
        }


@dataclass(frozen=True)
class FleetRow:
    """One compressor of the list."""

    compressor_id: str
    model: str | None
    station_id: str | None
    basin: str | None
    time_zone: str | None
    health_status: str
    status: str | None
    rul_days_now: Decimal | None
    rul_lower_days: Decimal | None
    rul_upper_days: Decimal | None
    failure_probability: Decimal | None
    horizon_days: Decimal | None
    prediction_timestamp: datetime | None
    age_hours: Decimal | None  # of the prediction
    reading_age_hours: Decimal | None
    act_by: date | None
    expected_saving_usd: Decimal | None
    reasons: list[str] | None
    data_faults: list[dict[str, Any]] | None
    open_alerts: int
    unacknowledged_alerts: int
    data_alerts: int
    next_work_order_id: str | None
    next_planned_start: datetime | None


@dataclass(frozen=True)
class StationCount:
    """How many compressors of a station have one urgency."""

    station_id: str | None
    basin: str | None
    town: str | None
    latitude: float | None
    longitude: float | None
    health_status: str
    compressors: int
    attention: int
    due: int
    saving_usd: Decimal
    open_alerts: int
    unacknowledged_alerts: int
    faulty: int  # with a data fault or a data alert
    silent: int  # without a reading for hours


@dataclass(frozen=True)
class RepairsOnDay:
    """Repairs that are due on one day."""

    act_by: date
    repairs: int
    saving_usd: Decimal
    planned: int  # of them, have an open work order


@dataclass(frozen=True)
class Choices:
    """What the filters offer."""

    stations: list[str]
    basins: list[str]
    models: list[str]


def fleet_page(connection: psycopg.Connection, wanted: FleetFilter, order: str, start: int, rows: int) -> list[FleetRow]:
    """`rows` compressors from number `start` on, in an order of ORDERS."""
    statement = sql.SQL(
        "SELECT {columns} FROM v_fleet_health_summary WHERE {sought} ORDER BY {order} LIMIT %(rows)s OFFSET %(start)s"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, FleetRow.__dataclass_fields__)),
        sought=_SOUGHT,
        order=sql.SQL(_ORDERS[order]),
    )
    with connection.cursor(row_factory=class_row(FleetRow)) as cursor:
        return cursor.execute(statement, {**wanted.parameters(), "start": start, "rows": rows}).fetchall()


def station_counts(connection: psycopg.Connection, wanted: FleetFilter, silent_hours: float) -> list[StationCount]:
    """Counts by station and urgency. No reading for `silent_hours` counts as silent."""
    statement = sql.SQL(
        """
        SELECT station_id, basin, town, latitude::float8, longitude::float8, health_status, count(*) AS compressors,
               count(*) FILTER (WHERE health_status <> 'healthy' OR act_by IS NOT NULL OR data_alerts > 0 OR unacknowledged_alerts > 0
                                OR jsonb_array_length(coalesce(data_faults, '[]')) > 0) AS attention,
               count(act_by) AS due, coalesce(sum(expected_saving_usd), 0) AS saving_usd,
               sum(open_alerts)::int AS open_alerts, sum(unacknowledged_alerts)::int AS unacknowledged_alerts,
               count(*) FILTER (WHERE data_alerts > 0 OR jsonb_array_length(coalesce(data_faults, '[]')) > 0) AS faulty,
               count(*) FILTER (WHERE coalesce(reading_age_hours > %(silent)s, TRUE)) AS silent
        FROM v_fleet_health_summary
        WHERE {sought}
        GROUP BY station_id, basin, town, latitude, longitude, health_status
        ORDER BY station_id, health_status
        """
    ).format(sought=_SOUGHT)
    with connection.cursor(row_factory=class_row(StationCount)) as cursor:
        return cursor.execute(statement, {**wanted.parameters(), "silent": silent_hours}).fetchall()


def repairs_by_day(connection: psycopg.Connection, wanted: FleetFilter) -> list[RepairsOnDay]:
    """How many repairs are due each day, soonest first."""
    statement = sql.SQL(
        """
        SELECT act_by, count(*) AS repairs, coalesce(sum(expected_saving_usd), 0) AS saving_usd, count(next_work_order_id) AS planned
        FROM v_fleet_health_summary
        WHERE act_by IS NOT NULL AND {sought}
        GROUP BY act_by
        ORDER BY act_by
        """
    ).format(sought=_SOUGHT)
    with connection.cursor(row_factory=class_row(RepairsOnDay)) as cursor:
        return cursor.execute(statement, wanted.parameters()).fetchall()


def filter_choices(connection: psycopg.Connection) -> Choices:
    """Stations, basins and models of the compressors in service."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        stations = cursor.execute(
            "SELECT DISTINCT station_id FROM compressor_metadata WHERE retired_at IS NULL AND station_id IS NOT NULL ORDER BY 1"
        ).fetchall()
        basins = cursor.execute("SELECT DISTINCT basin FROM station_locations WHERE basin IS NOT NULL ORDER BY 1").fetchall()
        models = cursor.execute(
            "SELECT DISTINCT model FROM compressor_metadata WHERE retired_at IS NULL AND model IS NOT NULL ORDER BY 1"
        ).fetchall()
    return Choices(stations, basins, models)


def compressor_ids(connection: psycopg.Connection) -> list[str]:
    """Every compressor in service, by name."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute("SELECT compressor_id FROM compressor_metadata WHERE retired_at IS NULL ORDER BY 1").fetchall()
