"""The same network with nothing learned: what an explanation of a model is compared with.

Adebayo et al., "Sanity Checks for Saliency Maps" (NeurIPS 2018): an attribution that stays the same when the weights are replaced by random ones
describes the input, not the model.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from config.errors import ModelError

# Where an operator takes weights that are learned; what normalises the input or calibrates the output is no input of these.
_WEIGHTS: Final[dict[str, tuple[int, ...]]] = {"LSTM": (1, 2, 3), "MatMul": (0, 1), "Gemm": (0, 1)}


def randomised(model: bytes, seed: int) -> bytes:
    """The ONNX model with the entries of each weight matrix drawn anew: normal, with the mean and the spread that they had.

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
