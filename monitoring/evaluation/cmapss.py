"""Evaluates the C-MAPSS benchmark: errors as published, and their spread over seeds and engines. Pure; cycles.

Raw labels are the cycles an engine had left. Clipped labels are at most the cap; most published errors use those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from config.sections.evaluation import EvaluationConfig
from config.sections.model import CmapssSection
from features.arrays import Float32s
from monitoring.evaluation.calibration import rul_bands
from monitoring.evaluation.comparison import UnitSums, as_reported, compare, intervals, not_won
from monitoring.statistics.bootstrap import Resampling
from training.baselines.tabular import CONSTANT, GRADIENT_BOOSTING, LINEAR
from training.cmapss.runs import SeedScores
from training.metrics import brier, clipped_phm08_score, clipped_rmse, coverage, inside, mean_width, phm08_losses, phm08_score, rmse

_DIGITS: Final = 4
_NAMES: Final = {GRADIENT_BOOSTING: "gradient boosting", LINEAR: "the linear model", CONSTANT: "the mean life"}


def point_errors(true_rul: Float32s, predicted: Float32s, cap: float) -> dict[str, float]:
    """RMSE and PHM08 score on the raw labels and on labels clipped at `cap`."""
    return {
        "rmse": rmse(true_rul, predicted),
        "score": phm08_score(true_rul, predicted),
        "rmse_clipped": clipped_rmse(true_rul, predicted, cap),
        "score_clipped": clipped_phm08_score(true_rul, predicted, cap),
    }


def seed_numbers(true_rul: Float32s, scores: SeedScores, section: CmapssSection) -> dict[str, float]:
    """Errors of the point, coverage and width of the interval (clipped labels), and Brier score of one training."""
    predicted = scores.predictions
    return {
        **point_errors(true_rul, predicted.rul, section.max_rul_cycles),
        "coverage_90": coverage(np.minimum(true_rul, section.max_rul_cycles), predicted.rul_lower, predicted.rul_upper),
        "mean_width_90": mean_width(predicted.rul_lower, predicted.rul_upper),
        "brier": brier(true_rul <= section.horizon_cycles, predicted.failure_probability),
        "validation_rmse": scores.validation_rmse,
        "ensemble_error_ratio": scores.ensemble_error_ratio,
        "onnx_max_abs_difference": scores.onnx_max_abs_difference,
    }


def judge(true_rul: Float32s, scores: Sequence[SeedScores], section: CmapssSection, config: EvaluationConfig) -> dict[str, Any]:
    """The report over all seeds.

    The numbers of `seed_numbers` are means over the seeds. From two seeds on there is `std`, their standard deviation. The `intervals`
    show where these means would lie with other test engines, at `report.confidence`. By clipped life, `rul_bands` has engines, RMSE and
    coverage, the cap by itself. The errors of others are in `baselines`; `comparison` is paired by engine, with `not_won`
    (monitoring.evaluation.comparison). Also per_seed, seeds, epochs and test_units.
    """
    cap = section.max_rul_cycles
    per_seed = [seed_numbers(true_rul, one, section) for one in scores]
    by_name = {name: [one.baselines[name] for one in scores] for name in scores[0].baselines}
    clipped = np.minimum(true_rul, cap)[:, None]
    lower, upper = (np.stack([getattr(one.predictions, end) for one in scores], axis=1) for end in ("rul_lower", "rul_upper"))
    held = inside(clipped, lower, upper).astype(np.float64)  # [engines, seeds]
    points = _sums(clipped, [one.predictions.rul for one in scores])
    ours = points | UnitSums({"coverage_90": held}, {"coverage_90": np.ones_like(held)})
    resampling = Resampling(ours.units, config.bootstrap.resamples, config.bootstrap.seed)
    others = {name: _sums(clipped, predicted) for name, predicted in by_name.items()}
    compared = compare(ours, others, resampling, config.report.confidence)
    return {
        **_over_seeds(per_seed, np.mean),
        **({"std": _over_seeds(per_seed, lambda values: np.std(values, ddof=1))} if len(scores) > 1 else {}),
        "intervals": intervals(ours, resampling, config.report.confidence),
        "rul_bands": _by_band(clipped, ours, section.calibration.life_bands, cap),
        "baselines": {
            name: _over_seeds([point_errors(true_rul, one, cap) for one in predicted], np.mean) for name, predicted in by_name.items()
        },
        "comparison": as_reported(compared),
        "not_won": not_won(compared, _NAMES),
        "per_seed": [
            {"seed": one.seed, **numbers, "epochs": one.epochs, "regimes": one.regimes}
            for one, numbers in zip(scores, per_seed, strict=True)
        ],
        "seeds": [one.seed for one in scores],
        "epochs": [one.epochs for one in scores],
        "test_units": len(true_rul),
    }


def _sums(clipped: Float32s, predicted: Sequence[Float32s]) -> UnitSums:
    """The clipped errors of `predicted`, by seed [engines], for `clipped` [engines, 1]."""
    rul = np.stack(predicted, axis=1)
    one = np.ones(rul.shape)
    return UnitSums(
        {"rmse_clipped": np.square(rul.astype(np.float64) - clipped), "score_clipped": phm08_losses(clipped, rul)},
        {"rmse_clipped": one, "score_clipped": one / len(rul)},  # the score is a sum over the engines
    )


def _by_band(clipped: Float32s, ours: UnitSums, edges: Sequence[float], cap: float) -> list[dict[str, Any]]:
    """engines, rmse_clipped and coverage_90 in each band of clipped life, cycles; means over the seeds."""
    band = rul_bands(clipped[:, 0], edges, cap)
    return [
        {
            "cycles": name,
            "engines": int(own.sum()),
            "rmse_clipped": round(float(np.sqrt(ours.over["rmse_clipped"][own].mean(axis=0)).mean()), _DIGITS),
            "coverage_90": round(float(ours.over["coverage_90"][own].mean()), _DIGITS),
        }
        for name in dict.fromkeys(band[np.argsort(clipped[:, 0])].tolist())
        for own in [band == name]
    ]


def _over_seeds(numbers: Sequence[dict[str, float]], summary: Callable[[list[float]], np.floating]) -> dict[str, float]:
    return {name: float(summary([one[name] for one in numbers])) for name in numbers[0]}
