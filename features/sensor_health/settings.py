"""The rules of sensor health as plain numbers, for Spark's workers and the edge runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from config.sections.sensors import SENSORS

if TYPE_CHECKING:
    from config.sections.sensor_health import SensorHealthSection
    from config.sections.thresholds import ThresholdsConfig


@dataclass(frozen=True)
class SensorBands:
    """What one sensor can show, in its unit."""

    resolution: float
    zero: float  # at or below it, either side of zero, a value is a zero
    physical_low: float
    physical_high: float
    running_low: float
    running_high: float
    stopped_low: float
    stopped_high: float
    usual_low: float  # a level that is in the right unit lies here
    usual_high: float


BANDS = tuple(item.name for item in fields(SensorBands))


@dataclass(frozen=True)
class HealthRules:
    """All numbers of the rules; hours in h, see config/quality.yaml."""

    settle_hours: float
    report_hours: float
    report_readings: int
    frozen_hours: float
    frozen_readings: int
    dead_link_hours: float
    missing_hours: float
    recovery_readings: int
    least_jump: float
    jump_tolerance: float
    level_readings: int
    least_level_readings: int
    runs_above: Mapping[str, float]
    sensors: Mapping[str, SensorBands]

    @classmethod
    def of(cls, health: SensorHealthSection, thresholds: ThresholdsConfig) -> HealthRules:
        """The rules in force."""
        sensors = {}
        for name in SENSORS:
            own, physical = health.sensors[name], thresholds.sensors[name].physical
            sensors[name] = SensorBands(
                resolution=own.resolution.value,
                zero=health.zero_share.value * own.running.high,
                physical_low=physical.low,
                physical_high=physical.high,
                running_low=own.running.low,
                running_high=own.running.high,
                stopped_low=own.stopped.low,
                stopped_high=own.stopped.high,
                usual_low=own.usual.low,
                usual_high=own.usual.high,
            )
        return cls(
            settle_hours=health.settle_hours.value,
            report_hours=health.report_hours.value,
            report_readings=int(health.report_readings.value),
            frozen_hours=health.frozen_hours.value,
            frozen_readings=int(health.frozen_readings.value),
            dead_link_hours=health.dead_link_hours.value,
            missing_hours=health.missing_hours.value,
            recovery_readings=int(health.recovery_readings.value),
            least_jump=health.least_jump.value,
            jump_tolerance=health.jump_tolerance.value,
            level_readings=int(health.level_readings.value),
            least_level_readings=int(health.least_level_readings.value),
            runs_above={name: limit.value for name, limit in health.runs_above.items()},
            sensors=sensors,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HealthRules:
        """Inverse of `to_dict`."""
        sensors = {name: SensorBands(**bands) for name, bands in values["sensors"].items()}
        return cls(**{**values, "sensors": sensors})
