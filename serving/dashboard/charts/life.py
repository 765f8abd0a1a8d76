"""The predicted remaining life over time with its interval, and what came true."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import altair as alt

from features.contract import FAILURE, RESETTING
from serving.dashboard.charts.history import Span, event_marks
from serving.dashboard.charts.theme import VERMILLION, frame, neutral, themed
from serving.dashboard.charts.times import time_axis, wall_clock, zone_name

_DAY: Final = timedelta(days=1)


def last_renewal(events: Sequence[dict[str, Any]], moment: datetime) -> datetime | None:
    """When the present life began: the end of the last failure, repair or service by `moment`. None without one."""
    ended = [event for event in events if event["event_type"] in (*RESETTING, FAILURE) and event["event_date"] <= moment]
    if not ended:
        return None
    last = max(ended, key=lambda event: event["event_date"])
    back: datetime = last["event_date"] + timedelta(hours=last["downtime_hours"] or 0.0)
    return min(back, moment)


def life_rows(predictions: Sequence[dict[str, Any]], span: Span) -> list[dict[str, Any]]:
    """One row a prediction with a number, oldest first."""
    return [
        {
            "at": wall_clock(row["prediction_timestamp"], span.zone),
            "rul": row["rul_days"],
            "lower": row["rul_lower_days"],
            "upper": row["rul_upper_days"],
            "version": row["model_version"],
        }
        for row in sorted(predictions, key=lambda row: row["prediction_timestamp"])
        if row["rul_days"] is not None
    ]


def actual_rows(events: Sequence[dict[str, Any]], span: Span, cap_days: float) -> list[dict[str, Any]]:
    """The life that was really left before each failure of the span: from the last renewal before it, or from the span's begin."""
    rows = []
    for failure in (event for event in events if event["event_type"] == FAILURE):
        at: datetime = failure["event_date"]
        if not span.first < at <= span.last:
            continue
        renewed = last_renewal([event for event in events if event["event_date"] < at], at)
        start = max(renewed or span.first, span.first, at - cap_days * _DAY)
        name = wall_clock(at, span.zone)
        rows += [{"at": wall_clock(point, span.zone), "left": (at - point) / _DAY, "failure": name} for point in (start, at)]
    return rows


def life_chart(
    lives: Sequence[dict[str, Any]], actual: Sequence[dict[str, Any]], events: Sequence[dict[str, Any]], span: Span, *, dark: bool
) -> Any:
    """The chart."""
    colours = neutral(dark=dark)
    x = time_axis("at", zone_name(span.last, span.zone), span.domain)
    scale = alt.Scale(domainMin=0, zero=True)
    base = alt.Chart(frame(lives)).encode(x=x)
    tooltip = [
        alt.Tooltip("at:T", title="Predicted at", format="%-d %b %H:%M", timeUnit="utcyearmonthdatehoursminutes"),
        *(
            alt.Tooltip(f"{name}:Q", title=title, format=".1f")
            for name, title in (("rul", "Days left"), ("lower", "At least"), ("upper", "At most"))
        ),
        alt.Tooltip("version:N", title="Model version"),
    ]
    layers: list[Any] = [
        base.mark_area(color=colours.line, opacity=0.2).encode(y=alt.Y("lower:Q", title="days", scale=scale), y2="upper:Q"),
        base.mark_line(color=colours.line, strokeWidth=1.8).encode(y=alt.Y("rul:Q", title="days", scale=scale)),
        base.mark_errorbar(color=colours.line).encode(y=alt.Y("lower:Q", title="days", scale=scale), y2="upper:Q"),
        base.mark_point(color=colours.line, filled=True, size=28, opacity=1).encode(
            y=alt.Y("rul:Q", title="days", scale=scale), tooltip=tooltip
        ),
    ]
    if actual:
        truth = alt.Chart(frame(actual)).encode(x=x, y=alt.Y("left:Q", title="days", scale=scale), detail="failure:N")
        layers.append(truth.mark_line(color=VERMILLION, strokeDash=[6, 3], strokeWidth=2))
    layers += event_marks(events, span, labels=True)
    return themed(alt.layer(*layers).properties(height=210), dark=dark)
