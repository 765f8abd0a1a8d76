"""A site with an exported folder: one dirty fleet, as gold by Spark and as CSV for run.py."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from config.settings import Settings
from features.contract import COMPRESSOR_ID, READING_FIELDS, TIMESTAMP
from features.lake import Lake
from tests.features.readings import MONDAY, noisy_fleet

DAYS = 5
AS_OF = MONDAY + timedelta(days=DAYS)
ONLY_NUMPY_AND_ONNXRUNTIME = """
import importlib.abc, importlib.machinery, runpy, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        package = name.split(".")[0]
        if package in ("__main__", "config", "features", "serving"):  # the archive's own, from nowhere else
            spec = importlib.machinery.PathFinder.find_spec(name, path or sys.argv[:1])
        else:
            if name.startswith("_sysconfigdata") or package in (*sys.stdlib_module_names, "numpy", "onnxruntime"):  # the first is listed nowhere
                return None
            spec = None
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclasses.dataclass(frozen=True)
class Site:
    lake: Lake
    settings: Settings
    readings: Path
    folder: Path

    def run(self, *arguments: str | Path, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run run.py with numpy and onnxruntime alone, after the command `before`."""
        command = [*before, sys.executable, "-I", "-c", ONLY_NUMPY_AND_ONNXRUNTIME, self.folder / "run.py", *arguments]
        unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}  # it writes nothing else
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, cwd=self.folder, timeout=120, env=unmeasured
        )

    def document(self, *arguments: str | Path) -> dict[str, Any]:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def dirty_fleet() -> list[dict[str, Any]]:
    """Noise, gaps, nulls, spikes, impossible values.

    Also a sensor missing for a day, a silence of 9 h, readings sent twice, and rows without id, time or value.
    """
    rows = noisy_fleet(3, DAYS, step=10)
    for row in rows:
        day = (row[TIMESTAMP] - MONDAY) / timedelta(days=1)
        if row[COMPRESSOR_ID] == "C-2" and 3 < day < 4.2:
            row["discharge_temp_f"] = None
        if row[COMPRESSOR_ID] == "C-3" and day > 4.5:
            row["vibration_mms"] = 7.5  # a level that lasts
    kept = [row for row in rows if not (row[COMPRESSOR_ID] == "C-1" and timedelta(days=2) < row[TIMESTAMP] - MONDAY < timedelta(days=2.4))]
    again = [{**row, "vibration_mms": 3.3} for row in kept[100:200:7]]
    broken: list[dict[str, Any]] = [{**kept[5], COMPRESSOR_ID: None}, {**kept[6], TIMESTAMP: None}]
    empty = {**kept[7], **{name: None for name in READING_FIELDS if name not in (COMPRESSOR_ID, TIMESTAMP)}}
    return [*kept, *again, *broken, empty]


def write_readings(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, READING_FIELDS)
        writer.writeheader()
        writer.writerows({**row, TIMESTAMP: row[TIMESTAMP] and row[TIMESTAMP].isoformat()} for row in rows)
    return path
