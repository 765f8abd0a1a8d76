"""The history of a sensor: hourly mean with its range, the normal band, the limits, and the machine's own level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import altair as alt

from features.aggregates import PREFIXES
from serving.dashboard.charts.theme import PURPLE, SKY, VERMILLION, frame, neutral, themed
from serving.dashboard.charts.times import time_axis, wall_clock, zone_name
from serving.dashboard.display.sensors import SensorLimits
from serving.dashboard.display.units import Conversion
from serving.dashboard.display.urgency import LOOKS
from serving.dashboard.queries.own_level import OwnLevel

_HOUR: Final = timedelta(hours=1)
_LABELS: Final = {"failure": "failure", "scheduled": "service", "unscheduled": "repair", "inspection": "inspection"}
_COLOURS: Final = {"failure": VERMILLION, "scheduled": PURPLE, "unscheduled": PURPLE, "inspection": SKY}


@dataclass(frozen=True)
class Span:
    """The time that is drawn, and the station's zone."""

    first: datetime
    last: datetime
    zone: tzinfo

    @property
    def domain(self) -> tuple[str, str]:
        """The ends as an axis takes them."""
        return wall_clock(self.first, self.zone), wall_clock(self.last, self.zone)


@dataclass(frozen=True)
class SensorHistory:
    """What one chart shows: limits and level in the stored unit, rows in the shown one."""

    sensor: SensorLimits
    shown: Conversion
    rows: list[dict[str, Any]]  # of history_rows
    own: OwnLevel | None
    own_reach: float = 0.0  # on both sides of the own level, beyond which it is an alert


def history_rows(hours: Mapping[str, Sequence[Any]], sensor: str, shown: Conversion, zone: tzinfo) -> list[dict[str, Any]]:
    """One row an hour, from columns of sensor_readings_agg: mean, lowest and highest in the shown unit. A row without values marks each gap."""
    prefix, before = PREFIXES[sensor], None
    rows: list[dict[str, Any]] = []
    columns = (hours[f"{prefix}_{statistic}"] for statistic in ("avg", "min", "max"))
    for at, *values in zip(hours["agg_timestamp"], *columns, strict=True):
        if before is not None and at - before > _HOUR:
            rows.append({"at": wall_clock(before + _HOUR, zone), "mean": None, "low": None, "high": None})
        named = zip(("mean", "low", "high"), values, strict=True)
        rows.append({"at": wall_clock(at, zone), **{name: None if value is None else round(shown.of(value), 4) for name, value in named}})
        before = at
    return rows


def event_rows(events: Sequence[dict[str, Any]], span: Span) -> list[dict[str, Any]]:
    """Failures, repairs, services and inspections within the span."""
    return [
        {
            "at": wall_clock(event["event_date"], span.zone),
            "what": _LABELS.get(event["event_type"], event["event_type"]),
            "type": event["event_type"],
        }
        for event in events
        if span.first <= event["event_date"] <= span.last
    ]


def event_marks(rows: Sequence[dict[str, Any]], span: Span, *, labels: bool) -> list[Any]:
    """A line at each event, and its name at the top."""
    base = alt.Chart(frame(rows)).encode(
        x=time_axis("at", None, span.domain),
        color=alt.Color("type:N", scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values())), legend=None),
    )
    rule = base.mark_rule(strokeDash=[4, 3], strokeWidth=1.5).encode(tooltip=[alt.Tooltip("what:N", title="Event")])
    return [rule, base.mark_text(align="left", dx=3, dy=8, y=0, fontSize=10).encode(text="what:N")] if labels else [rule]


def history_chart(history: SensorHistory, events: Sequence[dict[str, Any]], span: Span, *, dark: bool) -> Any:
    """The chart of one sensor."""
    colours, shown, sensor, own, rows = neutral(dark=dark), history.shown, history.sensor, history.own, history.rows
    values = [row[name] for row in rows for name in ("low", "high", "mean") if row[name] is not None]
    levels = [shown.of(level) for level in (*(sensor.normal or ()), sensor.limits.warning)]
    low, high = min([*values, *levels]), max([*values, *levels])
    scale = alt.Scale(domain=[low - 0.05 * (high - low), high + 0.08 * (high - low)], nice=False, zero=False)
    base = alt.Chart(frame(rows)).encode(x=time_axis("at", f"{zone_name(span.last, span.zone)}", span.domain))
    y = alt.Y("mean:Q", title=shown.unit, scale=scale, axis=alt.Axis(tickCount=5))
    layers: list[Any] = []
    if sensor.normal:
        layers.append(_band(shown.of(sensor.normal[0]), shown.of(sensor.normal[1]), LOOKS["healthy"].colour, 0.16, scale))
    if own:
        ends = (own.median - history.own_reach, own.median + history.own_reach)
        layers.append(_band(shown.of(ends[0]), shown.of(ends[1]), SKY, 0.18, scale))
        layers.append(_rule(shown.of(own.median), SKY, [2, 3], scale))
    layers.append(_rule(shown.of(sensor.limits.warning), LOOKS["warning"].colour, [6, 3], scale))
    if sensor.limits.critical is not None and shown.of(sensor.limits.critical) <= scale.domain[1]:
        layers.append(_rule(shown.of(sensor.limits.critical), LOOKS["critical"].colour, [1, 0], scale))
    layers.append(base.mark_area(color=colours.line, opacity=0.2).encode(y=alt.Y("low:Q", title=shown.unit, scale=scale), y2="high:Q"))
    tooltip = [
        alt.Tooltip("at:T", title="Hour until", format="%-d %b %H:%M", timeUnit="utcyearmonthdatehoursminutes"),
        *(
            alt.Tooltip(f"{name}:Q", title=title, format=f",.{shown.digits}f")
            for name, title in (("mean", "Mean"), ("low", "Lowest"), ("high", "Highest"))
        ),
    ]
    layers.append(base.mark_line(color=colours.line, strokeWidth=1.8).encode(y=y, tooltip=tooltip))
    layers += event_marks(events, span, labels=True)
    return themed(alt.layer(*layers).properties(height=150, title=sensor.name), dark=dark)


def _band(low: float, high: float, colour: str, opacity: float, scale: alt.Scale) -> Any:
    ends = {"low": max(low, scale.domain[0]), "high": min(high, scale.domain[1])}
    return alt.Chart(frame([ends])).mark_rect(color=colour, opacity=opacity).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")


def _rule(value: float, colour: str, dash: list[int], scale: alt.Scale) -> Any:
    data = frame([{"value": value}])
    return alt.Chart(data).mark_rule(color=colour, strokeDash=dash, strokeWidth=1.5).encode(y=alt.Y("value:Q", scale=scale))
