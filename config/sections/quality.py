"""Schema of quality.yaml: how threshold alerts are grouped and resolved, and the limits of data quality checks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from config.loader import Section
from config.sections.planner.alarms import AlarmKpisSection, PredictionAlertsSection
from config.sections.planner.own_normal import OwnNormalSection
from config.sections.sensor_health import FaultBenchmarkSection, SensorHealthSection
from config.sections.thresholds import CountLimit, Limit, Quantity, bounded

_MINUTES_PER_DAY = 1440


class AlertsSection(Section):
    """How violations of thresholds become alerts; `names` is by quantity of thresholds.yaml."""

    group_minutes: CountLimit
    most_per_window: CountLimit
    normal_readings: CountLimit
    grouping: bool  # off: for figures without it
    rows_per_pass: int = Field(gt=0)
    names: dict[Quantity, str]
    own_normal: OwnNormalSection

    @field_validator("group_minutes")
    @classmethod
    def _divides_a_day(cls, limit: Limit) -> Limit:
        if _MINUTES_PER_DAY % limit.value:
            raise ValueError(f"{limit.value:g} minutes: must divide a day, so that every day has the same windows")
        return limit


class CheckLimit(Limit):
    """A limit on a measured value: the most or the least that passes."""

    limit_is: Literal["most", "least"]

    def passes(self, measured: float) -> bool:
        """Whether `measured`, in `unit`, is within the limit."""
        return measured <= self.value if self.limit_is == "most" else measured >= self.value


ShareCheck = Annotated[CheckLimit, bounded(0, 1)]


class ChecksSection(Section):
    """The checks by metric name. The part before the first underscore is the quality dimension."""

    freshness_stale_compressors: ShareCheck
    freshness_late_compressors: ShareCheck
    completeness_readings: ShareCheck
    completeness_low_compressors: ShareCheck
    completeness_null_values: ShareCheck
    consistency_duplicates: ShareCheck
    consistency_pressure_order: ShareCheck
    consistency_operating_hours: ShareCheck
    consistency_gold: ShareCheck
    accuracy_rejected_rows: ShareCheck
    accuracy_removed_values: ShareCheck
    accuracy_sensor_faults: ShareCheck
    accuracy_unplaced_rows: ShareCheck


class PerCompressorSection(Section):
    """When one compressor fails a check of its own, however well the fleet does."""

    late_minutes: CountLimit
    low_share: Annotated[Limit, bounded(0, 1)]


class QualityConfig(Section):
    """Alerts and data quality."""

    alerts: AlertsSection
    prediction_alerts: PredictionAlertsSection
    alarm_kpis: AlarmKpisSection
    checks: ChecksSection
    sensor_health: SensorHealthSection
    per_compressor: PerCompressorSection
    sensor_faults_benchmark: FaultBenchmarkSection
    usual_interval_readings: int = Field(ge=1)
    worst_compressors: int = Field(ge=1)
