"""Alerts in the warehouse. Writing replaces what the readings show, and keeps what a planner entered.

Functions that write expect `alert_lock` earlier in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import psycopg

from serving.warehouse.alert_heirs import STALE, hand_over
from serving.warehouse.alert_log import follow_alerts
from serving.warehouse.tables import Table, upsert_rows

_ALERTS: Final = Table("alert_history", ("compressor_id", "alert_type", "alert_timestamp"), "alert_timestamp", recomputed=True)

Source = Literal["threshold", "own_normal", "prediction", "data"]
Severity = Literal["warning", "critical"]


@dataclass(frozen=True)
class Alert:
    """One lasting condition of one compressor, from its first reading with it (`alert_timestamp`) to its newest (`last_seen`).

    `raised_at` is when the condition had lasted its on-delay, and `critical_at` when it became critical. The worst reading gives `severity`, `value`
    and `threshold`. A sensor's fault (source data) has no value. Too many alerts in one window are left out, and `suppressed` names their types.
    No reading after `settled_at` changes the alert. None means it is open.
    """

    compressor_id: str
    alert_type: str
    alert_timestamp: datetime
    raised_at: datetime
    critical_at: datetime | None
    severity: Severity
    message: str
    value: float | None
    threshold: float | None
    last_seen: datetime
    reading_count: int
    resolved: bool
    resolved_at: datetime | None
    settled_at: datetime | None
    suppressed: list[str] = field(default_factory=list)
    source: Source = "threshold"
    withdrawn: bool = False


@dataclass(frozen=True)
class AlertCounts:
    """Alerts by what became of them; `withdrawn` ones are not among `raised`. Those of sensors' faults are counted by themselves, and those of
    predictions not at all.
    """

    raised: int
    open: int
    suppressed: int
    withdrawn: int
    data_raised: int
    data_open: int
    data_withdrawn: int


def alert_lock(connection: psycopg.Connection) -> None:
    """Wait until no other transaction rewrites alerts or data quality metrics. Others then wait for this one."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('altaviz.quality'))")


def try_all_alerts(connection: psycopg.Connection) -> bool:
    """Whether no transaction rewrites alerts of any source now. If so, others wait for this one."""
    names = ("altaviz.quality", "altaviz.prediction_alerts")
    query = "SELECT bool_and(pg_try_advisory_xact_lock(hashtext(name))) FROM unnest(%s::text[]) AS name"
    row = connection.execute(query, [list(names)]).fetchone()
    return row is not None and bool(row[0])


def live_since(connection: psycopg.Connection, moments: Mapping[str, datetime], sources: Sequence[Source]) -> dict[str, datetime]:
    """The start of the oldest alert by compressor that began before its moment and that later readings may still change."""
    query = """
        SELECT alert.compressor_id, min(alert.alert_timestamp)
        FROM unnest(%s::text[], %s::timestamptz[]) AS asked (compressor_id, moment)
        JOIN alert_history AS alert USING (compressor_id)
        WHERE alert.alert_timestamp < asked.moment AND coalesce(alert.settled_at, 'infinity') >= asked.moment
          AND alert.source = ANY(%s) AND NOT alert.withdrawn
        GROUP BY alert.compressor_id
    """
    rows = connection.execute(query, [list(moments), list(moments.values()), list(sources)]).fetchall()
    return {str(compressor_id): moment for compressor_id, moment in rows}


def alerted_since(connection: psycopg.Connection, moment: datetime, sources: Sequence[Source]) -> set[str]:
    """Compressors with an alert that rests on a reading at or after `moment`."""
    query = """
        SELECT DISTINCT compressor_id FROM alert_history
        WHERE greatest(alert_timestamp, last_seen, resolved_at) >= %s AND source = ANY(%s) AND NOT withdrawn
    """
    return {str(compressor_id) for (compressor_id,) in connection.execute(query, [moment, list(sources)])}


def replace_alerts(
    connection: psycopg.Connection, alerts: Sequence[Alert], since: Mapping[str, datetime] | None, sources: Sequence[Source]
) -> int:
    """Make `alerts` all there are of `sources` from each compressor's moment in `since` (None: of all compressors and times).

    What people entered stays with its alert, and moves with the alert's beginning, as the log does. An alert that somebody worked on or that
    escalated is closed as withdrawn when readings no longer show it, and others are deleted. `alert_changes` has every change. Returns the alerts
    inserted, changed or deleted.
    """
    written = upsert_rows(connection, _ALERTS, Alert, alerts)
    connection.execute(f"CREATE TEMPORARY TABLE {STALE} (LIKE alert_history) ON COMMIT DROP")
    reach = "" if since is None else "JOIN unnest(%s::text[], %s::timestamptz[]) AS since (compressor_id, moment) USING (compressor_id)"
    stale = f"""
        INSERT INTO {STALE}
        SELECT alert.* FROM alert_history AS alert {reach}
        WHERE {"TRUE" if since is None else "alert_timestamp >= moment"} AND source = ANY(%s) AND NOT withdrawn
          AND (compressor_id, alert_type, alert_timestamp) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]))
        FOR UPDATE OF alert -- a planner who is at work on one ends first, and the next one waits
    """
    moments = [] if since is None else [list(since), list(since.values())]
    connection.execute(stale, [*moments, list(sources), *([getattr(alert, name) for alert in alerts] for name in _ALERTS.key)])
    written += hand_over(connection)
    connection.execute(f"DROP TABLE {STALE}")
    follow_alerts(connection, None if since is None else list(since), sources)
    return written


def count_alerts(connection: psycopg.Connection) -> AlertCounts:
    """Alerts of limits and own normals, and of sensors' faults, in all."""
    query = """
        SELECT count(*) FILTER (WHERE source IN ('threshold', 'own_normal') AND NOT withdrawn),
               count(*) FILTER (WHERE source IN ('threshold', 'own_normal') AND NOT resolved),
               coalesce(sum(jsonb_array_length(suppressed)), 0),
               count(*) FILTER (WHERE source IN ('threshold', 'own_normal') AND withdrawn),
               count(*) FILTER (WHERE source = 'data' AND NOT withdrawn),
               count(*) FILTER (WHERE source = 'data' AND NOT resolved),
               count(*) FILTER (WHERE source = 'data' AND withdrawn)
        FROM alert_history
    """
    row = connection.execute(query).fetchone()
    return AlertCounts(*map(int, row or (0,) * 7))
