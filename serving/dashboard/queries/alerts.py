"""Alerts as the Alerts page shows them: one page of the list, one alert with its log, counts by state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import class_row, scalar_row

from config.errors import NotFoundError, RequestError
from serving.alerts.alert_key import parse_alert_id
from serving.alerts.alert_rows import AlertChange, AlertRow, read_alert, read_changes

STATES: Final = ("raised", "acknowledged", "shelved", "resolved", "closed")
SOURCES: Final = ("threshold", "own_normal", "prediction", "data")
OPEN: Final = ("raised", "acknowledged", "shelved", "resolved")
_COLUMNS: Final = sql.SQL(", ").join(
    sql.SQL("age_hours::float8") if name == "age_hours" else sql.Identifier(name) for name in AlertRow.__dataclass_fields__
)
_SOUGHT: Final = sql.SQL(
    """
    state = ANY(%(states)s)
    AND (%(severities)s::text[] = '{}' OR severity = ANY(%(severities)s))
    AND (%(sources)s::text[] = '{}' OR source = ANY(%(sources)s))
    AND (%(stations)s::text[] = '{}' OR station_id = ANY(%(stations)s))
    AND (%(compressors)s::text[] = '{}' OR compressor_id = ANY(%(compressors)s))
    AND (%(assigned_to)s::text IS NULL OR assigned_to = %(assigned_to)s)
    """
)
_ORDERS: Final = {
    "to be acknowledged first": "acknowledged_at IS NOT NULL OR state = 'shelved', escalation_level DESC, severity_rank DESC, raised_at DESC",
    "worst first": "severity_rank DESC, raised_at DESC",
    "newest first": "raised_at DESC",
    "oldest first": "raised_at",
}
ORDERS: Final = tuple(_ORDERS)  # as the page and the address name them


@dataclass(frozen=True)
class AlertsWanted:
    """Which alerts are shown. An empty tuple filters nothing."""

    states: tuple[str, ...] = OPEN
    severities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    compressors: tuple[str, ...] = ()
    assigned_to: str | None = None

    def parameters(self) -> dict[str, Any]:
        """For the SQL."""
        lists = ("states", "severities", "sources", "stations", "compressors")
        return {**{name: list(getattr(self, name)) for name in lists}, "assigned_to": self.assigned_to}


@dataclass(frozen=True)
class AlertCounts:
    """Open alerts by what has to be done with them."""

    unacknowledged: int
    critical: int  # of them
    escalated: int  # of them
    acknowledged: int
    shelved: int
    resolved: int  # among the unacknowledged: the condition is over
    assigned: int


@dataclass(frozen=True)
class AlertDetail:
    """One alert and its log, oldest first."""

    alert: AlertRow
    changes: list[AlertChange]


def alerts_page(connection: psycopg.Connection, wanted: AlertsWanted, order: str, start: int, rows: int) -> list[AlertRow]:
    """`rows` alerts from number `start` on, in an order of ORDERS."""
    statement = sql.SQL(
        "SELECT {columns} FROM v_alerts WHERE {sought} ORDER BY {order}, compressor_id, alert_type LIMIT %(rows)s OFFSET %(start)s"
    ).format(columns=_COLUMNS, sought=_SOUGHT, order=sql.SQL(_ORDERS[order]))
    with connection.cursor(row_factory=class_row(AlertRow)) as cursor:
        return cursor.execute(statement, {**wanted.parameters(), "start": start, "rows": rows}).fetchall()


def count_page(connection: psycopg.Connection, wanted: AlertsWanted) -> int:
    """How many alerts `wanted` lets through."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM v_alerts WHERE {}").format(_SOUGHT), wanted.parameters()).fetchone()
    return int(row[0]) if row else 0


def alert_counts(connection: psycopg.Connection) -> AlertCounts:
    """Counts of the whole fleet."""
    statement = """
        SELECT count(*) FILTER (WHERE state IN ('raised', 'resolved')) AS unacknowledged,
               count(*) FILTER (WHERE state IN ('raised', 'resolved') AND severity = 'critical') AS critical,
               count(*) FILTER (WHERE state IN ('raised', 'resolved') AND escalation_level > 0) AS escalated,
               count(*) FILTER (WHERE state = 'acknowledged') AS acknowledged,
               count(*) FILTER (WHERE state = 'shelved') AS shelved,
               count(*) FILTER (WHERE state = 'resolved') AS resolved,
               count(*) FILTER (WHERE assigned_to IS NOT NULL) AS assigned
        FROM v_alerts WHERE state <> 'closed'
    """
    with connection.cursor(row_factory=class_row(AlertCounts)) as cursor:
        found = cursor.execute(statement).fetchone()
    assert found is not None  # an aggregate has one row
    return found


def alert_details(connection: psycopg.Connection, alert_ids: Sequence[str]) -> list[AlertDetail]:
    """The alerts that the ids name or named, each once. An id that leads to no alert is left out."""
    found: dict[str, AlertDetail] = {}
    for alert_id in alert_ids:
        try:
            alert = read_alert(connection, parse_alert_id(alert_id))
        except (NotFoundError, RequestError):
            continue
        found[alert.alert_id] = AlertDetail(alert, read_changes(connection, alert.key))
    return list(found.values())


def assignees(connection: psycopg.Connection) -> list[str]:
    """Everybody who works on an open alert."""
    statement = "SELECT DISTINCT assigned_to FROM v_alerts WHERE state <> 'closed' AND assigned_to IS NOT NULL ORDER BY 1"
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(statement).fetchall()
