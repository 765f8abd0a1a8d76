"""Schema of simulator.yaml: baselines, degradation modes, environment, faults of the telemetry, and the two fleets."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from config.loader import Section

SENSOR_NAMES = (
    "vibration_mms",
    "discharge_temp_f",
    "suction_pressure_psi",
    "discharge_pressure_psi",
    "horsepower_consumption",
    "gas_flow_mcf",
)

ValueT = TypeVar("ValueT")


def _names_sensors(values: dict[str, ValueT]) -> dict[str, ValueT]:
    unknown = [name for name in values if name not in SENSOR_NAMES]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no such sensor; known: {', '.join(SENSOR_NAMES)}")
    return values


def _covers_all_sensors(values: dict[str, ValueT]) -> dict[str, ValueT]:
    missing = [name for name in SENSOR_NAMES if name not in values]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing: every sensor needs a value")
    return values


SomeSensors = Annotated[dict[str, ValueT], AfterValidator(_names_sensors)]
PerSensor = Annotated[dict[str, ValueT], AfterValidator(_names_sensors), AfterValidator(_covers_all_sensors)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Range(Section):
    """A closed interval [low, high] that a value is drawn from uniformly; low = high fixes it."""

    low: float
    high: float
    unit: str = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not exceed high {self.high}")
        return self


class UnitsConfig(Section):
    """How compressors differ from each other when healthy."""

    source: str = Field(min_length=1)
    baseline: PerSensor[Range]
    model_factors: dict[str, SomeSensors[Positive]]
    noise_share: Share
    noise_factor: Range
    initial_operating_hours: Range
    age_at_start_days: Range
    clean_share: Share
    ambient_gain: Range
    load_amplitude: Range
    stops_per_day: Range
    drift_per_30_days: Rate
    fault_factor: Range


class Effect(Section):
    """What full degradation does to one sensor: a relative change of `amplitude` times (x/scale)^exponent, or times sin(x)."""

    shape: Literal["power", "sine"] = "power"
    amplitude: float
    exponent: Positive = 1.0
    scale: Positive = 1.0


class FailureMode(Section):
    """One way to fail. The wear x of a life grows in time from 0 at onset to `wear_at_failure` at the failure."""

    description: str = Field(min_length=1)
    event_description: str = Field(min_length=1)
    source: str = Field(min_length=1)
    share: Positive
    wear_at_failure: Positive
    duration_days: Range
    severity: Range
    effect_spread: Share
    effects: SomeSensors[Effect] = Field(min_length=1)
    noise_growth: SomeSensors[Rate] = Field(default_factory=dict)


class MaintenanceConfig(Section):
    """Planned and unplanned work, its downtime and its cost."""

    source: str = Field(min_length=1)
    interval_days: Positive
    planned_description: str = Field(min_length=1)
    planned_downtime_hours: Positive
    planned_cost_usd: Rate
    repair_description: str = Field(min_length=1)
    repair_downtime_hours: Range
    repair_cost_usd: Rate
    failure_downtime_hours: Range
    unplanned_cost_usd_per_day: Range


class Climate(Section):
    """Air temperature at a station: yearly mean, half the yearly and half the daily swing."""

    mean_f: float
    seasonal_f: Rate
    daily_f: Rate


class EnvironmentConfig(Section):
    """What drives a healthy unit's readings: air temperature, load, starts and stops."""

    source: str = Field(min_length=1)
    reference_f: float
    hottest_day_of_year: int = Field(ge=1, le=366)
    hottest_hour: float = Field(ge=0, lt=24)
    weather_f: Rate
    weather_persistence: Share
    climates: dict[str, Climate]
    load_dwell_days: Range
    load_ramp_hours: Positive
    load_exponents: PerSensor[float]
    idle_shares: PerSensor[Rate]
    stop_hours: Range
    ramp_down_hours: PerSensor[Positive]
    ramp_up_hours: PerSensor[Positive]

    @model_validator(mode="after")
    def _load_dwells(self) -> EnvironmentConfig:
        if self.load_dwell_days.low <= 0:
            raise ValueError(f"load_dwell_days.low {self.load_dwell_days.low} must be above 0")
        return self


class FaultsConfig(Section):
    """What the telemetry does to true values. Rates are means of a unit whose fault factor is 1."""

    source: str = Field(min_length=1)
    jitter_share: Share
    jitter: Share
    spike_share: Share
    spike_factor: Range
    dropout_share: Share
    outages_per_day: Rate
    outage_hours: Range
    stuck_per_day: Rate
    stuck_hours: Range
    gaps_per_day: Rate
    gap_hours: Range


class FleetSize(Section):
    """Defaults of one profile."""

    id_prefix: str = Field(min_length=1)
    id_digits: int = Field(ge=1)
    start: AwareDatetime
    compressors: int = Field(ge=1)
    days: int = Field(ge=1)
    interval_min: int = Field(ge=1)
    seed: int = Field(ge=0)


class DemoLife(Section):
    """The scripted degradation of one unit of the demo, in days since the start."""

    onset_day: Rate
    failure_day: Positive

    @model_validator(mode="after")
    def _ordered(self) -> DemoLife:
        if self.failure_day <= self.onset_day:
            raise ValueError(f"failure_day {self.failure_day} must be after onset_day {self.onset_day}")
        return self


class DemoConfig(FleetSize):
    """The demo: a fleet without disturbances in which a few units degrade as scripted, by unit number."""

    mode: str
    lives: dict[int, DemoLife]
    first_maintenance_hour: Rate


class HistoryConfig(FleetSize):
    """The fleet to train on: repeated lives with everything that makes the field hard."""

    healthy_days: Range
    repaired_share: Share
    repaired_at: Range
    maintenance_jitter_days: Rate
    repair_gap_share: Share


class SimulatorConfig(Section):
    """Everything the simulator needs to know besides the fleet's reference data."""

    rows_per_part: int = Field(ge=1)
    units: UnitsConfig
    modes: dict[str, FailureMode]
    maintenance: MaintenanceConfig
    environment: EnvironmentConfig
    faults: FaultsConfig
    demo: DemoConfig
    history: HistoryConfig

    @model_validator(mode="after")
    def _demo_mode_is_known(self) -> SimulatorConfig:
        if self.demo.mode not in self.modes:
            raise ValueError(f"demo.mode {self.demo.mode!r} is no failure mode; known: {', '.join(self.modes)}")
        return self
