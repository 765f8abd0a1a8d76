"""Attributions of models whose drivers are known to the number."""

from __future__ import annotations

import numpy as np
import pytest

from features.arrays import Float32s
from features.contract import FEATURES, MODEL_SENSORS, WINDOW_STEPS
from features.model_file.onnx_model import OnnxModel
from serving.prediction.attribution import BLOCKS, RUNS, SENSOR_OF, Attributions, attribute, restored_days
from tests.serving.gold import Cell, drivers_model

VIBRATION, TEMPERATURE, PRESSURE = range(3)
LAST, MIDDLE, FIRST = range(3)  # blocks of hours, newest first


def attributed(windows: Float32s, references: Float32s, weights: dict[str, float], *, product: tuple[Cell, ...] = ()) -> Attributions:
    return attribute(OnnxModel(drivers_model(20.0, weights, product=product).onnx, 1), windows, references)


def window(*cells: tuple[str, int, float]) -> Float32s:
    """One window [1, steps, features] of zeros but for the (feature, step, value) given."""
    values = np.zeros((1, WINDOW_STEPS, len(FEATURES)), np.float32)
    for name, step, value in cells:
        values[0, step, FEATURES.index(name)] = value
    return values


NOTHING = window()


def expected(**cells: float) -> np.ndarray:
    found = np.zeros((1, len(MODEL_SENSORS), len(BLOCKS)))
    for cell, days in cells.items():
        sensor, block = cell.split("_")
        found[0, int(sensor[1:]), int(block[1:])] = days
    return found


def test_in_a_sum_each_sensor_has_what_it_adds_and_at_the_hours_where_it_adds_it() -> None:
    weights = {"vibration_1hr_mean": -2.0, "vibration_24hr_std": -1.0, "temp_1hr_delta": -0.5, "pressure_differential": 0.25}
    values = window(
        ("vibration_1hr_mean", -1, 3.0), ("vibration_24hr_std", -1, 2.0), ("temp_1hr_delta", -1, 4.0), ("pressure_differential", -1, 8.0)
    )
    found = attributed(values, NOTHING, weights)
    np.testing.assert_allclose(found.rul_days, expected(s0_b0=-8.0, s1_b0=-2.0, s2_b0=2.0), atol=1e-5)
    np.testing.assert_allclose(found.failure_probability, -found.rul_days / 30, atol=1e-6)
    np.testing.assert_allclose(found.of_sensors(), [[-8.0, -2.0, 2.0]], atol=1e-5)


@pytest.mark.parametrize(
    ("product", "shares"),
    [
        # two sensors that only matter together share evenly
        ((("vibration_1hr_mean", -1), ("temp_1hr_mean", -1)), {"s0_b0": -3.0, "s1_b0": -3.0}),
        # and so do three
        ((("vibration_1hr_mean", -1), ("temp_1hr_mean", -1), ("pressure_1hr_mean", -1)), {"s0_b0": -2.0, "s1_b0": -2.0, "s2_b0": -2.0}),
        # two blocks of hours of one sensor
        ((("vibration_1hr_mean", -1), ("vibration_1hr_mean", 0)), {"s0_b0": -3.0, "s0_b2": -3.0}),
        # a sensor counts once, however many of its hours take part: one half for vibration, of which each block has half
        ((("vibration_1hr_mean", -1), ("vibration_1hr_mean", -7), ("temp_1hr_mean", -1)), {"s0_b0": -1.5, "s0_b1": -1.5, "s1_b0": -3.0}),
        # the calendar is always that of the window and takes no share
        ((("hour_of_day", -1), ("temp_1hr_mean", -1)), {"s1_b0": -6.0}),
    ],
)
def test_what_only_works_together_is_shared_as_owen_says(product: tuple[Cell, ...], shares: dict[str, float]) -> None:
    factors = [-6.0] + [1.0] * (len(product) - 1)
    values = window(*((name, step, factor) for (name, step), factor in zip(product, factors, strict=True)))
    np.testing.assert_allclose(attributed(values, NOTHING, {}, product=product).rul_days, expected(**shares), atol=1e-5)


def test_attributions_add_up_to_the_difference_for_any_window() -> None:
    random = np.random.default_rng(1)
    values, references = random.normal(size=(2, 40, WINDOW_STEPS, len(FEATURES))).astype(np.float32)
    references[:, :, -3:] = values[:, :, -3:]  # the calendar
    weights = dict.fromkeys(FEATURES, 0.3)
    product = (("vibration_1hr_mean", -1), ("temp_1hr_mean", -9), ("pressure_1hr_mean", 2))
    model = OnnxModel(drivers_model(20.0, weights, product=product).onnx, 1)
    found = attribute(model, values, references)
    difference = model.predict(values).rul - model.predict(references).rul
    np.testing.assert_allclose(found.rul_days.sum(axis=(1, 2)), difference, atol=1e-4)
    one = attribute(model, values[7:8], references[7:8])
    np.testing.assert_allclose(one.rul_days[0], found.rul_days[7], atol=1e-5)


def test_a_sensor_restores_what_the_prediction_gains_when_it_alone_shows_the_reference() -> None:
    values = window(("vibration_1hr_mean", -1, 3.0), ("temp_1hr_mean", -1, -2.0))
    model = OnnxModel(
        drivers_model(20.0, {"vibration_1hr_mean": -1.0}, product=(("vibration_1hr_mean", -1), ("temp_1hr_mean", -1))).onnx, 1
    )
    np.testing.assert_allclose(restored_days(model, values, NOTHING), [[9.0, 6.0, 0.0]], atol=1e-5)


def test_a_window_that_is_its_reference_is_attributed_nothing() -> None:
    flat = np.full((1, WINDOW_STEPS, len(FEATURES)), 3.0, np.float32)
    np.testing.assert_allclose(attributed(flat, flat, dict.fromkeys(FEATURES, -1.0)).rul_days, 0.0, atol=1e-9)


def test_every_feature_but_the_calendar_belongs_to_a_sensor_of_the_model() -> None:
    assert set(FEATURES) - set(SENSOR_OF) == {"hour_of_day", "day_of_week", "is_weekend"}
    assert set(SENSOR_OF.values()) == set(MODEL_SENSORS)


def test_the_cost_is_what_the_documentation_says() -> None:
    assert RUNS == 80
    assert attribute(OnnxModel(drivers_model(20.0, {}).onnx, 1), NOTHING[:0], NOTHING[:0]).rul_days.shape == (0, 3, 3)
