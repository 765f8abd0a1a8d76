"""Where each sensor of a compressor has run since its last renewal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from features.aggregates import PREFIXES

_SPREAD_OF_QUARTILES = 1.349  # standard deviations between the quartiles of a normal distribution


@dataclass(frozen=True)
class OwnLevel:
    """The median of a sensor's hourly means, and their robust standard deviation."""

    median: float
    spread: float


def own_levels(connection: psycopg.Connection, compressor_id: str, since: datetime, until: datetime) -> dict[str, OwnLevel]:
    """The level of each sensor over the hours from `since` to `until`. Sensors without a value are left out."""
    parts = ", ".join(f"percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY {prefix}_avg)" for prefix in PREFIXES.values())
    row = connection.execute(
        f"SELECT {parts} FROM sensor_readings_agg WHERE compressor_id = %s AND window_type = '1hr' AND agg_timestamp > %s AND agg_timestamp <= %s",
        [compressor_id, since, until],
    ).fetchone()
    found = zip(PREFIXES, row or (), strict=False)
    return {
        sensor: OwnLevel(three[1], (three[2] - three[0]) / _SPREAD_OF_QUARTILES)
        for sensor, three in found
        if three and three[1] is not None
    }
