"""Plants faults in simulated readings, and counts what the sensor-health rules find.

Pure: no Spark, no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Doubles, Ints
from features.contract import FROZEN, IMPLAUSIBLE, MISSING, SENSORS, UNIT_CHANGE, WRONG_UNIT, ZERO
from features.sensor_health.fault import Fault
from features.sensor_health.find import find_faults
from features.sensor_health.readings import SensorReadings
from features.sensor_health.settings import HealthRules
from features.sensor_health.units import OTHER_UNITS, OtherUnit
from features.simulator.compressor import MINUTES_PER_DAY, MINUTES_PER_HOUR
from features.simulator.plan import SimulationPlan
from features.simulator.readings import SimulatedUnit, simulate_unit
from features.simulator.telemetry import DECIMALS

_US_PER_MINUTE: Final = 60_000_000
_TRIES: Final = 50  # places that are drawn for a fault before it is left out
_COPIES_AT_ONCE: Final = 2_000  # stretches of readings that are judged together


@dataclass(frozen=True)
class SimulatedReadings:
    """One simulated compressor with its truth; arrays are [m] or [6, m], oldest reading first."""

    time_us: Ints
    values: Doubles
    runs: Bools
    stuck: Bools


@dataclass(frozen=True)
class Planting:
    """A fault to plant in `sensors` of one compressor.

    Some faults need a unit or a constant value.
    """

    fault: str  # what the rules must call it
    sensors: tuple[str, ...]
    unit: OtherUnit | None = None
    value: float | None = None

    @property
    def variant(self) -> str:
        """The unit or the value, for a table."""
        return self.unit.name if self.unit else "" if self.value is None else f"{self.value:g}"

    def changed(self, values: Doubles, first: int, end: int) -> Doubles:
        """`values` [6, m] with the fault in [first, end), as transmitters would send it."""
        planted = values.copy()
        for row in (SENSORS.index(sensor) for sensor in self.sensors):
            part = planted[row, first:end]
            if self.fault == FROZEN:
                part[:] = values[row, first]
            elif self.fault == ZERO:
                part[:] = 0.0
            elif self.unit is not None:
                part[:] = np.round((part - self.unit.offset) / self.unit.factor, DECIMALS)
            else:
                part[:] = self.value
        return planted


@dataclass(frozen=True)
class PlantedFaultOutcome:
    """The outcome of one planted fault.

    Hours are readings of the running unit since the fault began, times their interval.
    """

    planting: Planting
    duration_h: float
    hours: float  # until it was reported by its right kind for every sensor; infinite: never
    right_unit: bool
    instead: str  # what was reported if nothing right was in time; empty: nothing
    runs_h: float  # how long the unit ran during the fault


@dataclass(frozen=True)
class FalseAlarms:
    """Faults reported in undisturbed fleets."""

    compressor_days: int
    with_false_fault: int
    false_faults: Mapping[str, int]  # compressor-days by "sensor fault"
    healthy_values: int
    healthy_refused: int


def simulate_histories(plan: SimulationPlan) -> list[SimulatedReadings]:
    """Every compressor of the fleet."""
    return [_history(simulate_unit(plan, index), plan) for index in range(plan.compressors)]


def _history(unit: SimulatedUnit, plan: SimulationPlan) -> SimulatedReadings:
    start_us = int(plan.size.start.timestamp()) * 1_000_000
    return SimulatedReadings(
        start_us + unit.steps * (plan.interval_min * _US_PER_MINUTE), unit.values[: len(SENSORS)], unit.runs, unit.stuck
    )


def plantings(implausible: Mapping[str, Sequence[float]]) -> list[Planting]:
    """Every fault that is planted.

    Frozen and zero for each sensor and for all, each common unit, and each `implausible` value.
    """
    one_or_all = [*((sensor,) for sensor in SENSORS), SENSORS]
    units = [(sensor, unit) for sensor, others in OTHER_UNITS.items() for unit in others if not unit.rare]
    return [
        *(Planting(fault, sensors) for fault in (FROZEN, ZERO) for sensors in one_or_all),
        *(Planting(fault, (sensor,), unit) for fault in (UNIT_CHANGE, WRONG_UNIT) for sensor, unit in units),
        *(Planting(IMPLAUSIBLE, (sensor,), value=value) for sensor, values in implausible.items() for value in values),
    ]


@dataclass(frozen=True)
class PlantingRules:
    """Where and for how long faults are planted, and when one counts as found.

    The numbers are those of config/quality.yaml.
    """

    interval_min: int
    durations_h: Sequence[float]
    before_h: float
    after_h: float
    least_runs_h: float
    within_h: float
    places: int


@dataclass(frozen=True)
class PlantedCopy:
    """A stretch of one compressor, with a fault in its rows [first, end)."""

    planting: Planting
    duration_h: float
    history: SimulatedReadings
    first: int
    end: int


def plant(
    histories: Sequence[SimulatedReadings], kinds: Sequence[Planting], trial: PlantingRules, rng: np.random.Generator
) -> Iterator[PlantedCopy]:
    """Copies with one fault each.

    Every kind is planted at random moments of every compressor, with the durations in turn.
    """
    number = 0
    for history in histories:
        for planting in kinds:
            for _ in range(trial.places):
                duration = trial.durations_h[number % len(trial.durations_h)]
                number += 1
                found = _place(history, planting, duration, trial, rng)
                if found is not None:
                    yield found


def _place(
    history: SimulatedReadings, planting: Planting, duration_h: float, trial: PlantingRules, rng: np.random.Generator
) -> PlantedCopy | None:
    """A random place for the fault; None after too many tries.

    The unit runs for long enough there, and the simulator has no fault of its own in the same sensors.
    """
    hour_us = MINUTES_PER_HOUR * _US_PER_MINUTE
    before_h = 0.0 if planting.fault == WRONG_UNIT else trial.before_h
    rows = [SENSORS.index(sensor) for sensor in planting.sensors]
    latest = history.time_us[-1] - (duration_h + trial.after_h) * hour_us
    for _ in range(_TRIES):
        begin = rng.uniform(history.time_us[0] + before_h * hour_us, latest)
        moments = begin + np.array([-before_h, 0.0, duration_h, duration_h + trial.after_h]) * hour_us
        start, first, end, stop = np.searchsorted(history.time_us, moments).tolist()
        if planting.fault == WRONG_UNIT:
            end = stop
        enough = history.runs[first:end].sum() * trial.interval_min >= trial.least_runs_h * MINUTES_PER_HOUR
        if enough and not history.stuck[rows, start:stop].any() and not np.isnan(history.values[rows, first]).any():
            part = slice(start, stop)
            values = planting.changed(history.values[:, part], first - start, end - start)
            return PlantedCopy(
                planting,
                duration_h,
                SimulatedReadings(history.time_us[part], values, history.runs[part], history.stuck[:, part]),
                first - start,
                end - start,
            )
    return None


def judge_planted(copies: Sequence[PlantedCopy], rules: HealthRules, trial: PlantingRules) -> Iterator[PlantedFaultOutcome]:
    """Run the rules on each copy as on a history of its own."""
    for begin in range(0, len(copies), _COPIES_AT_ONCE):
        part = copies[begin : begin + _COPIES_AT_ONCE]
        found = find_faults(_together([item.history for item in part]), rules)
        offset = 0
        for item in part:
            rows = len(item.history.time_us)
            reported = {row: found.faults[offset + row] for row in range(item.first, item.end) if offset + row in found.faults}
            offset += rows
            yield _outcome(item, reported, trial)


def _outcome(item: PlantedCopy, reported: Mapping[int, Sequence[Fault]], trial: PlantingRules) -> PlantedFaultOutcome:
    ran_h = np.cumsum(item.history.runs[item.first : item.end]) * trial.interval_min / MINUTES_PER_HOUR  # [rows of the fault]
    wanted, hours, right_unit = set(item.planting.sensors), float("inf"), False
    instead: list[str] = []
    for row in sorted(reported):
        right = [fault for fault in reported[row] if fault.fault == item.planting.fault and fault.sensor in wanted]
        if {fault.sensor for fault in right} == wanted:
            hours = float(ran_h[row - item.first])
            right_unit = item.planting.unit is None or all(fault.unit == item.planting.unit.name for fault in right)
            break
        instead.extend(_named(fault) for fault in reported[row] if fault.sensor in wanted and fault not in right)
    late = hours > trial.within_h
    return PlantedFaultOutcome(item.planting, item.duration_h, hours, right_unit, instead[0] if late and instead else "", float(ran_h[-1]))


def _named(fault: Fault) -> str:
    return f"{fault.sensor} {fault.fault}" + (f" {fault.unit}" if fault.unit else "")


def count_false_alarms(histories: Sequence[SimulatedReadings], rules: HealthRules) -> FalseAlarms:
    """Judge undisturbed compressors and compare with the simulator's truth.

    A fault is the simulator's where the sensor is stuck or has no value, and for as long as it lasts from
    there. A compressor-day counts if it has a reading.
    """
    together = _together(histories)
    found = find_faults(together, rules)
    stuck = np.concatenate([history.stuck for history in histories], axis=1)
    missing = np.isnan(np.stack([together.values[sensor] for sensor in SENSORS]))
    days = together.group * 100_000 + together.time_us // (MINUTES_PER_DAY * _US_PER_MINUTE)
    false: dict[str, set[int]] = {}
    planted: set[tuple[int, Fault]] = set()
    for row, faults in sorted(found.faults.items()):
        for fault in faults:
            sensor, key = SENSORS.index(fault.sensor), (int(together.group[row]), fault)
            if stuck[sensor, row] or (missing[sensor, row] and fault.fault == MISSING):
                planted.add(key)
            elif key not in planted:
                false.setdefault(_named(fault), set()).add(int(days[row]))
    refused = np.stack([found.verdicts.get(sensor, np.zeros(found.rows, np.int8)) > 0 for sensor in SENSORS])
    healthy = ~stuck & ~missing
    return FalseAlarms(
        compressor_days=len(np.unique(days)),
        with_false_fault=len(set().union(*false.values())),
        false_faults={name: len(own) for name, own in sorted(false.items())},
        healthy_values=int(healthy.sum()),
        healthy_refused=int((refused & healthy).sum()),
    )


def _together(histories: Sequence[SimulatedReadings]) -> SensorReadings:
    group = np.repeat(np.arange(len(histories)), [len(history.time_us) for history in histories])
    values = np.concatenate([history.values for history in histories], axis=1)
    return SensorReadings(
        group, np.concatenate([history.time_us for history in histories]), dict(zip(SENSORS, np.ascontiguousarray(values), strict=True)), {}
    )
