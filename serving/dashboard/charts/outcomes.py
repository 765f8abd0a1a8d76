"""Predicted failure probability against the share that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from serving.dashboard.charts.theme import frame, neutral, themed
from serving.dashboard.queries.model import OutcomeBand


def outcomes_chart(bands: Sequence[OutcomeBand], *, dark: bool) -> Any:
    """A point on the diagonal is a probability that came true as often as it said."""
    colours = neutral(dark=dark)
    percent = alt.Axis(format=".0%")
    points = alt.Chart(
        frame([{"said": band.mean_probability, "came": band.failed_share, "predictions": band.predictions} for band in bands])
    )
    said = alt.X("said:Q", title="predicted failure probability (mean of the band)", scale=alt.Scale(domain=[0, 1]), axis=percent)
    came = alt.Y("came:Q", title="share that failed", scale=alt.Scale(domain=[0, 1]), axis=percent)
    marks = points.mark_circle(color=colours.line, opacity=0.9).encode(
        x=said,
        y=came,
        size=alt.Size("predictions:Q", legend=alt.Legend(title="predictions", tickCount=3), scale=alt.Scale(range=[40, 400])),
        tooltip=[
            alt.Tooltip("said:Q", title="Predicted", format=".1%"),
            alt.Tooltip("came:Q", title="Failed", format=".1%"),
            alt.Tooltip("predictions:Q", title="Predictions"),
        ],
    )
    ideal = alt.Chart(frame([{"said": 0, "came": 0}, {"said": 1, "came": 1}]))
    line = ideal.mark_line(strokeDash=[5, 4], color=colours.faint).encode(x=said, y=came)
    return themed(alt.layer(line, marks).properties(height=280), dark=dark)


def outcomes_text(bands: Sequence[OutcomeBand]) -> str:
    """The chart in words, for screen readers."""
    told = [f"{band.mean_probability:.0%} predicted, {band.failed_share:.0%} failed of {band.predictions}" for band in bands]
    return "Predicted failure probability against failures: " + ("; ".join(told) or "none")
