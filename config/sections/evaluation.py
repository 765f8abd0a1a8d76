"""Schema of evaluation.yaml: the unseen fleets for evaluation, and the definitions of alarms."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, field_validator, model_validator

from config.loader import FleetSeeds, Part, Rising, Section, Share
from config.sections.thresholds import AmountLimit, CountLimit, PartLimit, PositiveLimit, ShareLimit

_MEDIAN = 0.5


class FleetsSection(Section):
    """The simulated fleets. None of them may be one that a model was trained on."""

    seeds: FleetSeeds
    compressors: int = Field(gt=0)
    days: int = Field(gt=1)
    interval_min: int = Field(gt=0)


class ProtocolSection(Section):
    """The definitions that monitoring.evaluation.alarms applies. Each limit describes what it decides."""

    alarm_rul_days: PositiveLimit
    alarm_hours: CountLimit
    lead_days: AmountLimit
    false_alarm_rul_days: PositiveLimit
    min_degradation_days: AmountLimit

    @model_validator(mode="after")
    def _an_alarm_can_be_in_time_and_true(self) -> Self:
        if not self.lead_days.value < self.false_alarm_rul_days.value:
            raise ValueError("lead_days must be below false_alarm_rul_days: otherwise no alarm is both in time and true")
        return self


class EvaluationReportSection(Section):
    """How the numbers are summed up."""

    confidence: float = Field(gt=0, lt=1)
    lead_quantiles: Rising[Share] = Field(min_length=1)
    month_days: float = Field(gt=0)
    reliability_bins: int = Field(gt=1)
    group_windows: int = Field(gt=0)
    rul_bands_days: Rising[NonNegativeFloat] = Field(min_length=2)

    @field_validator("lead_quantiles")
    @classmethod
    def _hold_the_median(cls, quantiles: list[float]) -> list[float]:
        if _MEDIAN not in quantiles:
            raise ValueError(f"must hold {_MEDIAN}: reports show the median")
        return quantiles

    @field_validator("rul_bands_days")
    @classmethod
    def _begin_at_the_failure(cls, days: list[float]) -> list[float]:
        if days[0] != 0:
            raise ValueError(f"the first is {days[0]:g} d, but must be 0: otherwise the last days of a life belong to no band")
        return days


class ReasonEvaluationSection(Section):
    """How reasons are judged (docs/results/reasons.md)."""

    leading_share: ShareLimit
    randomised_models: int = Field(gt=0)


class PrognosticsSection(Section):
    """Bands and times of the metrics of monitoring.evaluation.prognostics."""

    horizon_alpha: PartLimit
    accuracy_alpha: PartLimit
    beta: PartLimit
    lambdas: Rising[Part] = Field(min_length=1)


class TrendSection(Section):
    """The line of a planner: over which points, and to which limit."""

    days: float = Field(gt=0)
    step_hours: int = Field(gt=0)
    least_points: int = Field(gt=1)
    limit: Literal["warning", "critical"]

    @property
    def points(self) -> int:
        """Points of a whole line.

        They are the newest point, and one every `step_hours` back to `days` before it.
        """
        return int(self.days * 24 // self.step_hours) + 1

    @model_validator(mode="after")
    def _a_whole_line_has_enough_points(self) -> Self:
        if self.points < self.least_points:
            raise ValueError(
                f"{self.days:g} days hold {self.points} points {self.step_hours} h apart, but least_points is {self.least_points}"
            )
        return self


class MlpSection(Section):
    """The perceptron that the champion must beat."""

    hidden_units: list[PositiveInt] = Field(min_length=1)
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
    least_coverage: PartLimit
    most_groups: int = Field(gt=0)
    range_quantiles: Rising[Part] = Field(min_length=1)
    importance_windows: int = Field(gt=1)
    importance_repeats: int = Field(gt=0)
    seed: int


class EvaluationConfig(Section):
    """All of evaluation.yaml; loaded by `config.loader.load_section`."""

    fleets: FleetsSection
    protocol: ProtocolSection
    report: EvaluationReportSection
    reasons: ReasonEvaluationSection
    prognostics: PrognosticsSection
    trend: TrendSection
    mlp: MlpSection
    bootstrap: BootstrapSection
    card: CardSection
