"""The RUL network: an LSTM with normalisation in the graph and four heads, and its censored losses.

    build_model(config, statistics, steps, labels, seed) -> keras.Model     windows [n, steps, features] -> dict of `OUTPUTS`, each [n]
    compile_model(model, fit, labels, steps_per_epoch)                      losses, optimiser and the validation metric

Labels are [n, 2]: RUL and a censored flag. A censored label is a lower bound, so a prediction above it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from config.sections.model import FitSection, NetworkSection
from features.model_file.onnx_session import FAILURE_PROBABILITY, INPUT, RUL, RUL_LOWER, RUL_UPPER
from features.model_file.quantile_levels import LOWER_QUANTILE, UPPER_QUANTILE
from training.data.dataset import FeatureStatistics, LabelLimits
from training.network.batches import LABEL_CENSORED, LABEL_RUL
from training.quiet_tensorflow import keras, layers, ops

NAME: Final = "altaviz_rul"
RMSE: Final = "rmse"  # Keras logs it as `rul_rmse` and `val_rul_rmse`

Tensor = Any
Loss = Callable[[Tensor, Tensor], Tensor]


def build_model(
    config: NetworkSection, statistics: FeatureStatistics, steps: int, labels: LabelLimits, seed: int, name: str = NAME
) -> keras.Model:
    """Build the network for windows of `steps` x `len(statistics.mean)`; weights follow from `seed`.

    A feature that is NaN enters as the training mean. By construction 0 <= rul_lower <= rul <= rul_upper <= max_rul.
    """
    max_rul, horizon = labels.max_rul, labels.horizon
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((steps, len(statistics.mean)), name=INPUT, dtype="float32")  # [n, steps, features]
    scaled = layers.Normalization(mean=statistics.mean, variance=np.square(statistics.std), name="normalise")(inputs)
    hidden = ops.clip(ops.where(ops.isnan(scaled), 0.0, scaled), -config.clip_sigma, config.clip_sigma)
    for depth, units in enumerate(config.lstm_units, start=1):
        hidden = layers.LSTM(units, return_sequences=depth < len(config.lstm_units), use_cudnn=False, name=f"lstm_{depth}")(hidden)
        hidden = layers.Dropout(config.dropout)(hidden)
    hidden = layers.Dropout(config.dropout)(layers.Dense(config.dense_units, activation="relu", name="dense")(hidden))  # [n, dense]

    rul = max_rul * ops.squeeze(layers.Dense(1, activation="sigmoid", name="rul_share")(hidden), -1)
    centre = ops.stop_gradient(rul)  # the interval grows around the point prediction and does not pull it
    lower = centre * _stretched(layers.Dense(1, activation="sigmoid", name="lower_share")(hidden), config.bound_stretch)
    upper = centre + (max_rul - centre) * _stretched(
        layers.Dense(1, activation="sigmoid", name="upper_share")(hidden), config.bound_stretch
    )
    # Log-odds start from how far the point prediction is inside the horizon, in horizons; the weights add what differs from that.
    margin = layers.Dense(1, kernel_initializer="ones", name="margin")(ops.expand_dims((horizon - centre) / horizon, -1))
    probability = ops.sigmoid(ops.squeeze(margin + layers.Dense(1, kernel_initializer="zeros", name="failure")(hidden), -1))
    heads = {RUL: rul, RUL_LOWER: lower, RUL_UPPER: upper, FAILURE_PROBABILITY: probability}
    named = {name: layers.Identity(name=name)(head) for name, head in heads.items()}  # the names of the ONNX outputs
    return keras.Model(inputs, named, name=name)


def _stretched(share: Tensor, stretch: float) -> Tensor:
    """[n, 1] in 0..1 -> [n] in 0..1 that reaches both ends."""
    return ops.clip(ops.squeeze(share, -1) * (1.0 + 2.0 * stretch) - stretch, 0.0, 1.0)


def compile_model(model: keras.Model, fit: FitSection, labels: LabelLimits, steps_per_epoch: int) -> None:
    """Set the losses (weighted by `fit`), Adam on a cosine over all epochs, and the RMSE metric."""
    schedule = keras.optimizers.schedules.CosineDecay(
        fit.learning_rate, fit.epochs * steps_per_epoch, alpha=fit.final_learning_rate_fraction
    )
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, global_clipnorm=fit.clip_norm),
        loss={
            RUL: point_loss(labels.max_rul),
            RUL_LOWER: quantile_loss(labels.max_rul, LOWER_QUANTILE),
            RUL_UPPER: quantile_loss(labels.max_rul, UPPER_QUANTILE),
            FAILURE_PROBABILITY: failure_loss(labels.horizon),
        },
        loss_weights={RUL: 1.0, RUL_LOWER: fit.interval_weight, RUL_UPPER: fit.interval_weight, FAILURE_PROBABILITY: fit.failure_weight},
        metrics={RUL: [UncensoredRmse(name=RMSE)]},
        jit_compile=False,  # XLA compiled anew for every batch size, and its steps were slower on two cores
    )


def _censored_error(labels: Tensor, predicted: Tensor, max_rul: float) -> Tensor:
    """Label minus prediction as a share of the cap, [n]. 0 where a censored window is predicted above its label."""
    error = (labels[:, LABEL_RUL] - predicted) / max_rul
    return ops.where((labels[:, LABEL_CENSORED] > 0.5) & (error < 0.0), 0.0, error)


def point_loss(max_rul: float) -> Loss:
    """Squared error of the RUL as a share of the cap, one-sided for censored windows."""

    def point(labels: Tensor, predicted: Tensor) -> Tensor:
        return ops.square(_censored_error(labels, predicted, max_rul))

    return point


def quantile_loss(max_rul: float, quantile: float) -> Loss:
    """Pinball loss of a quantile as a share of the cap, one-sided for censored windows.

    Koenker, Bassett, Econometrica 46 (1978).
    """

    def pinball(labels: Tensor, predicted: Tensor) -> Tensor:
        error = _censored_error(labels, predicted, max_rul)
        return ops.maximum(quantile * error, (quantile - 1.0) * error)

    return pinball


def failure_loss(horizon: float) -> Loss:
    """Cross-entropy of a failure within the horizon. A window censored before the horizon ends costs nothing."""

    def cross_entropy(labels: Tensor, predicted: Tensor) -> Tensor:
        rul, censored = labels[:, LABEL_RUL], labels[:, LABEL_CENSORED] > 0.5
        known = ops.logical_or(ops.logical_not(censored), rul > horizon)
        fails = ops.cast(rul <= horizon, predicted.dtype)
        share = ops.clip(predicted, keras.config.epsilon(), 1.0 - keras.config.epsilon())
        return ops.where(known, -(fails * ops.log(share) + (1.0 - fails) * ops.log(1.0 - share)), 0.0)

    return cross_entropy


class UncensoredRmse(keras.metrics.Metric):
    """Root mean squared error over windows with an observed failure, in the unit of the labels."""

    def __init__(self, name: str = RMSE) -> None:
        super().__init__(name=name)
        self.squares = self.add_weight(name="squares", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, labels: Tensor, predicted: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add a batch: labels [n, 2], predicted [n]."""
        seen = ops.cast(labels[:, LABEL_CENSORED] < 0.5, predicted.dtype)
        self.squares.assign_add(ops.sum(seen * ops.square(labels[:, LABEL_RUL] - predicted)))
        self.count.assign_add(ops.sum(seen))

    def result(self) -> Tensor:
        """Root of the mean so far; 0 without an observed failure."""
        return ops.sqrt(self.squares / ops.maximum(self.count, 1.0))
