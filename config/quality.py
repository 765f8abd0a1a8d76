"""Schema of quality.yaml: how threshold alerts are grouped and resolved, and what the data quality checks let pass."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from config.loader import Section
from config.thresholds import Limit

_MINUTES_PER_DAY = 1440


class AlertsSection(Section):
    """How violations of thresholds become alerts; `names` is by quantity of thresholds.yaml."""

    group_minutes: Limit
    most_per_window: Limit
    normal_readings: Limit
    confirmed_in_pairs: list[str]
    rows_per_pass: int = Field(gt=0)
    names: dict[str, str]

    @field_validator("group_minutes", "most_per_window", "normal_readings")
    @classmethod
    def _is_a_count(cls, limit: Limit) -> Limit:
        if limit.value < 1 or limit.value != int(limit.value):
            raise ValueError(f"{limit.value:g} {limit.unit}: must be a whole number from 1 on")
        return limit

    @field_validator("group_minutes")
    @classmethod
    def _divides_a_day(cls, limit: Limit) -> Limit:
        if _MINUTES_PER_DAY % limit.value:
            raise ValueError(f"{limit.value:g} minutes: must divide a day, so that every day has the same windows")
        return limit


class Check(Limit):
    """A limit on a measured value: the most or the least that passes."""

    limit_is: Literal["most", "least"]

    def passes(self, measured: float) -> bool:
        """Whether `measured`, in `unit`, is within the limit."""
        return measured <= self.value if self.limit_is == "most" else measured >= self.value


class ChecksSection(Section):
    """The checks by metric name; the part before the first underscore is the dimension of quality."""

    freshness_stale_compressors: Check
    completeness_readings: Check
    completeness_null_values: Check
    consistency_duplicates: Check
    consistency_pressure_order: Check
    consistency_operating_hours: Check
    consistency_gold: Check
    accuracy_rejected_rows: Check
    accuracy_removed_values: Check
    accuracy_unplaced_rows: Check


class QualityConfig(Section):
    """Alerts and data quality."""

    alerts: AlertsSection
    checks: ChecksSection
    usual_interval_readings: int = Field(ge=1)
    worst_compressors: int = Field(ge=1)
