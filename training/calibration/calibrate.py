"""Calibrates interval and probability on held-out units, as constants inside the exported graph.

    calibration = fit_calibration(held-out windows, ...)   conformal widening by predicted life; slope and intercept of the log-odds
    Calibrate                                              the layer that applies it; neutral until it is given a calibration

Both ends of the interval move out by shares of its width (training/calibration/intervals.py). The shares are interpolated between
bands of predicted life. The probability is a logistic regression on the log-odds (Platt, Advances in Large Margin Classifiers, 1999).
The same units show which quantiles the ends then are (features/model_file/quantile_levels.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.linear_model import LogisticRegression

from config.sections.model import CalibrationSection
from features.arrays import Bools, Float32s
from features.model_file.onnx_model import Predictions
from features.model_file.quantile_levels import NOMINAL, Levels
from training.calibration.intervals import LEAST_GAP, LEAST_WIDTH, PredictedLives, Widening, equal_bands, fit_widening
from training.data.dataset import LabelLimits, known_outcomes
from training.quiet_tensorflow import keras, ops

_LEVEL_BANDS: Final = 12  # thousands of windows each: enough for shares of a few per cent
_LEAST_SHARE: Final = 1e-6  # probabilities nearer to 0 or 1 than this have no finite log-odds in float32


@dataclass(frozen=True)
class Calibration:
    """How far interval ends move out, linear in predicted life between knots; the correction of log-odds; the quantiles of the ends."""

    widening: Widening
    slope: float
    intercept: float
    levels: Levels = NOMINAL


def neutral(bands: int, max_rul: float) -> Calibration:
    """The calibration that changes nothing."""
    nothing = np.zeros(bands, np.float32)
    return Calibration(Widening(np.linspace(0.0, max_rul, bands, dtype=np.float32), nothing, nothing), 1.0, 0.0)


@dataclass(frozen=True)
class PredictedWindows:
    """Predictions of an uncalibrated network for n windows of units that it was not trained on.

    Where `censored`, `rul` is a lower bound. Such a window has no known place in its interval.
    """

    predicted: Predictions
    unit: npt.NDArray[np.integer]  # [n]
    rul: Float32s  # [n] capped
    censored: Bools  # [n]


def fit_calibration(
    windows: PredictedWindows, labels: LabelLimits, level: float, config: CalibrationSection, error_ratio: float = 1.0
) -> Calibration:
    """Fit a calibration on held-out windows.

    level: share of lives that must lie inside the interval, for example 0.9.
    error_ratio: error of the calibrated predictor over that of the network, at most 1.
    """
    predicted, rul, censored, max_rul = windows.predicted, windows.rul, windows.censored, labels.max_rul
    seen = ~censored
    lives = PredictedLives(predicted.rul, predicted.rul_lower, predicted.rul_upper, rul, windows.unit)
    widening = fit_widening(lives.take(seen), max_rul, level, config, error_ratio)
    known, failed = known_outcomes(rul, censored, labels.horizon)
    slope, intercept = _fit_log_odds(predicted.failure_probability[known], failed)
    calibration = Calibration(widening, slope, intercept)
    nearer = lives.nearer(error_ratio, max_rul)
    return replace(calibration, levels=_fit_levels(_calibrated(calibration, predicted, max_rul), nearer, censored, max_rul))


def _calibrated(calibration: Calibration, predicted: Predictions, max_rul: float) -> Predictions:
    layer = Calibrate(len(calibration.widening.knots), max_rul)
    layer.assign(calibration)
    ends = layer(predicted.rul, predicted.rul_lower, predicted.rul_upper, predicted.failure_probability)
    return Predictions(predicted.rul, *(np.asarray(end) for end in ends))


def _fit_levels(predicted: Predictions, lives: Float32s, censored: Bools, max_rul: float) -> Levels:
    """The share of lives that end before each number, by Kaplan and Meier. Bands of predicted life hold equally many windows.

    A life counts by its place among its window's own numbers. Up to the lower end that is 0 to 1, to the point 2, to the upper end 3.
    Skipped are bands without an observed failure, and bands with the same prediction as the one before.
    """
    ends = np.stack([predicted.rul_lower, predicted.rul, predicted.rul_upper], axis=1).astype(np.float64)
    starts = np.pad(ends[:, :-1], ((0, 0), (1, 0)))
    way = np.clip((lives[:, None] - starts) / np.maximum(ends - starts, np.finfo(np.float32).tiny), 0.0, 1.0).sum(axis=1)
    way += (lives > predicted.rul_upper) | (lives >= max_rul)  # what reaches the cap has not ended before an end that lies there
    band = equal_bands(predicted.rul, _LEVEL_BANDS)
    knots: list[float] = []
    shares = []
    for each in np.unique(band):
        own = band == each
        knot = float(predicted.rul[own].mean(dtype=np.float64))
        if censored[own].all() or (knots and knot < knots[-1] + LEAST_GAP * max_rul):
            continue
        seen = stats.ecdf(stats.CensoredData(way[own & ~censored], right=way[own & censored]))
        knots.append(knot)
        shares.append(np.asarray(seen.cdf.evaluate(np.array([1.0, 2.0, 3.0]))))
    return Levels.of(knots, shares) if knots else NOMINAL


def _fit_log_odds(probability: Float32s, failed: Bools) -> tuple[float, float]:
    """Slope and intercept. Those of `neutral` when only one outcome occurred, or when the slope would be negative."""
    if not 0 < failed.sum() < len(failed):
        return 1.0, 0.0
    share = np.clip(probability.astype(np.float64), _LEAST_SHARE, 1 - _LEAST_SHARE)
    log_odds = (np.log(share) - np.log1p(-share))[:, None]
    fitted = LogisticRegression(C=np.inf).fit(log_odds, failed)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


@keras.saving.register_keras_serializable(package="altaviz")
class Calibrate(keras.layers.Layer):
    """Applies a calibration to point, interval and probability, each [n]. Its constants are weights that are not trained."""

    def __init__(self, bands: int, max_rul: float, **options: Any) -> None:
        super().__init__(**options)
        self._bands, self._max_rul = bands, max_rul
        start = neutral(bands, max_rul)
        self._knots = self._constant("knots", start.widening.knots)
        self._below = self._constant("below", start.widening.below)
        self._above = self._constant("above", start.widening.above)
        self._odds = self._constant("odds", np.array([start.slope, start.intercept], np.float32))

    def _constant(self, name: str, value: Float32s) -> Any:
        return self.add_weight(name=name, shape=value.shape, initializer=keras.initializers.Constant(value), trainable=False)

    def assign(self, calibration: Calibration) -> None:
        """Use `calibration` from now on."""
        self._knots.assign(calibration.widening.knots)
        self._below.assign(calibration.widening.below)
        self._above.assign(calibration.widening.above)
        self._odds.assign([calibration.slope, calibration.intercept])

    def call(self, rul: Any, lower: Any, upper: Any, probability: Any) -> tuple[Any, Any, Any]:
        """Return lower, upper and probability; 0 <= lower <= rul <= upper <= max_rul stays true."""
        start, end = self._knots[:-1], self._knots[1:]  # [bands - 1]
        passed = (
            ops.minimum(ops.maximum(ops.expand_dims(rul, -1), start), end) - start
        )  # [n, bands - 1] how far each stretch has been passed
        share = ops.clip(probability, _LEAST_SHARE, 1.0 - _LEAST_SHARE)
        log_odds = ops.log(share) - ops.log(1.0 - share)
        width = upper - lower + LEAST_WIDTH * self._max_rul

        def at_rul(shares: Any) -> Any:
            return shares[0] + ops.sum(passed * ((shares[1:] - shares[:-1]) / (end - start)), axis=-1)

        return (
            ops.clip(lower - at_rul(self._below) * width, 0.0, rul),
            ops.clip(upper + at_rul(self._above) * width, rul, self._max_rul),
            ops.sigmoid(self._odds[0] * log_odds + self._odds[1]),
        )

    def compute_output_spec(self, rul: Any, *_: Any) -> tuple[Any, ...]:
        """Three tensors like `rul`."""
        return tuple(keras.KerasTensor(rul.shape, dtype=rul.dtype) for _ in range(3))

    def get_config(self) -> dict[str, Any]:
        """Keras' own way to make the layer again."""
        return {**super().get_config(), "bands": self._bands, "max_rul": self._max_rul}
