"""Schema of thresholds.yaml: physical ranges, normal bands, and warning and critical limits.

Limits may be overridden per compressor model.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from config.loader import Section
from config.sections.sensors import DERIVED, MODEL_SENSORS, SENSORS

_MOST_DELAY_MINUTES = 1440  # an hourly cycle looks back by all delays
Direction = Literal["high", "low"]
ValueT = TypeVar("ValueT")


def _one_of(known: tuple[str, ...], kind: str) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"{name}: no such {kind}; known: {', '.join(known)}")
        return name

    return AfterValidator(check)


def _covers_all_sensors(values: dict[str, ValueT]) -> dict[str, ValueT]:
    missing = [name for name in SENSORS if name not in values]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing: every sensor needs a value")
    return values


Sensor = Annotated[str, _one_of(SENSORS, "sensor")]
ModelSensor = Annotated[str, _one_of(MODEL_SENSORS, "sensor that features are made of")]
Derived = Annotated[str, _one_of(DERIVED, "derived quantity")]
Quantity = Annotated[str, _one_of((*SENSORS, *DERIVED), "sensor or derived quantity")]  # what has limits
SomeSensors = dict[Sensor, ValueT]
PerSensor = Annotated[dict[Sensor, ValueT], AfterValidator(_covers_all_sensors)]


class Limit(Section):
    """One number that planners or engineers may discuss, with its meaning and its source."""

    value: float
    unit: str = Field(min_length=1)
    description: str = Field(min_length=1)
    source: str = Field(min_length=1)


class Span(Section):
    """A closed interval [low, high]; low = high is one number."""

    low: float
    high: float
    unit: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not exceed high {self.high}")
        return self


class Band(Span):
    """A span of more than one number, with its meaning and its source."""

    description: str = Field(min_length=1)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        return self


def bounded(low: float, high: float = math.inf, *, ends: bool = True, whole: bool = False) -> AfterValidator:
    """A check of every number of a Limit or Span.

    The numbers lie from `low` to `high`, or between them without their `ends`; `whole` asks for whole
    numbers. An error names value, unit and range.
    """
    if math.isinf(high):
        allowed = f"at least {low:g}" if ends else f"above {low:g}"
    else:
        allowed = f"from {low:g} to {high:g}" if ends else f"above {low:g} and below {high:g}"
    kind = "a whole number, " if whole else ""

    def check(limit: Limit | Span) -> Limit | Span:
        for number in (limit.value,) if isinstance(limit, Limit) else (limit.low, limit.high):
            inside = low <= number <= high if ends else low < number < high
            if not inside or (whole and number % 1):
                raise ValueError(f"{number:g} {limit.unit}: must be {kind}{allowed}")
        return limit

    return AfterValidator(check)


AmountLimit = Annotated[Limit, bounded(0)]
PositiveLimit = Annotated[Limit, bounded(0, ends=False)]
DelayLimit = Annotated[Limit, bounded(0, _MOST_DELAY_MINUTES)]
CountLimit = Annotated[Limit, bounded(1, whole=True)]
ShareLimit = Annotated[Limit, bounded(0, 1)]
PartLimit = Annotated[Limit, bounded(0, 1, ends=False)]  # a share that is neither nothing nor all


class LimitOverride(Section):
    """A limit of one compressor model; what is left out is inherited."""

    value: float
    source: str = Field(min_length=1)


class AmountOverride(LimitOverride):
    """A deadband of one compressor model."""

    value: float = Field(ge=0)


class DelayOverride(LimitOverride):
    """A delay of one compressor model, in minutes."""

    value: float = Field(ge=0, le=_MOST_DELAY_MINUTES)


class SensorOverride(Section):
    """Overrides of one sensor for one compressor model."""

    warning: LimitOverride | None = None
    critical: LimitOverride | None = None
    deadband: AmountOverride | None = None
    on_delay_minutes: DelayOverride | None = None
    off_delay_minutes: DelayOverride | None = None


class Threshold(Section):
    """Limits of one quantity.

    `direction` is the side of the normal band on which trouble lies.
    """

    direction: Direction
    normal: Band | None = None
    warning: Limit
    critical: Limit | None = None
    deadband: AmountLimit
    on_delay_minutes: DelayLimit
    off_delay_minutes: DelayLimit

    @model_validator(mode="after")
    def _critical_is_beyond_warning(self) -> Self:
        if self.critical is not None and (self.critical.value > self.warning.value) != (self.direction == "high"):
            raise ValueError(f"critical {self.critical.value} must lie beyond warning {self.warning.value} ({self.direction})")
        return self

    @model_validator(mode="after")
    def _a_normal_value_ends_an_alert(self) -> Self:
        if self.normal is not None:
            room = self.warning.value - self.normal.high if self.direction == "high" else self.normal.low - self.warning.value
            if self.deadband.value > room >= 0:
                raise ValueError(
                    f"deadband {self.deadband.value:g} must not reach from the warning limit into the normal band: at most {room:g}"
                )
        return self


class SensorThresholds(Threshold):
    """Limits of one sensor.

    A value outside `physical` cannot be a measurement and is nulled.
    """

    physical: Band


class EscalationLevel(Section):
    """Who hears of an alert that nobody below has acknowledged."""

    name: str = Field(min_length=1)
    description: str = Field(min_length=1)


def _each_name_once(levels: list[EscalationLevel]) -> list[EscalationLevel]:
    names = [level.name for level in levels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} more than once: each level is another role")
    return levels


class EscalationSection(Section):
    """When an alert that nobody acknowledges goes to the next of `levels`; before the first one it is the planner's."""

    critical_minutes: CountLimit
    warning_minutes: CountLimit
    cycle_minutes: CountLimit
    levels: Annotated[list[EscalationLevel], Field(min_length=1), AfterValidator(_each_name_once)]


class ShelvingSection(Section):
    """How long a person may put an alert out of sight."""

    most_hours: PositiveLimit


class EffectiveLimits(Section):
    """Warning and critical limits that hold for one compressor model."""

    direction: Direction
    warning: float
    critical: float | None

    def level_of(self, value: float) -> Literal["normal", "warning", "critical"]:
        """The level of a value. A value at a limit has the worse level."""
        sign = 1 if self.direction == "high" else -1
        if self.critical is not None and sign * (value - self.critical) >= 0:
            return "critical"
        return "warning" if sign * (value - self.warning) >= 0 else "normal"


class AlertRules(EffectiveLimits):
    """What raises and ends an alert of one compressor model."""

    deadband: float
    on_delay_minutes: float
    off_delay_minutes: float


class ThresholdsConfig(Section):
    """All thresholds of the fleet, by sensor (reading column) and by derived quantity."""

    sensors: PerSensor[SensorThresholds]
    derived: dict[Derived, Threshold]
    overrides: dict[str, SomeSensors[SensorOverride]] = Field(default_factory=dict)
    escalation: EscalationSection
    shelving: ShelvingSection

    @model_validator(mode="after")
    def _limits_can_be_measured(self) -> Self:
        places = [("", sensor) for sensor in self.sensors]
        places += [(model, sensor) for model, sensors in self.overrides.items() for sensor in sensors]
        for model, sensor in places:
            limits, physical = self.limits(sensor, model), self.sensors[sensor].physical
            for name, value in (("warning", limits.warning), ("critical", limits.critical)):
                if value is not None and not physical.low <= value <= physical.high:
                    raise ValueError(
                        f"{f'overrides.{model}' if model else 'sensors'}.{sensor}.{name}: {value:g} {physical.unit} "
                        f"cannot be measured: physical is {physical.low:g} to {physical.high:g}"
                    )
        return self

    def alert_rules(self, quantity: str, model: str | None = None) -> AlertRules:
        """What raises and ends an alert of `quantity`, a sensor or a derived quantity, for the compressor `model`."""
        base: Threshold = self.sensors[quantity] if quantity in self.sensors else self.derived[quantity]
        override = self.overrides.get(model or "", {}).get(quantity, SensorOverride())
        numbers = {name: getattr(override, name) or getattr(base, name) for name in ("deadband", "on_delay_minutes", "off_delay_minutes")}
        if quantity in self.sensors:
            limits = self.limits(quantity, model)
        else:
            critical = base.critical.value if base.critical else None
            limits = EffectiveLimits(direction=base.direction, warning=base.warning.value, critical=critical)
        return AlertRules(**limits.model_dump(), **{name: limit.value for name, limit in numbers.items()})

    def limits(self, sensor: str, model: str | None = None) -> EffectiveLimits:
        """The limits of `sensor` for the compressor `model`.

        They are the fleet's where the model overrides nothing.
        """
        base = self.sensors[sensor]
        override = self.overrides.get(model or "", {}).get(sensor, SensorOverride())
        warning = override.warning.value if override.warning else base.warning.value
        critical = override.critical.value if override.critical else base.critical.value if base.critical else None
        if critical is not None and (critical > warning) != (base.direction == "high"):
            raise ValueError(f"{model}: {sensor}: critical {critical} must lie beyond warning {warning} ({base.direction})")
        return EffectiveLimits(direction=base.direction, warning=warning, critical=critical)
