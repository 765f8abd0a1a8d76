"""Times a fleet's windows through ONNX Runtime, as scoring runs them, beside Keras' `predict`.

Keras runs the same network. It uses its default of 32 windows a batch, and the batch size of ONNX Runtime.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.serving import quantiles_ms
from features.arrays import Float32s
from training.network.export import largest_difference

if TYPE_CHECKING:
    from features.model_file.onnx_model import OnnxModel
    from training.quiet_tensorflow import keras

    pass

_WARM_UP: Final = 2
_ONNX, _AS_IT_COMES, _SAME_BATCH = "onnxruntime", "keras_predict", "keras_predict_same_batch"
_ONE_CALLS: Final = {_ONNX: 200, _AS_IT_COMES: 20}


def compare_scoring(
    network: keras.Model, model: OnnxModel, windows: Float32s, batch_size: int, repetitions: int, advance: Callable[[int, int], None]
) -> dict[str, Any]:
    """Time the windows [n, steps, features] by turns after a warm-up, then one window at a time.

    Returns by name s (median), windows_per_s and cpu_s. The last is of the whole process, and changes least
    on a busy machine. Further keys are ONNX Runtime's times_as_fast and times_as_little_cpu against each, and
    one_ms. Finally largest_difference, of any output in its unit.
    """

    def by_onnx(some: Float32s) -> None:
        for start in range(0, len(some), batch_size):
            model.predict(some[start : start + batch_size])

    engines: dict[str, Callable[[Float32s], object]] = {
        _ONNX: by_onnx,
        _AS_IT_COMES: lambda some: network.predict(some, verbose=0),
        _SAME_BATCH: lambda some: network.predict(some, batch_size=batch_size, verbose=0),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for repetition in range(-_WARM_UP, repetitions):
        for name in list(engines)[:: 1 if repetition % 2 else -1]:
            wall, cpu = time.perf_counter(), time.process_time()
            engines[name](windows)
            if repetition >= 0:
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        advance(max(repetition + 1, 0), repetitions)
    medians = {name: [statistics.median(column) for column in zip(*times, strict=True)] for name, times in taken.items()}
    ours = medians[_ONNX]
    return {
        **{
            name: {"s": round(wall, 4), "windows_per_s": round(len(windows) / wall), "cpu_s": round(cpu, 4)}
            for name, (wall, cpu) in medians.items()
        },
        "times_as_fast": {name: round(medians[name][0] / ours[0], 2) for name in (_AS_IT_COMES, _SAME_BATCH)},
        "times_as_little_cpu": {name: round(medians[name][1] / ours[1], 2) for name in (_AS_IT_COMES, _SAME_BATCH)},
        "one_ms": {name: _one_at_a_time(engines[name], windows, calls) for name, calls in _ONE_CALLS.items()},
        "largest_difference": largest_difference(network, model.predict(windows), windows),
    }


def _one_at_a_time(predict: Callable[[Float32s], object], windows: Float32s, calls: int) -> dict[str, float]:
    predict(windows[:1])
    seconds = []
    for number in range(calls):
        one = np.ascontiguousarray(windows[number % len(windows)][None])
        started = time.perf_counter()
        predict(one)
        seconds.append(time.perf_counter() - started)
    return quantiles_ms(seconds)
