"""The moments that a prediction may be asked for. A row of the future would hide later ones until its time comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from config.errors import MomentError


def require_reached(moment: datetime, now: datetime, skew: timedelta, newest_reading: Callable[[], datetime | None]) -> None:
    """Raise MomentError when `moment` is later than both `now` and the newest reading, by more than `skew`.

    A replay of existing readings is allowed. So `newest_reading` is called only for a moment in the future.
    """
    if moment <= now + skew:
        return
    newest = newest_reading()
    if newest is None or moment > newest + skew:
        reading = "there is no reading" if newest is None else f"the newest reading is from {_iso(newest)}"
        raise MomentError(f"{_iso(moment)} is in the future (now is {_iso(now)}), and {reading}: choose an earlier moment, or none for now")


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
