"""Numbers, days and times as a planner reads them. Missing values are a dash."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DASH: Final = "–"
_MARKUP: Final = re.compile(r"[\\`*_\[\]<>!$~|]")  # of Markdown as Streamlit reads it
Number = float | int | Decimal


def number(value: Number | None, digits: int = 1) -> str:
    """With a comma between thousands."""
    return DASH if value is None else f"{float(value):,.{digits}f}"


def days(value: Number | None) -> str:
    """A span in days."""
    return DASH if value is None else f"{float(value):.1f} d"


def percent(value: Number | None) -> str:
    """A share from 0 to 1; what is not nothing is never shown as nothing."""
    if value is None:
        return DASH
    share = float(value)
    return "< 1 %" if 0 < share < 0.005 else "> 99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def usd(value: Number | None) -> str:
    """Whole dollars."""
    return DASH if value is None else f"${float(value):,.0f}"


def hours_ago(hours: Number | None) -> str:
    """An age: minutes, hours or days, whichever reads best."""
    if hours is None:
        return "never"
    span = float(hours)
    if span < 1 / 60:
        return "now"
    if span < 1:
        return f"{span * 60:.0f} min ago"
    return f"{span:.0f} h ago" if span < 48 else f"{span / 24:.0f} d ago"


def zone_of(name: str | None) -> tzinfo:
    """A station's time zone; UTC where it has none that this machine knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def local_time(moment: datetime | None, zone: tzinfo, *, year: bool = False) -> str:
    """A moment in the station's zone, with the zone's name."""
    if moment is None:
        return DASH
    own = moment.astimezone(zone)
    return f"{own:%a} {own.day} {own:%b}{f' {own.year}' if year else ''} {own:%H:%M} {own.tzname()}"


def short_date(day: date | None) -> str:
    """A day without its year."""
    return DASH if day is None else f"{day:%a} {day.day} {day:%b}"


def day_from(day: date | None, moment: datetime) -> str:
    """How far a day is from the moment's: `in 3 days`. Both are days in UTC."""
    if day is None:
        return ""
    ahead = (day - moment.astimezone(UTC).date()) // timedelta(days=1)
    if ahead == 0:
        return "today"
    unit = "day" if abs(ahead) == 1 else "days"
    return f"in {ahead} {unit}" if ahead > 0 else f"{-ahead} {unit} ago"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def literal(text: str) -> str:
    """Text from data or from the service, for where Streamlit takes Markdown: no link, picture, formula or emphasis comes of it."""
    return _MARKUP.sub(r"\\\g<0>", text)
