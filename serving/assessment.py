"""How a prediction is assessed: its status, numbers, health and urgency. The predictor and the program for the edge share these rules.

Imports the standard library only, because the edge has nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from features.contract import DAYS_DIGITS, SHARE_DIGITS

Status = Literal["ok", "insufficient_history", "stale", "bad_data"]
Health = Literal["healthy", "warning", "critical"]


@dataclass(frozen=True)
class WindowLimits:
    """What a prediction needs: steps with data, and a last reading of at most this age."""

    min_steps: int
    stale_after_hours: float


@dataclass(frozen=True)
class Numbers:
    """The model's numbers for one window, rounded as ml_predictions stores them; shares are 0..1."""

    rul_days: float
    rul_lower_days: float
    rul_upper_days: float
    failure_probability: float
    confidence_score: float

    @classmethod
    def of(cls, rul: float, lower: float, upper: float, probability: float, *, max_rul_days: float) -> Numbers:
        """Numbers from the model's outputs: days from 0, a probability within 0..1."""
        rul_days, lower_days, upper_days = (round(max(days, 0.0), DAYS_DIGITS) for days in (rul, lower, upper))
        share = round(min(max(probability, 0.0), 1.0), SHARE_DIGITS)
        return cls(rul_days, lower_days, upper_days, share, confidence(lower_days, upper_days, max_rul_days))


def status_of(age: timedelta | None, steps: int, is_faulty: bool, limits: WindowLimits) -> Status:
    """The status of a window. The age is that of its last reading, None without one.

    The number of steps with data is `steps`. A fault of a sensor of the model sets `is_faulty`.
    """
    if age is None or age > timedelta(hours=limits.stale_after_hours):
        return "stale"
    if steps >= limits.min_steps:
        return "ok"
    return "bad_data" if is_faulty else "insufficient_history"


def confidence(lower_days: float, upper_days: float, max_rul_days: float) -> float:
    """1 for an interval without width, 0 for one as wide as the label cap, linear in between."""
    return round(min(max(1 - (upper_days - lower_days) / max_rul_days, 0.0), 1.0), SHARE_DIGITS)


def health_of(rul_days: float, *, warning_days: float, critical_days: float) -> Health:
    """The health of a predicted life. A life at a limit has the worse health."""
    if rul_days <= critical_days:
        return "critical"
    return "warning" if rul_days <= warning_days else "healthy"


def urgency_of(
    compressor_id: str, rul_days: float | None, failure_probability: float | None, rul_days_now: float | None = None
) -> tuple[float, float, float, str]:
    """Sort key, most urgent first: shortest life from now, shortest life, likeliest failure, id. Without numbers, a prediction comes last."""
    if rul_days is None or failure_probability is None:
        return (float("inf"), float("inf"), 0.0, compressor_id)
    return (rul_days if rul_days_now is None else rul_days_now, rul_days, -failure_probability, compressor_id)
