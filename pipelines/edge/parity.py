"""Checks an exported folder on this home's readings, against gold and the predictor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from config.errors import ExportError, NoDataError
from config.plain_text import from_spreadsheet
from config.settings import Settings
from features.contract import (
    COMPRESSOR_ID,
    FEATURES,
    FILE_SEQ,
    LOADED_AT,
    MAX_LOOKBACK_HOURS,
    READING_FIELDS,
    SOURCE_ROW,
    STATUS_FEATURES,
    TIMESTAMP,
)
from features.increments import Influence, read_state
from features.lake import BRONZE, COMPRESSORS, GOLD, Lake
from features.reference_tables.tables import read_reference
from pipelines.edge.archive import PROGRAM_FILE
from serving.edge.runner import DIGEST_VARIABLE
from serving.prediction.predictor import Predictor

if TYPE_CHECKING:
    from serving.registry.model_version import RegisteredModel

TOLERANCE: Final = 1e-6  # relative or absolute, of a feature against gold


def write_readings(lake: Lake, compressors: pl.DataFrame, settings: Settings, path: Path) -> tuple[Path, datetime]:
    """Write the bronze rows behind gold's newest reading as CSV, as a site would have them. Returns the file and that moment."""
    newest, state = lake.newest_reading(), read_state(lake)
    if newest is None or state is None:
        raise NoDataError("gold holds no rows, or was written by something else: run `altaviz features` first")
    reach, skew = Influence.of(settings.etl), settings.etl.ingest.clock_skew
    start = newest - timedelta(hours=MAX_LOOKBACK_HOURS) - reach.silver - reach.gold
    rows = (
        pl.scan_delta(lake.delta(BRONZE))
        .filter(pl.col(TIMESTAMP) > start, pl.col(TIMESTAMP) <= newest, pl.col(TIMESTAMP) <= pl.col(LOADED_AT) + skew)
        .filter(pl.col(FILE_SEQ) <= state.file_seq, pl.col(COMPRESSOR_ID).is_in(compressors[COMPRESSOR_ID].to_list()))
        .sort(FILE_SEQ, SOURCE_ROW)
        .select(READING_FIELDS)
        .collect()
    )
    rows.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
    return path, newest


def check_folder(settings: Settings, lake: Lake, model: RegisteredModel, folder: Path, readings: Path, newest: datetime) -> dict[str, Any]:
    """Run the folder on `readings`. Features must equal gold's, predictions the predictor's. Raises ExportError."""
    features = readings.with_name("features.csv")
    answered = run_folder(folder, readings, newest, "--features", str(features))["predictions"]
    rows, difference = compare_features(features, lake, newest, MAX_LOOKBACK_HOURS)
    ids = read_reference(lake, COMPRESSORS)["compressor_id"].sort().to_list()
    expected = Predictor(model, settings.scoring, settings.costs, threads=1).predict(lake.delta(GOLD), ids, newest, {})
    for computed, wanted in zip(answered, expected, strict=True):
        differing = [
            name
            for name in computed
            if hasattr(wanted, name) and _comparable(name, computed[name]) != _comparable(name, getattr(wanted, name))
        ]
        if differing:
            raise ExportError(
                f"run.py predicts another {', '.join(differing)} for {wanted.compressor_id} than `altaviz score`: run `altaviz features`"
            )
    return {"feature_rows": rows, "largest_feature_difference": difference, "predictions": len(answered)}


def _comparable(name: str, value: Any) -> Any:
    """A field of a prediction as both sides must give it. Of faults, only the sensor: their beginning may lie before the readings."""
    return sorted({fault["sensor"] for fault in value}) if name == "data_faults" else value


def compare_features(file: Path, lake: Lake, newest: datetime, hours: float) -> tuple[int, float]:
    """The number of feature rows in the last `hours`, and their largest difference to gold. Above 1 the difference is relative. Raises ExportError."""
    start, keys = newest - timedelta(hours=hours), [COMPRESSOR_ID, TIMESTAMP]
    inside = (pl.col(TIMESTAMP) > start) & (pl.col(TIMESTAMP) <= newest)
    gold = pl.scan_delta(lake.delta(GOLD)).filter(inside).select(*keys, *FEATURES).sort(keys).collect()
    kinds = {COMPRESSOR_ID: pl.String, TIMESTAMP: pl.String, **dict.fromkeys(STATUS_FEATURES, pl.String)}
    written = pl.read_csv(file, schema={name: kinds.get(name, pl.Float64) for name in (*keys, *FEATURES)})
    names = written[COMPRESSOR_ID].unique().drop_nulls().to_list()
    written = written.with_columns(
        pl.col(COMPRESSOR_ID).replace({name: from_spreadsheet(name) for name in names}),
        pl.col(TIMESTAMP).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC"),
    )
    written = written.filter(inside).sort(keys)
    if not written.select(*keys, *STATUS_FEATURES).equals(gold.select(*keys, *STATUS_FEATURES)):
        raise ExportError("run.py keeps other readings, or gives them another status, than gold: run `altaviz features`")
    largest = 0.0
    for name in (name for name in FEATURES if name not in STATUS_FEATURES):
        computed, wanted = (frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for frame in (written, gold))
        missing = np.isnan(wanted)
        difference = np.abs(computed - wanted)[~missing] / np.maximum(1.0, np.abs(wanted[~missing]))
        if (np.isnan(computed) != missing).any() or (difference > TOLERANCE).any():
            raise ExportError(f"run.py computes another {name} than gold: run `altaviz features`")
        largest = max(largest, float(difference.max(initial=0.0)))
    return gold.height, largest


def run_folder(folder: Path, readings: Path, moment: datetime, *options: str) -> dict[str, Any]:
    """The document that run.py prints, in a process that sees nothing of this project. Raises ExportError."""
    command = [sys.executable, "-I", str(folder / PROGRAM_FILE), str(readings), "--as-of", moment.isoformat(), *options]
    environment = {name: value for name, value in os.environ.items() if name != DIGEST_VARIABLE}  # of another folder
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode:
        raise ExportError(f"run.py fails on this home's readings: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document
