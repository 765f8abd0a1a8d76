"""Section `sensor_health` of quality.yaml: when a sensor counts as dead, wrong or in another unit."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from config.loader import Section
from config.sections.sensors import RUN_SENSORS
from config.sections.thresholds import AmountLimit, Band, CountLimit, PartLimit, PerSensor, PositiveLimit, Sensor


def _covers_run_sensors(limits: dict[str, PositiveLimit]) -> dict[str, PositiveLimit]:
    if set(limits) != set(RUN_SENSORS):
        raise ValueError(f"give a limit for {', '.join(RUN_SENSORS)} and for no other sensor")
    return limits


class SensorRules(Section):
    """What one sensor can show. `resolution` is the smallest change that counts as one."""

    resolution: PositiveLimit
    running: Band  # of a unit that has run for `settle_hours`
    stopped: Band
    usual: Band  # a level that is in the right unit lies here


class FaultBenchmarkSection(Section):
    """`altaviz benchmark sensor-faults`: which faults are planted, and what counts as found.

    They are planted in the fleets of monitoring.yaml's benchmark. Hours of a running unit are its readings
    times their interval.
    """

    seed: int
    places: int = Field(ge=1)
    durations_hours: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)
    found_within_hours: PositiveLimit
    before_hours: PositiveLimit
    after_hours: AmountLimit
    least_running_hours: PositiveLimit
    most_false_share: PartLimit
    least_found_share: PartLimit
    implausible: dict[Sensor, list[float]]


class SensorHealthSection(Section):
    """The rules of features/sensor_health; hours are of reading time."""

    settle_hours: PositiveLimit
    report_hours: PositiveLimit
    report_readings: CountLimit
    frozen_hours: PositiveLimit
    frozen_readings: CountLimit
    dead_link_hours: PositiveLimit
    missing_hours: PositiveLimit
    recovery_readings: CountLimit
    least_jump: PositiveLimit
    jump_tolerance: PositiveLimit
    level_readings: CountLimit
    least_level_readings: CountLimit
    zero_share: AmountLimit
    runs_above: Annotated[dict[Sensor, PositiveLimit], AfterValidator(_covers_run_sensors)] = Field(min_length=1)
    sensors: PerSensor[SensorRules]

    @model_validator(mode="after")
    def _a_running_unit_shows_more(self) -> Self:
        for name, limit in self.runs_above.items():
            if limit.value > self.sensors[name].running.low:
                raise ValueError(f"runs_above.{name}: {limit.value:g} must not be above sensors.{name}.running.low")
        return self
