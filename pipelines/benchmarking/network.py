"""Times the network, compared with plain Keras: `altaviz benchmark training`, `altaviz benchmark scoring`."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.scoring import compare_scoring
from benchmarks.training import peak_of_fit, simulated_windows, throughput
from config.errors import NoChampionError
from config.settings import Settings
from features.arrays import Float32s
from features.contract import WINDOW_STEPS
from features.model_file.onnx_model import OnnxModel
from features.windows import gather
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from serving.registry.client import Registry
from training.calibration.calibrate import neutral
from training.data.dataset import LabelLimits, feature_statistics
from training.network.ensemble import combine
from training.network.export import export_onnx
from training.network.model import build_model

if TYPE_CHECKING:
    from benchmarks.training import Peak
    from config.sections.model import ModelConfig

    pass

_TENFOLD: Final = 10
_BYTES_PER_MIB: Final = 2**20


def training(settings: Settings, windows: int, repetitions: int, report: StageReporter) -> dict[str, Any]:
    """Fit one network on `windows` simulated windows, cut on demand and in memory. Then measure the peak memory of an epoch with 1x and 10x
    the windows.

    Returns windows, throughput (benchmarks.training.throughput), memory (once, tenfold: benchmarks.training.Peak; growth). Raises
    ConfigError.
    """
    started = time.perf_counter()

    with _scratch(settings.home) as folder:
        with report.stage("throughput") as advance:
            values, index = simulated_windows(folder / "rows.npy", windows, settings.model.split.seed)
            speeds = throughput(values, index, settings.model, repetitions, advance)
        peaks = []
        for times in (1, _TENFOLD):
            with report.stage(f"memory of {times * windows} windows") as advance:
                peaks.append(_peak_in_a_process_of_its_own(folder / f"rows-{times}.npy", times * windows, settings.model))
                advance(1, 1, anonymous_mib=peaks[-1].anonymous_mib)
    once, tenfold = peaks
    grown = (tenfold.anonymous_mib - once.anonymous_mib) * _BYTES_PER_MIB
    return {
        "windows": windows,
        "batch_size": settings.model.fit.batch_size,
        "repetitions": repetitions,
        "throughput": speeds,
        "memory": {
            "once": asdict(once),
            "tenfold": asdict(tenfold),
            "growth_bytes_per_window": round(grown / (tenfold.windows - once.windows), 1),
            "array_bytes_per_window": round(speeds["array_mib"] * _BYTES_PER_MIB / windows),
        },
        "seconds": round(time.perf_counter() - started, 1),
    }


def scoring(settings: Settings, windows: int, repetitions: int, report: StageReporter) -> dict[str, Any]:
    """Score `windows` simulated windows in turn with ONNX Runtime and Keras `predict`, on the networks of model_config.yaml.

    The champion has no Keras model, so its ONNX model is timed alone. Speed does not depend on the weights. Returns network, threads,
    batch_size, benchmarks.scoring.compare_scoring and, with a champion, champion. Raises ConfigError, ExportError.
    """
    started = time.perf_counter()

    config, labels = settings.model, settings.model.labels
    with _scratch(settings.home) as folder, report.stage("network"):
        values, index = simulated_windows(folder / "rows.npy", windows, config.split.seed)
        statistics = feature_statistics(values, index)
        members = [
            build_model(config.network, statistics, WINDOW_STEPS, LabelLimits.of(labels), number, f"fold_{number}")
            for number in range(1, config.ensemble.networks + 1)
        ]
        network = combine(members, neutral(config.calibration.bands, labels.max_rul_days), labels.max_rul_days)
        cut = gather(values, index.first_row, index.end, WINDOW_STEPS)
        exported = export_onnx(network, config.export, cut, config.scoring.threads)
    with report.stage("scoring") as advance:
        model = OnnxModel(exported.model, config.scoring.threads)
        measured = compare_scoring(network, model, cut, config.scoring.batch_size, repetitions, advance)
    return {
        "network": f"mean of {config.ensemble.networks} untrained networks of model_config.yaml",
        "windows": windows,
        "threads": config.scoring.threads,
        "batch_size": config.scoring.batch_size,
        "repetitions": repetitions,
        **measured,
        "champion": _champion_alone(settings, cut, repetitions),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _champion_alone(settings: Settings, windows: Float32s, repetitions: int) -> dict[str, Any] | None:
    """Version and windows a second of this home's champion, None without one."""
    quieten()
    try:
        champion = Registry(settings.tracking_uri).champion()
    except NoChampionError:
        return None
    model, seconds = OnnxModel(champion.onnx, settings.model.scoring.threads), []
    model.predict(windows)
    for _ in range(repetitions):
        started = time.perf_counter()
        for start in range(0, len(windows), settings.model.scoring.batch_size):
            model.predict(windows[start : start + settings.model.scoring.batch_size])
        seconds.append(time.perf_counter() - started)
    return {"model_version": champion.version, "windows_per_s": round(len(windows) / statistics.median(seconds))}


def _peak_in_a_process_of_its_own(file: Path, windows: int, config: ModelConfig) -> Peak:
    """Measure in a fresh process, so that earlier measurements do not count."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(_peak, file, windows, config).result()


def _peak(file: Path, windows: int, config: ModelConfig) -> Peak:
    return peak_of_fit(file, windows, config)


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    parent = home / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)
