"""One training trial on a fleet: split by compressor, fit and calibrate, export, and measure beside the baseline on compressors nobody has seen.

The test compressors are for judging alone. The networks of the ensemble deal the others, of training and validation, into folds of their own; a tuning trial
fits the first of these networks. What fits a single model (a baseline) learns from the training part and stops by the validation part.
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
    train: WindowIndex  # what a network learns from: denser before failures
    validation: WindowIndex
    evenly: WindowIndex  # of both, evenly over time: what baselines learn from
    test: WindowIndex


@dataclass(frozen=True)
class Trial:
    """A fitted, exported and measured model."""

    parts: SplitWindows
    fit: EnsembleFit
    ageing: Ageing | None  # of the compressors that the networks have learned from
    export: Export
    baseline: Baseline
    predictions: Predictions  # for `parts.test`, by ONNX Runtime
    metrics: dict[str, float]


def split_fleet(fleet: LabelledFleet, config: ModelConfig, known: UnitSplit | None = None) -> SplitWindows:
    """Split the windows of `fleet` by compressor, keeping the parts of an earlier split where there is one.

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
    """What a network learns from these compressors, denser before failures that were seen."""
    windows, windows_of_units = config.windows, fleet.index.of_units(units)
    near = ~windows_of_units.censored & (windows_of_units.rul <= windows.near_days)
    far_windows = fleet.every(windows_of_units.take(~near), windows.train_stride_hours)
    near_windows = fleet.every(windows_of_units.take(near), windows.near_stride_hours)
    return WindowIndex.concatenate([far_windows, near_windows]).with_censored(config.labels.censored, config.labels.max_rul_days)


def deal_folds(fleet: LabelledFleet, split: UnitSplit, config: ModelConfig) -> list[Fold]:
    """What each network learns from, and what stops and calibrates it: the training and validation compressors, dealt into folds.

    Raises ModelError when fewer of them have failed than there are folds.
    """
    units, section = np.sort(np.concatenate([split.train, split.validation])), config.ensemble
    judged = fleet.every(fleet.index, config.windows.judge_stride_hours)
    held_out = fold_units(units, fleet.failed_units()[units], section.folds, config.split.seed)[: section.networks]
    return [Fold(training_windows(fleet, np.setdiff1d(units, part), config), judged.of_units(part)) for part in held_out]


def run_trial(fleet: LabelledFleet, config: ModelConfig, on_epoch: OnEpoch | None = None, known: UnitSplit | None = None) -> Trial:
    """Train on `fleet` as `config` says, keeping the parts of the split `known`. The test compressors are scored once, after every choice has been made.

    Raises ModelError when the fleet is too small, ExportError when the network did not become an ONNX graph as it should.
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
    """Fit a network for each fold of windows of `values`, as `config` says. Raises ModelError when a loss is no longer finite."""
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
