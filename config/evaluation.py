"""Schema of evaluation.yaml: the unseen fleets a champion is judged on, and what counts as an alarm, a catch and a false alarm."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.loader import FleetSeeds, Section
from config.thresholds import Limit

Share = Annotated[float, Field(gt=0, lt=1)]


class FleetsSection(Section):
    """The simulated fleets; none of them may be one that a model learned from."""

    seeds: FleetSeeds
    compressors: int = Field(gt=0)
    days: int = Field(gt=1)
    interval_min: int = Field(gt=0)


class ProtocolSection(Section):
    """The definitions that monitoring.alarms applies; each limit says what it decides."""

    alarm_rul_days: Limit
    alarm_hours: Limit
    lead_days: Limit
    false_alarm_rul_days: Limit
    min_degradation_days: Limit

    @model_validator(mode="after")
    def _an_alarm_can_be_in_time_and_true(self) -> Self:
        if not self.lead_days.value < self.false_alarm_rul_days.value:
            raise ValueError("lead_days must be below false_alarm_rul_days: no alarm could be both in time and true")
        if self.alarm_hours.value < 1 or self.alarm_hours.value % 1:
            raise ValueError("alarm_hours must be a whole number of hours, at least 1")
        return self


class ReportSection(Section):
    """How the numbers are summed up."""

    confidence: float = Field(gt=0, lt=1)
    lead_quantiles: list[float] = Field(min_length=1)
    month_days: float = Field(gt=0)
    reliability_bins: int = Field(gt=1)
    group_windows: int = Field(gt=0)
    rul_bands_days: list[float] = Field(min_length=2)


class ReasonsSection(Section):
    """How reasons are judged (docs/reasons.md)."""

    leading_share: Limit
    randomised_models: int = Field(gt=0)


class PrognosticsSection(Section):
    """Bands and times of the metrics of monitoring.prognostics."""

    horizon_alpha: Limit
    accuracy_alpha: Limit
    beta: Limit
    lambdas: list[Share] = Field(min_length=1)

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Self:
        for name in ("horizon_alpha", "accuracy_alpha", "beta"):
            if not 0 < getattr(self, name).value < 1:
                raise ValueError(f"{name} must be above 0 and below 1")
        return self


class TrendSection(Section):
    """The line of a planner: over which points, and to which limit."""

    days: float = Field(gt=0)
    step_hours: int = Field(gt=0)
    least_points: int = Field(gt=1)
    limit: Literal["warning", "critical"]

    @property
    def points(self) -> int:
        """Points of a whole line: the newest, and one every `step_hours` back to `days` before it."""
        return int(self.days * 24 // self.step_hours) + 1

    @model_validator(mode="after")
    def _a_whole_line_has_enough_points(self) -> Self:
        if self.points < self.least_points:
            raise ValueError(
                f"{self.days:g} days hold {self.points} points {self.step_hours} h apart, least_points asks for {self.least_points}"
            )
        return self


class MlpSection(Section):
    """The perceptron that the champion must beat."""

    hidden_units: list[int] = Field(min_length=1)
    epochs: int = Field(gt=0)
    patience: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    l2: float = Field(ge=0)
    seed: int


class BootstrapSection(Section):
    """How differences are resampled."""

    resamples: int = Field(gt=0)
    seed: int


class CardSection(Section):
    """What a model card shows, and what it calls a limit."""

    lives: int = Field(gt=0)
    least_compressors: int = Field(gt=1)
    least_coverage: Limit
    most_groups: int = Field(gt=0)
    range_quantiles: list[Share] = Field(min_length=1)
    importance_windows: int = Field(gt=1)
    importance_repeats: int = Field(gt=0)
    seed: int

    @model_validator(mode="after")
    def _a_share_is_asked_for(self) -> Self:
        if not 0 < self.least_coverage.value < 1:
            raise ValueError("least_coverage must be above 0 and below 1")
        return self


class EvaluationConfig(Section):
    """All of evaluation.yaml; loaded by `config.loader.load_section`."""

    fleets: FleetsSection
    protocol: ProtocolSection
    report: ReportSection
    reasons: ReasonsSection
    prognostics: PrognosticsSection
    trend: TrendSection
    mlp: MlpSection
    bootstrap: BootstrapSection
    card: CardSection
