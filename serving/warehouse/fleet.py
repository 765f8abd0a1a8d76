"""Reads the fleet and one compressor, as service and pages show them at the moment that the connection stands at (`tables.fleet_as_of`).

Rows are dictionaries by column name; numbers are floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import FloatLoader

from features.aggregates import PREFIXES
from features.contract import WINDOW_STEP_HOURS

Urgency = Literal["critical", "warning", "healthy", "unknown"]
FleetSort = Literal[
    "rank", "compressor_id", "rul_days_now", "failure_probability", "act_by", "expected_saving_usd", "reading_age_hours", "open_alerts"
]

MOST_POINTS: Final = 200  # predictions of a history; a longer one keeps every n-th
MOST_ALERTS: Final = 100
MOST_EVENTS: Final = 50
_HOUR: Final = timedelta(hours=WINDOW_STEP_HOURS)
# Most urgent first, for the service and the pages: columns of v_fleet_health_summary.
RANK: Final = "health_rank DESC, rul_days_now NULLS LAST, rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id"
_ORDERS: Final[dict[FleetSort, str]] = {
    "rank": "rank",
    "compressor_id": "compressor_id",
    "rul_days_now": "rul_days_now NULLS LAST, rank",
    "failure_probability": "failure_probability DESC NULLS LAST, rank",
    "act_by": "act_by NULLS LAST, rank",
    "expected_saving_usd": "expected_saving_usd DESC NULLS LAST, rank",
    "reading_age_hours": "reading_age_hours DESC NULLS LAST, rank",
    "open_alerts": "open_alerts DESC, rank",
}
_STATISTICS: Final = [f"{prefix}_{statistic}" for prefix in PREFIXES.values() for statistic in ("avg", "min", "max")]


@dataclass(frozen=True)
class FleetQuestion:
    """Which compressors are asked for. None: all. The page begins after `offset` compressors in the order of `sort`."""

    station: str | None = None
    basin: str | None = None
    model: str | None = None
    urgency: Urgency | None = None
    sort: FleetSort = "rank"
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class FleetPage:
    """Rows of v_fleet_health_summary with `urgency`, `health`, and the `rank` in the whole fleet. The number of compressors that match is `total`."""

    moment: datetime
    is_replay: bool
    total: int
    rows: list[DictRow]


@dataclass(frozen=True)
class CompressorRecord:
    """One compressor: its row of v_fleet_health_summary and of compressor_metadata in `standing`, the rest newest first, hours oldest first."""

    moment: datetime
    is_replay: bool
    standing: DictRow
    predictions: list[DictRow]  # of one moment the model that wrote last
    hours: DictRow  # windows of 1 hour: each column of sensor_readings_agg as a list, all of one length
    newest_hour: DictRow | None  # whatever its age
    alerts: list[DictRow]
    events: list[DictRow]
    work_orders: list[DictRow]

    @property
    def hour_rows(self) -> list[DictRow]:
        """The same as `hours`, one row for each."""
        return [dict(zip(self.hours, values, strict=True)) for values in zip(*self.hours.values(), strict=True)]


def read_fleet_page(connection: psycopg.Connection, asked: FleetQuestion) -> FleetPage:
    """The compressors that match, in the asked order."""
    query = f"""
        WITH fleet AS (
            SELECT *, row_number() OVER (ORDER BY {RANK}) AS rank
            FROM v_fleet_health_summary
        ),
        matching AS MATERIALIZED (
            SELECT * FROM fleet
            WHERE (%(station)s::text IS NULL OR station_id = %(station)s) AND (%(basin)s::text IS NULL OR basin = %(basin)s)
              AND (%(model)s::text IS NULL OR model = %(model)s) AND (%(urgency)s::text IS NULL OR health_status = %(urgency)s)
        ),
        page AS (
            SELECT * FROM matching ORDER BY {_ORDERS[asked.sort]} LIMIT %(limit)s OFFSET %(offset)s
        )
        SELECT asked.moment, asked.replay_as_of IS NOT NULL AS is_replay, (SELECT count(*) FROM matching) AS total, page.*
        FROM v_moment AS asked LEFT JOIN page ON TRUE
        ORDER BY {_ORDERS[asked.sort]}
    """
    rows = _rows(connection).execute(query, vars(asked), prepare=True).fetchall()
    first = rows[0]
    return FleetPage(
        first["moment"], first["is_replay"], first["total"], [_standing(row) for row in rows if row["compressor_id"] is not None]
    )


def read_compressor(connection: psycopg.Connection, compressor_id: str, days: int) -> CompressorRecord | None:
    """One compressor in service with what happened in the last `days`, and all of its open alerts and work. None for an unknown one."""
    standing = (
        _rows(connection)
        .execute(
            """SELECT asked.moment, asked.latest, asked.replay_as_of IS NOT NULL AS is_replay, own.*, metadata.horsepower, metadata.install_date
               FROM v_moment AS asked CROSS JOIN v_fleet_health_summary AS own
               JOIN compressor_metadata AS metadata USING (compressor_id)
               WHERE compressor_id = %s""",
            [compressor_id],
            prepare=True,  # planning takes longer than the answer
        )
        .fetchone()
    )
    if standing is None:
        return None
    since = standing["moment"] - timedelta(days=days)
    parameters = {
        "compressor_id": compressor_id,
        "since": since,
        "moment": standing["moment"],
        "latest": standing["latest"],
        "until": standing["latest"] + _HOUR,  # an hour's mark is its end
        "last_hour": standing["last_hour"],
        "points": MOST_POINTS,
    }
    with connection.pipeline():
        predictions, hours, newest, alerts, events, work = (
            _rows(connection).execute(query, parameters, prepare=True)
            for query in (_PREDICTIONS, _HOURS, _NEWEST_HOUR, _ALERTS, _EVENTS, _WORK)
        )
        return CompressorRecord(
            standing["moment"],
            standing["is_replay"],
            _standing(standing),
            predictions.fetchall(),
            hours.fetchone() or {},
            newest.fetchone(),
            alerts.fetchall(),
            events.fetchall(),
            work.fetchall(),
        )


# Every n-th row from the newest on, so that at most `points` are left.
_PREDICTIONS: Final = """
    WITH own AS (
        SELECT DISTINCT ON (prediction_timestamp) prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days,
               failure_probability, health
        FROM ml_predictions
        WHERE compressor_id = %(compressor_id)s AND prediction_timestamp > %(since)s AND prediction_timestamp <= %(latest)s
          AND data_withdrawn_at IS NULL
        ORDER BY prediction_timestamp, updated_at DESC, model_version DESC
    )
    SELECT * FROM (
        SELECT *, row_number() OVER (ORDER BY prediction_timestamp DESC) - 1 AS number, count(*) OVER () AS total FROM own
    ) AS numbered
    WHERE number %% ceil(total::numeric / %(points)s)::bigint = 0
    ORDER BY prediction_timestamp DESC
"""
# One list for each column: PostgreSQL writes the numbers several times faster that way than row by row.
_HOURS: Final = f"""
    SELECT coalesce(array_agg(agg_timestamp), '{{}}') AS agg_timestamp, {", ".join(f"coalesce(json_agg({name}), '[]') AS {name}" for name in _STATISTICS)}
    FROM (
        SELECT agg_timestamp, {", ".join(_STATISTICS)} FROM sensor_readings_agg
        WHERE compressor_id = %(compressor_id)s AND window_type = '1hr' AND agg_timestamp > %(since)s AND agg_timestamp <= %(until)s
        ORDER BY agg_timestamp
    ) AS own
"""
_NEWEST_HOUR: Final = f"""
    SELECT agg_timestamp, {", ".join(_STATISTICS)} FROM sensor_readings_agg
    WHERE compressor_id = %(compressor_id)s AND window_type = '1hr' AND agg_timestamp = %(last_hour)s
"""
_ALERTS: Final = f"""
    SELECT * FROM v_alerts
    WHERE compressor_id = %(compressor_id)s AND NOT withdrawn AND (state <> 'closed' OR raised_at > %(since)s)
    ORDER BY state = 'closed', severity_rank DESC, raised_at DESC, alert_type
    LIMIT {MOST_ALERTS}
"""
_EVENTS: Final = f"""
    SELECT * FROM maintenance_events
    WHERE compressor_id = %(compressor_id)s AND withdrawn_at IS NULL AND event_date <= %(moment)s
    ORDER BY event_date DESC, event_type
    LIMIT {MOST_EVENTS}
"""
_WORK: Final = "SELECT * FROM v_open_work_orders WHERE compressor_id = %(compressor_id)s"


def _standing(row: DictRow) -> DictRow:
    """A row of v_fleet_health_summary by the names that a planner knows."""
    empty: list[object] = []  # for a compressor that was never scored
    return row | {
        "urgency": row["health_status"],
        "health": row["prediction_health"],
        "reasons": row["reasons"] or empty,
        "data_faults": row["data_faults"] or empty,
    }


def _rows(connection: psycopg.Connection) -> psycopg.Cursor[DictRow]:
    cursor = connection.cursor(row_factory=dict_row)
    cursor.adapters.register_loader("numeric", FloatLoader)
    return cursor
