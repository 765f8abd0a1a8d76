"""A running compressor whose readings move as a sound machine's do, for tests that spoil one thing in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from features.arrays import Bools
from features.contract import SENSOR_FAULTS, SENSORS
from features.sensor_health.fault import Fault
from features.sensor_health.find import FoundFaults, Known, find_faults
from features.sensor_health.readings import SensorReadings
from features.sensor_health.settings import HealthRules

LEVELS = (3.0, 200.0, 60.0, 1000.0, 1400.0, 10000.0)  # of a running machine, in the order of SENSORS
STOPPED = (0.2, 100.0, 69.0, 600.0, 42.0, 0.0)
_START_US = 1_772_409_600_000_000  # 2026-03-02T00:00Z
_US_PER_MINUTE = 60_000_000


@dataclass
class History:
    """`hours` of one compressor, one reading every `step_min` minutes; change `values` and ask `judge`."""

    rules: HealthRules
    hours: float
    step_min: int = 10
    noise: float = 0.02
    seed: int = 1
    flagged: dict[str, Bools] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = round(self.hours * 60 / self.step_min)
        noise = np.random.default_rng(self.seed).normal(1, self.noise, (len(SENSORS), rows))
        self.time_us = _START_US + np.arange(rows) * self.step_min * _US_PER_MINUTE
        self.values = {sensor: np.round(level * noise[place], 2) for place, (sensor, level) in enumerate(zip(SENSORS, LEVELS, strict=True))}

    def row(self, hour: float) -> int:
        """The reading `hour` hours after the first one."""
        return round(hour * 60 / self.step_min)

    def span(self, begin: float, end: float) -> slice:
        """The rows of [begin, end) hours."""
        return slice(self.row(begin), self.row(end))

    def stop(self, begin: float, end: float) -> None:
        """The machine stands in [begin, end) hours; its values wander a little with the air."""
        own = self.span(begin, end)
        wander = 1 + 0.01 * np.sin(np.arange(own.stop - own.start))
        for sensor, level in zip(SENSORS, STOPPED, strict=True):
            self.values[sensor][own] = np.round(level * wander, 2)

    def drop(self, begin: float, end: float) -> None:
        """The rows of [begin, end) hours never arrived. Do this last: rows move."""
        kept = np.ones(len(self.time_us), np.bool_)
        kept[self.span(begin, end)] = False
        self.time_us = self.time_us[kept]
        self.values = {sensor: values[kept] for sensor, values in self.values.items()}

    def readings(self, rows: slice = slice(None)) -> SensorReadings:
        """Some of the rows as the rules take them."""
        return SensorReadings(
            np.zeros(len(self.time_us), np.int64)[rows],
            self.time_us[rows],
            {sensor: values[rows] for sensor, values in self.values.items()},
            {sensor: mask[rows] for sensor, mask in self.flagged.items()},
        )

    def judge(self, rows: slice = slice(None), known: Known | None = None) -> FoundFaults:
        """What the rules find."""
        return find_faults(self.readings(rows), self.rules, known)

    def since_h(self, fault: Fault) -> float:
        """When the fault began, in hours after the first reading."""
        return (fault.since_us - _START_US) / (60 * _US_PER_MINUTE)


def refused(found: FoundFaults, sensor: str) -> dict[str, int]:
    """Values of the sensor that are refused, by fault."""
    counts = {fault: int(found.refused(sensor, fault).sum()) for fault in SENSOR_FAULTS}
    return {fault: count for fault, count in counts.items() if count}


def reported(found: FoundFaults) -> set[tuple[str, str]]:
    """Every (sensor, fault) that is reported somewhere."""
    return {(fault.sensor, fault.fault) for faults in found.faults.values() for fault in faults}
