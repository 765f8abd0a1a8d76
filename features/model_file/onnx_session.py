"""Names of an ONNX model's input and outputs, and the session that runs it. Needs onnxruntime only, so it also runs at the edge."""

from __future__ import annotations

from typing import Final

import onnxruntime

INPUT: Final = "windows"  # [n, steps, features] float32, NaN where a feature has no value in the window
RUL: Final = "rul"  # point prediction, in the unit of the labels (days, cycles)
RUL_LOWER: Final = "rul_lower"  # lower quantile
RUL_UPPER: Final = "rul_upper"  # upper quantile
FAILURE_PROBABILITY: Final = "failure_probability"  # of a failure within the horizon, 0..1
OUTPUTS: Final[tuple[str, ...]] = (RUL, RUL_LOWER, RUL_UPPER, FAILURE_PROBABILITY)


def open_session(model: str | bytes, threads: int) -> onnxruntime.InferenceSession:
    """A session on the CPU from the path or the bytes of a model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # a waiting thread would burn a whole core between two requests
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
