"""Schema of simulator.yaml: healthy levels, failure modes, environment, telemetry faults, and the two fleets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from config.loader import Section, Share
from config.sections.thresholds import PerSensor, SomeSensors, Span, bounded

Rate = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class UniformRange(Span):
    """A span that a value is drawn from uniformly. low = high fixes the value."""


AmountRange = Annotated[UniformRange, bounded(0)]
PositiveRange = Annotated[UniformRange, bounded(0, ends=False)]
ShareRange = Annotated[UniformRange, bounded(0, 1)]


class UnitsConfig(Section):
    """How compressors differ from each other when healthy."""

    source: str = Field(min_length=1)
    baseline: PerSensor[PositiveRange]
    model_factors: dict[str, SomeSensors[Positive]]
    noise_share: Share
    noise_factor: AmountRange
    initial_operating_hours: AmountRange
    age_at_start_days: AmountRange
    clean_share: Share
    ambient_gain: AmountRange
    load_amplitude: ShareRange
    stops_per_day: AmountRange
    drift_per_30_days: Rate
    fault_factor: AmountRange


class Effect(Section):
    """What full degradation does to one sensor.

    The relative change is `amplitude` times (x/scale)^exponent, or times sin(x).
    """

    shape: Literal["power", "sine"] = "power"
    amplitude: float
    exponent: Positive = 1.0
    scale: Positive = 1.0


class FailureMode(Section):
    """One way to fail.

    The wear x of a life grows in time. It is 0 at onset and `wear_at_failure` at the failure.
    """

    description: str = Field(min_length=1)
    event_description: str = Field(min_length=1)
    source: str = Field(min_length=1)
    share: Positive
    wear_at_failure: Positive
    duration_days: PositiveRange
    severity: PositiveRange
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
    repair_downtime_hours: AmountRange
    repair_cost_usd: Rate
    failure_downtime_hours: AmountRange
    unplanned_cost_usd_per_day: AmountRange


class Climate(Section):
    """Air temperature at a station.

    Given are the yearly mean, half the yearly swing and half the daily swing.
    """

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
    load_dwell_days: PositiveRange
    load_ramp_hours: Positive
    load_exponents: PerSensor[float]
    idle_shares: PerSensor[Rate]
    stop_hours: AmountRange
    ramp_down_hours: PerSensor[Positive]
    ramp_up_hours: PerSensor[Positive]


class FaultsConfig(Section):
    """What the telemetry does to true values. Rates are means of a unit whose fault factor is 1."""

    source: str = Field(min_length=1)
    jitter_share: Share
    jitter: Share
    spike_share: Share
    spike_factor: AmountRange
    dropout_share: Share
    outages_per_day: Rate
    outage_hours: AmountRange
    stuck_per_day: Rate
    stuck_hours: AmountRange
    gaps_per_day: Rate
    gap_hours: AmountRange


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
    """The demo: a fleet without disturbances.

    A few units degrade as scripted, by unit number.
    """

    mode: str
    lives: dict[int, DemoLife]
    first_maintenance_hour: Rate


class HistoryConfig(FleetSize):
    """The fleet to train on: repeated lives with everything that makes the field hard."""

    healthy_days: PositiveRange
    repaired_share: Share
    repaired_at: ShareRange
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
            raise ValueError(f"demo.mode {self.demo.mode!r} is no failure mode: use one of {', '.join(self.modes)}")
        return self
