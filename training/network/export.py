"""Exports a fitted network to ONNX and measures the difference to ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from config.errors import ExportError
from config.sections.model import ExportSection
from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel, Predictions
from features.model_file.onnx_session import INPUT, OUTPUTS
from training.quiet_tensorflow import keras, tf, tf2onnx


@dataclass(frozen=True)
class Export:
    """An ONNX model: its bytes, and its difference to Keras."""

    model: bytes
    max_abs_difference: float  # largest |ONNX - Keras| of any output over `windows`, in that output's unit
    windows: int


def export_onnx(
    model: keras.Model, config: ExportSection, windows: Float32s, threads: int, metadata: Mapping[str, str] | None = None
) -> Export:
    """Convert `model` to ONNX with a dynamic batch. Compare both on the first `check_windows` of `windows` [n, steps, features].

    metadata: stored in the file, for example quantile levels (features/model_file/quantile_levels.py) and the distribution of lives
    (features/model_file/weibull_lifetime.py).

    Raises ExportError when an LSTM layer is no LSTM node, or the batch is fixed. It does not judge the difference: `require_parity` does,
    or the gate.
    """
    _, steps, features = model.input_shape
    signature = [tf.TensorSpec((None, steps, features), tf.float32, name=INPUT)]
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=config.opset)
    layers = sum(isinstance(layer, keras.layers.LSTM) for layer in model._flatten_layers())
    nodes = sum(node.op_type == "LSTM" for node in proto.graph.node)
    if nodes != layers:
        raise ExportError(
            f"the ONNX graph holds {nodes} LSTM nodes for {layers} LSTM layers; check the tf2onnx version and the layer options"
        )
    if proto.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value"):
        raise ExportError("the ONNX graph has a fixed batch size; check the input signature of the export")
    if metadata:
        onnx.helper.set_model_props(proto, dict(metadata))
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    checked = windows[: config.check_windows]
    difference = largest_difference(model, OnnxModel(content, threads).predict(checked), checked)
    return Export(content, difference, len(checked))


def require_parity(export: Export, config: ExportSection) -> Export:
    """`export` itself. Raises ExportError when its outputs differ from Keras' by more than `max_abs_difference`."""
    if not export.max_abs_difference <= config.max_abs_difference:
        raise ExportError(
            f"ONNX and Keras differ by {export.max_abs_difference:g} on {export.windows} windows, {config.max_abs_difference:g} is allowed"
        )
    return export


def largest_difference(model: keras.Model, predicted: Predictions, windows: Float32s) -> float:
    """Largest absolute difference between Keras and `predicted` over all outputs of these windows."""
    by_keras = model.predict(windows, batch_size=len(windows), verbose=0)
    return max(float(np.max(np.abs(by_keras[name] - getattr(predicted, name)))) for name in OUTPUTS)
