"""The same network with random weights, to compare explanations with.

An attribution that stays the same with random weights describes the input, not the model (Adebayo et al., "Sanity Checks for Saliency
Maps", NeurIPS 2018).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from config.errors import ModelError

# Inputs of an operator that are trained weights. Normalisation and calibration constants are not among them.
_WEIGHTS: Final[dict[str, tuple[int, ...]]] = {"LSTM": (1, 2, 3), "MatMul": (0, 1), "Gemm": (0, 1)}


def randomised(model: bytes, seed: int) -> bytes:
    """The ONNX model with each weight matrix drawn anew, from a normal distribution with the same mean and spread.

    Raises ModelError when the model has no weights that could be drawn.
    """
    proto, random = onnx.load_from_string(model), np.random.default_rng(seed)
    names = {
        node.input[place]
        for node in proto.graph.node
        for place in _WEIGHTS.get(node.op_type, ())
        if place < len(node.input) and node.input[place]
    }
    weights = [tensor for tensor in proto.graph.initializer if tensor.name in names]
    if not weights:
        raise ModelError("the model has no weights to draw anew: it is no network")
    for tensor in weights:
        values = numpy_helper.to_array(tensor)
        drawn = random.normal(values.mean(), values.std(), values.shape).astype(values.dtype)
        tensor.CopyFrom(numpy_helper.from_array(drawn, tensor.name))
    content: bytes = proto.SerializeToString()
    return content
