"""The columns of the list that a planner reads first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from markupsafe import Markup

from serving.dashboard.display.bars import life_bar
from serving.dashboard.display.formatting import DASH, day_from, hours_ago, percent, short_date, usd
from serving.dashboard.display.table import Column
from serving.dashboard.display.urgency import badge
from serving.dashboard.queries.fleet import FleetRow


def fleet_columns(moment: datetime, link_to: Callable[[str], str]) -> list[Column[FleetRow]]:
    """Urgency, remaining life, date, saving, reason, alerts and faults at `moment`. The name links to the compressor's page."""
    return [
        Column("Compressor", lambda row: row.compressor_id, lambda row: _name(row, link_to(row.compressor_id))),
        Column("Urgency", lambda row: row.health_status, lambda row: badge(row.health_status)),
        Column("Remaining life", lambda row: row.rul_days_now, _life),
        Column("At least (days)", lambda row: left_by_now(row.rul_lower_days, row.age_hours), in_page=False),
        Column("At most (days)", lambda row: left_by_now(row.rul_upper_days, row.age_hours), in_page=False),
        Column("Act by", lambda row: row.act_by, lambda row: _act_by(row, moment)),
        Column("Saving", lambda row: row.expected_saving_usd, lambda row: usd(row.expected_saving_usd), number=True),
        Column("Fails soon", lambda row: row.failure_probability, _fails, number=True),
        Column("Why", first_reason, wide=True),
        Column("Alerts", lambda row: row.open_alerts, _alerts),
        Column("Data", faults_text, lambda row: _data(row)),
        Column("Station", lambda row: row.station_id, in_page=False),
        Column("Basin", lambda row: row.basin, in_page=False),
        Column("Model", lambda row: row.model, in_page=False),
        Column("Predicted at", lambda row: row.prediction_timestamp, in_page=False),
    ]


def left_by_now(days: Any, age_hours: Any) -> float | None:
    """What is left of a predicted number of days, `age_hours` after the prediction."""
    return None if days is None else round(max(float(days) - float(age_hours or 0) / 24, 0.0), 2)


def first_reason(row: FleetRow) -> str:
    """The reason that weighs most."""
    return row.reasons[0] if row.reasons else "no prediction yet"


def faults_text(row: FleetRow) -> str | None:
    """The sensors whose data have a fault."""
    found = [f"{fault.get('sensor', '?')}: {fault.get('fault', '?')}" for fault in row.data_faults or []]
    return "; ".join(found) or None


def _name(row: FleetRow, address: str) -> Markup:
    place = " · ".join(part for part in (row.station_id, row.model) if part)
    return Markup('<a href="{0}">{1}</a><span class="az-sub">{2}</span>').format(address, row.compressor_id, place)


def _life(row: FleetRow) -> Markup:
    if row.rul_days_now is None:
        return Markup('<span class="az-faint">{0}</span>').format((row.status or "not scored").replace("_", " "))
    lower, upper = (left_by_now(end, row.age_hours) for end in (row.rul_lower_days, row.rul_upper_days))
    bar = life_bar(row.rul_days_now, lower, upper, row.health_status)
    if row.status == "ok":
        return bar
    return bar + Markup('<span class="az-sub">{0}: of {1}</span>').format((row.status or "").replace("_", " "), hours_ago(row.age_hours))


def _act_by(row: FleetRow, moment: datetime) -> Markup:
    if row.act_by is None:
        return Markup('<span class="az-faint">{0}</span>').format(DASH)
    order = Markup('<span class="az-sub">{0}</span>').format(row.next_work_order_id) if row.next_work_order_id else Markup("")
    return Markup('<span class="az-nowrap">{0}</span><span class="az-sub">{1}</span>{2}').format(
        short_date(row.act_by), day_from(row.act_by, moment), order
    )


def _fails(row: FleetRow) -> Markup:
    within = "" if row.horizon_days is None else f"in {float(row.horizon_days):g} d"
    return Markup('{0}<span class="az-sub">{1}</span>').format(percent(row.failure_probability), within)


def _alerts(row: FleetRow) -> Markup:
    if not row.open_alerts:
        return Markup('<span class="az-faint">{0}</span>').format("none")
    return Markup('{0}<span class="az-sub">{1} new</span>').format(row.open_alerts, row.unacknowledged_alerts)


def _data(row: FleetRow) -> Markup:
    found = row.data_faults or []
    age = hours_ago(row.reading_age_hours)
    if not found:
        return Markup('<span class="az-faint az-nowrap">{0}</span>').format(age)
    names = sorted({str(fault.get("sensor", "?")) for fault in found})
    return Markup('<b>{0}</b><span class="az-sub" title="{1}">{2} · {3}</span>').format(
        f"{len(found)} {'fault' if len(found) == 1 else 'faults'}", faults_text(row) or "", ", ".join(names), age
    )
