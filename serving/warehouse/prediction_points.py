"""What alerts from predictions read: the rows of ml_predictions that count, and the renewals of each compressor.

Rows from withdrawn readings do not count, nor those of a rejected model: one that was rolled back from, and is not champion again. Of several rows
of one compressor and moment the newest counts, as in the view v_latest_predictions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

import polars as pl
import psycopg

from features.contract import FAILURE, MOST_DOWNTIME_HOURS, RESETTING

_RENEWING: Final = [FAILURE, *RESETTING]
_SYNC: Final = "prediction_alerts"
_POINTS: Final = pl.Schema(
    {
        "compressor_id": pl.String(),
        "at": pl.Int64(),
        **dict.fromkeys(("rul_days", "rul_lower_days", "rul_upper_days", "failure_probability", "horizon_days"), pl.Float64()),
        "act_by": pl.Date(),
        "reason": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class PredictionPoint:
    """What a prediction says, as far as alerts need it. Times are UTC. Every number is None when it has none."""

    at: datetime
    rul_days: float | None
    rul_lower_days: float | None
    rul_upper_days: float | None
    failure_probability: float | None
    horizon_days: float
    act_by: date | None  # day (UTC) on which the repair is due
    reason: str  # the first one


@dataclass(frozen=True, slots=True)
class Renewal:
    """A failure, repair or service: when it ended a life, and when the machine ran again."""

    at: datetime
    again: datetime


def prediction_alert_lock(connection: psycopg.Connection) -> None:
    """Wait until no other transaction rewrites alerts from predictions. Others then wait for this one."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('altaviz.prediction_alerts'))")


def rejected_models(connection: psycopg.Connection) -> list[str]:
    """The versions that were rolled back from and are not champion again."""
    row = connection.execute("SELECT rejected_models('infinity')").fetchone()  # whatever the moment: decisions are made by the clock
    return sorted(set(row[0])) if row else []


def look_back(connection: psycopg.Connection, moments: Mapping[str, datetime], hours: int, rejected: Sequence[str]) -> dict[str, datetime]:
    """By compressor: the start of the clock hour that lies `hours` hours with numbers before that of its moment, or the oldest there is."""
    query = """
        WITH RECURSIVE step (compressor_id, moment, steps) AS (
            SELECT compressor_id, date_trunc('hour', moment, 'UTC'), 0
            FROM unnest(%(ids)s::text[], %(moments)s::timestamptz[]) AS asked (compressor_id, moment)
            UNION ALL
            SELECT step.compressor_id, date_trunc('hour', earlier.prediction_timestamp, 'UTC'), step.steps + 1
            FROM step
            CROSS JOIN LATERAL (
                SELECT prediction_timestamp FROM ml_predictions AS own
                WHERE own.compressor_id = step.compressor_id AND own.prediction_timestamp < step.moment AND own.status = 'ok'
                  AND own.data_withdrawn_at IS NULL AND own.model_version <> ALL (%(rejected)s)
                ORDER BY prediction_timestamp DESC
                LIMIT 1
            ) AS earlier
            WHERE step.steps < %(hours)s
        )
        SELECT compressor_id, min(moment) FROM step GROUP BY compressor_id
    """
    parameters = {"ids": list(moments), "moments": list(moments.values()), "hours": hours, "rejected": list(rejected)}
    return {str(compressor_id): moment.astimezone(UTC) for compressor_id, moment in connection.execute(query, parameters)}


def read_points(connection: psycopg.Connection, since: Mapping[str, datetime], rejected: Sequence[str]) -> dict[str, list[PredictionPoint]]:
    """The rows that count of each compressor from its moment on, in order of time."""
    if not since:
        return {}
    query = """
        COPY (
            SELECT asked.compressor_id, point.*
            FROM unnest(%(ids)s::text[], %(moments)s::timestamptz[]) WITH ORDINALITY AS asked (compressor_id, moment, place)
            CROSS JOIN LATERAL (
                SELECT DISTINCT ON (prediction_timestamp)
                       (extract(epoch FROM prediction_timestamp) * 1000000)::bigint, rul_days, rul_lower_days, rul_upper_days, failure_probability,
                       horizon_days, act_by, coalesce(reasons ->> 0, '')
                FROM ml_predictions AS own
                WHERE own.compressor_id = asked.compressor_id AND own.prediction_timestamp >= asked.moment
                  AND own.prediction_timestamp >= %(oldest)s AND data_withdrawn_at IS NULL AND model_version <> ALL (%(rejected)s)
                ORDER BY prediction_timestamp, updated_at DESC, model_version DESC
                OFFSET 0 -- one look into the index for each compressor, however long its history
            ) AS point
            ORDER BY place, 2
        ) TO STDOUT (FORMAT csv)
    """
    parameters = {"ids": list(since), "moments": list(since.values()), "oldest": min(since.values()), "rejected": list(rejected)}
    with connection.cursor() as cursor, cursor.copy(query, parameters) as copy:
        frame = pl.read_csv(b"".join(copy), has_header=False, schema=_POINTS)  # a tenth of the time of rows that psycopg makes
    frame = frame.with_columns(pl.from_epoch("at", "us").dt.replace_time_zone("UTC"))
    return {
        str(compressor_id): [PredictionPoint(*values) for _, *values in own]
        for compressor_id, own in groupby(frame.iter_rows(), key=itemgetter(0))
    }


def read_life_ends(connection: psycopg.Connection, compressor_ids: Sequence[str]) -> dict[str, list[Renewal]]:
    """The failures, repairs and services in force of some compressors, in order of time."""
    query = """
        SELECT compressor_id, event_date, CASE WHEN downtime_hours <= %s THEN downtime_hours ELSE 0 END
        FROM maintenance_events
        WHERE compressor_id = ANY(%s) AND event_type = ANY(%s) AND withdrawn_at IS NULL
        ORDER BY compressor_id, event_date, event_type
    """
    rows = connection.execute(query, [MOST_DOWNTIME_HOURS, list(compressor_ids), _RENEWING])
    return {
        str(compressor_id): [Renewal(at.astimezone(UTC), at.astimezone(UTC) + timedelta(hours=hours)) for _, at, hours in own]
        for compressor_id, own in groupby(rows, key=itemgetter(0))
    }


def oldest_predictions(connection: psycopg.Connection) -> dict[str, datetime]:
    """The moment of the oldest row of every compressor that has one, whether it counts or not."""
    query = """
        SELECT compressor.compressor_id, oldest.prediction_timestamp
        FROM compressor_metadata AS compressor
        CROSS JOIN LATERAL (
            SELECT prediction_timestamp FROM ml_predictions AS own
            WHERE own.compressor_id = compressor.compressor_id ORDER BY prediction_timestamp LIMIT 1
        ) AS oldest
        ORDER BY compressor_id
    """
    return {str(compressor_id): moment for compressor_id, moment in connection.execute(query)}


def alerted(connection: psycopg.Connection, since: Mapping[str, datetime]) -> set[str]:
    """The compressors with an alert from a prediction that began at or after their moment."""
    query = """
        SELECT DISTINCT compressor_id
        FROM unnest(%s::text[], %s::timestamptz[]) AS asked (compressor_id, moment) JOIN alert_history AS alert USING (compressor_id)
        WHERE alert_timestamp >= moment AND source = 'prediction'
    """
    return {str(compressor_id) for (compressor_id,) in connection.execute(query, [list(since), list(since.values())])}


def recorded_since(connection: psycopg.Connection, moment: datetime) -> dict[str, datetime]:
    """The oldest failure, repair or service by compressor among those that were entered, changed or taken back at or after `moment`."""
    query = """
        SELECT compressor_id, min(event_date) FROM maintenance_events
        WHERE updated_at >= %s AND event_type = ANY(%s) GROUP BY compressor_id
    """
    return {str(compressor_id): event_date for compressor_id, event_date in connection.execute(query, [moment, _RENEWING])}


def last_judged(connection: psycopg.Connection, rules: str) -> datetime | None:
    """When alerts were last brought up to date under `rules`, by the database's clock. None: never."""
    query = "SELECT synced_at FROM lake_sync WHERE table_id = %s AND table_name = %s"
    row = connection.execute(query, [f"{_SYNC}:{rules}", _SYNC]).fetchone()
    return None if row is None else row[0]


def record_judged(connection: psycopg.Connection, rules: str) -> None:
    """Note, in the caller's transaction, that alerts are up to date under `rules`, and no other."""
    connection.execute("DELETE FROM lake_sync WHERE table_name = %s AND table_id <> %s", [_SYNC, f"{_SYNC}:{rules}"])
    connection.execute(
        """INSERT INTO lake_sync (table_id, table_name, version) VALUES (%s, %s, 0)
           ON CONFLICT (table_id) DO UPDATE SET synced_at = now()""",
        [f"{_SYNC}:{rules}", _SYNC],
    )


def earliest(moments: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """The earliest moment of each compressor in `moments`."""
    found: dict[str, datetime] = {}
    for compressor_id, moment in moments:
        found[compressor_id] = min(moment, found.get(compressor_id, moment))
    return found
