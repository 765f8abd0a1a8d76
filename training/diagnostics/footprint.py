"""What a model costs to store and to run: bytes, numbers, milliseconds."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx

from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel

_BATCHES: Final = 3  # calls with all windows; their median counts


@dataclass(frozen=True)
class Footprint:
    """Size of an ONNX model, and its speed on the machine that measured it."""

    onnx_bytes: int
    parameters: int  # floating-point numbers in the graph: weights, normalisation, calibration
    threads: int
    window_ms_p50: float  # one window per call
    window_ms_p99: float
    batch: int  # windows of one call
    windows_per_s: float  # in such calls


def measure_footprint(content: bytes, windows: Float32s, threads: int, calls: int) -> Footprint:
    """Measure the model `content` on `windows` [n, steps, features]: `calls` single windows, then all windows in one call."""
    model = OnnxModel(content, threads)
    singles = [windows[number % len(windows)][None] for number in range(calls)]
    model.predict(singles[0])  # the first call allocates
    spans = [_seconds(model, window) for window in singles]
    p50, p99 = np.quantile(spans, [0.5, 0.99]).tolist()
    model.predict(windows)
    together = statistics.median(_seconds(model, windows) for _ in range(_BATCHES))
    return Footprint(len(content), _parameters(content), threads, p50 * 1000, p99 * 1000, len(windows), len(windows) / together)


def _seconds(model: OnnxModel, windows: Float32s) -> float:
    started = time.perf_counter()
    model.predict(windows)
    return time.perf_counter() - started


def _parameters(content: bytes) -> int:
    floating = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
    constants = onnx.load_from_string(content).graph.initializer
    return sum(int(np.prod(constant.dims)) for constant in constants if constant.data_type in floating)
