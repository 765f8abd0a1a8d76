"""What time alone changes of an alert: it escalates, and a shelved one returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from config.sections.thresholds import EscalationLevel, EscalationSection
from serving.alerts.alert_key import AlertKey
from serving.alerts.escalation import Pause, Unacknowledged, escalations
from serving.alerts.shelving import end_shelvings
from serving.warehouse.alert_log import PROGRAM

_ROWS: Final = """
    SELECT alert.compressor_id, alert.alert_type, alert.alert_timestamp, alert.raised_at, alert.critical_at,
           alert.acknowledged_at, alert.closed_at, alert.resolved_at, alert.escalation_level, alert.escalated_at,
           coalesce(log.changes, '{}') AS changes, coalesce(log.times, '{}') AS times, coalesce(log.untils, '{}') AS untils,
           coalesce(log.levels, '{}') AS levels, coalesce(log.ids, '{}') AS ids
    FROM alert_history AS alert
    JOIN compressor_metadata AS compressor USING (compressor_id)
    LEFT JOIN (
        SELECT compressor_id, alert_type, alert_timestamp,
               array_agg(change::text ORDER BY changed_at, change_id) AS changes,
               array_agg(changed_at ORDER BY changed_at, change_id) AS times,
               array_agg((details ->> 'until')::timestamptz ORDER BY changed_at, change_id) AS untils,
               array_agg((details ->> 'level')::integer ORDER BY changed_at, change_id) AS levels,
               array_agg(change_id ORDER BY changed_at, change_id) AS ids
        FROM alert_changes WHERE change IN ('shelved', 'unshelved', 'escalated', 'acknowledged')
        GROUP BY compressor_id, alert_type, alert_timestamp
    ) AS log USING (compressor_id, alert_type, alert_timestamp)
    WHERE NOT alert.withdrawn AND compressor.retired_at IS NULL
"""
_OPEN: Final = "AND alert.closed_at IS NULL AND NOT is_acknowledged(alert.acknowledged_at, alert.critical_at) AND alert.resolved_at IS NULL"
_THESE: Final = """
    AND (compressor_id, alert_type, alert_timestamp) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]))
    ORDER BY compressor_id, alert_type, alert_timestamp FOR UPDATE OF alert
"""
_ADD: Final = """
    INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by, details)
    VALUES (%s, %s, %s, %s, 'escalated', %s, %s, %s)
"""


@dataclass(frozen=True)
class _Row:
    """An alert, and its log of acknowledging, shelving and escalation in order of time: parallel lists."""

    compressor_id: str
    alert_type: str
    alert_timestamp: datetime
    raised_at: datetime
    critical_at: datetime | None
    acknowledged_at: datetime | None
    closed_at: datetime | None
    resolved_at: datetime | None
    escalation_level: int
    escalated_at: datetime | None
    changes: list[str]
    times: list[datetime]
    untils: list[datetime | None]
    levels: list[int | None]
    ids: list[int]

    @property
    def key(self) -> AlertKey:
        return AlertKey(self.compressor_id, self.alert_type, self.alert_timestamp)

    def due(self, rules: EscalationSection, moment: datetime) -> list[datetime]:
        """When it reached each level by `moment`."""
        logged = [self.times[place] for place in self._places("acknowledged")]  # the row has only the last one
        seen = sorted({*logged, *([] if self.acknowledged_at is None else [self.acknowledged_at])})
        alert = Unacknowledged(self.raised_at, self.critical_at, tuple(seen), self.closed_at, self.resolved_at, self._pauses())
        return escalations(alert, rules, moment)

    def logged(self) -> list[tuple[int | None, datetime]]:
        """Level and time of each escalation in the log."""
        return [(self.levels[place], self.times[place]) for place in self._places("escalated")]

    def logged_ids(self) -> list[tuple[int | None, int]]:
        """Level and entry of each escalation in the log."""
        return [(self.levels[place], self.ids[place]) for place in self._places("escalated")]

    def _places(self, change: str) -> list[int]:
        return [place for place, name in enumerate(self.changes) if name == change]

    def _pauses(self) -> tuple[Pause, ...]:
        """A shelving lasts until its time, or until the next entry ends or replaces it."""
        pauses: list[Pause] = []
        own = [place for place, name in enumerate(self.changes) if name in ("shelved", "unshelved")]
        for number, place in enumerate(own):
            until = self.untils[place]
            if self.changes[place] == "shelved" and until is not None:
                replaced = self.times[own[number + 1]] if number + 1 < len(own) else until
                pauses.append(Pause(self.times[place], min(until, replaced)))
        return tuple(pauses)


def advance_alerts(connection: psycopg.Connection, moment: datetime, rules: EscalationSection, *, open_only: bool = False) -> int:
    """Escalate alerts and end shelvings that are over by `moment`. Call it while no other transaction rewrites alerts (`try_all_alerts`).

    A level follows from the alert and its log alone, so it is the same in one go or minute by minute. Late readings may also take one back.
    `open_only` leaves out alerts that are over, which only a cycle can change. Returns the alerts changed.
    """
    returned = end_shelvings(connection, moment)
    changed = [row for row in _read(connection, _OPEN if open_only else "", []) if not _is_current(row, row.due(rules, moment))]
    if not changed:
        return returned
    keys = [[getattr(row, name) for row in changed] for name in ("compressor_id", "alert_type", "alert_timestamp")]
    written = 0
    locked = _read(connection, _THESE, keys)  # again, with nobody at work on them
    with connection.pipeline():  # an upgraded home may have many
        for row in locked:
            due = row.due(rules, moment)
            if not _is_current(row, due):
                _write(connection, row, due, rules.levels)
                written += 1
    return returned + written


def _is_current(row: _Row, due: Sequence[datetime]) -> bool:
    last = due[-1] if due else None
    return (row.escalation_level, row.escalated_at) == (len(due), last) and row.logged() == list(enumerate(due, start=1))


def _write(connection: psycopg.Connection, row: _Row, due: Sequence[datetime], levels: Sequence[EscalationLevel]) -> None:
    """Set the level, and make the log's escalations those of `due`. An entry whose time changed keeps its place: nobody is told twice."""
    key = astuple(row.key)
    connection.execute(
        """UPDATE alert_history SET escalation_level = %s, escalated_at = %s
           WHERE (compressor_id, alert_type, alert_timestamp) = (%s, %s, %s)""",
        [len(due), due[-1] if due else None, *key],
    )
    known: dict[int | None, int] = {}
    for level, entry in row.logged_ids():
        known.setdefault(level, entry)
    kept = [known[level] for level in range(1, len(due) + 1) if level in known]
    surplus = [entry for _, entry in row.logged_ids() if entry not in kept]
    if surplus:
        connection.execute("DELETE FROM alert_changes WHERE change_id = ANY(%s)", [surplus])
    for level, moment in enumerate(due, start=1):
        if level in known:
            connection.execute(
                "UPDATE alert_changes SET changed_at = %s WHERE change_id = %s AND changed_at <> %s", [moment, known[level], moment]
            )
        else:
            details = Jsonb({"level": level, "to": levels[level - 1].name})
            connection.execute(_ADD, [*key, [row.alert_timestamp], moment, PROGRAM, details])


def _read(connection: psycopg.Connection, which: str, parameters: list[Any]) -> Iterable[_Row]:
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        return cursor.execute(_ROWS + which, parameters).fetchall()
