"""Repairs due by day, beside the crews there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import altair as alt

from serving.dashboard.charts.theme import PURPLE, SKY, VERMILLION, frame, neutral, themed
from serving.dashboard.display.formatting import short_date
from serving.dashboard.queries.fleet import RepairsOnDay
from serving.work_orders.workload import WorkDay

_BARE: Final = "no work order"
_ORDERED: Final = "work order open"
_UNPLANNED: Final = "work order without a start"
_PLANNED: Final = "work order planned"
_COLOURS: Final = {_BARE: VERMILLION, _ORDERED: PURPLE, _UNPLANNED: SKY, _PLANNED: PURPLE}


@dataclass(frozen=True)
class DayLoad:
    """The repairs of one day."""

    day: str
    kind: str
    repairs: int
    order: int


def day_loads(repairs: Sequence[RepairsOnDay], today: date, days: int) -> list[DayLoad]:
    """Every day from today on, with those overdue first: how many repairs have a work order, how many have none."""
    by_day: dict[date, tuple[int, int]] = {item.act_by: (item.planned, item.repairs - item.planned) for item in repairs}
    loads = []
    late = [pair for day, pair in by_day.items() if day < today]
    rows = [("overdue", (sum(ordered for ordered, _ in late), sum(bare for _, bare in late)))] if late else []
    rows += [(short_date(day), by_day.get(day, (0, 0))) for day in (today + timedelta(days=ahead) for ahead in range(days))]
    for number, (day, (ordered, bare)) in enumerate(rows):
        loads += [DayLoad(day, _ORDERED, ordered, number), DayLoad(day, _BARE, bare, number)]
    return loads


def work_loads(days: Sequence[WorkDay]) -> list[DayLoad]:
    """What the crews have on each day: orders planned to begin then, and repairs due then that nobody has planned."""
    loads = []
    for number, item in enumerate(days):
        day = short_date(item.day)
        by_kind = {_PLANNED: item.planned_orders, _UNPLANNED: item.due_unplanned, _BARE: item.due_unordered}
        loads += [DayLoad(day, kind, repairs, number) for kind, repairs in by_kind.items()]
    return loads


def repairs_chart(loads: Sequence[DayLoad], crews: float, *, dark: bool) -> Any:
    """Bars by day and the crews' line."""
    colours = neutral(dark=dark)
    days = list(dict.fromkeys(load.day for load in loads))
    kinds = [kind for kind in _COLOURS if any(load.kind == kind for load in loads)]
    most = max([crews, *(sum(load.repairs for load in loads if load.day == day) for day in days)])
    bars = (
        alt.Chart(frame([load.__dict__ for load in loads]))
        .mark_bar(size=18)
        .encode(
            x=alt.X("day:N", sort=days, title=None, axis=alt.Axis(labelAngle=-40, grid=False)),
            y=alt.Y("repairs:Q", title="repairs", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(domain=[0, most + 1])),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=kinds, range=[_COLOURS[kind] for kind in kinds]),
                legend=alt.Legend(title=None),
            ),
            tooltip=[alt.Tooltip("day:N", title="Day"), alt.Tooltip("kind:N", title="Of them"), alt.Tooltip("repairs:Q", title="Repairs")],
        )
    )
    limit = alt.Chart(frame([{"crews": crews, "text": f"crews: {crews:.0f} a day"}]))
    rule = limit.mark_rule(strokeDash=[5, 4], color=colours.text).encode(y="crews:Q")
    label = limit.mark_text(align="left", dy=-6, x=4, color=colours.text, fontSize=11).encode(y="crews:Q", text="text:N")
    return themed(alt.layer(bars, rule, label).properties(height=300), dark=dark)


def repairs_text(loads: Sequence[DayLoad], crews: float) -> str:
    """The chart in words, for screen readers."""
    told = [f"{load.day}: {load.repairs} ({load.kind})" for load in loads if load.repairs]
    return f"Repairs by day beside {crews:.0f} crews: " + ("; ".join(told) or "none")
