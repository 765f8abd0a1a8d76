"""altaviz export-edge: the champion as a folder that predicts beside the machine, checked against gold and the predictor, and measured."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.errors import ExportError, InputError, NoDataError
from config.settings import Settings
from pipelines.console import StageReporter

if TYPE_CHECKING:
    import polars as pl

    from features.lake import Lake
    from features.windows import Floats
    from pipelines.champion import KnownChampion
    from serving.registry import RegisteredModel

QUANTISED_FILE: Final = "model.int8.onnx"
REPORT_FILE: Final = "report.json"
README_FILE: Final = "README.md"
TOLERANCE: Final = 1e-6  # relative or absolute, of a feature against gold
_QUANTISED_NODES: Final = ["LSTM"]  # they hold nearly all weights: with the heads it is 0.4 kB less, and further from the float model
_STARTS, _CALLS, _WINDOWS = 5, 500, 64


def export_edge(settings: Settings, out: Path, report: StageReporter) -> dict[str, Any]:
    """Write the champion's folder to `out`; an earlier export there is replaced when the new one is whole.

    Returns what report.json holds: model_version, folder, check (rows, largest_difference, predictions), models by file: bytes, start_ms,
    open_ms, window_ms (p50, p99), and on held-out windows rmse_days, coverage_90, mean_width_90_days, brier; loss of the quantised one.
    Raises NoChampionError, NoDataError, ModelError, InputError (`out` holds something else), ExportError (the runner differs from gold or predictor).
    """
    from features.lake import COMPRESSORS, GOLD, Lake
    from features.reference import read_reference
    from pipelines.champion import KnownChampion, known_champion
    from pipelines.edge_folder import RUNNER_FILE, contract_document, write_folder
    from pipelines.tracking import quieten
    from serving import edge_contract
    from serving.registry import Registry

    out = out.resolve()  # `.` and links too: what is replaced is the folder itself
    own = {
        edge_contract.CONTRACT_FILE,
        RUNNER_FILE,
        edge_contract.ZONE_FOLDER,
        edge_contract.MODEL_FILE,
        QUANTISED_FILE,
        REPORT_FILE,
        README_FILE,
    }
    _require_free(out, own)
    quieten()
    registry, lake = Registry(settings.tracking_uri), Lake(settings.lake_uri)
    lake.delta(GOLD)  # says so when there is none
    compressors = read_reference(lake, COMPRESSORS)
    with report.stage("champion"):
        champion = known_champion(registry) or KnownChampion(registry.champion(), None)
    with report.stage("quantise"):
        models = {edge_contract.MODEL_FILE: champion.model.onnx, QUANTISED_FILE: quantise(champion.model.onnx)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as name:
        folder, scratch = Path(name) / "folder", Path(name) / "scratch"
        for path in (folder, scratch):
            path.mkdir()
        write_folder(folder, models, contract_document(champion.model, compressors, settings))
        with report.stage("check"):
            readings, newest = _write_readings(lake, compressors, settings, scratch / "readings.csv")
            check = _check(settings, lake, champion.model, folder, readings, newest)
        windows, loss = _measure_loss(settings, champion, models, report)
        with report.stage("speed"):
            speed = {file: _measure_speed(folder, file, readings, newest, windows) for file in models}
        result = {
            "model_version": champion.model.version,
            "as_of": f"{newest:%Y-%m-%dT%H:%M:%SZ}",
            "check": check,
            "models": {file: {"bytes": len(content), **speed[file], **loss["models"][file]} for file, content in models.items()},
            "quantised_against_float": loss["difference"],
            "windows": loss["windows"],
        }
        (folder / REPORT_FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (folder / README_FILE).write_text(_readme(result), encoding="utf-8")
        if out.exists():
            out.replace(Path(name) / "earlier")  # goes with the temporary folder
        folder.replace(out)
    return {"folder": out, **result}


def _require_free(out: Path, own: set[str]) -> None:
    """Nothing may stand at `out` but a folder with files of an earlier export alone."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is no folder: choose another --out")
    if foreign := sorted({path.name for path in out.iterdir()} - own):
        raise InputError(f"{out} holds something that is no earlier export ({foreign[0]}): move it away, or choose another --out")


def quantise(model: bytes) -> bytes:
    """`model` with the weights of its LSTM nodes in 8 bits, activations quantised as they come (ONNX Runtime's dynamic quantisation)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / QUANTISED_FILE
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it recommends a preparation that is for images
        try:
            quantize_dynamic(
                onnx.load_from_string(model), target, op_types_to_quantize=_QUANTISED_NODES, weight_type=QuantType.QInt8, per_channel=False
            )
        finally:
            logging.disable(before)
        return target.read_bytes()


def _write_readings(lake: Lake, compressors: pl.DataFrame, settings: Settings, path: Path) -> tuple[Path, datetime]:
    """What a site would have at hand at gold's newest reading: the bronze rows that this gold is made from, as CSV; and that moment."""
    import polars as pl

    from features.contract import COMPRESSOR_ID, FILE_SEQ, LOADED_AT, MAX_LOOKBACK_HOURS, READING_FIELDS, SOURCE_ROW, TIMESTAMP
    from features.increments import Reach, read_state
    from features.lake import BRONZE

    newest, state = lake.newest_reading(), read_state(lake)
    if newest is None or state is None:
        raise NoDataError("gold holds no rows, or was written by something else: run `altaviz features` first")
    reach, skew = Reach.of(settings.etl), timedelta(minutes=settings.etl.ingest.clock_skew_minutes)
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


def _check(settings: Settings, lake: Lake, model: RegisteredModel, folder: Path, readings: Path, newest: datetime) -> dict[str, Any]:
    """Run the folder on `readings`; its features must be gold's and its predictions the predictor's. Raises ExportError."""
    from features.contract import MAX_LOOKBACK_HOURS
    from features.lake import COMPRESSORS, GOLD
    from features.reference import read_reference
    from serving.predictor import Predictor

    features = readings.with_name("features.csv")
    said = _run(folder, readings, newest, "--features", str(features))["predictions"]
    rows, difference = compare_features(features, lake, newest, MAX_LOOKBACK_HOURS)
    ids = read_reference(lake, COMPRESSORS)["compressor_id"].sort().to_list()
    expected = Predictor(model, settings.scoring, settings.costs, threads=1).predict(lake.delta(GOLD), ids, newest)
    for mine, theirs in zip(said, expected, strict=True):
        differing = [name for name, value in mine.items() if hasattr(theirs, name) and getattr(theirs, name) != value]
        if differing:
            raise ExportError(
                f"run.py says another {', '.join(differing)} of {theirs.compressor_id} than `altaviz score`: run `altaviz features`"
            )
    return {"feature_rows": rows, "largest_feature_difference": difference, "predictions": len(said)}


def compare_features(file: Path, lake: Lake, newest: datetime, hours: float) -> tuple[int, float]:
    """Rows of the last `hours` that the runner wrote, and their largest difference to gold, relative where gold is over 1. Raises ExportError."""
    import numpy as np
    import polars as pl

    from features.contract import COMPRESSOR_ID, FEATURES, STATUS_FEATURES, TIMESTAMP
    from features.lake import GOLD

    start, keys = newest - timedelta(hours=hours), [COMPRESSOR_ID, TIMESTAMP]
    inside = (pl.col(TIMESTAMP) > start) & (pl.col(TIMESTAMP) <= newest)
    gold = pl.scan_delta(lake.delta(GOLD)).filter(inside).select(*keys, *FEATURES).sort(keys).collect()
    kinds = {COMPRESSOR_ID: pl.String, TIMESTAMP: pl.String, **dict.fromkeys(STATUS_FEATURES, pl.String)}
    own = pl.read_csv(file, schema={name: kinds.get(name, pl.Float64) for name in (*keys, *FEATURES)})
    own = own.with_columns(pl.col(TIMESTAMP).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC"))
    own = own.filter(inside).sort(keys)
    if not own.select(*keys, *STATUS_FEATURES).equals(gold.select(*keys, *STATUS_FEATURES)):
        raise ExportError("run.py keeps other readings, or gives them another status, than gold: run `altaviz features`")
    largest = 0.0
    for name in (name for name in FEATURES if name not in STATUS_FEATURES):
        mine, theirs = (frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for frame in (own, gold))
        missing = np.isnan(theirs)
        apart = np.abs(mine - theirs)[~missing] / np.maximum(1.0, np.abs(theirs[~missing]))
        if (np.isnan(mine) != missing).any() or (apart > TOLERANCE).any():
            raise ExportError(f"run.py computes another {name} than gold: run `altaviz features`")
        largest = max(largest, float(apart.max(initial=0.0)))
    return gold.height, largest


def _run(folder: Path, readings: Path, moment: datetime, *options: str) -> dict[str, Any]:
    """What the folder says, in a process of its own that sees nothing of this project. Raises ExportError."""
    command = [sys.executable, "-I", str(folder / "run.py"), str(readings), "--as-of", moment.isoformat(), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise ExportError(f"run.py fails on this home's readings: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _measure_loss(
    settings: Settings, champion: KnownChampion, models: dict[str, bytes], report: StageReporter
) -> tuple[Floats, dict[str, Any]]:
    """Both models on the labelled windows of the compressors that the champion was tested on (all of them where that is not known).

    Returns some of the windows [n, 24, 24], and models by file (training.trial.measure; nothing where no failure was seen), difference, windows.
    """
    import numpy as np

    from features.onnx_model import OnnxModel
    from pipelines.champion import known_split, taught_as
    from pipelines.past import labelled_fleet, open_past
    from serving import edge_contract
    from training.runtime import load_tensorflow

    load_tensorflow()
    from training.trial import measure, sample_windows

    settings = taught_as(settings, champion.model.facts)
    config = settings.model
    fleet = labelled_fleet(settings, open_past([settings.training_lake_uri]), report)
    history = fleet.history
    index, split = fleet.every(fleet.index, config.windows.judge_stride_hours), known_split(champion, history)
    held_out = split is not None and len(index.of_units(split.test)) > 0
    if split is not None and held_out:
        index = index.of_units(split.test)
    said = {
        file: OnnxModel(content, config.scoring.threads).predict_rows(history.values, index.first_row, index.end, config.scoring.batch_size)
        for file, content in models.items()
    }
    seen = int((~index.censored).sum())
    exact, quantised = said[edge_contract.MODEL_FILE], said[QUANTISED_FILE]
    apart = np.abs(quantised.rul.astype(np.float64) - exact.rul)
    critical = settings.scoring.health.critical.value
    return sample_windows(history.values, index, _WINDOWS, config.split.seed), {
        "models": {file: measure(index, answer, config.labels.horizon_days) if seen else {} for file, answer in said.items()},
        "difference": {
            "rul_days_mean": float(apart.mean()),
            "rul_days_p99": float(np.quantile(apart, 0.99)),
            "rul_days_most": float(apart.max()),
            "failure_probability_most": float(np.abs(quantised.failure_probability - exact.failure_probability).max()),
            "critical_changed_share": float(((quantised.rul <= critical) != (exact.rul <= critical)).mean()),
        },
        "windows": {"number": len(index), "failure_seen": seen, "compressors": "the champion's test compressors" if held_out else "all"},
    }


def _measure_speed(folder: Path, file: str, readings: Path, moment: datetime, windows: Floats) -> dict[str, Any]:
    """start_ms: a process from its start to its last line, median; open_ms: the model in it; window_ms: the model alone, one thread."""
    import numpy as np

    from serving import edge_contract, edge_runner

    starts, opened = [], []
    for _ in range(_STARTS):
        started = time.perf_counter()
        document = _run(folder, readings, moment, "--model", file)
        starts.append((time.perf_counter() - started) * 1000)
        opened.append(document["milliseconds"]["open_model"])
    session = edge_runner.open_model(folder / file, edge_contract.load_contract(folder), threads=1)
    spans = []
    for number in range(_CALLS):
        window = windows[number % len(windows)][None]
        started = time.perf_counter()
        session.run(list(edge_runner.OUTPUT_NAMES), {edge_runner.INPUT_NAME: window})
        spans.append((time.perf_counter() - started) * 1000)
    p50, p99 = np.quantile(spans[_CALLS // 10 :], [0.5, 0.99])  # the first calls allocate
    return {
        "start_ms": round(statistics.median(starts), 1),
        "start_readings": document["readings"]["used"],
        "open_ms": round(statistics.median(opened), 2),
        "window_ms": {"p50": round(float(p50), 3), "p99": round(float(p99), 3)},
    }


def _readme(result: dict[str, Any]) -> str:
    lines = [
        f"# Remaining life beside the machine (model version {result['model_version']})",
        "",
        "`python run.py readings.csv` needs Python 3.11, numpy and onnxruntime; `python run.py --help` tells the options, contract.json everything else.",
        f"`--model {QUANTISED_FILE}` takes the quantised variant.",
        "",
        f"Checked when exported, at {result['as_of']}: {result['check']['feature_rows']} readings, largest difference of a feature to gold "
        f"{result['check']['largest_feature_difference']:.1g}; {result['check']['predictions']} predictions equal to `altaviz score`.",
        "",
        "| measured when exporting | " + " | ".join(result["models"]) + " |",
        "|---|" + "---|" * len(result["models"]),
    ]
    rows = {
        "size on disk, bytes": "bytes",
        f"start to answer, ms ({next(iter(result['models'].values()))['start_readings']} readings)": "start_ms",
        "opening the model, ms": "open_ms",
        "RMSE, days": "rmse_days",
        "coverage of the 90 % interval": "coverage_90",
        "its mean width, days": "mean_width_90_days",
        "Brier score": "brier",
    }
    for title, key in rows.items():
        cells = [f"{facts[key]:.6g}" if key in facts else "no failure seen" for facts in result["models"].values()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    cells = [f"{facts['window_ms']['p50']} / {facts['window_ms']['p99']}" for facts in result["models"].values()]
    lines.append("| one window, ms, p50 / p99, one thread | " + " | ".join(cells) + " |")
    windows, apart = result["windows"], result["quantised_against_float"]
    lines += [
        "",
        f"Errors are of {windows['number']} windows ({windows['failure_seen']} whose failure was seen) of {windows['compressors']}. "
        f"The quantised model's life differs by {apart['rul_days_mean']:.3f} days on average, {apart['rul_days_p99']:.2f} at the 99th percentile, "
        f"{apart['rul_days_most']:.2f} at most; its failure probability by {apart['failure_probability_most']:.3f} at most; whether a life is critical "
        f"changes in {apart['critical_changed_share']:.2%} of windows.",
    ]
    return "\n".join(lines) + "\n"
