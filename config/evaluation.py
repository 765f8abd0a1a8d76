"""Schema of evaluation.yaml: the unseen fleets a champion is judged on, and what counts as an alarm, a catch and a false alarm."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from config.loader import Section
from config.thresholds import Limit


class FleetsSection(Section):
    """The simulated fleets; none of them may be one that a model learned from."""

    seeds: list[int] = Field(min_length=1)
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
    rul_bands_days: list[float] = Field(min_length=2)


class ReasonsSection(Section):
    """How reasons are judged (docs/reasons.md)."""

    leading_share: Limit
    randomised_models: int = Field(gt=0)


class EvaluationConfig(Section):
    """All of evaluation.yaml; loaded by `config.loader.load_section`."""

    fleets: FleetsSection
    protocol: ProtocolSection
    report: ReportSection
    reasons: ReasonsSection
