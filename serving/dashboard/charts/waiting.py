"""What waiting with a repair does: the probability of a failure and the extra cost by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import altair as alt

from serving.dashboard.charts.theme import VERMILLION, frame, neutral, themed
from serving.dashboard.display.formatting import percent, short_date, usd
from serving.messages.waiting import WaitingAnswer


def waiting_rows(answer: WaitingAnswer, days: int) -> list[dict[str, Any]]:
    """One row a day, for the first days."""
    return [
        {
            "day": item.day,
            "date": short_date(item.repair_date),
            "failed": item.failed_probability,
            "cost": item.extra_cost_usd,
            "is_due": item.repair_date == answer.act_by,
            "can": item.day >= answer.earliest_day,
        }
        for item in answer.waiting[: days + 1]
    ]


def waiting_charts(rows: Sequence[dict[str, Any]], *, dark: bool) -> tuple[Any, Any]:
    """Two charts beside each other. The day on which the repair is due is marked; grey days are before parts can be there."""
    colours = neutral(dark=dark)
    base = alt.Chart(frame(rows)).encode(
        x=alt.X("day:O", title="days from the prediction", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        tooltip=[
            alt.Tooltip("date:N", title="Repair on"),
            alt.Tooltip("failed:Q", title="Failed by then", format=".0%"),
            alt.Tooltip("cost:Q", title="Extra cost (USD)", format=",.0f"),
        ],
    )
    shown = (
        alt.when("datum.is_due")
        .then(alt.value(VERMILLION))
        .when("datum.can")
        .then(alt.value(colours.line))
        .otherwise(alt.value(colours.faint))
    )
    y = alt.Y("failed:Q", title=None, axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1]))
    failed = base.mark_bar().encode(y=y, color=shown).properties(title="Failed by then", height=190)
    cost = base.transform_filter("datum.can").mark_bar().encode(y=alt.Y("cost:Q", title=None, axis=alt.Axis(format="$,.0f")), color=shown)
    cost = cost.properties(title="Expected extra cost against the best day", height=190)
    return themed(failed, dark=dark), themed(cost, dark=dark)


def waiting_text(rows: Sequence[dict[str, Any]], act_by: date | None) -> str:
    """The charts in words."""
    told = "; ".join(f"{row['date']}: failed by then {percent(row['failed'])}, extra cost {usd(row['cost'])}" for row in rows)
    due = "no repair is due" if act_by is None else f"the repair is due on {short_date(act_by)}"
    return f"{due}. {told}"
