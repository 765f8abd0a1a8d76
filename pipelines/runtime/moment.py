"""Chooses the moment that a job uses as now: the clock's, or that of `--as-of`."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from config.settings import Settings
from features.increments import newest_that_counts
from features.lake import BRONZE, GOLD, Lake
from serving.prediction.moments import require_reached
from serving.schemas import present_moment


def choose_moment(settings: Settings, as_of: datetime | None, now: datetime | None = None) -> datetime:
    """`as_of`, or `now` (by the clock when None). Raises MomentError for a moment in the future that no reading reaches."""
    now = now or present_moment()
    if as_of is None:
        return now
    require_reached(as_of, now, settings.etl.ingest.clock_skew, lambda: _newest_reading(settings))
    return as_of


def _newest_reading(settings: Settings) -> datetime | None:
    """Of gold, and of bronze that counts: gold may not be made yet."""
    lake = Lake(settings.lake_uri)
    newest = [
        lake.newest_reading() if lake.exists(GOLD) else None,
        newest_that_counts(pl.scan_delta(lake.uri(BRONZE)), settings.etl.ingest) if lake.exists(BRONZE) else None,
    ]
    return max(filter(None, newest), default=None)
