"""What is exported computes what was fitted, in any batch size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from config.errors import ExportError, ModelError
from config.loader import CONFIG_DIR, load_section
from config.sections.model import ModelConfig
from config.sections.retraining import RetrainingConfig
from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel
from features.model_file.onnx_session import OUTPUTS
from features.model_file.quantile_levels import METADATA_KEY, NOMINAL, Levels
from features.model_file.weibull_lifetime import METADATA_KEY as AGEING_KEY
from features.model_file.weibull_lifetime import Ageing
from features.windows import gather
from monitoring.gate.checks import judge_export
from monitoring.gate.evidence import ExportedModel
from tests.training.small_network import STEPS, Fitted
from training.network.export import Export, export_onnx, largest_difference, require_parity
from training.quiet_tensorflow import tf2onnx

GATE = load_section(CONFIG_DIR / "retraining.yaml", RetrainingConfig, {}).gate


@pytest.fixture(scope="module")
def windows(fitted: Fitted) -> Float32s:
    return gather(fitted.values, fitted.train.first_row, fitted.train.end, STEPS)


@pytest.fixture(scope="module")
def export(fitted: Fitted, windows: Float32s, config: ModelConfig) -> Export:
    return export_onnx(fitted.model, config.export, windows, threads=1)


def test_every_lstm_layer_becomes_an_lstm_node(export: Export) -> None:
    operators = [node.op_type for node in onnx.load_from_string(export.model).graph.node]
    assert operators.count("LSTM") == 2
    assert "Loop" not in operators


def test_onnx_runtime_and_keras_agree(export: Export, fitted: Fitted, windows: Float32s) -> None:
    assert export.max_abs_difference < 1e-4
    assert export.windows == len(windows) == 640
    got, wanted = OnnxModel(export.model, 1).predict(windows), fitted.model.predict(windows, verbose=0)
    for name in OUTPUTS:
        np.testing.assert_allclose(getattr(got, name), wanted[name], atol=1e-4)


def test_levels_and_ageing_travel_with_the_model_and_one_without_them_has_nominal_levels(
    fitted: Fitted, export: Export, config: ModelConfig
) -> None:
    bare = OnnxModel(export.model, 1)
    assert (bare.levels, bare.ageing) == (NOMINAL, None)
    levels = Levels.of([2.0, 20.0], [[0.08, 0.5, 0.97], [0.02, 0.4, 0.99]])
    windows = gather(fitted.values, fitted.train.first_row[:3], fitted.train.end[:3], STEPS)
    ageing = Ageing(3.3, 42.0, 70.0)
    metadata = {METADATA_KEY: levels.to_json(), AGEING_KEY: ageing.to_json()}
    marked = OnnxModel(export_onnx(fitted.model, config.export, windows, threads=1, metadata=metadata).model, 1)
    assert (marked.levels, marked.ageing) == (levels, ageing)
    assert levels.at(np.array([0.0, 11.0, 30.0])).tolist() == pytest.approx(
        np.array([[0.08, 0.5, 0.97], [0.05, 0.45, 0.98], [0.02, 0.4, 0.99]])
    )


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "{}",
        '{"rul": [1, 1], "before": [[0, 0.5, 1], [0, 0.5, 1]]}',
        '{"rul": [1], "before": [[0.6, 0.5, 1]]}',
        '{"rul": [1], "before": [[NaN, 0.5, 1]]}',
        '{"rul": [null], "before": [[0, 0.5, 1]]}',
        '{"rul": [[1]], "before": [[0, 0.5, 1]]}',
    ],
)
def test_levels_that_are_none_are_refused(export: Export, text: str) -> None:
    proto = onnx.load_from_string(export.model)
    onnx.helper.set_model_props(proto, {METADATA_KEY: text})
    with pytest.raises(ModelError, match=r"metadata altaviz.levels cannot be read .*train and register it again"):
        OnnxModel(proto.SerializeToString(), 1)


@pytest.mark.parametrize(
    "text",
    ["no JSON", "{}", "[]", '{"shape": 0, "scale_days": 42, "longest_days": 70}', '{"shape": "a", "scale_days": 1, "longest_days": 1}'],
)
def test_an_ageing_that_is_none_is_refused(export: Export, text: str) -> None:
    proto = onnx.load_from_string(export.model)
    onnx.helper.set_model_props(proto, {AGEING_KEY: text})
    with pytest.raises(ModelError, match=r"metadata altaviz.ageing cannot be read .*train and register it again"):
        OnnxModel(proto.SerializeToString(), 1)


def test_any_batch_size_gives_the_same_predictions(export: Export, windows: Float32s) -> None:
    model = OnnxModel(export.model, 1)
    whole = model.predict(windows[:7]).rul
    np.testing.assert_allclose(np.concatenate([model.predict(windows[row : row + 1]).rul for row in range(7)]), whole, atol=1e-5)
    assert len(model.predict(windows[:0])) == 0


def test_rows_are_scored_in_batches_as_windows_are_at_once(export: Export, fitted: Fitted, windows: Float32s) -> None:
    model = OnnxModel(export.model, 1)
    by_rows = model.predict_rows(fitted.values, fitted.train.first_row, fitted.train.end, batch_size=100)
    np.testing.assert_allclose(by_rows.rul_upper, model.predict(windows).rul_upper, atol=1e-5)
    assert len(model.predict_rows(fitted.values, fitted.train.first_row[:0], fitted.train.end[:0], batch_size=100)) == 0


def test_a_model_in_a_file_is_opened_like_one_in_memory(export: Export, windows: Float32s, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(export.model)
    assert np.array_equal(OnnxModel(path, 1).predict(windows).rul, OnnxModel(export.model, 1).predict(windows).rul)


def test_a_benchmark_is_not_run_on_a_model_that_differs_and_one_that_does_not_goes_through(export: Export, config: ModelConfig) -> None:
    assert require_parity(export, config.export) is export
    strict = config.export.model_copy(update={"max_abs_difference": 1e-12})
    with pytest.raises(ExportError, match=r"ONNX and Keras differ by .* on 640 windows, 1e-12 is allowed"):
        require_parity(export, strict)


def test_a_graph_with_another_weight_than_keras_is_exported_with_its_difference_and_refused(
    fitted: Fitted, windows: Float32s, config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A converter that loses a weight on its way: what the gate is there for."""
    convert = tf2onnx.convert.from_keras

    def lossy(*arguments: Any, **options: Any) -> Any:
        proto, storage = convert(*arguments, **options)
        node = next(node for node in proto.graph.node if node.op_type == "LSTM")
        weights = next(item for item in proto.graph.initializer if item.name == node.input[1])
        changed = onnx.numpy_helper.to_array(weights).copy()
        changed[0, :8] += 0.5  # the input gates of the first layer
        weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
        return proto, storage

    monkeypatch.setattr("tf2onnx.convert.from_keras", lossy)
    other = export_onnx(fitted.model, config.export, windows, threads=1)
    assert other.max_abs_difference > 0.1
    artefact = ExportedModel(other.max_abs_difference, config.export.max_abs_difference, len(other.model), 1.0)
    check = next(check for check in judge_export(artefact, GATE) if check.name == "parity")
    assert (check.passed, check.numbers) == (False, {"onnx_max_abs_difference": other.max_abs_difference})
    assert check.sentence == f"ONNX and Keras differ by {other.max_abs_difference:.2g}, 0.0001 is allowed"


def test_the_difference_is_that_of_the_worst_output(export: Export, fitted: Fitted, windows: Float32s) -> None:
    got = OnnxModel(export.model, 1).predict(windows)
    got.rul_lower[5] += 0.5
    assert largest_difference(fitted.model, got, windows) == pytest.approx(0.5, abs=1e-3)


def test_damaged_or_foreign_models_and_wrong_windows_are_refused(export: Export, windows: Float32s) -> None:
    with pytest.raises(ModelError, match="cannot be opened as an ONNX model"):
        OnnxModel(b"no model", 1)
    foreign = onnx.load_from_string(export.model)
    foreign.graph.output[0].name = "other"
    foreign.graph.node.append(onnx.helper.make_node("Identity", ["rul"], ["other"]))
    with pytest.raises(ModelError, match="lacks the input 'windows' or one of the outputs rul, rul_lower"):
        OnnxModel(foreign.SerializeToString(), 1)
    with pytest.raises(ModelError, match=r"windows have shape \(640, 5, 3\), the model takes \[n, 6, 3\]"):
        OnnxModel(export.model, 1).predict(windows[:, 1:])
