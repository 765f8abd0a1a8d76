"""The cost and accuracy of exported models: errors on held-out windows, and the time that the folder takes."""

from __future__ import annotations

import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from config.settings import Settings
from features.arrays import Float32s
from features.model_file.onnx_model import OnnxModel
from features.model_file.onnx_session import INPUT, OUTPUTS
from monitoring.gate.champion import KnownChampion, known_split, with_labels_of
from pipelines.edge.folder import QUANTISED_FILE
from pipelines.edge.parity import run_folder
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.runtime.console import StageReporter
from serving.edge.contract import MODEL_FILE, load_contract
from serving.edge.model import open_model
from training.data.dataset import sample_windows
from training.data.history import open_history
from training.measurement import measure

_STARTS: Final = 5  # of the whole process
_CALLS: Final = 500  # of the model
_WINDOWS: Final = 64  # that it is called with


def measure_loss(
    settings: Settings, champion: KnownChampion, models: dict[str, bytes], report: StageReporter
) -> tuple[Float32s, dict[str, Any]]:
    """Both models on labelled windows of the champion's test compressors, or of all if those are unknown.

    Returns some of the windows [n, 24, 24] and a document. It holds `models` (errors by file, empty without a failure), `difference` and
    `windows`.
    """
    settings = with_labels_of(settings, champion.model.facts)
    config = settings.model
    fleet = labelled_fleet(settings, open_history([settings.training_lake_uri]), report)
    history = fleet.history
    index, split = fleet.every(fleet.index, config.windows.judge_stride_hours), known_split(champion, history)
    held_out = split is not None and len(index.of_units(split.test)) > 0
    if split is not None and held_out:
        index = index.of_units(split.test)
    predicted = {
        file: OnnxModel(content, config.scoring.threads).predict_rows(history.values, index.first_row, index.end, config.scoring.batch_size)
        for file, content in models.items()
    }
    seen = int((~index.censored).sum())
    exact, quantised = predicted[MODEL_FILE], predicted[QUANTISED_FILE]
    difference = np.abs(quantised.rul.astype(np.float64) - exact.rul)
    critical = settings.scoring.health.critical.value
    return sample_windows(history.values, index, _WINDOWS, config.split.seed), {
        "models": {file: measure(index, answer, config.labels.horizon_days) if seen else {} for file, answer in predicted.items()},
        "difference": {
            "rul_days_mean": float(difference.mean()),
            "rul_days_p99": float(np.quantile(difference, 0.99)),
            "rul_days_most": float(difference.max()),
            "failure_probability_most": float(np.abs(quantised.failure_probability - exact.failure_probability).max()),
            "critical_changed_share": float(((quantised.rul <= critical) != (exact.rul <= critical)).mean()),
        },
        "windows": {"number": len(index), "failure_seen": seen, "compressors": "the champion's test compressors" if held_out else "all"},
    }


def measure_speed(folder: Path, file: str, readings: Path, moment: datetime, windows: Float32s) -> dict[str, Any]:
    """Times of a model in the folder. The process from start to last line is `start_ms`, and `open_ms` is part of it.

    Both are medians. One window on one thread takes `window_ms`, without the process.
    """
    starts, opened = [], []
    for _ in range(_STARTS):
        started = time.perf_counter()
        document = run_folder(folder, readings, moment, "--model", file)
        starts.append((time.perf_counter() - started) * 1000)
        opened.append(document["milliseconds"]["open_model"])
    session = open_model(folder / file, load_contract(folder), threads=1)
    spans = []
    for number in range(_CALLS):
        window = windows[number % len(windows)][None]
        started = time.perf_counter()
        session.run(list(OUTPUTS), {INPUT: window})
        spans.append((time.perf_counter() - started) * 1000)
    p50, p99 = np.quantile(spans[_CALLS // 10 :], [0.5, 0.99])  # the first calls allocate
    return {
        "start_ms": round(statistics.median(starts), 1),
        "start_readings": document["readings"]["used"],
        "open_ms": round(statistics.median(opened), 2),
        "window_ms": {"p50": round(float(p50), 3), "p99": round(float(p99), 3)},
    }
