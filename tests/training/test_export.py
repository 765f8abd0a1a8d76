"""What is exported computes what was fitted, in any batch size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from config.errors import ExportError, ModelError
from config.model import ModelConfig
from features.onnx_model import OUTPUTS, OnnxModel
from features.windows import Floats, gather
from tests.training.conftest import STEPS, Fitted
from training.export import Export, export_onnx, largest_difference


@pytest.fixture(scope="module")
def windows(fitted: Fitted) -> Floats:
    return gather(fitted.values, fitted.train.first_row, fitted.train.end, STEPS)


@pytest.fixture(scope="module")
def export(fitted: Fitted, windows: Floats, config: ModelConfig) -> Export:
    return export_onnx(fitted.model, config.export, windows, threads=1)


def test_every_lstm_layer_becomes_an_lstm_node(export: Export) -> None:
    operators = [node.op_type for node in onnx.load_from_string(export.model).graph.node]
    assert operators.count("LSTM") == export.lstm_nodes == 2
    assert "Loop" not in operators


def test_onnx_runtime_and_keras_agree(export: Export, fitted: Fitted, windows: Floats) -> None:
    assert export.max_abs_difference < 1e-4
    assert export.windows == len(windows) == 640
    got, wanted = OnnxModel(export.model, 1).predict(windows), fitted.model.predict(windows, verbose=0)
    for name in OUTPUTS:
        np.testing.assert_allclose(getattr(got, name), wanted[name], atol=1e-4)


def test_any_batch_size_gives_the_same_predictions(export: Export, windows: Floats) -> None:
    model = OnnxModel(export.model, 1)
    whole = model.predict(windows[:7]).rul
    np.testing.assert_allclose(np.concatenate([model.predict(windows[row : row + 1]).rul for row in range(7)]), whole, atol=1e-5)
    assert len(model.predict(windows[:0])) == 0


def test_rows_are_scored_in_batches_as_windows_are_at_once(export: Export, fitted: Fitted, windows: Floats) -> None:
    model = OnnxModel(export.model, 1)
    by_rows = model.predict_rows(fitted.values, fitted.train.first_row, fitted.train.end, batch_size=100)
    np.testing.assert_allclose(by_rows.rul_upper, model.predict(windows).rul_upper, atol=1e-5)
    assert len(model.predict_rows(fitted.values, fitted.train.first_row[:0], fitted.train.end[:0], batch_size=100)) == 0


def test_a_model_in_a_file_is_opened_like_one_in_memory(export: Export, windows: Floats, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(export.model)
    assert np.array_equal(OnnxModel(path, 1).predict(windows).rul, OnnxModel(export.model, 1).predict(windows).rul)


def test_a_difference_above_the_limit_fails_the_export(fitted: Fitted, windows: Floats, config: ModelConfig) -> None:
    strict = config.export.model_copy(update={"max_abs_difference": 1e-12})
    with pytest.raises(ExportError, match=r"ONNX and Keras differ by .* on 640 windows, 1e-12 is allowed"):
        export_onnx(fitted.model, strict, windows, threads=1)


def test_the_difference_is_that_of_the_worst_output(export: Export, fitted: Fitted, windows: Floats) -> None:
    got = OnnxModel(export.model, 1).predict(windows)
    got.rul_lower[5] += 0.5
    assert largest_difference(fitted.model, got, windows) == pytest.approx(0.5, abs=1e-3)


def test_damaged_or_foreign_models_and_wrong_windows_are_refused(export: Export, windows: Floats) -> None:
    with pytest.raises(ModelError, match="cannot be opened as an ONNX model"):
        OnnxModel(b"no model", 1)
    foreign = onnx.load_from_string(export.model)
    foreign.graph.output[0].name = "other"
    foreign.graph.node.append(onnx.helper.make_node("Identity", ["rul"], ["other"]))
    with pytest.raises(ModelError, match="wants the input 'windows' and the outputs rul, rul_lower"):
        OnnxModel(foreign.SerializeToString(), 1)
    with pytest.raises(ModelError, match=r"windows have shape \(640, 5, 3\), the model takes \[n, 6, 3\]"):
        OnnxModel(export.model, 1).predict(windows[:, 1:])
