"""Bars inside a table or a card: a remaining life with its interval, a value between its limits. HTML only, with a text for readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving.dashboard.display.formatting import DASH, Number, days
from serving.dashboard.display.urgency import look_of

LIFE_SCALE_DAYS: Final = 30.0


@dataclass(frozen=True)
class Zone:
    """A stretch of a gauge."""

    low: float
    high: float
    urgency: str


def life_bar(now: Number | None, lower: Number | None, upper: Number | None, urgency: str) -> Markup:
    """The interval as a bar on 0 to 30 days, the predicted life as a mark, and the number beside it."""
    if now is None:
        return Markup('<span class="az-faint">{0}</span>').format("no number")
    low, high = (float(now if end is None else end) for end in (lower, upper))
    text = f"{days(now)}, with 90 % between {low:.1f} and {high:.1f} days"
    return Markup(
        '<span class="az-life"><span class="az-life-number">{0}</span>'
        '<span class="az-track" role="img" aria-label="{1}" title="{1}">'
        '<span class="az-interval" style="left:{2:.1f}%;width:{3:.1f}%;background:{4}"></span>'
        '<span class="az-point" style="left:{5:.1f}%"></span></span></span>'
    ).format(days(now), text, _share(low), max(_share(high) - _share(low), 1.5), look_of(urgency).colour, _share(float(now)))


def gauge(value: float | None, zones: list[Zone], text: str) -> Markup:
    """A value on the stretch of its zones, which join without gaps."""
    low, high = zones[0].low, zones[-1].high
    stretches = Markup("").join(
        Markup('<span class="az-zone az-zone-{0}" style="width:{1:.2f}%"></span>').format(
            zone.urgency, 100 * (zone.high - zone.low) / (high - low)
        )
        for zone in zones
    )
    place = None if value is None else min(max(100 * (value - low) / (high - low), 0.0), 100.0)
    mark = Markup("") if place is None else Markup('<span class="az-needle" style="left:{0:.1f}%"></span>').format(place)
    return Markup('<span class="az-gauge" role="img" aria-label="{0}" title="{0}">{1}{2}</span>').format(text or DASH, stretches, mark)


def _share(value: float) -> float:
    return 100 * min(max(value / LIFE_SCALE_DAYS, 0.0), 1.0)
