"""The C-MAPSS benchmark: NASA's turbofans through the same network, fit, export and scoring as compressors.

    files -> Subset -> SensorContract (sensors and scale, from training engines) -> values, WindowIndex -> fit -> ONNX -> test engines

Data: Saxena, Goebel, Simon, Eklund, "Damage propagation modeling for aircraft engine run-to-failure simulation", PHM 2008. Time is
counted in cycles. Each seed deals the training engines into folds. Held-out engines, cut off at random like the test engines, stop the
fit and calibrate it. The test engines are scored once per seed, after everything is fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from config.sections.model import CmapssSection, ModelConfig
from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel, Predictions
from features.windows import gather
from training.baselines.tabular import CONSTANT, GRADIENT_BOOSTING, LINEAR, fit_baseline
from training.cmapss.data import Engines, SensorContract, load_engines, load_true_rul
from training.data.dataset import IndexedWindows, LabelLimits, WindowIndex, rul_labels
from training.network.ensemble import EnsembleSettings, Fold, fit_ensemble, fold_units
from training.network.export import export_onnx, require_parity
from training.network.fit import EpochLog

Progress = Callable[[int, int, EpochLog], None]  # epoch from 1, epochs at most, log

BASELINES: Final = (GRADIENT_BOOSTING, LINEAR, CONSTANT)


@dataclass(frozen=True)
class Subset:
    """The engines of one subset, e.g. FD001, and the cycles that each test engine had left."""

    name: str
    train: Engines
    test: Engines
    true_rul: Float32s  # [test engines]

    @classmethod
    def load(cls, data: Path, name: str) -> Subset:
        """Read the three files of `name` in `data`. Raises InputError for a file that is missing or not what it should be."""
        train, test = (load_engines(data, name, part) for part in ("train", "test"))
        return cls(name, train, test, load_true_rul(data, name, test))


@dataclass(frozen=True)
class SeedScores:
    """One training and its predictions for the test engines, in cycles."""

    seed: int
    predictions: Predictions  # [test engines]
    baselines: Mapping[str, Float32s]  # by name [test engines]
    validation_rmse: float  # of the networks, on engines held out from them
    ensemble_error_ratio: float  # of their mean over that
    onnx_max_abs_difference: float
    epochs: int
    regimes: int


def score_seed(subset: Subset, config: ModelConfig, seed: int, on_epoch: Progress | None = None) -> SeedScores:
    """Train with `seed`, export to ONNX, and score the test engines once. Raises ExportError when ONNX and Keras differ."""
    section, train = config.cmapss, subset.train
    contract = SensorContract.fit(train, section, seed)
    values = contract.values(train)  # [rows, features]
    fitted, cut_off = window_index(train, section), truncated(train, section, seed)
    held_out = fold_units(train.units, np.ones(len(train.units), bool), section.ensemble.folds, seed)[: section.ensemble.networks]
    folds = [Fold(fitted.of_units(np.setdiff1d(train.units, part)), cut_off.of_units(part)) for part in held_out]
    labels, steps = LabelLimits(section.max_rul_cycles, section.horizon_cycles), section.window_cycles
    settings = EnsembleSettings(section.network, section.fit, section.calibration, labels, steps, seed, config.scoring.batch_size)
    model, result = fit_ensemble(values, folds, settings, on_epoch)
    checked = fitted.take(np.random.default_rng(seed).permutation(len(fitted))[: section.export.check_windows])
    windows = gather(values, checked.first_row, checked.end, steps)
    export = require_parity(export_onnx(model, section.export, windows, config.scoring.threads), section.export)

    test_values = contract.values(subset.test)
    first_rows, last_rows = subset.test.bounds()
    test_windows = gather(test_values, first_rows, last_rows, steps)
    fitted_windows = IndexedWindows(values, fitted, steps)
    baselines = {name: fit_baseline(name, fitted_windows, config.baseline, labels, seed).predict(test_windows) for name in BASELINES}
    return SeedScores(
        seed,
        OnnxModel(export.model, config.scoring.threads).predict_rows(test_values, first_rows, last_rows, config.scoring.batch_size),
        baselines,
        result.validation_rmse,
        result.error_ratio,
        export.max_abs_difference,
        result.epochs,
        len(contract.mean),
    )


def window_index(engines: Engines, section: CmapssSection) -> WindowIndex:
    """Index a window at every cycle of engines that ran to failure. Windows that begin before the first cycle are filled."""
    parts = []
    for unit, first, last in zip(engines.units, *engines.bounds(), strict=True):
        cycles = engines.cycle[first : last + 1]
        labels = rul_labels(cycles, cycles[-1:], cycles[-1], section.max_rul_cycles)
        parts.append(WindowIndex.of_unit(unit, first, np.arange(first, last + 1), labels))
    return WindowIndex.concatenate(parts)


def truncated(engines: Engines, section: CmapssSection, seed: int) -> WindowIndex:
    """Index `truncations_per_unit` random cycles of each engine, none twice and none with less than a full window.

    So do nearly all test engines end; of FD002's 259, six are shorter than a window of 30 cycles.
    """
    random = np.random.default_rng(seed)
    index = window_index(engines, section)
    chosen = []
    for unit in engines.units:
        of_unit = np.flatnonzero(index.unit == unit)[section.window_cycles - 1 :]
        chosen.append(random.choice(of_unit, min(section.truncations_per_unit, len(of_unit)), replace=False))
    return index.take(np.sort(np.concatenate(chosen)))
