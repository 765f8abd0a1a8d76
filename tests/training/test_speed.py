"""The benchmarks beside plain Keras measure what they say, on a tiny network; how fast is for `altaviz benchmark` to tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.scoring import compare_scoring
from benchmarks.training import peak_of_fit, simulated_windows, throughput
from config.sections.model import ModelConfig
from features.model_file.onnx_model import OnnxModel
from features.windows import gather
from tests.training.small_network import LABELS, STEPS, small_fleet
from training.data.dataset import feature_statistics
from training.network.export import export_onnx
from training.network.model import build_model


def test_simulated_windows_are_as_many_as_asked_for_over_mapped_rows_with_gaps(tmp_path: Path) -> None:
    values, index = simulated_windows(tmp_path / "rows.npy", 1000, seed=1)
    assert (len(index), values.shape) == (1000, (2 * 2880, 24))
    assert isinstance(values, np.memmap)
    assert set(index.unit.tolist()) == {0, 1}
    assert (index.end - index.first_row < 2880).all()
    assert 0 < np.isnan(values).all(axis=1).mean() < 0.05


def test_learning_is_timed_three_ways_on_the_same_windows(tmp_path: Path, config: ModelConfig) -> None:
    tiny = config.model_copy(update={"fit": config.fit.model_copy(update={"epochs": 1})})
    told: list[tuple[int, int]] = []
    found = throughput(*simulated_windows(tmp_path / "rows.npy", 130, seed=1), tiny, 2, lambda done, of: told.append((done, of)))
    ways = ["cut_on_demand", "cut_and_augmented", "keras_in_memory"]
    assert list(found) == [*ways, "of_keras", "array_mib"]
    assert told == [(1, 2), (2, 2)]
    assert all(found[way].keys() == {"windows_per_s", "cpu_s_per_1000_windows"} and min(found[way].values()) > 0 for way in ways)
    assert list(found["of_keras"]) == ways[:2]
    for way, ratio in found["of_keras"].items():
        assert ratio["throughput"] == pytest.approx(found[way]["windows_per_s"] / found[ways[2]]["windows_per_s"], rel=0.01)
        assert ratio["cpu"] == pytest.approx(found[ways[2]]["cpu_s_per_1000_windows"] / found[way]["cpu_s_per_1000_windows"], rel=0.01)
    assert found["array_mib"] == 0.3  # 130 windows of 24 steps and 24 features of 4 bytes


def test_the_peak_of_a_fit_is_reported_with_the_size_of_the_rows(tmp_path: Path, config: ModelConfig) -> None:
    peak = peak_of_fit(tmp_path / "rows.npy", 130, config)
    assert (peak.windows, peak.rows_mib) == (130, 0.3)  # 2880 rows of 24 features of 4 bytes
    assert len(np.load(tmp_path / "rows.npy", mmap_mode="r")) == 2880


def test_scoring_is_timed_three_ways_that_agree(config: ModelConfig) -> None:
    values, index = small_fleet()
    network = build_model(config.network, feature_statistics(values, index), STEPS, LABELS, seed=1)
    windows = gather(values, index.first_row[:70], index.end[:70], STEPS)
    model = OnnxModel(export_onnx(network, config.export, windows, threads=1).model, 1)
    found = compare_scoring(network, model, windows, 64, 1, lambda done, of: None)
    assert found["largest_difference"] <= config.export.max_abs_difference
    assert found["times_as_fast"].keys() == {"keras_predict", "keras_predict_same_batch"}
    assert found["one_ms"]["onnxruntime"]["n"] == 200
