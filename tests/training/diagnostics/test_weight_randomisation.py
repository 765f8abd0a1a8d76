"""A network that has learned nothing has the same shape, other answers, and the same normalisation."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from config.errors import ModelError
from config.sections.model import ModelConfig
from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel
from features.windows import gather
from tests.serving.gold import mean_model
from tests.training.small_network import STEPS, Fitted
from training.diagnostics.weight_randomisation import randomised
from training.network.export import export_onnx


@pytest.fixture(scope="module")
def windows(fitted: Fitted) -> Float32s:
    return gather(fitted.values, fitted.train.first_row, fitted.train.end, STEPS)


def test_all_trained_weights_are_drawn_anew_and_nothing_else(fitted: Fitted, windows: Float32s, config: ModelConfig) -> None:
    model = export_onnx(fitted.model, config.export, windows, threads=1).model
    one, again, other = randomised(model, 1), randomised(model, 1), randomised(model, 2)
    assert one == again
    assert one != other

    before, after = (
        {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(own).graph.initializer} for own in (model, one)
    )
    changed = {name for name, values in before.items() if not np.array_equal(values, after[name])}
    assert len(changed) >= 3 * 2 + 1 + 3  # W, R and B of two LSTM, the dense layer, the heads
    statistics = fitted.model.get_layer("normalise")
    kept = [values.reshape(-1) for name, values in before.items() if name not in changed and values.size == windows.shape[2]]
    assert any(np.allclose(values, np.ravel(statistics.mean)) for values in kept)
    assert not np.allclose(OnnxModel(one, 1).predict(windows).rul, OnnxModel(model, 1).predict(windows).rul, atol=0.5)


def test_a_model_without_weights_is_refused() -> None:
    with pytest.raises(ModelError, match="no weights to draw anew"):
        randomised(mean_model().onnx, 1)
