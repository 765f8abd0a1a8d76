"""Times of a chart: the station's wall clock. Vega knows UTC and the browser's zone only, so the wall clock is passed as UTC."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import altair as alt


def wall_clock(moment: datetime, zone: tzinfo) -> str:
    """The station's clock at a moment, as an axis takes it."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def zone_name(moment: datetime, zone: tzinfo) -> str:
    """What the zone is called at a moment, e.g. `CDT`."""
    return moment.astimezone(zone).tzname() or "UTC"


def time_axis(field: str, title: str | None, domain: tuple[str, str]) -> Any:
    """An axis of wall clocks from `domain[0]` to `domain[1]`."""
    ends = [alt.DateTime(utc=True, **_parts(end)) for end in domain]
    return alt.X(
        f"{field}:T",
        title=title,
        scale=alt.Scale(type="utc", domain=ends),
        axis=alt.Axis(format="%-d %b %H:%M" if _hours(domain) <= 72 else "%-d %b", labelOverlap=True, tickCount=8, grid=False),
    )


def _hours(domain: tuple[str, str]) -> float:
    first, last = (datetime.fromisoformat(end) for end in domain)
    return (last - first).total_seconds() / 3600


def _parts(end: str) -> dict[str, int]:
    moment = datetime.fromisoformat(end)
    return {
        "year": moment.year,
        "month": moment.month,
        "date": moment.day,
        "hours": moment.hour,
        "minutes": moment.minute,
        "seconds": moment.second,
    }
