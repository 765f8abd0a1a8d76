"""Schema of monitoring.yaml: which days are compared with a model's reference, and what is drift."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from config.loader import Rising, Section, Share
from config.sections.evaluation import FleetsSection
from config.sections.thresholds import AmountLimit, ModelSensor, PartLimit

Kind = Literal["prediction", "feature"]


class WindowsSection(Section):
    """The days that are compared.

    The shares are the least part of them that a compressor must have run healthy.
    """

    current_days: int = Field(ge=1)
    baseline_days: int = Field(ge=1)
    stride_hours: int = Field(ge=1)
    least_current_share: float = Field(gt=0, le=1)
    least_baseline_share: float = Field(gt=0, le=1)
    least_current_hours: int = Field(ge=1)

    @model_validator(mode="after")
    def _strides_fill_a_day(self) -> Self:
        if 24 % self.stride_hours:
            raise ValueError(f"stride_hours {self.stride_hours} must divide a day, so that every day is compared at the same hours")
        return self


class ReferenceSection(Section):
    """What is kept with a model."""

    most_compressors: int = Field(ge=2)
    most_days: int = Field(ge=1)
    seed: int
    shift_quantiles: Rising[Share] = Field(min_length=1)
    prediction_quantiles: Rising[Share] = Field(min_length=1)


class DecisionSection(Section):
    """From which size on a difference is drift, and which drift calls for a retraining."""

    false_drift_share: PartLimit
    feature_psi: AmountLimit
    feature_effect: AmountLimit
    fleet_effect: AmountLimit
    prediction_psi: AmountLimit
    retrain_on: list[Kind]
    least_compressors: int = Field(ge=2)
    least_weeks: int = Field(ge=2)
    resamples: int = Field(ge=1000)


class DriftReportSection(Section):
    """The HTML report."""

    rows: int = Field(ge=100)


class DisturbanceSection(Section):
    """Sensors that read high."""

    sensor: ModelSensor
    factor: float = Field(gt=0)
    share: float = Field(gt=0, le=1)
    days: int = Field(ge=1)


class BenchmarkSection(Section):
    """`altaviz benchmark drift`: fleets that are monitored at their end, with and without the disturbance."""

    fleets: FleetsSection
    disturbance: DisturbanceSection


class MonitoringConfig(Section):
    """All of monitoring.yaml."""

    windows: WindowsSection
    reference: ReferenceSection
    decision: DecisionSection
    report: DriftReportSection
    benchmark: BenchmarkSection
