"""Times fitting on windows cut on demand from a memory map, beside Keras' `fit` on windows in memory.

    values, index = simulated_windows(file, n, seed)          random walks in the shape of gold, laid out on disk as `altaviz train` does
    throughput(values, index, config, repetitions, advance)   windows a second of both, by turns
    peak_of_fit(file, n, config, seed)                        what one epoch adds to memory; run it in a process of its own

Both sides have the same network, losses, optimiser and batch size. Neither has callbacks or validation.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil

from features.arrays import Float32s
from features.contract import FEATURES, WINDOW_STEPS
from features.model_file.onnx_session import OUTPUTS
from features.windows import gather
from training.data.augmentation import LevelAugmentation
from training.data.dataset import LabelLimits, Labels, WindowIndex, feature_statistics
from training.network.batches import WindowDataset
from training.network.fit import ForEveryHead
from training.network.model import build_model, compile_model

if TYPE_CHECKING:
    from config.sections.model import ModelConfig
    from training.quiet_tensorflow import keras

_HOURS: Final = 120 * 24  # of each compressor, as in the default history
_STRIDE_HOURS: Final = 4
_GAP_SHARE: Final = 0.02  # hours without a reading, so that gaps are filled as in earnest
_FAILURE_EVERY_H: Final = 30 * 24
_BYTES_PER_MIB: Final = 2**20
_SAMPLE_S: Final = 0.02


def simulated_windows(file: Path, number: int, seed: int) -> tuple[Float32s, WindowIndex]:
    """Exactly `number` windows over random walks. The rows lie in `file` and are mapped, not read.

    One compressor is in memory at a time. A third of the labels are censored.
    """
    random = np.random.default_rng(seed)
    ends = np.arange(_STRIDE_HOURS - 1, _HOURS, _STRIDE_HOURS, dtype=np.int64)
    units = -(-number // len(ends))
    values = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(units * _HOURS, len(FEATURES)))
    parts = []
    for unit in range(units):
        walk = np.cumsum(random.normal(size=(_HOURS, len(FEATURES))), axis=0).astype(np.float32)
        walk[random.random(_HOURS) < _GAP_SHARE] = np.nan
        values[unit * _HOURS : (unit + 1) * _HOURS] = walk
        rul = ((_FAILURE_EVERY_H - 1 - ends % _FAILURE_EVERY_H) / 24).astype(np.float32)
        labels = Labels(rul, np.full(len(ends), unit % 3 == 2))
        parts.append(WindowIndex.of_unit(unit, unit * _HOURS, unit * _HOURS + ends, labels))
    values.flush()
    del values
    return np.load(file, mmap_mode="r"), WindowIndex.concatenate(parts).take(np.arange(number))


@dataclass(frozen=True)
class Speed:
    """Medians over the repetitions."""

    windows_per_s: float
    cpu_s_per_1000_windows: float  # of the whole process: what a busy machine does not change


def throughput(
    values: Float32s, index: WindowIndex, config: ModelConfig, repetitions: int, advance: Callable[[int, int], None]
) -> dict[str, Any]:
    """Fits of `fit.epochs` epochs of the same windows.

    They are cut on demand, cut with augmentation (as in `train`), or taken from one array in memory. Each has
    its own network and one epoch to warm up. The order reverses at every repetition. The start-up time of a
    fit counts on every side. Ratios are of medians.
    """
    seed, batch_size = config.split.seed, config.fit.batch_size
    augment = LevelAugmentation(config.augmentation)
    lazy = WindowDataset(values, index, WINDOW_STEPS, batch_size, seed)
    augmented = WindowDataset(values, index, WINDOW_STEPS, batch_size, seed, augment)
    array, labels = gather(values, index.first_row, index.end, WINDOW_STEPS), _labels(index)
    fits: dict[str, Callable[[keras.Model, int], object]] = {
        "cut_on_demand": lambda model, epochs: model.fit(ForEveryHead(lazy), epochs=epochs, shuffle=False, verbose=0),
        "cut_and_augmented": lambda model, epochs: model.fit(ForEveryHead(augmented), epochs=epochs, shuffle=False, verbose=0),
        "keras_in_memory": lambda model, epochs: model.fit(array, labels, batch_size=batch_size, epochs=epochs, shuffle=True, verbose=0),
    }
    models = {name: _compiled(values, index, config) for name in fits}
    for name, fit in fits.items():
        fit(models[name], 1)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in fits}
    for repetition in range(repetitions):
        for name in list(fits)[:: 1 if repetition % 2 else -1]:
            wall, cpu = time.perf_counter(), time.process_time()
            fits[name](models[name], config.fit.epochs)
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        advance(repetition + 1, repetitions)
    speeds = {name: _speed(len(index) * config.fit.epochs, taken) for name, taken in seconds.items()}
    theirs = speeds["keras_in_memory"]
    return {
        **{name: asdict(speed) for name, speed in speeds.items()},
        "of_keras": {
            name: {
                "throughput": round(speeds[name].windows_per_s / theirs.windows_per_s, 3),
                "cpu": round(theirs.cpu_s_per_1000_windows / speeds[name].cpu_s_per_1000_windows, 3),
            }
            for name in ("cut_on_demand", "cut_and_augmented")
        },
        "array_mib": round(array.nbytes / _BYTES_PER_MIB, 1),
    }


@dataclass(frozen=True)
class Peak:
    """The most that one epoch added to the memory of its process, MiB.

    Imports and the network do not count.
    """

    windows: int
    anonymous_mib: float  # memory of its own
    file_mib: float  # pages of the mapped rows: cache of the file, taken back by the system when it wants
    rows_mib: float  # size of that file


def peak_of_fit(file: Path, number: int, config: ModelConfig) -> Peak:
    """Fit one epoch on `number` simulated windows whose rows lie in `file`.

    The feature statistics are computed first. Run it in a process of its own.
    """
    few, index = simulated_windows(file.with_suffix(".warm-up.npy"), 2 * config.fit.batch_size, config.split.seed)
    model = _compiled(few, index, config)
    model.fit(ForEveryHead(WindowDataset(few, index, WINDOW_STEPS, config.fit.batch_size, 0)), shuffle=False, verbose=0)
    with _OwnMemory() as memory:
        values, index = simulated_windows(file, number, config.split.seed)
        windows = WindowDataset(
            values, index, WINDOW_STEPS, config.fit.batch_size, config.split.seed, LevelAugmentation(config.augmentation)
        )
        feature_statistics(values, index)
        model.fit(ForEveryHead(windows), shuffle=False, verbose=0)
    return Peak(number, memory.anonymous_mib, memory.file_mib, round(file.stat().st_size / _BYTES_PER_MIB, 1))


class _OwnMemory:
    """Samples this process while its block runs.

    Both numbers are the largest rise above the start.
    """

    def __init__(self) -> None:
        self.anonymous_mib = self.file_mib = 0.0
        self._start = _resident()
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _OwnMemory:
        self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._sampler.join()

    def _sample(self) -> None:
        ended = False
        while not ended:
            ended = self._done.wait(_SAMPLE_S)
            grown = [round((now - before) / _BYTES_PER_MIB, 1) for now, before in zip(_resident(), self._start, strict=True)]
            self.anonymous_mib, self.file_mib = max(self.anonymous_mib, grown[0]), max(self.file_mib, grown[1])


def _resident() -> tuple[int, int]:
    """Bytes of this process in memory: its own, and of files."""
    memory = psutil.Process().memory_info()
    return memory.rss - memory.shared, memory.shared


def _compiled(values: Float32s, index: WindowIndex, config: ModelConfig) -> keras.Model:
    labels, batches = LabelLimits.of(config.labels), -(-len(index) // config.fit.batch_size)
    statistics_ = feature_statistics(values, index)
    model = build_model(config.network, statistics_, WINDOW_STEPS, labels, config.split.seed)
    compile_model(model, config.fit, labels, batches)
    return model


def _labels(index: WindowIndex) -> dict[str, Float32s]:
    return dict.fromkeys(OUTPUTS, np.stack([index.rul, index.censored.astype(np.float32)], axis=1))


def _speed(windows: int, taken: list[tuple[float, float]]) -> Speed:
    wall, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
    return Speed(round(windows / wall, 1), round(1000 * cpu / windows, 3))
