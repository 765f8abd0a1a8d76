"""What people do with an alert: acknowledge, shelve, unshelve, assign, close.

Each act locks the alert, changes its row and adds to `alert_changes`, all in the caller's transaction. A repeated act changes nothing and
returns the alert as it is. An act that the state does not allow raises ConflictError. The state is that of v_alerts at the connection's
moment, and `act.at` is that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from config.errors import ConflictError, RequestError
from config.plain_text import is_plain
from serving.alerts.alert_key import AlertKey
from serving.alerts.alert_rows import AlertRow, Change, State, lock_alert, read_alert
from serving.alerts.shelving import end_shelvings

_MOST_NAME: Final = 100  # characters, as the columns have
_MOST_TEXT: Final = 2000
# What each state allows. Closing needs a resolved alert, or a withdrawn one.
ALLOWED: Final[dict[State, tuple[str, ...]]] = {
    "raised": ("acknowledge", "shelve", "assign"),
    "acknowledged": ("shelve", "assign"),
    "shelved": ("shelve", "unshelve", "assign", "acknowledge"),
    "resolved": ("acknowledge", "assign", "close"),
    "closed": (),
}


@dataclass(frozen=True)
class Act:
    """Who acts, and when. Raises RequestError for a name or note that cannot be kept."""

    by: str
    at: datetime
    note: str | None = None

    def __post_init__(self) -> None:
        _require_text("by", self.by, _MOST_NAME)
        if self.note is not None:
            _require_text("note", self.note, _MOST_TEXT, lines=True)


def acknowledge(connection: psycopg.Connection, key: AlertKey, act: Act) -> AlertRow:
    """Somebody has seen the alert, and it escalates no further. A resolved one is then closed. The first acknowledgement stays.

    One of a warning does not count once the alert is critical: it asks for another then, and the log keeps both.
    """
    alert = _lock(connection, key, act)
    if alert.acknowledged_at is not None:
        return alert
    _require(alert, "acknowledge", act)
    return _write(connection, alert, "acknowledged", act, {"acknowledged_at": act.at, "acknowledged_by": act.by}, {})


@dataclass(frozen=True)
class Shelving:
    """Until when an alert is out of sight, and why."""

    until: datetime
    reason: str


def shelve(connection: psycopg.Connection, key: AlertKey, shelving: Shelving, act: Act, most: timedelta) -> AlertRow:
    """Put the alert out of sight until a time, at most `most` ahead. It returns by itself. A shelved alert may be shelved anew.

    Raises RequestError for another time, and for a reason that cannot be kept.
    """
    _require_text("reason", shelving.reason, _MOST_TEXT, lines=True)
    alert = _lock(connection, key, act)
    if alert.state == "shelved" and (alert.shelved_until, alert.shelve_reason) == (shelving.until, shelving.reason):
        return alert
    if not act.at < shelving.until <= act.at + most:
        latest = act.at + most
        raise RequestError(("until", f"must lie after {act.at:%Y-%m-%dT%H:%M:%SZ} and not after {latest:%Y-%m-%dT%H:%M:%SZ}"))
    _require(alert, "shelve", act)
    columns = {"shelved_at": act.at, "shelved_by": act.by, "shelved_until": shelving.until, "shelve_reason": shelving.reason}
    details = {"until": shelving.until.isoformat(), "reason": shelving.reason}
    return _write(connection, alert, "shelved", act, columns, details)


def unshelve(connection: psycopg.Connection, key: AlertKey, act: Act) -> AlertRow:
    """Bring a shelved alert back before its time."""
    alert = _lock(connection, key, act)
    if alert.state != "shelved" and _was_unshelved(connection, alert.key):
        return alert
    _require(alert, "unshelve", act)
    return _write(connection, alert, "unshelved", act, dict.fromkeys(SHELVING), {})


def assign(connection: psycopg.Connection, key: AlertKey, to: str | None, act: Act) -> AlertRow:
    """Make the alert somebody's work. None makes it nobody's."""
    if to is not None:
        _require_text("to", to, _MOST_NAME)
    alert = _lock(connection, key, act)
    if alert.assigned_to == to:
        return alert
    _require(alert, "assign", act)
    return _write(connection, alert, "assigned", act, {"assigned_to": to}, {"to": to})


def close(connection: psycopg.Connection, key: AlertKey, act: Act) -> AlertRow:
    """Take a resolved or withdrawn alert off the list for good."""
    alert = _lock(connection, key, act)
    if alert.closed_at is not None and alert.state == "closed":
        return alert
    _require(alert, "close", act)
    return _write(connection, alert, "closed", act, {"closed_at": act.at, "closed_by": act.by}, {})


SHELVING: Final = ("shelved_at", "shelved_by", "shelved_until", "shelve_reason")


def allowed(alert: AlertRow) -> tuple[str, ...]:
    """What may be done with the alert now."""
    if alert.state == "closed" and alert.closed_at is None:  # acknowledged and resolved, or withdrawn
        return ("close",)
    return tuple(name for name in ALLOWED[alert.state] if name != "acknowledge" or alert.acknowledged_at is None)


def _lock(connection: psycopg.Connection, key: AlertKey, act: Act) -> AlertRow:
    """The locked alert. A shelving that is over has ended."""
    alert = lock_alert(connection, key)
    if alert.shelved_until is not None and end_shelvings(connection, act.at, alert.key):
        return read_alert(connection, alert.key)
    return alert


def _require(alert: AlertRow, what: str, act: Act) -> None:
    """Raise ConflictError if the state does not allow it."""
    may = allowed(alert)
    if what not in may:
        raise ConflictError(f"cannot {what} alert {alert.alert_id} at {act.at:%Y-%m-%dT%H:%M:%SZ}", alert.state, may)


def _write(
    connection: psycopg.Connection, alert: AlertRow, change: Change, act: Act, columns: dict[str, Any], details: dict[str, Any]
) -> AlertRow:
    """Set `columns` of the locked alert and log the change. Returns the alert as it is then."""
    key = alert.key
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    where = [key.compressor_id, key.alert_type, key.alert_timestamp]
    connection.execute(
        sql.SQL("UPDATE alert_history SET {} WHERE (compressor_id, alert_type, alert_timestamp) = (%s, %s, %s)").format(assignments),
        [*columns.values(), *where],
    )
    connection.execute(
        """INSERT INTO alert_changes (compressor_id, alert_type, alert_timestamp, beginnings, change, changed_at, changed_by, details)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        [*where, [key.alert_timestamp], change, act.at, act.by, Jsonb(details | ({"note": act.note} if act.note else {}))],
    )
    return read_alert(connection, key)


def _was_unshelved(connection: psycopg.Connection, key: AlertKey) -> bool:
    query = """
        SELECT change = 'unshelved' FROM alert_changes
        WHERE (compressor_id, alert_type, alert_timestamp) = (%s, %s, %s) AND change IN ('shelved', 'unshelved')
        ORDER BY change_id DESC LIMIT 1
    """
    row = connection.execute(query, [key.compressor_id, key.alert_type, key.alert_timestamp]).fetchone()
    return row is not None and bool(row[0])


def _require_text(field: str, text: str, most: int, *, lines: bool = False) -> None:
    """Raise RequestError for text that is empty, too long, or holds characters that steer a terminal."""
    bare = text.replace("\r\n", "\n").replace("\n", " ") if lines else text
    if not text.strip():
        raise RequestError((field, "must not be empty"))
    if len(text) > most:
        raise RequestError((field, f"has {len(text)} characters; at most {most} are kept"))
    if not is_plain(bare):
        raise RequestError((field, "holds a control character or a mark of direction: write plain text"))
