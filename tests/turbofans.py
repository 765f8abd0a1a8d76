"""Engines in NASA's format, few and short-lived, and a model small enough to be trained on them in seconds."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from config.sections.model import CmapssSection, EnsembleSection, ModelConfig

LIVES = (40, 50, 45, 60, 55, 48)


def write_subset(folder: Path) -> Path:
    """FD001: six training engines and three test engines, the last one shorter than a window; two files are gzip, one is plain text."""
    train = [row for unit, life in enumerate(LIVES, start=1) for row in _rows(unit, life, life)]
    test = [row for unit, seen in enumerate((30, 44, 3), start=1) for row in _rows(unit, 50, seen)]
    (folder / "train_FD001.txt.gz").write_bytes(gzip.compress("\n".join(train).encode()))
    (folder / "test_FD001.txt.gz").write_bytes(gzip.compress("\n".join(test).encode()))
    (folder / "RUL_FD001.txt").write_text("20\n6\n47\n")
    return folder


def _rows(unit: int, life: int, seen: int) -> list[str]:
    """Sensors 2 and 3 wear, sensor 4 is noise, the others are constant."""
    random = np.random.default_rng(unit + life)
    rows = []
    for cycle in range(1, seen + 1):
        sensors = np.full(21, 100.0)
        wear = 10.0 * cycle / life
        sensors[1:4] += [wear + random.normal(0, 0.3), -wear + random.normal(0, 0.3), random.normal()]
        rows.append(" ".join(f"{number:.4f}" for number in (0.0, 0.0, 100.0, *sensors)))
    return [f"{unit} {cycle} {row}  " for cycle, row in enumerate(rows, start=1)]


def small_section(config: ModelConfig) -> CmapssSection:
    """Two networks of four units, two epochs each."""
    network = config.network.model_copy(update={"lstm_units": [4], "dense_units": 4})
    fit = config.fit.model_copy(update={"epochs": 2})
    small = {
        "window_cycles": 5,
        "max_rul_cycles": 40.0,
        "horizon_cycles": 10.0,
        "truncations_per_unit": 4,
        "ensemble": EnsembleSection(folds=2, networks=2),
    }
    return config.cmapss.model_copy(update={**small, "network": network, "fit": fit})
