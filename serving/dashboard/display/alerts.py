"""Alerts as tables and sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from serving.alerts.alert_rows import AlertChange, AlertRow
from serving.alerts.kpis import FrequentAlarm
from serving.dashboard.display.formatting import hours_ago, local_time, percent
from serving.dashboard.display.table import Column
from serving.dashboard.display.urgency import badge

_STATES: Final = {
    "raised": ("critical", "●", "raised"),
    "acknowledged": ("info", "✓", "acknowledged"),
    "shelved": ("unknown", "⏸", "shelved"),
    "resolved": ("warning", "○", "resolved, not acknowledged"),
    "closed": ("healthy", "✓", "closed"),
}
_SOURCES: Final = {"threshold": "limit", "own_normal": "own normal", "prediction": "prediction", "data": "data fault"}


def alert_columns(link_to: Callable[[str], str], compressor_link: Callable[[str], str], levels: Sequence[str]) -> list[Column[AlertRow]]:
    """Worst first. The message leads to the alert, the compressor to its page. `levels` are the roles of escalation, in order."""
    return [
        Column("Alert", lambda row: row.message, lambda row: _linked(link_to(row.alert_id), row.message), wide=True),
        Column("Severity", lambda row: row.severity, lambda row: badge(row.severity)),
        Column("State", lambda row: row.state, lambda row: _state(row)),
        Column("Compressor", lambda row: row.compressor_id, lambda row: _compressor(row, compressor_link(row.compressor_id))),
        Column("From", lambda row: row.source, lambda row: _SOURCES[row.source]),
        Column("Raised", lambda row: row.raised_at, lambda row: _raised(row)),
        Column("Escalated to", lambda row: escalated_to(row, levels)),
        Column("Assigned to", lambda row: row.assigned_to),
        Column("Value", lambda row: row.value, in_page=False),
        Column("Limit", lambda row: row.threshold, in_page=False),
        Column("Resolved", lambda row: row.resolved_at, in_page=False),
        Column("Acknowledged by", lambda row: row.acknowledged_by, in_page=False),
        Column("Shelved until", lambda row: row.shelved_until, in_page=False),
        Column("Id", lambda row: row.alert_id, in_page=False),
    ]


def escalated_to(row: AlertRow, levels: Sequence[str]) -> str | None:
    """The role that was told last; None while it is the planner's."""
    if not row.escalation_level:
        return None
    return levels[min(row.escalation_level, len(levels)) - 1] if levels else f"level {row.escalation_level}"


def short_name(row: AlertRow) -> str:
    """Tells one alert from others in a list of choices."""
    return f"{row.compressor_id} · {row.alert_type.replace('_', ' ')} · {local_time(row.raised_at, UTC)}"


def change_columns() -> list[Column[AlertChange]]:
    """The log of an alert."""
    return [
        Column("When", lambda row: row.changed_at, lambda row: local_time(row.changed_at, UTC, year=True)),
        Column("What", lambda row: row.change, lambda row: row.change.replace("_", " ")),
        Column("Who", lambda row: row.changed_by),
        Column("More", lambda row: details_text(row.details) or None, wide=True),
    ]


def details_text(details: Mapping[str, Any]) -> str:
    """Details of a change as a sentence."""
    return "; ".join(f"{name.replace('_', ' ')}: {_text(value)}" for name, value in details.items() if value is not None)


def frequent_columns() -> list[Column[FrequentAlarm]]:
    """The most frequent alarms."""
    return [
        Column("Compressor", lambda row: row.compressor_id),
        Column("Type", lambda row: row.alert_type, lambda row: row.alert_type.replace("_", " "), wide=True),
        Column("Alarms", lambda row: row.alarms, number=True),
        Column("Share", lambda row: row.share, lambda row: percent(row.share), number=True),
    ]


def _linked(address: str, text: str) -> Markup:
    return Markup('<a href="{0}">{1}</a>').format(address, text)


def _state(row: AlertRow) -> Markup:
    look = _STATES[row.state]
    text = Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(*look)
    note = {
        "shelved": "" if row.shelved_until is None else f"until {local_time(row.shelved_until, UTC)}",
        "acknowledged": f"by {row.acknowledged_by}",
        "resolved": local_time(row.resolved_at, UTC),
    }.get(row.state, "")
    return text + Markup('<span class="az-sub">{0}</span>').format(note) if note else text


def _compressor(row: AlertRow, address: str) -> Markup:
    place = " · ".join(part for part in (row.station_id, row.model) if part)
    return Markup('<a href="{0}">{1}</a><span class="az-sub">{2}</span>').format(address, row.compressor_id, place)


def _raised(row: AlertRow) -> Markup:
    return Markup('<span class="az-nowrap">{0}</span><span class="az-sub">{1}</span>').format(
        hours_ago(row.age_hours), local_time(row.raised_at, UTC)
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        try:
            return local_time(datetime.fromisoformat(value), UTC, year=True) if "T" in value else value
        except ValueError:
            return value
    return str(value)
