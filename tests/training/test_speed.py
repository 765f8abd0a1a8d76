"""The benchmarks beside plain Keras measure what they say, on a tiny network; how fast is for `altaviz benchmark` to tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.scoring import compare_scoring
from benchmarks.training import simulated_windows
from config.model import ModelConfig
from features.onnx_model import OnnxModel
from features.windows import gather
from tests.training.conftest import HORIZON, MAX_RUL, STEPS, small_fleet
from training.dataset import feature_statistics
from training.export import export_onnx
from training.model import build_model


def test_simulated_windows_are_as_many_as_asked_for_over_mapped_rows_with_gaps(tmp_path: Path) -> None:
    values, index = simulated_windows(tmp_path / "rows.npy", 1000, seed=1)
    assert (len(index), values.shape) == (1000, (2 * 2880, 24))
    assert isinstance(values, np.memmap)
    assert set(index.unit.tolist()) == {0, 1}
    assert (index.end - index.first_row < 2880).all()
    assert 0 < np.isnan(values).all(axis=1).mean() < 0.05


def test_scoring_is_timed_three_ways_that_agree(config: ModelConfig) -> None:
    values, index = small_fleet()
    network = build_model(config.network, feature_statistics(values, index), STEPS, MAX_RUL, HORIZON, seed=1)
    windows = gather(values, index.first_row[:70], index.end[:70], STEPS)
    model = OnnxModel(export_onnx(network, config.export, windows, threads=1).model, 1)
    found = compare_scoring(network, model, windows, 64, 1, lambda done, of: None)
    assert found["largest_difference"] <= config.export.max_abs_difference
    assert found["times_as_fast"].keys() == {"keras_predict", "keras_predict_same_batch"}
    assert found["one_ms"]["onnxruntime"]["n"] == 200
