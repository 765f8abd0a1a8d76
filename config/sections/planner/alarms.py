"""Schema of two parts of quality.yaml: when predictions raise alerts, and how alarms are counted."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config.loader import Section
from config.sections.evaluation import FleetsSection
from config.sections.thresholds import AmountLimit, CountLimit, Limit, PositiveLimit, ShareLimit, bounded

WholeDays = Annotated[Limit, bounded(0, whole=True)]


class ProbabilityAlertSection(Section):
    """Failure probabilities that make an alert, and how far below them it ends."""

    warning: ShareLimit
    critical: ShareLimit
    deadband: ShareLimit

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.critical.value <= self.warning.value:
            raise ValueError(f"critical {self.critical.value:g} must be above warning {self.warning.value:g}")
        if self.deadband.value >= self.warning.value:
            raise ValueError(f"deadband {self.deadband.value:g} must be below warning {self.warning.value:g}: otherwise no alert ends")
        return self


class RepairAlertSection(Section):
    """How near the day of a repair must be to make an alert, in whole days."""

    warning: WholeDays
    critical: WholeDays
    deadband: WholeDays

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.critical.value >= self.warning.value:
            raise ValueError(f"critical {self.critical.value:g} must be below warning {self.warning.value:g}")
        return self


class PredictionAlertsSection(Section):
    """Alerts from predictions. The limits of the remaining life are those of scoring.yaml's health."""

    on_delay_predictions: CountLimit
    normal_predictions: CountLimit
    life_deadband: AmountLimit
    failure_probability: ProbabilityAlertSection
    repair: RepairAlertSection


class PriorityMixSection(Section):
    """The mix of priorities that alarms are compared with."""

    low: ShareLimit
    medium: ShareLimit
    high: ShareLimit

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        total = self.low.value + self.medium.value + self.high.value
        if abs(total - 1) > 1e-9:
            raise ValueError(f"low, medium and high make {total:g}, not 1")
        return self


class AlarmKpisSection(Section):
    """How the load of alarms on an operator is counted and judged."""

    operators: CountLimit
    most_per_hour: PositiveLimit
    period_minutes: CountLimit
    flood_begins: CountLimit
    flood_ends: CountLimit
    cause_share: ShareLimit
    stale_hours: PositiveLimit
    chattering_times: CountLimit
    chattering_hours: PositiveLimit
    fleeting_minutes: PositiveLimit
    most_frequent: CountLimit
    priority_mix: PriorityMixSection
    cycle_minutes: int = Field(gt=0)
    benchmark: FleetsSection

    @model_validator(mode="after")
    def _a_flood_can_end(self) -> Self:
        if self.flood_ends.value > self.flood_begins.value:
            raise ValueError(f"flood_ends {self.flood_ends.value:g} must not exceed flood_begins {self.flood_begins.value:g}")
        return self
