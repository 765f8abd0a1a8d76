"""Judges a new model: it must beat the baseline and, where there is one, the champion, on the same held-out windows."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verdict:
    """Whether a model becomes champion, and why."""

    promoted: bool
    reasons: list[str] = field(default_factory=list)


def judge(model_rmse_days: float, baseline_rmse_days: float, champion_rmse_days: float | None) -> Verdict:
    """Compare RUL errors (RMSE in days over the uncensored windows of the test compressors, all on the same windows)."""
    beats_baseline = model_rmse_days < baseline_rmse_days
    reasons = [_compare("baseline", model_rmse_days, baseline_rmse_days)]
    if champion_rmse_days is None:
        return Verdict(beats_baseline, reasons)
    beats_champion = model_rmse_days < champion_rmse_days
    reasons.append(_compare("champion", model_rmse_days, champion_rmse_days))
    return Verdict(beats_baseline and beats_champion, reasons)


def _compare(name: str, model: float, other: float) -> str:
    return f"test RMSE {model:.3f} d {'beats' if model < other else 'does not beat'} the {name}'s {other:.3f} d"
