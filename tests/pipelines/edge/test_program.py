"""run.py against the real medallion, and on files that it cannot use."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from features.contract import COMPRESSOR_ID, TIMESTAMP
from features.lake import GOLD
from features.row_counts import count_rows
from pipelines.edge.parity import compare_features
from serving.prediction.predictor import Predictor
from tests.features.readings import series
from tests.pipelines.edge.site import AS_OF, DAYS, Site, dirty_fleet, write_readings
from tests.serving.gold import mean_model


def test_all_features_of_five_dirty_days_equal_gold_and_so_do_the_books(site: Site, tmp_path: Path) -> None:
    document = site.document(site.readings, "--as-of", AS_OF.isoformat(), "--features", tmp_path / "features.csv")
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
    answered = site.document(site.readings, "--as-of", moment.isoformat())["predictions"]
    common = [name for name in answered[0] if hasattr(expected[0], name)]
    assert {"compressor_id", "status", "rul_days", "failure_probability", "confidence_score", "health"} <= set(common)
    assert [{name: row[name] for name in common} for row in answered] == [{name: getattr(row, name) for name in common} for row in expected]
    assert {"ok", "stale"} <= {row["status"] for row in answered}


def test_the_contracts_look_back_is_all_that_a_prediction_needs(site: Site, tmp_path: Path) -> None:
    hours = json.loads((site.folder / "contract.json").read_text())["lookback_hours"]
    recent = [row for row in dirty_fleet() if row[TIMESTAMP] and row[TIMESTAMP] > AS_OF - timedelta(hours=hours)]
    short = write_readings(tmp_path / "recent.csv", recent)
    now = ("--as-of", AS_OF.isoformat())
    assert hours == 96
    assert site.document(short, *now)["predictions"] == site.document(site.readings, *now)["predictions"]


def test_wrong_input_is_one_line_and_exit_1(site: Site, tmp_path: Path) -> None:
    rows = series([3.0, 3.1, 2.9])
    without = tmp_path / "without.csv"
    without.write_text("compressor_id,timestamp\nC-1,2026-03-02\n", encoding="utf-8")
    late = write_readings(tmp_path / "late.csv", rows)
    cases: list[tuple[list[str | Path], str]] = [
        ([without], "missing column: vibration_mms, discharge_temp_f"),
        ([write_readings(tmp_path / "number.csv", [{**rows[0], "gas_flow_mcf": "1,2x"}])], "line 2: gas_flow_mcf: '1,2x' is not a number"),
        (
            [write_readings(tmp_path / "digits.csv", [{**rows[0], "gas_flow_mcf": "1_000"}])],
            "line 2: gas_flow_mcf: '1_000' is not a number",
        ),
        ([write_readings(tmp_path / "unknown.csv", [{**rows[0], COMPRESSOR_ID: "C-9"}])], "unknown compressor: C-9"),
        ([tmp_path / "none.csv"], "cannot be read (No such file or directory)"),
        ([late, "--as-of", "2020-01-01"], "no usable reading at or before 2020-01-01T00:00:00Z"),
        ([late, "--model", "other.onnx"], "other.onnx is not a model of this folder: choose model.onnx"),
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
    readings = write_readings(tmp_path / "readings.csv", series([3.0, 3.1, 2.9]))
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
        f"run.py: {tmp_path}: is not a file that can be replaced: choose another for --features\n",
    )
    assert features.read_text(encoding="utf-8") == "earlier"
    used = site.document(*asked, link)["readings"]["used"]
    assert len(features.read_text(encoding="utf-8").splitlines()) == used + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.csv", "link.csv"]
    assert link.is_symlink()
