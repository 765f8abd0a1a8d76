"""A model whose drivers are known says so; its size and ranges are counted."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from features.contract import FEATURES, WINDOW_STEPS
from features.model_file.onnx_model import OnnxModel
from tests.serving.gold import drivers_model
from training.data.dataset import WindowIndex
from training.diagnostics.feature_ranges import feature_ranges
from training.diagnostics.footprint import measure_footprint
from training.diagnostics.importance import permutation_importance

MODEL = drivers_model(1.0, {"vibration_1hr_mean": 1.0, "temp_1hr_mean": 0.5})
VIBRATION, TEMP, PRESSURE = (FEATURES.index(name) for name in ("vibration_1hr_mean", "temp_1hr_mean", "pressure_1hr_mean"))


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    return np.random.default_rng(3).normal(5.0, 1.0, (60, WINDOW_STEPS, len(FEATURES))).astype(np.float32)


def test_the_error_rises_by_what_a_feature_weighs_and_by_nothing_for_one_that_is_not_used(windows: np.ndarray) -> None:
    model = OnnxModel(MODEL.onnx, 1)
    true = model.predict(windows).rul
    groups = {"vibration": [VIBRATION], "temp": [TEMP], "pressure": [PRESSURE], "both": [VIBRATION, TEMP]}
    found = permutation_importance(model, windows, true, groups, repeats=3, seed=1)
    assert (found.rmse_days, found.windows) == (0.0, 60)
    assert found.rise_days["pressure"].tolist() == [0.0, 0.0, 0.0]
    # the same permutations for all: half the weight of a feature of the same spread is about half the rise, and both together are more than one
    rises = {name: float(rise.mean()) for name, rise in found.rise_days.items()}
    assert rises["both"] > rises["vibration"] > rises["temp"] > 0.4
    moved = windows[np.random.default_rng(1).permutation(60)][:, -1, VIBRATION] - windows[:, -1, VIBRATION]
    assert found.rise_days["vibration"][0] == pytest.approx(np.sqrt(np.mean(np.square(moved))), rel=1e-4)
    again = permutation_importance(model, windows, true, groups, repeats=3, seed=1)
    assert all(np.array_equal(again.rise_days[name], rise) for name, rise in found.rise_days.items())


def test_a_footprint_counts_the_bytes_and_the_numbers_of_the_graph(windows: np.ndarray) -> None:
    found = measure_footprint(MODEL.onnx, windows, threads=1, calls=5)
    graph = onnx.load_from_string(MODEL.onnx).graph
    assert found.onnx_bytes == len(MODEL.onnx)
    assert found.parameters == WINDOW_STEPS * len(FEATURES) + 4  # the weights; means, life, one and month; not the two shapes
    assert len(graph.initializer) == 7
    assert 0 < found.window_ms_p50 <= found.window_ms_p99
    assert found.windows_per_s > 0


def test_ranges_are_of_the_rows_at_which_windows_end_with_gaps_left_out() -> None:
    values = np.array([[0, np.nan, 1], [1, np.nan, np.nan], [2, np.nan, 3], [100, np.nan, 100]], np.float32)
    ends = np.array([0, 1, 2, 2], np.int64)  # the last row ends none, the third two
    index = WindowIndex(np.zeros(4, np.int32), np.zeros(4, np.int64), ends, np.zeros(4, np.float32), np.zeros(4, np.bool_))
    found = feature_ranges(values, index, [0.0, 0.5, 1.0])
    assert found.rows == 3
    assert found.quantiles[:, 0].tolist() == [0, 1, 2]
    assert np.isnan(found.quantiles[:, 1]).all()
    assert found.quantiles[:, 2].tolist() == [1, 2, 3]
    assert found.missing.tolist() == [0.0, 1.0, pytest.approx(1 / 3)]
