"""The calibration on distributions whose coverage is known, its layer against a computation by hand, and its way into ONNX."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from config.sections.model import CalibrationSection
from features.model_file.onnx_model import Predictions
from training.calibration.calibrate import Calibrate, Calibration, PredictedWindows, fit_calibration, neutral
from training.calibration.intervals import PredictedLives, Widening
from training.data.dataset import LabelLimits
from training.quiet_tensorflow import keras

CAP, HORIZON, LEVEL = 30.0, 3.0, 0.9
CONFIG = CalibrationSection(
    bands=4, least_windows=100, life_bands=[7, 15, 22], least_coverage=0.85, least_life_coverage=0.85, least_cap_coverage=0.85
)
FREE = CONFIG.model_copy(update={"least_coverage": 0.0, "least_life_coverage": 0.0, "least_cap_coverage": 0.0})


def _predicted(seed: int, spread: float, n: int = 4000) -> tuple[Predictions, np.ndarray]:
    """Predictions whose error grows with the life, with an interval `spread` times as wide as one that covers 90 %."""
    random = np.random.default_rng(seed)
    true = random.uniform(0, CAP, n).astype(np.float32)
    scale = 0.5 + true / 10
    rul = np.clip(true + random.normal(0, scale), 0, CAP).astype(np.float32)
    half = (1.645 * spread * (0.5 + rul / 10)).astype(np.float32)
    odds = (HORIZON - rul) * 4
    return Predictions(rul, np.maximum(rul - half, 0), np.minimum(rul + half, CAP), expit(odds).astype(np.float32)), true


def _windows(predicted: Predictions, rul: np.ndarray, censored: np.ndarray) -> PredictedWindows:
    return PredictedWindows(predicted, np.zeros(len(rul), np.intp), rul, censored)


def _fitted(predicted: Predictions, rul: np.ndarray, censored: np.ndarray, max_rul: float = CAP) -> Calibration:
    """From windows of one unit: nothing is promised for others."""
    return fit_calibration(_windows(predicted, rul, censored), LabelLimits(max_rul, HORIZON), LEVEL, CONFIG)


def _applied(calibration: Calibration, predicted: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    layer = Calibrate(CONFIG.bands, CAP)
    layer.assign(calibration)
    return tuple(np.asarray(part) for part in layer(predicted.rul, predicted.rul_lower, predicted.rul_upper, predicted.failure_probability))


@pytest.mark.parametrize("spread", [0.4, 1.0, 2.0])
def test_an_interval_that_is_too_narrow_or_too_wide_holds_on_units_it_has_not_seen(spread: float) -> None:
    predicted, true = _predicted(1, spread)
    never = np.zeros(len(true), np.bool_)
    calibration = _fitted(predicted, true, never)
    other, fresh = _predicted(2, spread)
    lower, upper, _ = _applied(calibration, other)
    inside = (lower <= fresh) & (fresh <= upper)
    assert inside.mean() == pytest.approx(LEVEL, abs=0.02)
    for low in range(0, 30, 10):  # and wherever the prediction lies
        band = (other.rul >= low) & (other.rul < low + 10)
        assert inside[band].mean() == pytest.approx(LEVEL, abs=0.05)


def test_an_interval_fits_a_predictor_that_errs_less_than_the_network() -> None:
    predicted, true = _predicted(1, 1.0)
    never = np.zeros(len(true), np.bool_)
    nearer = predicted.rul + (true - predicted.rul) / 2  # a predictor that errs half as much
    fitted = [
        fit_calibration(_windows(predicted, lives, never), LabelLimits(CAP, HORIZON), LEVEL, FREE, ratio)
        for lives, ratio in ((true, 0.5), (nearer, 1.0))
    ]
    for one, other in zip(fitted[0].levels.before, fitted[1].levels.before, strict=True):
        assert one == pytest.approx(other, abs=1e-6)
    assert fitted[0].widening.below.tolist() == pytest.approx(fitted[1].widening.below.tolist(), abs=1e-6)
    assert fitted[0].widening.above.tolist() == pytest.approx(fitted[1].widening.above.tolist(), abs=1e-6)


def test_a_probability_that_is_too_sure_is_corrected() -> None:
    predicted, true = _predicted(3, 1.0)
    calibration = _fitted(predicted, true, np.zeros(len(true), np.bool_))
    assert calibration.slope < 0.9
    other, fresh = _predicted(4, 1.0)
    _, _, probability = _applied(calibration, other)
    failed = fresh <= HORIZON
    assert np.square(probability - failed).mean() < np.square(other.failure_probability - failed).mean()


def test_censored_lives_count_only_for_the_horizon_they_have_outlived() -> None:
    predicted, true = _predicted(5, 1.0, n=400)
    censored = np.arange(400) % 2 == 0
    lied = np.where(censored, np.float32(CAP), true)
    honest = _fitted(predicted, true, censored)
    again = _fitted(predicted, lied, censored)
    assert np.array_equal(again.widening.below, honest.widening.below)
    assert np.array_equal(again.widening.above, honest.widening.above)
    short = np.where(censored, np.float32(1.0), true)  # seen for a day: says nothing of three
    assert _fitted(predicted, short, censored).slope != honest.slope


def test_levels_say_which_quantiles_the_ends_have_become() -> None:
    """And lives that are cut short at moments of their own change little."""
    predicted, true = _predicted(7, 0.3, n=20_000)
    never = np.zeros(len(true), np.bool_)
    levels = _fitted(predicted, true, never).levels
    other, fresh = _predicted(8, 0.3, n=20_000)
    calibration = _fitted(predicted, true, never)
    lower, upper, _ = _applied(calibration, other)
    for low in (2, 8, 14, 20):
        band = (other.rul >= low) & (other.rul < low + 4)
        found = [(fresh[band] <= number[band]).mean() for number in (lower, other.rul, upper)]
        assert levels.at(np.array([low + 2.0]))[0] == pytest.approx(found, abs=0.04)
    ends = np.random.default_rng(9).uniform(0, 2 * CAP, len(true)).astype(np.float32)
    again = _fitted(predicted, np.minimum(true, ends), ends < true).levels
    middle = np.linspace(5, 25, 5)
    assert again.at(middle)[:, 1] == pytest.approx(levels.at(middle)[:, 1], abs=0.05)


def test_a_life_that_reaches_the_cap_has_not_ended_before_an_end_that_lies_there() -> None:
    random = np.random.default_rng(12)
    true = random.uniform(0, 30, 12_000)
    rul = random.uniform(8, 12, 12_000).astype(np.float32)
    predicted = Predictions(rul, rul - 5, np.full_like(rul, 20), np.full_like(rul, 0.1))
    lives = np.minimum(true, 20).astype(np.float32)
    levels = _fitted(predicted, lives, true < 0, max_rul=20.0).levels
    assert levels.at(np.array([10.0]))[0, 1:] == pytest.approx([1 / 3, 2 / 3], abs=0.05)


def test_levels_of_predictions_that_hardly_differ_and_of_bands_that_nobody_failed_in() -> None:
    random = np.random.default_rng(10)
    true = random.uniform(0, CAP, 3000).astype(np.float32)
    never = np.zeros(3000, np.bool_)
    rul = (15 + random.normal(0, 1e-6, 3000)).astype(np.float32)
    alike = Predictions(rul, rul - 10, rul + 10, np.full(3000, 0.1, np.float32))
    flat = _fitted(alike, true, never).levels
    assert len(flat.rul) == 1
    assert flat.before[0][1] == pytest.approx(0.5, abs=0.15)  # of the first twelfth, the others say the same
    predicted, lives = _predicted(11, 1.0, n=3000)
    healthy = predicted.rul > 20
    levels = _fitted(predicted, lives, healthy).levels
    assert max(levels.rul) < 21  # the band that the border lies in has failures
    assert levels.at(np.array([29.0])).tolist() == levels.at(np.array([max(levels.rul)])).tolist()


def test_too_few_windows_make_the_interval_the_whole_range_and_one_outcome_leaves_the_odds() -> None:
    predicted, true = _predicted(6, 1.0, n=5)
    calibration = _fitted(predicted, np.full(5, 20, np.float32), true < 0)
    lower, upper, _ = _applied(calibration, predicted)
    assert (lower.max(), upper.min()) == (0.0, CAP)
    assert (calibration.slope, calibration.intercept) == (1.0, 0.0)


def test_the_layer_is_neutral_until_it_has_constants_and_then_applies_them() -> None:
    layer = Calibrate(3, CAP)
    rul, lower, upper, share = (np.array(row, np.float32) for row in ([5, 12, 29], [4, 9, 20], [8, 15, 30], [0.1, 0.5, 0.9]))
    for given, back in zip((lower, upper, share), layer(rul, lower, upper, share), strict=True):
        assert np.asarray(back) == pytest.approx(given, rel=1e-6)
    below, above = np.array([0.1, 0.3, -0.2], np.float32), np.array([0.2, 0.6, -0.4], np.float32)
    layer.assign(Calibration(Widening(np.array([10, 20, 25], np.float32), below, above), 0.5, 1.0))
    low, high, probability = (np.asarray(part) for part in layer(rul, lower, upper, share))
    # below: 5 lies before the first knot (0.1), 12 a fifth of the way from 0.1 to 0.3 (0.14), 29 beyond the last one (-0.2); above: twice as much.
    # Widths are 4.3, 6.3 and 10.3
    assert low == pytest.approx([4 - 0.43, 9 - 0.882, 20 + 2.06])
    assert high == pytest.approx([8 + 0.86, 15 + 1.764, 29.0])  # never past the point itself
    assert probability == pytest.approx(expit(0.5 * logit(share) + 1), rel=1e-5)
    assert not layer.trainable_weights


def test_the_layer_survives_saving() -> None:
    layer = Calibrate(3, CAP, name="calibrate")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again._bands, again._max_rul, again.name) == (3, CAP, "calibrate")
    assert neutral(3, CAP).widening.knots.tolist() == [0.0, 15.0, 30.0]


def test_what_counts_as_inside_while_levels_are_chosen_is_what_the_layer_makes_of_them() -> None:
    """At the ends of the range, at the point, between knots and beyond them; lives within rounding of an end say nothing."""
    random = np.random.default_rng(8)
    predicted, true = _predicted(8, 0.7)
    true[::7], true[1::7], true[2::7] = 0.0, CAP, predicted.rul[2::7]
    widening = Widening(*(np.array(part, np.float32) for part in ([3, 9, 20, 27], [-2, 0.4, 100, -0.3], [100, -3, 0.2, -0.5])))
    lower, upper, _ = _applied(Calibration(widening, 1.0, 0.0), predicted)
    clear = np.minimum(np.abs(true - lower), np.abs(true - upper)) > 1e-4
    clear |= np.isin(true, (0.0, CAP)) | (true == predicted.rul)
    windows = PredictedLives(predicted.rul, predicted.rul_lower, predicted.rul_upper, true, random.integers(0, 9, len(true)))
    held = widening.holds(windows, true, CAP)
    assert 0.2 < held.mean() < 0.8
    assert (held == ((lower <= true) & (true <= upper)))[clear].all()
