"""Alerts from predictions. Pure: the same predictions, renewals and limits give the same alerts, whenever and however often they are asked for.

counts     The first prediction with numbers of each clock hour. So ten requests within an hour do not confirm each other. One whose window
           (24 h) began before a machine ran again after its repair does not count: it has seen the old life.
asks       A prediction at or beyond the warning asks for an alert. One within the deadband keeps an alert and asks for none. Beyond both it is normal.
raised     At the `on_delay_predictions`-th prediction in a row that asks. The alert begins with the first of them. It becomes critical in the same way.
resolved   At the last of `normal_predictions` normal predictions in a row, or when a failure, repair or service ends the life.
           Predictions without numbers neither count nor resolve.

A compressor has at most one alert of a type at a time. These alerts take no place of a threshold's alert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from config.sections.quality import QualityConfig
from config.sections.scoring import HealthSection
from features.contract import WINDOW_STEP_HOURS, WINDOW_STEPS
from serving.warehouse.alerts import Alert, Severity
from serving.warehouse.prediction_points import PredictionPoint, Renewal

LIFE: Final = "remaining_life_low"
PROBABILITY: Final = "failure_probability_high"
REPAIR: Final = "repair_due"
_WINDOW: Final = timedelta(hours=WINDOW_STEPS * WINDOW_STEP_HOURS)


@dataclass(frozen=True)
class PredictionLimits:
    """The limits of one alert type. A value is beyond a limit on the side of `sign`: 1 above, -1 below."""

    alert_type: str
    sign: Literal[1, -1]
    warning: float
    critical: float
    deadband: float
    value: Callable[[PredictionPoint], float]
    describe: Callable[[PredictionPoint, Severity, float], str]

    def reached(self, value: float, limit: float) -> bool:
        """Whether `value` is at or beyond `limit`."""
        return (value - limit) * self.sign >= 0

    def is_worse(self, value: float, than: float) -> bool:
        """Whether `value` lies further beyond the limits than the other."""
        return (value - than) * self.sign > 0


@dataclass(frozen=True)
class PredictionAlertRules:
    """All limits, and how many predictions in a row raise and resolve."""

    limits: tuple[PredictionLimits, ...]
    on_delay: int
    normal: int

    @classmethod
    def of(cls, quality: QualityConfig, health: HealthSection) -> PredictionAlertRules:
        """The rules of quality.yaml and scoring.yaml."""
        rules = quality.prediction_alerts
        fails, repair = rules.failure_probability, rules.repair
        limits = (
            PredictionLimits(LIFE, -1, health.warning.value, health.critical.value, rules.life_deadband.value, _life_of, _describe_life),
            PredictionLimits(
                PROBABILITY,
                1,
                fails.warning.value,
                fails.critical.value,
                fails.deadband.value,
                _probability_of,
                _describe_probability,
            ),
            PredictionLimits(
                REPAIR, -1, repair.warning.value, repair.critical.value, repair.deadband.value, _days_until_repair, _describe_repair
            ),
        )
        return cls(limits, int(rules.on_delay_predictions.value), int(rules.normal_predictions.value))


@dataclass
class _Condition:
    """An alert in the making: predictions in a row that ask for it, or that it stands for."""

    points: int = 0
    first: datetime | None = None
    last: datetime | None = None
    raised_at: datetime | None = None
    critical_at: datetime | None = None
    critical_in_a_row: int = 0
    normal_in_a_row: int = 0
    worst: PredictionPoint | None = None


@dataclass
class _Watch:
    """One type of one compressor: its condition so far, and the alerts that are over."""

    compressor_id: str
    limits: PredictionLimits
    rules: PredictionAlertRules
    condition: _Condition = field(default_factory=_Condition)
    alerts: list[Alert] = field(default_factory=list)

    def see(self, point: PredictionPoint) -> None:
        """Take the next prediction that counts."""
        limits, own = self.limits, self.condition
        value = limits.value(point)
        asks = limits.reached(value, limits.warning)
        if own.raised_at is None and not asks:
            self.condition = _Condition()
            return
        if not asks and not limits.reached(value, limits.warning - limits.sign * limits.deadband):
            own.critical_in_a_row = 0
            own.normal_in_a_row += 1
            if own.normal_in_a_row >= self.rules.normal:
                self.end(point.at)
            return
        own.normal_in_a_row = 0
        own.points += 1
        own.first, own.last = own.first or point.at, point.at
        if own.worst is None or limits.is_worse(value, limits.value(own.worst)):
            own.worst = point
        own.critical_in_a_row = own.critical_in_a_row + 1 if limits.reached(value, limits.critical) else 0
        if own.raised_at is None and own.points >= self.rules.on_delay:
            own.raised_at = point.at
        if own.critical_at is None and own.critical_in_a_row >= self.rules.on_delay:
            own.critical_at = point.at

    def end(self, moment: datetime | None) -> None:
        """End the condition at `moment`. None: it is still open. One that was never raised leaves nothing."""
        own, self.condition = self.condition, _Condition()
        if own.raised_at is None or own.worst is None or own.first is None or own.last is None:
            return
        severity: Severity = "warning" if own.critical_at is None else "critical"
        threshold = self.limits.warning if own.critical_at is None else self.limits.critical
        self.alerts.append(
            Alert(
                compressor_id=self.compressor_id,
                alert_type=self.limits.alert_type,
                alert_timestamp=own.first,
                raised_at=own.raised_at,
                critical_at=own.critical_at,
                severity=severity,
                message=self.limits.describe(own.worst, severity, threshold),
                value=self.limits.value(own.worst),
                threshold=threshold,
                last_seen=own.last,
                reading_count=own.points,
                resolved=moment is not None,
                resolved_at=moment,
                settled_at=moment,
                source="prediction",
            )
        )


def find_prediction_alerts(
    compressor_id: str, points: Iterable[PredictionPoint], renewals: Sequence[Renewal], rules: PredictionAlertRules
) -> list[Alert]:
    """The alerts of one compressor, by time and type. `points` and `renewals` are in order of time, one point a moment.

    The first point must be its oldest one, or lie `on_delay_predictions` that count before anything that may have changed, with no live alert.
    """
    watches = [_Watch(compressor_id, limits, rules) for limits in rules.limits]
    for point, ended in _with_ends(points, renewals):
        if ended is not None:
            for watch in watches:
                watch.end(ended)
        if point is not None:
            for watch in watches:
                watch.see(point)
    for watch in watches:
        watch.end(None)
    return sorted((alert for watch in watches for alert in watch.alerts), key=lambda alert: (alert.alert_timestamp, alert.alert_type))


def _with_ends(points: Iterable[PredictionPoint], renewals: Sequence[Renewal]) -> Iterator[tuple[PredictionPoint | None, datetime | None]]:
    """Each point, None where it does not count, with the first end of a life since the point before."""
    coming = iter(renewals)
    renewal = next(coming, None)
    again: datetime | None = None  # when the machine ran again after all renewals so far
    hour: datetime | None = None  # the newest hour that has a point that counts
    for point in points:
        ended: datetime | None = None
        while renewal is not None and renewal.at <= point.at:
            ended = ended or renewal.at
            again = renewal.again if again is None else max(again, renewal.again)
            renewal = next(coming, None)
        own_hour = point.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        is_void = again is not None and again > point.at - _WINDOW
        counts = point.rul_days is not None and not is_void and own_hour != hour
        if counts:
            hour = own_hour
        yield point if counts else None, ended


def _life_of(point: PredictionPoint) -> float:
    return _known(point.rul_days)


def _probability_of(point: PredictionPoint) -> float:
    return _known(point.failure_probability)


def _days_until_repair(point: PredictionPoint) -> float:
    """Whole days from the prediction's day until the repair; infinite while none is due."""
    return float("inf") if point.act_by is None else float((point.act_by - point.at.astimezone(UTC).date()).days)


def _known(value: float | None) -> float:
    if value is None:
        raise ValueError("a prediction without numbers raises no alert")
    return value


def _describe_life(point: PredictionPoint, severity: Severity, limit: float) -> str:
    return f"remaining life {_life(point)} is at or below {severity} {limit:g} days: {point.reason}"


def _describe_probability(point: PredictionPoint, severity: Severity, limit: float) -> str:
    share = f"{100 * _probability_of(point):.0f} %"
    within = f"{point.horizon_days:g} days"
    return f"failure within {within}: {share} is at or above {severity} {100 * limit:g} %; remaining life {_life(point)}: {point.reason}"


def _describe_repair(point: PredictionPoint, severity: Severity, limit: float) -> str:
    days = _days_until_repair(point)
    due = f"repair due {point.act_by}, {days:g} days after {point.at:%Y-%m-%d}"
    return f"{due}, is at or below {severity} {limit:g} days; remaining life {_life(point)}: {point.reason}"


def _life(point: PredictionPoint) -> str:
    """The predicted life with its interval, in days."""
    return f"{_life_of(point):.1f} days ({_known(point.rul_lower_days):.1f} to {_known(point.rul_upper_days):.1f})"
