"""Judges a new model: it must beat the baseline and, where there is one, the champion, on the same held-out windows.

None of the compressors of these windows was learned from, by either model (training.split.extend_split).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from training.metrics import rmse

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Held:
    """Uncensored held-out windows: true lives and what each side says of them; days, every array [n]."""

    unit: npt.NDArray[np.int32]  # compressor of each window
    true: Floats
    challenger: Floats
    champion: Floats | None  # None: there is no champion yet
    baseline_rmse_days: float


@dataclass(frozen=True)
class Recheck:
    """RMSE in days of the champion on the windows that it was judged on when it was made: then, and with today's history and labels."""

    recorded: float
    now: float


@dataclass(frozen=True)
class Verdict:
    """Whether a model becomes champion, and why; `metrics` are the numbers of both."""

    promoted: bool
    reasons: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """When a challenger replaces a champion (config/retraining.yaml)."""

    least_certainty: float  # share of resampled fleets on which it must be the better one
    history_tolerance: float  # relative change of the champion's error on its own held-out windows that labels may cause
    resamples: int
    seed: int


def judge(held: Held, recheck: Recheck | None, rules: Rules) -> Verdict:
    """Compare RUL errors, RMSE in days over all windows; a champion gives way only to a model that is better beyond chance.

    A history whose labels are no longer those that the champion was judged by can teach and judge wrongly: nothing is promoted on it.
    """
    challenger = rmse(held.true, held.challenger)
    metrics = {"rmse_days": challenger, "baseline_rmse_days": held.baseline_rmse_days}
    reasons = [_compare("baseline", challenger, held.baseline_rmse_days)]
    passed = challenger < held.baseline_rmse_days
    if held.champion is None:
        return Verdict(passed, reasons, metrics)
    champion, certainty = rmse(held.true, held.champion), better_share(held, held.champion, rules)
    metrics |= {"champion_rmse_days": champion, "certainty": certainty}
    reasons.append(f"{_compare('champion', challenger, champion)}, and does so on {certainty:.0%} of resampled fleets")
    passed = passed and challenger < champion
    if passed and certainty < rules.least_certainty:
        reasons.append(f"{rules.least_certainty:.0%} are needed: a difference within chance replaces no champion")
        passed = False
    if recheck is not None:
        metrics |= {"champion_recorded_rmse_days": recheck.recorded, "champion_recheck_rmse_days": recheck.now}
        if abs(recheck.now - recheck.recorded) > rules.history_tolerance * recheck.recorded:
            reasons.append(
                f"the history has changed: on the windows it was judged by, the champion's RMSE was {recheck.recorded:.3f} d and is now "
                f"{recheck.now:.3f} d; check the maintenance events and readings"
            )
            passed = False
    return Verdict(passed, reasons, metrics)


def better_share(held: Held, champion: Floats, rules: Rules) -> float:
    """Share of fleets on which the challenger's RMSE is below the champion's; a fleet is the held-out compressors, drawn with replacement."""
    units, position = np.unique(held.unit, return_inverse=True)
    squares = [np.bincount(position, (held.true - said) ** 2, minlength=len(units)) for said in (held.challenger, champion)]
    random = np.random.default_rng(rules.seed)
    drawn = random.multinomial(len(units), np.full(len(units), 1 / len(units)), size=rules.resamples)  # [resamples, compressors]
    return float((drawn @ squares[0] < drawn @ squares[1]).mean())


def _compare(name: str, model: float, other: float) -> str:
    return f"test RMSE {model:.3f} d {'beats' if model < other else 'does not beat'} the {name}'s {other:.3f} d"
