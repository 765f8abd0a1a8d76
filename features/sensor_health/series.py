"""What a judge reads and remembers: one sensor's readings, and runs of readings that show the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SensorSeries:
    """One sensor of one compressor, oldest reading first; every list is [n]."""

    sensor: str
    first_us: int  # the oldest known reading of the compressor
    time_us: list[int]
    value: list[float]  # as it was loaded, NaN where nothing was
    runs: list[bool]  # whether the other sensors show that the machine runs
    settled: list[bool]  # whether it has run for long enough to judge a level
    all_zero: list[bool]  # every sensor reads zero
    unchanged_since_us: list[int]  # of a dead link: when any sensor changed last; -1: the link is alive
    flagged: list[bool]  # the source itself flags the value as bad
    others: Mapping[str, list[float]] = field(default_factory=dict)  # sensors that move with the load


@dataclass
class ReadingRun:
    """Readings in a row that show the same."""

    since_us: int = 0
    last_us: int = 0
    readings: int = 0

    def add(self, time_us: int) -> None:
        """Count one more reading."""
        if not self.readings:
            self.since_us = time_us
        self.last_us = time_us
        self.readings += 1

    def clear(self) -> None:
        """End the run."""
        self.readings = 0
