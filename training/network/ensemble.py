"""One network for each fold of the units, and their mean as one graph.

    folds = fold_units(units, has_failed, number, seed)          each unit is held out from exactly one network
    ensemble = fit_ensemble(values, folds, settings)             fits them, and calibrates on held-out predictions

Every unit trains and every unit calibrates. With a dozen units set aside, coverage would be known to a few points at best.
(Cross-conformal prediction: Vovk, Ann. Math. Artif. Intell. 74, 2015; CV+: Barber, Candes, Ramdas, Tibshirani, Ann. Statist. 49, 2021.)

The squared error of the mean is lower by the networks' spread around it, whatever the truth (Krogh, Vedelsby, NIPS 1994). So the gain
can be computed although no unit is new to all networks. They agree more on units that two of them know, so intervals err on the
safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from config.errors import ModelError
from config.sections.model import CalibrationSection, FitSection, NetworkSection
from features.arrays import Float32s, Int32s
from features.model_file.onnx_model import CALIBRATION_LAYER, Predictions
from features.model_file.onnx_session import FAILURE_PROBABILITY, INPUT, OUTPUTS, RUL, RUL_LOWER, RUL_UPPER
from features.model_file.quantile_levels import INTERVAL_MASS
from training.calibration.calibrate import Calibrate, Calibration, PredictedWindows, fit_calibration
from training.data.dataset import LabelLimits, WindowIndex, feature_statistics
from training.metrics import rmse
from training.network.batches import Augment, WindowDataset
from training.network.fit import EpochLog, FitData, FitResult, OnEpoch, fit_model
from training.network.model import NAME, build_model
from training.quiet_tensorflow import keras, layers

_SPREAD_WINDOWS: Final = 4096


@dataclass(frozen=True)
class Fold:
    """The windows that one network is fitted on, and those of the units held out from it."""

    fitted: WindowIndex
    held_out: WindowIndex


@dataclass(frozen=True)
class EnsembleFit:
    """Result of fitting. `validation_rmse` is over held-out windows of each network, in the unit of the labels."""

    members: list[FitResult]
    validation_rmse: float
    error_ratio: float  # error of the mean over that of one network
    calibration: Calibration

    @property
    def epochs(self) -> int:
        """Epochs of all networks."""
        return sum(len(member.history) for member in self.members)

    @property
    def seconds(self) -> float:
        """Time that fitting took."""
        return sum(member.seconds for member in self.members)


@dataclass(frozen=True)
class EnsembleSettings:
    """How an ensemble is fitted and calibrated. `batch_size` is that of predictions; the fit has its own."""

    network: NetworkSection
    fit: FitSection
    calibration: CalibrationSection
    labels: LabelLimits
    steps: int
    seed: int
    batch_size: int
    augment: Augment | None = None


def fold_units(units: Int32s, has_failed: npt.NDArray[np.bool_], number: int, seed: int) -> list[Int32s]:
    """Deal `units` [n] into `number` folds at random, failed and never-failed ones apart. The same seed gives the same folds.

    Raises ModelError when there are fewer failed units than folds.
    """
    if has_failed.sum() < number:
        raise ModelError(f"{has_failed.sum()} of {len(units)} units to train on have failed, {number} are needed; ingest more history")
    random = np.random.default_rng(seed)
    failed, others = (np.array_split(random.permutation(np.sort(part)), number) for part in (units[has_failed], units[~has_failed]))
    return [np.sort(np.concatenate(pair)) for pair in zip(failed, reversed(others), strict=True)]


def fit_ensemble(
    values: Float32s, folds: Sequence[Fold], settings: EnsembleSettings, on_epoch: OnEpoch | None = None
) -> tuple[keras.Model, EnsembleFit]:
    """Fit one network for each fold and return their calibrated mean. `on_epoch` counts the epochs of all networks.

    Raises ModelError when a fold has no windows to fit on, or when a loss is not finite.
    """
    steps, batch_size, labels = settings.steps, settings.batch_size, settings.labels
    members, results, parts = [], [], []
    for number, fold in enumerate(folds):
        own_seed = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0] // 2)  # Keras wants 31 bits

        def report(epoch: int, epochs: int, log: EpochLog, before: int = number) -> None:
            if on_epoch is not None:
                on_epoch(before * epochs + epoch, len(folds) * epochs, log)

        statistics = feature_statistics(values, fold.fitted)
        model = build_model(settings.network, statistics, steps, labels, own_seed, f"fold_{number + 1}")
        held_out = WindowDataset(values, fold.held_out, steps, batch_size)
        fitted = WindowDataset(values, fold.fitted, steps, settings.fit.batch_size, own_seed, settings.augment)
        results.append(fit_model(model, FitData(fitted, held_out), settings.fit, labels, own_seed, report))
        members.append(model)
        outputs = model.predict(held_out, verbose=0)
        parts.append(Predictions(*(np.asarray(outputs[name]) for name in OUTPUTS)))
    predicted = Predictions(*(np.concatenate([getattr(part, name) for part in parts]) for name in OUTPUTS))
    index = WindowIndex.concatenate([fold.held_out for fold in folds])
    seen = ~index.censored
    validation_rmse = rmse(index.rul[seen], predicted.rul[seen])
    ratio = error_ratio(spread(members, values, index.take(seen), steps, batch_size), validation_rmse)
    windows = PredictedWindows(predicted, index.unit, index.rul, index.censored)
    calibration = fit_calibration(windows, labels, INTERVAL_MASS, settings.calibration, ratio)
    return combine(members, calibration, labels.max_rul), EnsembleFit(results, validation_rmse, ratio, calibration)


def error_ratio(spread: float, single_rmse: float) -> float:
    """RMSE of the mean over RMSE of single networks, from their spread around the mean, in one unit. 1 where they agree."""
    return float(np.sqrt(max(1 - (spread / single_rmse) ** 2, 0.0))) if single_rmse > 0 else 1.0


def spread(members: Sequence[keras.Model], values: Float32s, index: WindowIndex, steps: int, batch_size: int) -> float:
    """Root mean square distance of the networks' points from their mean, over at most _SPREAD_WINDOWS windows of `index`."""
    some = index.take(np.linspace(0, len(index) - 1, min(_SPREAD_WINDOWS, len(index)), dtype=np.int64))
    windows = WindowDataset(values, some, steps, batch_size)
    points = np.stack([np.asarray(model.predict(windows, verbose=0)[RUL], np.float64) for model in members])
    return float(points.var(axis=0).mean() ** 0.5)


def combine(members: Sequence[keras.Model], calibration: Calibration, max_rul: float) -> keras.Model:
    """The calibrated mean of networks with equal inputs, as one network with the outputs of build_model."""
    inputs = keras.Input(members[0].input_shape[1:], name=INPUT, dtype="float32")
    outputs = [member(inputs) for member in members]
    rul, lower, upper, probability = (
        layers.Average()([part[name] for part in outputs]) if len(outputs) > 1 else outputs[0][name]
        for name in (RUL, RUL_LOWER, RUL_UPPER, FAILURE_PROBABILITY)
    )
    calibrate = Calibrate(len(calibration.widening.knots), max_rul, name=CALIBRATION_LAYER)
    lower, upper, probability = calibrate(rul, lower, upper, probability)
    calibrate.assign(calibration)
    heads = {RUL: rul, RUL_LOWER: lower, RUL_UPPER: upper, FAILURE_PROBABILITY: probability}
    named = {name: layers.Identity(name=name)(head) for name, head in heads.items()}  # the names of the ONNX outputs
    return keras.Model(inputs, named, name=NAME)
