"""One training trial: split by compressor, fit, calibrate, export, and measure beside the baseline.

Test compressors are for evaluation alone. The ensemble deals training and validation compressors into folds of its own; a tuning trial
fits the first of its networks. A single model, such as a baseline, is fitted on the training part and stopped by the validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from config.sections.model import ModelConfig
from features.arrays import Float32s, Int32s
from features.contract import WINDOW_STEPS
from features.model_file import quantile_levels as levels
from features.model_file import weibull_lifetime as ageing
from features.model_file.onnx_model import OnnxModel, Predictions
from features.model_file.weibull_lifetime import Ageing
from training.baselines.tabular import GRADIENT_BOOSTING, Baseline, fit_baseline
from training.calibration.weibull_fit import fleet_ageing
from training.data.augmentation import LevelAugmentation
from training.data.dataset import IndexedWindows, LabelLimits, WindowIndex, sample_windows
from training.data.labelled_fleet import LabelledFleet
from training.data.split import UnitSplit, extend_split, split_units
from training.measurement import measure, measure_baseline
from training.network.ensemble import EnsembleFit, EnsembleSettings, Fold, fit_ensemble, fold_units
from training.network.export import Export, export_onnx
from training.network.fit import OnEpoch
from training.quiet_tensorflow import keras


@dataclass(frozen=True)
class SplitWindows:
    """The windows of each part; no compressor is in two of them."""

    units: UnitSplit
    train: WindowIndex  # for networks: denser before failures
    validation: WindowIndex
    evenly: WindowIndex  # of both parts, evenly over time: for baselines
    test: WindowIndex


@dataclass(frozen=True)
class Trial:
    """A fitted, exported and measured model."""

    parts: SplitWindows
    fit: EnsembleFit
    ageing: Ageing | None  # of the training and validation compressors
    export: Export
    baseline: Baseline
    predictions: Predictions  # for `parts.test`, by ONNX Runtime
    metrics: dict[str, float]


def split_fleet(fleet: LabelledFleet, config: ModelConfig, known: UnitSplit | None = None) -> SplitWindows:
    """Split the windows of `fleet` by compressor. The parts of an earlier split are kept.

    Raises ModelError when there are too few compressors with a failure.
    """
    units, shares = np.unique(fleet.index.unit), config.split
    failed = fleet.failed_units()[units]
    if known is None:
        split = split_units(units, failed, shares.validation_fraction, shares.test_fraction, shares.seed)
    else:
        split = extend_split(known, units, failed, (shares.validation_fraction, shares.test_fraction), shares.seed)
    judged = fleet.every(fleet.index, config.windows.judge_stride_hours)
    return SplitWindows(
        split,
        training_windows(fleet, split.train, config),
        judged.of_units(split.validation),
        fleet.every(fleet.index.of_units(np.concatenate([split.train, split.validation])), config.windows.train_stride_hours),
        judged.of_units(split.test),
    )


def training_windows(fleet: LabelledFleet, units: Int32s, config: ModelConfig) -> WindowIndex:
    """The windows of `units` that a network is trained on, denser before observed failures."""
    windows, windows_of_units = config.windows, fleet.index.of_units(units)
    near = ~windows_of_units.censored & (windows_of_units.rul <= windows.near_days)
    far_windows = fleet.every(windows_of_units.take(~near), windows.train_stride_hours)
    near_windows = fleet.every(windows_of_units.take(near), windows.near_stride_hours)
    return WindowIndex.concatenate([far_windows, near_windows]).with_censored(config.labels.censored, config.labels.max_rul_days)


def deal_folds(fleet: LabelledFleet, split: UnitSplit, config: ModelConfig) -> list[Fold]:
    """Deal training and validation compressors into folds: windows to fit on, and windows that stop and calibrate.

    Raises ModelError when fewer of them have failed than there are folds.
    """
    units, section = np.sort(np.concatenate([split.train, split.validation])), config.ensemble
    judged = fleet.every(fleet.index, config.windows.judge_stride_hours)
    held_out = fold_units(units, fleet.failed_units()[units], section.folds, config.split.seed)[: section.networks]
    return [Fold(training_windows(fleet, np.setdiff1d(units, part), config), judged.of_units(part)) for part in held_out]


def run_trial(fleet: LabelledFleet, config: ModelConfig, on_epoch: OnEpoch | None = None, known: UnitSplit | None = None) -> Trial:
    """Train on `fleet` by `config`, keeping the parts of the split `known`. Test compressors are scored once, at the end.

    Raises ModelError when the fleet is too small, ExportError when the ONNX graph is wrong.
    """
    parts, values = split_fleet(fleet, config, known), fleet.history.values
    labels, seed = config.labels, config.split.seed
    model, fit = fit_folds(values, deal_folds(fleet, parts.units, config), config, on_epoch)
    checked = sample_windows(values, parts.validation, config.export.check_windows, seed)
    aged = fleet_ageing(fleet, np.concatenate([parts.units.train, parts.units.validation]), config.ageing)
    metadata = {levels.METADATA_KEY: fit.calibration.levels.to_json(), **({ageing.METADATA_KEY: aged.to_json()} if aged else {})}
    export = export_onnx(model, config.export, checked, config.scoring.threads, metadata)
    evenly = IndexedWindows(values, parts.evenly, WINDOW_STEPS)
    baseline = fit_baseline(GRADIENT_BOOSTING, evenly, config.baseline, LabelLimits.of(labels), seed)
    served = OnnxModel(export.model, config.scoring.threads)
    predictions = served.predict_rows(values, parts.test.first_row, parts.test.end, config.scoring.batch_size)
    measured = measure(parts.test, predictions, labels.horizon_days)
    measured |= {f"baseline_{name}": value for name, value in measure_baseline(values, parts.test, baseline).items()}
    return Trial(parts, fit, aged, export, baseline, predictions, measured)


def fit_folds(
    values: Float32s, folds: Sequence[Fold], config: ModelConfig, on_epoch: OnEpoch | None = None
) -> tuple[keras.Model, EnsembleFit]:
    """Fit a network for each fold of windows of `values`. Raises ModelError when a loss is not finite."""
    settings = EnsembleSettings(
        network=config.network,
        fit=config.fit,
        calibration=config.calibration,
        labels=LabelLimits.of(config.labels),
        steps=WINDOW_STEPS,
        seed=config.split.seed,
        batch_size=config.scoring.batch_size,
        augment=LevelAugmentation(config.augmentation),
    )
    return fit_ensemble(values, folds, settings, on_epoch)
