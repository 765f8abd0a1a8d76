"""Makes an interval and a probability hold on units that were not learned from: constants inside the exported graph, learned on held-out units.

    calibration = learn(predicted, labels of held-out windows, ...)      conformal widening by predicted life; slope and intercept of the log-odds
    Calibrate                                                           the layer that applies it; neutral until it is given a calibration

The interval is conformalised quantile regression (Romano, Patterson, Candes, NeurIPS 2019), in the form that scales with the interval's width (CQR-r: Sesia,
Candes, Stat 9, 2020), Mondrian by predicted life: in each band both ends move out by the 90 % quantile of what a life lies beyond its end, in widths.
Between the middles of the bands that share is interpolated, so that nothing jumps.
The probability is Platt's (Advances in Large Margin Classifiers, 1999): a logistic regression of what happened on the log-odds.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from crepes import ConformalPredictiveSystem
from keras import ops
from sklearn.linear_model import LogisticRegression

from config.logs import get_log
from config.model import CalibrationSection
from features.onnx_model import Predictions
from features.windows import Floats

_LEAST_SHARE: Final = 1e-6  # probabilities nearer to 0 or 1 than this have no finite log-odds in float32
_PERCENT: Final = 100.0
_GAP: Final = 1e-3  # least distance of two knots as a share of the cap
_LEAST_WIDTH: Final = 0.01  # share of the cap that is added to every width: an interval without width can still be widened
_WHOLE_RANGE: Final = 1 / _LEAST_WIDTH  # widths that reach across the whole range whatever the interval

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Calibration:
    """How far both ends of an interval move out, by predicted life (linear between the knots), and how log-odds are corrected."""

    knots: Floats  # [bands] predicted life, ascending, in the unit of the labels
    widening: Floats  # [bands] shares of the interval's width; negative where the network's interval is too wide
    slope: float
    intercept: float


def neutral(bands: int, max_rul: float) -> Calibration:
    """The calibration that changes nothing."""
    return Calibration(np.linspace(0.0, max_rul, bands, dtype=np.float32), np.zeros(bands, np.float32), 1.0, 0.0)


def learn(
    predicted: Predictions, rul: Floats, censored: Bools, *, horizon: float, max_rul: float, level: float, config: CalibrationSection
) -> Calibration:
    """Learn from what an uncalibrated network says of windows [n] of units that it has not learned from.

    rul: [n] capped lives; where `censored` they are lower bounds and say nothing about an interval, and about a probability only when they reach
    beyond the horizon. level: share of lives that must lie inside, e.g. 0.9. A band has at least `config.least_windows` windows; with
    fewer than that in all, the interval becomes the whole range.
    """
    seen = ~censored
    knots, widening = _learn_widening(
        predicted.rul[seen], predicted.rul_lower[seen], predicted.rul_upper[seen], rul[seen], max_rul, level, config
    )
    known = seen | (rul > horizon)
    slope, intercept = _learn_odds(predicted.failure_probability[known], seen[known] & (rul[known] <= horizon))
    return Calibration(knots, widening, slope, intercept)


def _learn_widening(
    said: Floats, lower: Floats, upper: Floats, true: Floats, max_rul: float, level: float, config: CalibrationSection
) -> tuple[Floats, Floats]:
    bands = int(np.clip(len(true) // config.least_windows, 1, config.bands))
    edges = np.unique(np.quantile(said, np.linspace(0, 1, bands + 1)[1:-1])) if bands > 1 else np.empty(0)
    band = np.searchsorted(edges, said)
    used = np.unique(band)
    # The point stays inside, so only the end on the life's side of it can miss; a life that is the point is never missed.
    beyond = np.where(true < said, lower - true, true - upper) / (upper - lower + _LEAST_WIDTH * max_rul)
    scores = np.where(true == said, -_WHOLE_RANGE, beyond)
    system = ConformalPredictiveSystem().fit(scores.astype(np.float64), bins=band)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # too few windows for the level: told by `_WHOLE_RANGE`
        widening = np.ravel(
            system.predict_percentiles(np.zeros(len(used)), bins=used, higher_percentiles=_PERCENT * level, y_max=_WHOLE_RANGE)
        )
    if (widening == _WHOLE_RANGE).any():
        get_log().warning("too few windows to calibrate the interval: it is the whole range", windows=len(true))
    middles = np.array([said[band == number].mean() for number in used])
    knots = np.maximum.accumulate(middles + _GAP * max_rul * np.arange(len(used)))
    missing = config.bands - len(used)  # beyond the last knot nothing changes any more
    return (
        np.append(knots, knots[-1] + max_rul * np.arange(1, missing + 1)).astype(np.float32),
        np.append(widening, np.repeat(widening[-1], missing)).astype(np.float32),
    )


def _learn_odds(probability: Floats, failed: Bools) -> tuple[float, float]:
    """Slope and intercept; those of `neutral` when only one of both has happened, or when the odds would be turned around."""
    if not 0 < failed.sum() < len(failed):
        return 1.0, 0.0
    share = np.clip(probability.astype(np.float64), _LEAST_SHARE, 1 - _LEAST_SHARE)
    odds = (np.log(share) - np.log1p(-share))[:, None]
    fitted = LogisticRegression(C=np.inf).fit(odds, failed)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return (slope, intercept) if slope > 0 else (1.0, 0.0)


@keras.saving.register_keras_serializable(package="altaviz")
class Calibrate(keras.layers.Layer):
    """Applies a calibration to point, interval and probability, each [n]; its constants are weights that fitting leaves alone."""

    def __init__(self, bands: int, max_rul: float, **options: Any) -> None:
        super().__init__(**options)
        self._bands, self._max_rul = bands, max_rul
        start = neutral(bands, max_rul)
        self._knots = self._constant("knots", start.knots)
        self._widening = self._constant("widening", start.widening)
        self._odds = self._constant("odds", np.array([start.slope, start.intercept], np.float32))

    def _constant(self, name: str, value: Floats) -> Any:
        return self.add_weight(name=name, shape=value.shape, initializer=keras.initializers.Constant(value), trainable=False)

    def assign(self, calibration: Calibration) -> None:
        """Use `calibration` from now on."""
        self._knots.assign(calibration.knots)
        self._widening.assign(calibration.widening)
        self._odds.assign([calibration.slope, calibration.intercept])

    def call(self, rul: Any, lower: Any, upper: Any, probability: Any) -> tuple[Any, Any, Any]:
        """Return lower, upper and probability; 0 <= lower <= rul <= upper <= max_rul stays true."""
        start, end = self._knots[:-1], self._knots[1:]  # [bands - 1]
        rise = (self._widening[1:] - self._widening[:-1]) / (end - start)
        passed = (
            ops.minimum(ops.maximum(ops.expand_dims(rul, -1), start), end) - start
        )  # [n, bands - 1] how far each stretch has been passed
        share = ops.clip(probability, _LEAST_SHARE, 1.0 - _LEAST_SHARE)
        log_odds = ops.log(share) - ops.log(1.0 - share)
        width = upper - lower + _LEAST_WIDTH * self._max_rul
        widening = (self._widening[0] + ops.sum(passed * rise, axis=-1)) * width
        return (
            ops.clip(lower - widening, 0.0, rul),
            ops.clip(upper + widening, rul, self._max_rul),
            ops.sigmoid(self._odds[0] * log_odds + self._odds[1]),
        )

    def compute_output_spec(self, rul: Any, *_: Any) -> tuple[Any, ...]:
        """Three tensors like `rul`."""
        return tuple(keras.KerasTensor(rul.shape, dtype=rul.dtype) for _ in range(3))

    def get_config(self) -> dict[str, Any]:
        """Keras' own way to make the layer again."""
        return {**super().get_config(), "bands": self._bands, "max_rul": self._max_rul}
