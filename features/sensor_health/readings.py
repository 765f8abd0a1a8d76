"""Readings as the rules of sensor health take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.arrays import Bools, Doubles, Ints


@dataclass(frozen=True)
class SensorReadings:
    """Readings of some compressors, one below the other, each oldest first. Every array is [n]."""

    group: Ints  # code of the compressor, ascending
    time_us: Ints
    values: Mapping[str, Doubles]  # by sensor, as they were loaded; NaN where nothing was
    flagged: Mapping[str, Bools]  # by sensor that the source itself calls bad somewhere
