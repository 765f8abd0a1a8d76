"""altaviz export-edge on the demo's home: the folder predicts what `altaviz score` does, and the report holds the measurements."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml

from config.settings import load_settings
from features.contract import READING_FIELDS
from pipelines.edge.export import readme
from serving.warehouse.migrations import migrated_warehouse
from tests.pipelines.console_script import refusal_of, report_of
from tests.pipelines.demo import END_OF_DEMO, Demo


def test_the_exported_champion_predicts_what_score_predicts(demo: Demo, tmp_path: Path) -> None:
    out = tmp_path / "edge"
    report = report_of("export-edge", "--out", out, home=demo.home, **demo.environment)
    scored = report_of("score", "--as-of", END_OF_DEMO, home=demo.home, **demo.environment)
    readings = tmp_path / "readings.csv"
    pl.read_delta(str(demo.home / "lake" / "bronze")).select(READING_FIELDS).write_csv(readings)
    command = [sys.executable, "-I", str(out / "run.py"), str(readings), "--as-of", END_OF_DEMO, "--digest", report["digest"]]
    answered = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answered["model_version"] == scored["model_version"] == report["model_version"]
    for own, expected in zip(answered["predictions"], scored["predictions"], strict=True):
        assert {name: own[name] for name in own.keys() & expected.keys()} == {name: expected[name] for name in own.keys() & expected.keys()}
    exact, quantised = report["models"]["model.onnx"], report["models"]["model.int8.onnx"]
    assert quantised["bytes"] == (out / "model.int8.onnx").stat().st_size < exact["bytes"] / 2
    assert all(facts["start_ms"] > facts["open_ms"] > facts["window_ms"]["p50"] > 0 for facts in (exact, quantised))
    assert report["check"]["largest_feature_difference"] <= 1e-6
    assert 0 < report["quantised_against_float"]["rul_days_mean"] < report["quantised_against_float"]["rul_days_most"]
    contract = json.loads((out / "contract.json").read_text(encoding="utf-8"))
    assert "failure_probability" in contract["calibration"]["in_graph"]
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["models"] == report["models"]
    # the site's own tools agree with run.py, and the home keeps the digest
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    digest_line = subprocess.run(["sha256sum", "SHA256SUMS"], cwd=out, capture_output=True, text=True, check=True).stdout
    settings = load_settings(demo.home, environ=demo.environment)
    with migrated_warehouse(settings.database, demo.home) as warehouse, warehouse.connection() as connection:
        kept = connection.execute("SELECT digest, model_version, model_sha256, folder FROM edge_exports WHERE folder = %s", [str(out)])
        assert kept.fetchall() == [
            (report["digest"], report["model_version"], contract["model"]["files"]["model.onnx"]["sha256"], str(out))
        ]
    assert digest_line.split()[0] == report["digest"]


def test_the_readme_reports_what_was_measured_and_where_no_failure_was_seen() -> None:
    speed = {"start_ms": 216.3, "start_readings": 1440, "open_ms": 11.02, "window_ms": {"p50": 0.16, "p99": 0.23}}
    errors = {"rmse_days": 7.4381, "coverage_90": 0.9071, "mean_width_90_days": 20.594, "brier": 0.04312}
    apart = {"rul_days_mean": 0.0512, "rul_days_p99": 0.231, "rul_days_most": 0.72, "failure_probability_most": 0.0182}
    result = {
        "model_version": "3",
        "as_of": "2026-03-09T05:50:00Z",
        "check": {"feature_rows": 1440, "largest_feature_difference": 1.25e-9, "predictions": 10},
        "models": {"model.onnx": {"bytes": 343012, **speed, **errors}, "model.int8.onnx": {"bytes": 154003, **speed}},
        "quantised_against_float": {**apart, "critical_changed_share": 0.0003},
        "windows": {"number": 19561, "failure_seen": 11589, "compressors": "the champion's test compressors"},
    }
    text = readme(result)
    lines = text.splitlines()
    assert lines[0] == "# Remaining life beside the machine (model version 3)"
    assert lines[6:8] == ["python run.py readings.csv", "python run.py readings.csv --model model.int8.onnx    # the quantised model"]
    assert "```sh\nsha256sum --check --strict SHA256SUMS\nsha256sum SHA256SUMS\n```\n" in text
    checks, measured, quantised = (part.rstrip().splitlines() for part in text.split("\n\n") if part.startswith("|"))
    assert checks[2:] == [
        "| time of the newest reading | 2026-03-09T05:50:00Z |",
        "| readings compared with gold | 1440 |",
        "| largest difference of a feature | 1.25e-09 |",
        "| predictions equal to `altaviz score` | 10 |",
    ]
    assert measured == [
        "| | model.onnx | model.int8.onnx |",
        "|---|---|---|",
        "| size on disk, bytes | 343,012 | 154,003 |",
        "| start to answer, ms (1440 readings) | 216.3 | 216.3 |",
        "| opening the model, ms | 11.02 | 11.02 |",
        "| RMSE, days | 7.438 | no failure seen |",
        "| coverage of the 90 % interval | 0.907 | no failure seen |",
        "| mean width of the 90 % interval, days | 20.59 | no failure seen |",
        "| Brier score | 0.0431 | no failure seen |",
        "| one window on one thread, p50, ms | 0.160 | 0.160 |",
        "| one window on one thread, p99, ms | 0.230 | 0.230 |",
    ]
    assert "The errors are of 19561 windows of the champion's test compressors.\nIn 11589 of them the failure is known.\n" in text
    assert quantised[2:] == [
        "| difference of the life, mean, days | 0.051 |",
        "| difference of the life, 99th percentile, days | 0.23 |",
        "| difference of the life, largest, days | 0.72 |",
        "| difference of the failure probability, largest | 0.018 |",
        "| windows that change between critical and not critical | 0.03 % |",
    ]
    assert text.endswith("| 0.03 % |\n")
    assert max(len(line) for line in lines if not line.startswith("|")) <= 100


def test_a_folder_with_other_files_is_left_alone(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("keep", encoding="utf-8")
    (tmp_path / "contract.json").write_text("{}", encoding="utf-8")  # an export beside which somebody keeps files of his own
    line = refusal_of("export-edge", "--out", tmp_path, home=demo.home, **demo.environment)
    assert "holds own.txt, which is not from an earlier export" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contract.json", "own.txt"]


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
