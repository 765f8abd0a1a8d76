"""Schema of thresholds.yaml: physical ranges, normal bands, warning and critical limits, with overrides per compressor model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from config.loader import Section

Direction = Literal["high", "low"]


class Limit(Section):
    """One number a planner or an engineer may argue about, with what it means and where it comes from."""

    value: float
    unit: str = Field(min_length=1)
    description: str = Field(min_length=1)
    source: str = Field(min_length=1)


class Band(Section):
    """A closed interval [low, high] with what it means and where it comes from."""

    low: float
    high: float
    unit: str = Field(min_length=1)
    description: str = Field(min_length=1)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Band:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        return self


class LimitOverride(Section):
    """A limit of one compressor model; what is left out is inherited."""

    value: float
    source: str = Field(min_length=1)


class SensorOverride(Section):
    """Overrides of one sensor for one compressor model."""

    warning: LimitOverride | None = None
    critical: LimitOverride | None = None


class Threshold(Section):
    """Limits of one quantity. `direction` says on which side of the normal band trouble lies."""

    direction: Direction
    normal: Band | None = None
    warning: Limit
    critical: Limit | None = None

    @model_validator(mode="after")
    def _critical_is_beyond_warning(self) -> Threshold:
        if self.critical is not None and (self.critical.value > self.warning.value) != (self.direction == "high"):
            raise ValueError(f"critical {self.critical.value} must lie beyond warning {self.warning.value} ({self.direction})")
        return self


class SensorThresholds(Threshold):
    """Limits of one sensor; a value outside `physical` cannot be a measurement and is nulled."""

    physical: Band


class EffectiveLimits(Section):
    """Warning and critical limits that hold for one compressor model."""

    direction: Direction
    warning: float
    critical: float | None


class ThresholdsConfig(Section):
    """All thresholds of the fleet, by sensor (reading column) and by derived quantity."""

    sensors: dict[str, SensorThresholds]
    derived: dict[str, Threshold]
    overrides: dict[str, dict[str, SensorOverride]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _overrides_are_known(self) -> ThresholdsConfig:
        for model, sensors in self.overrides.items():
            for sensor in sensors:
                if sensor not in self.sensors:
                    raise ValueError(f"overrides.{model}.{sensor} names no sensor; known: {', '.join(self.sensors)}")
                self.limits(sensor, model)
        return self

    def limits(self, sensor: str, model: str | None = None) -> EffectiveLimits:
        """The limits of `sensor` for the compressor `model` (the fleet's, where the model overrides nothing)."""
        base = self.sensors[sensor]
        override = self.overrides.get(model or "", {}).get(sensor, SensorOverride())
        warning = override.warning.value if override.warning else base.warning.value
        critical = override.critical.value if override.critical else base.critical.value if base.critical else None
        if critical is not None and (critical > warning) != (base.direction == "high"):
            raise ValueError(f"{model}: {sensor}: critical {critical} must lie beyond warning {warning} ({base.direction})")
        return EffectiveLimits(direction=base.direction, warning=warning, critical=critical)
