"""The C-MAPSS benchmark: NASA's run-to-failure turbofans through the same windows, network, fit, export and ONNX scoring as compressors.

    files -> Engines -> SensorContract (which sensors, which scale; from training engines) -> values, WindowIndex -> fit -> ONNX -> test engines

Data and score: Saxena, Goebel, Simon, Eklund, "Damage propagation modeling for aircraft engine run-to-failure simulation", PHM 2008. Time
is counted in cycles. Each seed deals the training engines into folds; those held out from a network, cut off at random like the test engines, stop its
fitting and calibrate it. The test engines are scored once per seed, after everything is fixed.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from config.model import CmapssSection, ModelConfig
from features.onnx_model import OnnxModel
from features.windows import Floats, gather
from training import metrics
from training.baselines import CONSTANT, GRADIENT_BOOSTING, LINEAR, fit_baseline
from training.dataset import WindowIndex, rul_labels
from training.engines import Engines, SensorContract, load_engines, load_true_rul
from training.ensemble import Fold, fit_ensemble, fold_units
from training.export import export_onnx, require_parity
from training.fit import EpochLog

Progress = Callable[[int, int, int, int, EpochLog], None]  # seed from 1, seeds, epoch from 1, epochs at most, log

BASELINES: Final = (GRADIENT_BOOSTING, LINEAR, CONSTANT)


def run_cmapss(data: Path, subset: str, config: ModelConfig, seeds: int, progress: Progress | None = None) -> dict[str, Any]:
    """Train and score `seeds` models on one subset, e.g. FD001, of the files in `data`.

    Returns, as means over the seeds: rmse and score on the raw labels, rmse_clipped and score_clipped on labels clipped at the cap,
    coverage and mean width of the interval (clipped labels; cycles), validation_rmse (of the networks on engines held out from them),
    ensemble_error_ratio (of their mean over that), the same errors for each baseline; and per_seed, seeds, epochs (fitted per seed), seconds and
    peak_rss_mb of the process. Errors are in cycles.

    Raises InputError for a file that is missing or not what it should be.
    """
    started = time.perf_counter()
    section = config.cmapss
    train, test = (load_engines(data, subset, part) for part in ("train", "test"))
    true_rul = load_true_rul(data, subset, test)
    per_seed, by_baseline = [], []
    for number in range(1, seeds + 1):

        def on_epoch(epoch: int, epochs: int, log: EpochLog, number: int = number) -> None:
            if progress is not None:
                progress(number, seeds, epoch, epochs, log)

        result, baselines = _run_seed(train, test, true_rul, config, section.first_seed + number - 1, on_epoch)
        per_seed.append(result)
        by_baseline.append(baselines)
    return {
        "benchmark": "cmapss",
        "subset": subset,
        **_mean([{key: value for key, value in result.items() if key not in ("seed", "epochs", "regimes")} for result in per_seed]),
        "baselines": {name: _mean([baselines[name] for baselines in by_baseline]) for name in BASELINES},
        "per_seed": per_seed,
        "seeds": [result["seed"] for result in per_seed],
        "epochs": [result["epochs"] for result in per_seed],
        "test_units": len(true_rul),
        "seconds": round(time.perf_counter() - started, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),  # Linux counts KiB
    }


def _run_seed(
    train: Engines,
    test: Engines,
    true_rul: Floats,
    config: ModelConfig,
    seed: int,
    on_epoch: Callable[[int, int, EpochLog], None],
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    section = config.cmapss
    contract = SensorContract.learn(train, section, seed)
    values = contract.values(train)  # [rows, features]
    fitted, cut_off = window_index(train, section), truncated(train, section, seed)
    held_out = fold_units(train.units, np.ones(len(train.units), bool), section.ensemble.folds, seed)[: section.ensemble.networks]
    folds = [Fold(fitted.of_units(np.setdiff1d(train.units, part)), cut_off.of_units(part)) for part in held_out]
    cap, horizon, steps = section.max_rul_cycles, section.horizon_cycles, section.window_cycles
    model, result = fit_ensemble(
        values,
        folds,
        steps,
        network=section.network,
        fit=section.fit,
        calibration=section.calibration,
        max_rul=cap,
        horizon=horizon,
        seed=seed,
        batch_size=config.scoring.batch_size,
        on_epoch=on_epoch,
    )
    checked = fitted.take(np.random.default_rng(seed).permutation(len(fitted))[: section.export.check_windows])
    windows = gather(values, checked.first_row, checked.end, steps)
    export = require_parity(export_onnx(model, section.export, windows, config.scoring.threads), section.export)

    test_values = contract.values(test)
    first_rows, last_rows = test.bounds()
    scored = OnnxModel(export.model, config.scoring.threads).predict_rows(test_values, first_rows, last_rows, config.scoring.batch_size)
    clipped = np.minimum(true_rul, cap)
    percent = round(100 * (section.network.upper_quantile - section.network.lower_quantile))
    report = {
        "seed": seed,
        **point_errors(true_rul, scored.rul, cap),
        f"coverage_{percent}": metrics.coverage(clipped, scored.rul_lower, scored.rul_upper),
        f"mean_width_{percent}": metrics.mean_width(scored.rul_lower, scored.rul_upper),
        "brier": metrics.brier(true_rul <= horizon, scored.failure_probability),
        "validation_rmse": result.validation_rmse,
        "ensemble_error_ratio": result.error_ratio,
        "onnx_max_abs_difference": export.max_abs_difference,
        "epochs": result.epochs,
        "regimes": len(contract.mean),
    }
    test_windows = gather(test_values, first_rows, last_rows, steps)
    baselines = {}
    for name in BASELINES:
        baseline = fit_baseline(name, values, fitted, steps, config=config.baseline, max_rul=cap, horizon=horizon, seed=seed)
        baselines[name] = point_errors(true_rul, baseline.predict(test_windows), cap)
    return report, baselines


def window_index(engines: Engines, section: CmapssSection) -> WindowIndex:
    """Index a window at every cycle of engines that ran to failure; early windows reach back before the first cycle and are filled."""
    parts = []
    for unit, first, last in zip(engines.units, *engines.bounds(), strict=True):
        cycles = engines.cycle[first : last + 1]
        labels = rul_labels(cycles, cycles[-1:], cycles[-1], section.max_rul_cycles)
        parts.append(WindowIndex.of_unit(unit, first, np.arange(first, last + 1), labels))
    return WindowIndex.concatenate(parts)


def truncated(engines: Engines, section: CmapssSection, seed: int) -> WindowIndex:
    """Index `truncations_per_unit` random cycles of each engine, none twice and none with less than a full window, as test engines end."""
    random = np.random.default_rng(seed)
    index = window_index(engines, section)
    chosen = []
    for unit in engines.units:
        of_unit = np.flatnonzero(index.unit == unit)[section.window_cycles - 1 :]
        chosen.append(random.choice(of_unit, min(section.truncations_per_unit, len(of_unit)), replace=False))
    return index.take(np.sort(np.concatenate(chosen)))


def point_errors(true_rul: Floats, predicted: Floats, cap: float) -> dict[str, float]:
    """RMSE and PHM08 score on the raw labels and on labels clipped at `cap`; cycles."""
    return {
        "rmse": metrics.rmse(true_rul, predicted),
        "score": metrics.phm08_score(true_rul, predicted),
        "rmse_clipped": metrics.clipped_rmse(true_rul, predicted, cap),
        "score_clipped": metrics.clipped_phm08_score(true_rul, predicted, cap),
    }


def _mean(results: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([result[key] for result in results])) for key in results[0]}
