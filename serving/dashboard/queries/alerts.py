"""What the Alerts page asks beside the list: one alert with its log, counts by state, who works on alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

import psycopg
from psycopg.rows import class_row, scalar_row

from config.errors import NotFoundError, RequestError
from serving.alerts.alert_key import parse_alert_id
from serving.alerts.alert_rows import AlertChange, AlertRow, State, read_alert, read_changes
from serving.warehouse.alerts import Source

STATES: Final[tuple[State, ...]] = get_args(State)
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
OPEN: Final[tuple[State, ...]] = tuple(state for state in STATES if state != "closed")


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
