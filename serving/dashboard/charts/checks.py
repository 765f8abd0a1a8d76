"""The history of the data checks: one row a check, one cell a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from serving.dashboard.charts.theme import frame, neutral, themed
from serving.dashboard.display.quality import outcome, title_of
from serving.dashboard.display.urgency import LOOKS
from serving.dashboard.queries.data import CheckResult

_OUTCOMES = {"failed": LOOKS["critical"].colour, "passed": LOOKS["healthy"].colour, "not judged": LOOKS["unknown"].colour}


def history_chart(results: Sequence[CheckResult], *, dark: bool) -> Any:
    """Failed cells carry a cross, so that colour alone says nothing."""
    colours = neutral(dark=dark)
    cells = [
        {
            "check": title_of(item.metric_name),
            "day": item.day.isoformat(),
            "value": item.metric_value,
            "outcome": outcome(item.passed),
            "mark": "×" if item.passed is False else "",
        }
        for item in results
    ]
    base = alt.Chart(frame(cells)).encode(
        x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=-40, labelOverlap=True)),
        y=alt.Y("check:N", title=None, axis=alt.Axis(labelLimit=260)),
    )
    squares = base.mark_rect(stroke=colours.ground, strokeWidth=1).encode(
        color=alt.Color(
            "outcome:N", scale=alt.Scale(domain=list(_OUTCOMES), range=list(_OUTCOMES.values())), legend=alt.Legend(title=None)
        ),
        tooltip=[
            alt.Tooltip("check:N", title="Check"),
            alt.Tooltip("day:O", title="Day"),
            alt.Tooltip("value:Q", title="Value", format=".4f"),
            alt.Tooltip("outcome:N", title="Outcome"),
        ],
    )
    crosses = base.mark_text(color="#111", fontSize=12, fontWeight="bold").encode(text="mark:N")
    return themed(alt.layer(squares, crosses).properties(height=alt.Step(20)), dark=dark)


def history_text(results: Sequence[CheckResult]) -> str:
    """The chart in words, for screen readers."""
    failed = [f"{title_of(item.metric_name)} on {item.day}" for item in results if item.passed is False]
    return f"{len(results)} checks by day; failed: " + ("; ".join(failed) or "none")
