"""run.py against the real medallion: a dirty fleet as CSV, through Spark's bronze, silver and gold on one side and the exported folder on the other."""

from __future__ import annotations

import ast
import csv
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from config.sections.thresholds import LimitOverride, SensorOverride
from config.settings import Settings
from features.bronze import load_files
from features.build import Rules, build_silver_and_gold
from features.contract import COMPRESSOR_ID, READING_FIELDS, TIMESTAMP
from features.lake import COMPRESSORS, GOLD, Lake
from features.reference_tables.tables import COMPRESSOR_KEY, merge_reference
from features.row_counts import count_rows
from pipelines.edge.bundle import QUANTISED_FILE, contract_document, runner_source, write_folder
from pipelines.edge.parity import compare_features
from serving.edge.contract import MODEL_FILE, SUMS_FILE, EdgeInputError, folder_sums, load_contract, require_digest
from serving.prediction.predictor import Predictor
from tests.features.readings import LOADED_AT, MONDAY, compressors, noisy_fleet, series
from tests.serving.gold import mean_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = 5
AS_OF = MONDAY + timedelta(days=DAYS)
ONLY_NUMPY_AND_ONNXRUNTIME = """
import importlib.abc, runpy, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        own = name.startswith("_sysconfigdata") or name.split(".")[0] in sys.stdlib_module_names  # the former is listed nowhere
        if not own and name.split(".")[0] not in ("numpy", "onnxruntime"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
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
        """run.py where nothing but numpy and onnxruntime can be imported; `before` is a command that starts another."""
        command = [*before, sys.executable, "-I", "-c", ONLY_NUMPY_AND_ONNXRUNTIME, self.folder / "run.py", *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=self.folder, timeout=120)

    def says(self, *arguments: str | Path) -> dict[str, Any]:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def _dirty_fleet() -> list[dict[str, Any]]:
    """Noise, gaps, nulls, spikes, impossible values; a sensor missing for a day, a silence of 9 h, readings sent twice, rows without id, time or value."""
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


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, READING_FIELDS)
        writer.writeheader()
        writer.writerows({**row, TIMESTAMP: row[TIMESTAMP] and row[TIMESTAMP].isoformat()} for row in rows)
    return path


@pytest.fixture(scope="module")
def site(spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two compressors of STATION-A, one of a station in another time zone and of a model with a limit of its own."""
    root = tmp_path_factory.mktemp("edge")
    station = settings.fleet.stations["STATION-B"].model_copy(update={"time_zone": "America/Denver"})
    fleet = settings.fleet.model_copy(update={"stations": {**settings.fleet.stations, "STATION-B": station}})
    lower = SensorOverride(warning=LimitOverride(value=3.05, source="maker's service letter"))
    thresholds = settings.thresholds.model_copy(update={"overrides": {"Ariel JGK/4": {"vibration_mms": lower}}})
    known = pl.concat([compressors("C-1", "C-2"), compressors("C-3", "C-4", model="Ariel JGK/4", station_id="STATION-B")])
    own = dataclasses.replace(settings, home=root)
    own.__dict__.update(fleet=fleet, thresholds=thresholds)
    lake, folder = Lake(str(root / "lake")), root / "folder"
    merge_reference(lake, COMPRESSORS, known, COMPRESSOR_KEY)
    readings = _write(root / "readings.csv", _dirty_fleet())
    load_files(lambda: spark, lake, [("readings.csv", readings)], root / "staging", own.etl.ingest, LOADED_AT)
    build_silver_and_gold(lambda: spark, lake, Rules(own.etl, thresholds, fleet, own.quality.sensor_health), LOADED_AT)
    folder.mkdir()
    write_folder(folder, {MODEL_FILE: mean_model().onnx}, contract_document(mean_model(), known, own))
    return Site(lake, own, readings, folder)


def test_all_features_of_five_dirty_days_equal_gold_and_so_do_the_books(site: Site, tmp_path: Path) -> None:
    document = site.says(site.readings, "--as-of", AS_OF.isoformat(), "--features", tmp_path / "features.csv")
    gold = pl.read_delta(site.lake.uri(GOLD))
    rows, difference = compare_features(tmp_path / "features.csv", site.lake, AS_OF, hours=DAYS * 24 + 1)
    assert rows == gold.height == document["readings"]["used"] > 1900
    assert difference <= 1e-6
    books = count_rows(site.lake)
    assert document["readings"]["rejected_rows"] == books["rejected_rows"]
    assert document["readings"]["nulled_values"] == books["nulled_values"]
    assert set(books["rejected_rows"]) == {"missing_compressor_id", "missing_timestamp", "all_sensors_null", "duplicate"}  # type: ignore[call-overload]
    assert set(books["nulled_values"]) == {"out_of_range", "isolated_spike", "frozen", "implausible"}  # type: ignore[call-overload]
    assert Counter(gold.filter(pl.col(COMPRESSOR_ID) == "C-3")["vibration_status"]).keys() == {"normal", "warning", None}
    assert gold.filter(pl.col(COMPRESSOR_ID) == "C-2")["temp_24hr_mean"].null_count() > 0


@pytest.mark.parametrize("hours_back", [0, 36, 60, 84.5])
def test_predictions_equal_the_predictors_at_any_moment(site: Site, hours_back: float) -> None:
    moment = AS_OF - timedelta(hours=hours_back)
    expected = Predictor(mean_model(), site.settings.scoring, site.settings.costs, threads=1).predict(
        site.lake.delta(GOLD), ["C-1", "C-2", "C-3", "C-4"], moment, {}
    )
    said = site.says(site.readings, "--as-of", moment.isoformat())["predictions"]
    common = [name for name in said[0] if hasattr(expected[0], name)]
    assert {"compressor_id", "status", "rul_days", "failure_probability", "confidence_score", "health"} <= set(common)
    assert [{name: row[name] for name in common} for row in said] == [{name: getattr(row, name) for name in common} for row in expected]
    assert {"ok", "stale"} <= {row["status"] for row in said}


def test_the_contracts_look_back_is_all_that_a_prediction_needs(site: Site, tmp_path: Path) -> None:
    hours = json.loads((site.folder / "contract.json").read_text())["lookback_hours"]
    recent = [row for row in _dirty_fleet() if row[TIMESTAMP] and row[TIMESTAMP] > AS_OF - timedelta(hours=hours)]
    short = _write(tmp_path / "recent.csv", recent)
    now = ("--as-of", AS_OF.isoformat())
    assert hours == 96
    assert site.says(short, *now)["predictions"] == site.says(site.readings, *now)["predictions"]


def test_wrong_input_is_one_line_and_exit_1(site: Site, tmp_path: Path) -> None:
    rows = series([3.0, 3.1, 2.9])
    without = tmp_path / "without.csv"
    without.write_text("compressor_id,timestamp\nC-1,2026-03-02\n", encoding="utf-8")
    late = _write(tmp_path / "late.csv", rows)
    cases: list[tuple[list[str | Path], str]] = [
        ([without], "missing column: vibration_mms, discharge_temp_f"),
        ([_write(tmp_path / "number.csv", [{**rows[0], "gas_flow_mcf": "1,2x"}])], "line 2: gas_flow_mcf: '1,2x' is no number"),
        ([_write(tmp_path / "digits.csv", [{**rows[0], "gas_flow_mcf": "1_000"}])], "line 2: gas_flow_mcf: '1_000' is no number"),
        ([_write(tmp_path / "unknown.csv", [{**rows[0], COMPRESSOR_ID: "C-9"}])], "unknown compressor: C-9"),
        ([tmp_path / "none.csv"], "cannot be read (No such file or directory)"),
        ([late, "--as-of", "2020-01-01"], "no usable reading at or before 2020-01-01T00:00:00Z"),
        ([late, "--model", "other.onnx"], "other.onnx is no model of this folder: choose model.onnx"),
    ]
    for arguments, line in cases:
        done = site.run(*arguments)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
        assert done.stderr.startswith("run.py: ")
        assert line in done.stderr
    assert site.run(late, "--as-of", "yesterday").returncode == 2


@pytest.mark.parametrize("threads", ["0", str((os.cpu_count() or 1) + 1)])
def test_no_more_threads_than_cores_are_started(site: Site, threads: str) -> None:
    done = site.run(site.readings, "--as-of", AS_OF.isoformat(), "--threads", threads)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"run.py: error: --threads must be from 1 to {os.cpu_count()}, the cores of this machine\n")


def test_features_are_never_written_over_a_file_that_is_read(site: Site, tmp_path: Path) -> None:
    readings = _write(tmp_path / "readings.csv", series([3.0, 3.1, 2.9]))
    before = readings.read_bytes()
    (tmp_path / "symbolic.csv").symlink_to(readings)
    (tmp_path / "hard.csv").hardlink_to(readings)
    (tmp_path / "below").mkdir()
    there = sorted(tmp_path.iterdir())
    contract = site.folder / "contract.json"
    for target, read in (
        (readings, readings),
        (tmp_path / "below" / ".." / "readings.csv", readings),
        (os.path.relpath(readings, site.folder), readings),
        (tmp_path / "symbolic.csv", readings),
        (tmp_path / "hard.csv", readings),
        (contract, contract),
        (site.folder / "run.py", site.folder / "run.py"),
    ):
        done = site.run(site.readings, readings, "--features", target)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"run.py: {target}: is {read}, which is read: choose another file for --features\n"
    assert (readings.read_bytes(), sorted(tmp_path.iterdir())) == (before, there)
    assert json.loads(contract.read_text(encoding="utf-8"))["features"]


def test_the_features_file_is_written_whole_or_not_at_all(site: Site, tmp_path: Path) -> None:
    features, link = tmp_path / "features.csv", tmp_path / "link.csv"
    features.write_text("earlier", encoding="utf-8")
    link.symlink_to(features)
    asked = (site.readings, "--as-of", AS_OF.isoformat(), "--features")
    full = site.run(*asked, features, before=("bash", "-c", 'ulimit -f 64; exec "$0" "$@"'))  # blocks of 1 kB: a disk that fills up
    assert (full.returncode, full.stdout, full.stderr) == (1, "", f"run.py: {features}: cannot be written (File too large)\n")
    folder = site.run(*asked, tmp_path)
    assert (folder.returncode, folder.stderr) == (
        1,
        f"run.py: {tmp_path}: is no file that can be replaced: choose another for --features\n",
    )
    assert features.read_text(encoding="utf-8") == "earlier"
    used = site.says(*asked, link)["readings"]["used"]
    assert len(features.read_text(encoding="utf-8").splitlines()) == used + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.csv", "link.csv"]
    assert link.is_symlink()


@pytest.mark.parametrize("text", ["{}", "[]", "null", '"text"', "{", ""])
def test_a_contract_that_is_none_is_refused_in_one_line(site: Site, text: str) -> None:
    contract = site.folder / "contract.json"
    content = contract.read_bytes()
    contract.write_text(text, encoding="utf-8")
    try:
        done = site.run(site.readings, "--as-of", AS_OF.isoformat())
    finally:
        contract.write_bytes(content)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done.stderr
    assert done.stderr.startswith(f"run.py: {contract}")
    assert done.stderr.endswith(": export the folder again\n")


def _without(document: Any, place: tuple[str, ...]) -> Any:
    return {name: _without(inner, place[1:]) if name == place[0] else inner for name, inner in document.items() if (name,) != place}


@pytest.mark.parametrize(
    "place",
    [
        "compressors",
        "window",
        "window.min_steps",
        "model.files",
        "model.files.model.onnx.sha256",
        "limits.default",
        "limits.Ariel JGK/4.vibration_mms",
        "limits.default.discharge_temp_f.critical",
        "sensors.gas_flow_mcf.physical.high",
        "spike_rule.robust_sigma",
        "labels.max_rul_days",
        "health.critical",
        "compressors.C-3.time_zone",
    ],
)
def test_what_the_contract_lacks_is_named(site: Site, tmp_path: Path, place: str) -> None:
    whole = json.loads((site.folder / "contract.json").read_text(encoding="utf-8"))
    steps = tuple(place.replace("model.onnx", "model onnx").split("."))
    less = _without(whole, tuple(step.replace("model onnx", "model.onnx") for step in steps))
    assert less != whole
    (tmp_path / "contract.json").write_text(json.dumps(less), encoding="utf-8")
    with pytest.raises(EdgeInputError) as refused:
        load_contract(tmp_path)
    assert str(refused.value) == f"{tmp_path}/contract.json: {place} is missing or of another kind: export the folder again"


@pytest.mark.parametrize(
    ("section", "value", "named"),
    [
        ("window", [], "window"),
        ("features", [{}], "features[0].name"),
        ("lookback_hours", "96", "lookback_hours"),
        ("lookback_hours", float("nan"), "lookback_hours"),
        ("clock_skew_minutes", True, "clock_skew_minutes"),
        ("compressors", {"C-1": None}, "compressors.C-1"),
    ],
)
def test_what_is_of_another_kind_in_the_contract_is_named(site: Site, tmp_path: Path, section: str, value: object, named: str) -> None:
    whole = json.loads((site.folder / "contract.json").read_text(encoding="utf-8"))
    (tmp_path / "contract.json").write_text(json.dumps({**whole, section: value}), encoding="utf-8")
    with pytest.raises(EdgeInputError) as refused:
        load_contract(tmp_path)
    assert str(refused.value) == f"{tmp_path}/contract.json: {named} is missing or of another kind: export the folder again"


def test_another_model_file_under_the_name_is_refused_and_nothing_is_written(site: Site, tmp_path: Path) -> None:
    model = site.folder / MODEL_FILE
    content = model.read_bytes()
    model.write_bytes(content + b"\0")
    try:
        done = site.run(site.readings, "--as-of", AS_OF.isoformat(), "--features", tmp_path / "features.csv")
    finally:
        model.write_bytes(content)
    assert (done.returncode, "is not the model that was exported" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
    assert QUANTISED_FILE != MODEL_FILE


def test_a_folder_that_is_not_the_one_of_the_digest_is_refused(site: Site, tmp_path: Path) -> None:
    folder = shutil.copytree(site.folder, tmp_path / "edge")
    sums = folder_sums(folder)
    (folder / SUMS_FILE).write_text(sums, encoding="utf-8")
    digest = hashlib.sha256(sums.encode()).hexdigest()
    copied, asked = dataclasses.replace(site, folder=folder), (site.readings, "--as-of", AS_OF.isoformat())
    said = copied.says(*asked, "--digest", digest.upper())["predictions"]
    assert said
    assert {line.split("  ")[1] for line in sums.splitlines()} >= {"run.py", "contract.json", "model.onnx", "zoneinfo/America/Chicago"}

    contract = (folder / "contract.json").read_text(encoding="utf-8")
    (folder / "contract.json").write_text(contract.replace('"stale_after_hours": ', '"stale_after_hours": 9'), encoding="utf-8")
    assert len(copied.says(*asked)["predictions"]) == len(said)  # nobody asked which folder it is
    done = copied.run(*asked, "--digest", digest)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"run.py: {folder / 'contract.json'} is not the file that was exported: copy the folder again\n"

    (folder / SUMS_FILE).write_text(folder_sums(folder), encoding="utf-8")  # whoever changes a file changes this one too
    with pytest.raises(EdgeInputError, match=r"is not the folder of --digest: its digest is [0-9a-f]{64}\. Copy it again"):
        require_digest(folder, digest)
    (folder / SUMS_FILE).unlink()
    with pytest.raises(EdgeInputError, match="SHA256SUMS cannot be read"):
        require_digest(folder, digest)


def test_no_other_python_file_of_the_folder_is_imported(site: Site, tmp_path: Path) -> None:
    folder = shutil.copytree(site.folder, tmp_path / "edge")
    for name in ("numpy", "json", "csv"):
        (folder / f"{name}.py").write_text("raise SystemExit('foreign code runs')", encoding="utf-8")
    asked = [sys.executable, folder / "run.py", site.readings, "--as-of", AS_OF.isoformat()]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_runner_is_the_text_of_the_modules_that_compute_gold() -> None:
    source = runner_source()
    spikes = (Path(__file__).parents[3] / "features" / "spikes.py").read_text(encoding="utf-8")
    assert spikes[spikes.index("def find_isolated_spikes") :].strip() in source
    roots = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert roots - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
