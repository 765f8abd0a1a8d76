"""Turns changes of alerts into messages for the channels that want them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from config.sections.planner.notifications import Channel, NotificationsConfig
from serving.alerts.alert_key import AlertKey
from serving.notifications.outbox import enqueue

_PER_PASS: Final = 1000
_CHANGES: Final = """
    SELECT change.change_id, change.compressor_id, change.alert_type, change.alert_timestamp, change.change, change.changed_at,
           change.changed_by, change.details, alert.source, alert.severity, alert.message, alert.value, alert.threshold, alert.raised_at,
           alert.escalation_level, alert.assigned_to, compressor.model, compressor.station_id,
           change.change IN ('raised', 'became_critical') AND alert.resolved_at IS NULL
               AND NOT is_acknowledged(alert.acknowledged_at, alert.critical_at) AND alert.closed_at IS NULL AND NOT alert.withdrawn AND compressor.retired_at IS NULL
               AND (SELECT replay_as_of IS NULL FROM view_rules) AS is_waiting
    FROM alert_changes AS change
    JOIN alert_history AS alert USING (compressor_id, alert_type, alert_timestamp)
    JOIN compressor_metadata AS compressor USING (compressor_id)
    WHERE change.told_at IS NULL
    ORDER BY change.change_id
    LIMIT %s
    FOR UPDATE OF change SKIP LOCKED
"""


@dataclass(frozen=True)
class Told:
    """Changes of alerts by what became of them. One change may be several messages, or none that a channel wants."""

    messages: int = 0
    too_old: int = 0
    changes: int = 0

    def __add__(self, other: Told) -> Told:
        return Told(self.messages + other.messages, self.too_old + other.too_old, self.changes + other.changes)


@dataclass(frozen=True)
class AlertNews:
    """A change of an alert that nobody was told of yet, and the alert as it is now."""

    change_id: int
    compressor_id: str
    alert_type: str
    alert_timestamp: datetime
    change: str
    changed_at: datetime
    changed_by: str
    details: Mapping[str, Any]
    source: str
    severity: str
    message: str
    value: float | None
    threshold: float | None
    raised_at: datetime
    escalation_level: int
    assigned_to: str | None
    model: str
    station_id: str | None
    is_waiting: bool  # it says that the alert is there, and nobody has seen it yet in a home that is live

    @property
    def topic(self) -> str:
        """Such as alert.raised."""
        return f"alert.{self.change}"

    @property
    def alert_id(self) -> str:
        """The id of the alert."""
        return AlertKey(self.compressor_id, self.alert_type, self.alert_timestamp).alert_id

    def levels(self) -> range:
        """The escalation levels whose news it is: the planner's (0), the level that it goes to, or all that know of the alert."""
        if self.change == "raised":
            return range(1)
        if self.change == "escalated":
            level = int(self.details["level"])
            return range(level, level + 1)
        return range(self.escalation_level + 1)

    def is_for(self, channel: Channel) -> bool:
        """Whether the channel wants it. One that hears of the end of alerts also hears that one never was."""
        topics = {self.topic} | ({"alert.resolved"} if self.change == "withdrawn" else set())
        severity = self.details["severity"] if self.change == "raised" else self.severity
        return (
            not topics.isdisjoint(channel.topics)
            and (severity == "critical" or channel.least_severity == "warning")
            and any(level in self.levels() for level in channel.escalation_levels)
        )

    def payload(self) -> dict[str, Any]:
        """What is sent. Times are ISO 8601, UTC."""
        return {
            "alert_id": self.alert_id,
            "change": self.change,
            "changed_at": _iso(self.changed_at),
            "changed_by": self.changed_by,
            "details": dict(self.details),
            "compressor_id": self.compressor_id,
            "model": self.model,
            "station_id": self.station_id,
            "alert_type": self.alert_type,
            "source": self.source,
            "severity": self.severity,
            "message": self.message,
            "value": self.value,
            "threshold": self.threshold,
            "raised_at": _iso(self.raised_at),
            "escalation_level": self.escalation_level,
            "assigned_to": self.assigned_to,
        }


def tell(connection: psycopg.Connection, config: NotificationsConfig, now: datetime, *, is_past: bool = False) -> Told:
    """Put messages about all changes of alerts that nobody was told of into the outbox, in the caller's transaction.

    The change and its mark are one row, so none is lost or told twice. A change that is older than `most_age_hours` by the clock (`now`) is
    marked only. But an alert that waits for somebody is told however late it was found, such as after an outage, unless the past is replayed
    (`is_past`, or by the home).
    """
    oldest = now - timedelta(hours=config.delivery.most_age_hours)
    total = Told()
    while True:
        with connection.cursor(row_factory=class_row(AlertNews)) as cursor:
            news = cursor.execute(_CHANGES, [_PER_PASS]).fetchall()
        if not news:
            return total
        fresh = [item for item in news if item.changed_at >= oldest or (item.is_waiting and not is_past)]
        messages = sum(
            enqueue(connection, name, item.topic, f"{item.alert_id}#{item.change_id}", item.payload())
            for item in fresh
            for name, channel in config.channels.items()
            if item.is_for(channel)
        )
        ids = [item.change_id for item in news]
        connection.execute("UPDATE alert_changes SET told_at = now() WHERE change_id = ANY(%s)", [ids])
        total += Told(messages, len(news) - len(fresh), len(news))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
