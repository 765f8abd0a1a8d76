"""altaviz export-edge on the demo's home: the folder says what `altaviz score` says, and the report holds what was measured."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml

from features.contract import READING_FIELDS
from tests.pipelines.commands import refusal_of, report_of
from tests.pipelines.demo import END_OF_DEMO, Demo


def test_the_exported_champion_says_what_score_says(demo: Demo, tmp_path: Path) -> None:
    out = tmp_path / "edge"
    report = report_of("export-edge", "--out", out, home=demo.home, **demo.environment)
    scored = report_of("score", "--as-of", END_OF_DEMO, home=demo.home, **demo.environment)
    readings = tmp_path / "readings.csv"
    pl.read_delta(str(demo.home / "lake" / "bronze")).select(READING_FIELDS).write_csv(readings)
    command = [sys.executable, "-I", str(out / "run.py"), str(readings), "--as-of", END_OF_DEMO]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said["model_version"] == scored["model_version"] == report["model_version"]
    for mine, theirs in zip(said["predictions"], scored["predictions"], strict=True):
        assert {name: mine[name] for name in mine.keys() & theirs.keys()} == {name: theirs[name] for name in mine.keys() & theirs.keys()}
    exact, quantised = report["models"]["model.onnx"], report["models"]["model.int8.onnx"]
    assert quantised["bytes"] == (out / "model.int8.onnx").stat().st_size < exact["bytes"] / 2
    assert all(facts["start_ms"] > facts["open_ms"] > facts["window_ms"]["p50"] > 0 for facts in (exact, quantised))
    assert report["check"]["largest_feature_difference"] <= 1e-6
    assert 0 < report["quantised_against_float"]["rul_days_mean"] < report["quantised_against_float"]["rul_days_most"]
    contract = json.loads((out / "contract.json").read_text(encoding="utf-8"))
    assert "failure_probability" in contract["calibration"]["in_graph"]
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["models"] == report["models"]


def test_a_folder_with_other_files_is_left_alone(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    (tmp_path / "contract.json").write_text("{}", encoding="utf-8")  # an export beside which somebody keeps files of his own
    line = refusal_of("export-edge", "--out", tmp_path, home=demo.home, **demo.environment)
    assert "no earlier export (mine.txt)" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contract.json", "mine.txt"]


def test_an_earlier_export_is_replaced_whatever_way_leads_there(demo: Demo, tmp_path: Path) -> None:
    earlier, link = tmp_path / "edge", tmp_path / "link"
    earlier.mkdir()
    (earlier / "contract.json").write_text("{}", encoding="utf-8")
    link.symlink_to(earlier)
    report_of("export-edge", "--out", link, home=demo.home, **demo.environment)
    assert json.loads((earlier / "contract.json").read_text(encoding="utf-8"))["features"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edge", "link"]


def test_a_folder_that_would_not_compute_gold_is_not_written(demo: Demo, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(demo.environment["ALTAVIZ_CONFIG_DIR"], config)
    rules = yaml.safe_load((config / "etl_config.yaml").read_text(encoding="utf-8"))
    rules["outliers"]["robust_sigma"] = 1.5  # gold was built with another
    (config / "etl_config.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    line = refusal_of("export-edge", "--out", tmp_path / "edge", home=demo.home, ALTAVIZ_CONFIG_DIR=str(config))
    assert "than gold: run `altaviz features`" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config"]
