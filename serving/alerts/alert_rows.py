"""Reads alerts: one by its key, many by filters. Both come from the view v_alerts, at the connection's moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from config.errors import NotFoundError
from serving.alerts.alert_key import AlertKey
from serving.warehouse.alerts import Severity, Source

State = Literal["raised", "acknowledged", "shelved", "resolved", "closed"]
Change = Literal[
    "raised", "became_critical", "escalated", "acknowledged", "shelved", "unshelved", "assigned", "resolved", "closed", "withdrawn"
]
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class AlertRow:
    """One row of v_alerts: an alert with its state at the moment."""

    compressor_id: str
    alert_type: str
    alert_timestamp: datetime
    alert_id: str
    source: Source
    severity: Severity
    state: State
    message: str
    value: float | None
    threshold: float | None
    raised_at: datetime
    critical_at: datetime | None
    last_seen: datetime | None
    reading_count: int | None
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    shelved_at: datetime | None
    shelved_by: str | None
    shelved_until: datetime | None
    shelve_reason: str | None
    assigned_to: str | None
    escalation_level: int
    escalated_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    suppressed: list[str]
    withdrawn: bool
    model: str
    station_id: str | None
    basin: str | None
    age_hours: float

    @property
    def key(self) -> AlertKey:
        """The alert's natural key."""
        return AlertKey(self.compressor_id, self.alert_type, self.alert_timestamp)


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts to list. An empty tuple filters nothing; `states` None leaves out closed alerts."""

    states: tuple[State, ...] | None = None
    compressor_ids: tuple[str, ...] = ()
    station_ids: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    sources: tuple[Source, ...] = ()
    assigned_to: str | None = None

    def parameters(self) -> dict[str, Any]:
        """For the SQL."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class AlertPage:
    """Some alerts, and the number of all that the filter lets through."""

    alerts: list[AlertRow]
    total: int


@dataclass(frozen=True)
class AlertChange:
    """One entry of an alert's log. `changed_by` is a person, or `altaviz`."""

    change: Change
    changed_at: datetime
    changed_by: str
    details: Mapping[str, Any]


_COLUMNS: Final = sql.SQL(", ").join(
    sql.SQL("age_hours::float8") if item.name == "age_hours" else sql.Identifier(item.name) for item in fields(AlertRow)
)
_SOUGHT: Final = """
    CASE WHEN %(states)s::text[] IS NULL THEN state <> 'closed' ELSE state = ANY(%(states)s) END
    AND (%(compressor_ids)s::text[] = '{}' OR compressor_id = ANY(%(compressor_ids)s))
    AND (%(station_ids)s::text[] = '{}' OR station_id = ANY(%(station_ids)s))
    AND (%(severities)s::text[] = '{}' OR severity = ANY(%(severities)s))
    AND (%(sources)s::text[] = '{}' OR source = ANY(%(sources)s))
    AND (%(assigned_to)s::text IS NULL OR assigned_to = %(assigned_to)s)
"""
WORST_FIRST: Final = "worst first"
_ORDERS: Final = {
    "to be acknowledged first": "acknowledged_at IS NOT NULL OR state = 'shelved', escalation_level DESC, severity_rank DESC, raised_at DESC",
    WORST_FIRST: "severity_rank DESC, raised_at DESC",
    "newest first": "raised_at DESC",
    "oldest first": "raised_at",
}
ORDERS: Final = tuple(_ORDERS)  # as the page of alerts and its address name them


def list_alerts(connection: psycopg.Connection, wanted: AlertFilter, limit: int, offset: int = 0) -> AlertPage:
    """One page of alerts, the worst first, then the newest; and how many there are."""
    return AlertPage(select_alerts(connection, wanted, WORST_FIRST, limit, offset), count_listed(connection, wanted))


def select_alerts(connection: psycopg.Connection, wanted: AlertFilter, order: str, limit: int, offset: int = 0) -> list[AlertRow]:
    """`limit` alerts from number `offset` on, in an order of ORDERS."""
    query = sql.SQL(
        "SELECT {} FROM v_alerts WHERE {} ORDER BY {}, compressor_id, alert_type, alert_timestamp LIMIT %(limit)s OFFSET %(offset)s"
    ).format(_COLUMNS, sql.SQL(_SOUGHT), sql.SQL(_ORDERS[order]))
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(query, {**wanted.parameters(), "limit": limit, "offset": offset}).fetchall()


def count_listed(connection: psycopg.Connection, wanted: AlertFilter) -> int:
    """How many alerts `wanted` lets through."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM v_alerts WHERE {}").format(sql.SQL(_SOUGHT)), wanted.parameters()).fetchone()
    return int(row[0]) if row else 0


def read_alert(connection: psycopg.Connection, key: AlertKey) -> AlertRow:
    """The alert that `key` names or named. Raises NotFoundError."""
    found = find_key(connection, key)
    alert = None if found is None else _read(connection, found)
    if alert is None:
        raise unknown(key)
    return alert


def read_changes(connection: psycopg.Connection, key: AlertKey) -> list[AlertChange]:
    """The log of the alert with exactly this key, oldest first."""
    query = """
        SELECT change, changed_at, changed_by, details FROM alert_changes
        WHERE (compressor_id, alert_type, alert_timestamp) = (%s, %s, %s)
        ORDER BY changed_at, change_id
    """
    with connection.cursor(row_factory=class_row(AlertChange)) as cursor:
        return cursor.execute(query, [key.compressor_id, key.alert_type, key.alert_timestamp]).fetchall()


def find_key(connection: psycopg.Connection, key: AlertKey) -> AlertKey | None:
    """The present key of an alert. None without one.

    An id has full seconds, so the exact beginning may be up to a second later. If the beginning moved, the log knows the former one. Else an
    alert that covers the time takes its place.
    """
    query = """
        WITH own AS (
            SELECT alert_timestamp, last_seen FROM alert_history WHERE compressor_id = %(compressor_id)s AND alert_type = %(alert_type)s
        )
        SELECT alert_timestamp FROM (
            SELECT alert_timestamp, 1 AS place FROM own WHERE alert_timestamp >= %(begun)s AND alert_timestamp < %(end)s
            UNION ALL
            SELECT own.alert_timestamp, 2 FROM own JOIN alert_changes AS change USING (alert_timestamp)
            WHERE change.compressor_id = %(compressor_id)s AND change.alert_type = %(alert_type)s
              AND EXISTS (SELECT FROM unnest(change.beginnings) AS former WHERE former >= %(begun)s AND former < %(end)s)
            UNION ALL
            SELECT alert_timestamp, 3 FROM own WHERE alert_timestamp <= %(begun)s AND last_seen >= %(begun)s
        ) AS found
        ORDER BY place, alert_timestamp LIMIT 1
    """
    parameters = {
        "compressor_id": key.compressor_id,
        "alert_type": key.alert_type,
        "begun": key.alert_timestamp,
        "end": key.alert_timestamp + _SECOND,
    }
    row = connection.execute(query, parameters).fetchone()
    return None if row is None else AlertKey(key.compressor_id, key.alert_type, row[0])


def lock_alert(connection: psycopg.Connection, key: AlertKey) -> AlertRow:
    """The alert that `key` names or named, locked until the transaction ends. Raises NotFoundError.

    A cycle may move its beginning while this waits for the lock, so the key is then looked up again.
    """
    query = "SELECT FROM alert_history WHERE (compressor_id, alert_type, alert_timestamp) = (%s, %s, %s) FOR UPDATE"
    while found := find_key(connection, key):
        locked = connection.execute(query, [found.compressor_id, found.alert_type, found.alert_timestamp]).fetchone()
        if locked is not None:
            alert = _read(connection, found)
            if alert is None:
                break
            return alert
    raise unknown(key)


def unknown(key: AlertKey) -> NotFoundError:
    """The error for a key that names no alert."""
    return NotFoundError(
        f"there is no alert {key.alert_id}: its readings may have been corrected or its compressor retired; list those there are"
    )


def _read(connection: psycopg.Connection, key: AlertKey) -> AlertRow | None:
    query = sql.SQL("SELECT {} FROM v_alerts WHERE (compressor_id, alert_type, alert_timestamp) = (%s, %s, %s)").format(_COLUMNS)
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(query, [key.compressor_id, key.alert_type, key.alert_timestamp]).fetchone()
