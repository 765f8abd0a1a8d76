"""Which moments may be asked for: a row of the future would be the newest until its time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from config.errors import MomentError


def require_reached(moment: datetime, now: datetime, skew: timedelta, newest_reading: Callable[[], datetime | None]) -> None:
    """Raise MomentError when `moment` is later than `now` and than the newest reading, by more than `skew`.

    `newest_reading` is asked only about a moment in the future: a replay of readings that are there is allowed.
    """
    if moment <= now + skew:
        return
    newest = newest_reading()
    if newest is None or moment > newest + skew:
        reading = "there is no reading" if newest is None else f"the newest reading is of {_said(newest)}"
        raise MomentError(
            f"{_said(moment)} is in the future (now is {_said(now)}), and {reading}: choose an earlier moment, or none for now"
        )


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
