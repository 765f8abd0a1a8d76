"""The network's promises by construction, and what each loss charges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from config.sections.model import ModelConfig
from features.model_file.onnx_session import OUTPUTS
from training.data.dataset import FeatureStatistics, LabelLimits, known_outcomes
from training.network.model import UncensoredRmse, build_model, compile_model, failure_loss, point_loss, quantile_loss
from training.quiet_tensorflow import keras, ops, tf

SEEN, CENSORED = 0.0, 1.0


def charge(loss: object, label: float, flag: float, predicted: float) -> float:
    labels = ops.convert_to_tensor([[label, flag]], dtype="float32")
    return float(loss(labels, ops.convert_to_tensor([predicted], dtype="float32"))[0])  # type: ignore[operator]


@pytest.fixture(scope="module")
def untrained(config: ModelConfig) -> keras.Model:
    statistics = FeatureStatistics(np.array([10.0, -5.0], np.float32), np.array([2.0, 1.0], np.float32))
    return build_model(config.network, statistics, steps=4, labels=LabelLimits(30.0, 3.0), seed=1)


def predictions(model: keras.Model, windows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(head) for name, head in model(windows.astype(np.float32), training=False).items()}


def test_outputs_are_bounded_and_ordered_for_any_input(untrained: keras.Model) -> None:
    wild = np.random.default_rng(1).normal(0, 1e4, (500, 4, 2))
    got = predictions(untrained, wild)
    assert set(got) == set(OUTPUTS)
    assert all(head.shape == (500,) for head in got.values())
    assert (got["rul_lower"] >= 0).all()
    assert (got["rul_lower"] <= got["rul"]).all()
    assert (got["rul"] <= got["rul_upper"]).all()
    assert (got["rul_upper"] <= 30.0 + 1e-5).all()
    assert ((got["failure_probability"] >= 0) & (got["failure_probability"] <= 1)).all()


def test_a_missing_feature_counts_as_the_training_mean(untrained: keras.Model) -> None:
    window = np.full((1, 4, 2), 3.0)
    window[..., 1] = np.nan
    at_mean = window.copy()
    at_mean[..., 1] = -5.0
    missing, mean = predictions(untrained, window), predictions(untrained, at_mean)
    for name in OUTPUTS:
        np.testing.assert_allclose(missing[name], mean[name], atol=1e-6)


def test_a_glitch_counts_no_more_than_the_clip(untrained: keras.Model, config: ModelConfig) -> None:
    window = np.full((1, 4, 2), 10.0)
    glitch, clipped = window.copy(), window.copy()
    glitch[0, 2, 0], clipped[0, 2, 0] = 1e6, 10.0 + 2.0 * config.network.clip_sigma
    np.testing.assert_allclose(predictions(untrained, glitch)["rul"], predictions(untrained, clipped)["rul"], atol=1e-5)


def test_the_same_seed_builds_the_same_weights(config: ModelConfig) -> None:
    statistics = FeatureStatistics(np.zeros(2, np.float32), np.ones(2, np.float32))
    first, again, other = (build_model(config.network, statistics, 4, LabelLimits(30.0, 3.0), seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert not all(np.array_equal(left, right) for left, right in zip(first, other, strict=True))


def test_point_loss_is_the_squared_error_on_either_side_as_a_share_of_the_cap() -> None:
    loss = point_loss(max_rul=30.0)
    assert charge(loss, 10.0, SEEN, 16.0) == pytest.approx(0.2**2)
    assert charge(loss, 16.0, SEEN, 10.0) == pytest.approx(0.2**2)
    assert charge(loss, 30.0, SEEN, 3.0) == pytest.approx(0.9**2)


def test_a_censored_window_is_charged_only_for_less_life_than_was_seen() -> None:
    for loss in (point_loss(30.0), quantile_loss(30.0, 0.05), quantile_loss(30.0, 0.95)):
        assert charge(loss, 10.0, CENSORED, 25.0) == 0.0
        assert charge(loss, 10.0, CENSORED, 4.0) == charge(loss, 10.0, SEEN, 4.0) > 0.0


def test_the_lower_quantile_is_charged_more_for_being_too_high() -> None:
    loss = quantile_loss(max_rul=10.0, quantile=0.05)
    assert charge(loss, 5.0, SEEN, 6.0) == pytest.approx(0.95 * 0.1)
    assert charge(loss, 5.0, SEEN, 4.0) == pytest.approx(0.05 * 0.1)


def test_each_head_is_charged_by_its_own_loss(config: ModelConfig) -> None:
    model = build_model(
        config.network, FeatureStatistics(np.zeros(2, np.float32), np.ones(2, np.float32)), 4, LabelLimits(10.0, 3.0), seed=1
    )
    compile_model(model, config.fit, LabelLimits(10.0, 3.0), steps_per_epoch=1)
    charged = {name: charge(loss, 5.0, SEEN, 6.0) for name, loss in model.loss.items() if name != "failure_probability"}
    assert charged == {"rul": pytest.approx(0.1**2), "rul_lower": pytest.approx(0.95 * 0.1), "rul_upper": pytest.approx(0.05 * 0.1)}
    assert charge(model.loss["failure_probability"], 2.0, SEEN, 0.8) == pytest.approx(-math.log(0.8), rel=1e-5)


def test_only_the_point_itself_is_pulled_by_its_errors(config: ModelConfig) -> None:
    """The ends and the probability start from the point and leave it where it is."""
    model = build_model(
        config.network, FeatureStatistics(np.zeros(2, np.float32), np.ones(2, np.float32)), 4, LabelLimits(10.0, 3.0), seed=1
    )
    windows = np.random.default_rng(1).normal(size=(8, 4, 2)).astype(np.float32)
    with tf.GradientTape(persistent=True) as tape:
        heads = model(windows, training=False)
    point = model.get_layer("rul_share").kernel.value
    pulled = {name: tape.gradient(head, point) is not None for name, head in heads.items()}
    assert pulled == {"rul": True, "rul_lower": False, "rul_upper": False, "failure_probability": False}


def test_dropout_is_on_what_the_lstm_hands_on_and_on_what_is_made_of_it(config: ModelConfig) -> None:
    network = config.network.model_copy(update={"dropout": 0.5})
    model = build_model(network, FeatureStatistics(np.zeros(2, np.float32), np.ones(2, np.float32)), 4, LabelLimits(30.0, 3.0), seed=1)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.5, 0.5, 0.5]  # two layers of LSTM and the dense one
    windows = np.random.default_rng(1).normal(size=(64, 4, 2)).astype(np.float32)
    dense = keras.Model(model.input, model.get_layer("dense").output)
    first, again = (np.asarray(dense(windows, training=True)) for _ in range(2))
    assert not np.array_equal(first, again)


def test_failure_loss_is_the_cross_entropy_of_failing_within_the_horizon() -> None:
    loss = failure_loss(horizon=3.0)
    assert charge(loss, 3.0, SEEN, 0.8) == pytest.approx(-math.log(0.8), rel=1e-5)
    assert charge(loss, 3.1, SEEN, 0.8) == pytest.approx(-math.log(0.2), rel=1e-5)


def test_a_window_censored_before_the_horizon_ends_costs_nothing() -> None:
    loss = failure_loss(horizon=3.0)
    assert charge(loss, 2.0, CENSORED, 0.8) == 0.0
    assert charge(loss, 4.0, CENSORED, 0.8) == charge(loss, 4.0, SEEN, 0.8)


def test_failure_loss_charges_what_is_known_of_the_horizon_and_nothing_else() -> None:
    rul = np.array([0.0, 2.9, 3.0, 3.1, 30.0] * 2, np.float32)
    censored = np.repeat([False, True], 5)
    known, failed = known_outcomes(rul, censored, 3.0)
    wanted = np.zeros(10)
    wanted[known] = -np.log(np.where(failed, 0.8, 0.2))
    charged = [charge(failure_loss(3.0), *window, 0.8) for window in zip(rul.tolist(), censored.astype(float).tolist(), strict=True)]
    assert charged == pytest.approx(wanted, rel=1e-5)


def test_rmse_leaves_censored_windows_out() -> None:
    metric = UncensoredRmse()
    metric.update_state(ops.convert_to_tensor([[10.0, SEEN], [10.0, CENSORED]]), ops.convert_to_tensor([13.0, 30.0]))
    metric.update_state(ops.convert_to_tensor([[10.0, SEEN]]), ops.convert_to_tensor([14.0]))
    assert float(metric.result()) == pytest.approx(math.sqrt((9 + 16) / 2))
