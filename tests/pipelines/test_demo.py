"""The main job, whole, on a small history: every command in a process of its own, every part real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mlflow import MlflowClient

from config.settings import load_settings
from features.contract import CHAMPION, FEATURES, REGISTERED_MODEL
from serving.warehouse.connection import open_warehouse
from tests.conftest import PROJECT
from tests.pipelines.console_script import COMMAND_LIMIT_S, refusal_of, report_of, surroundings
from tests.pipelines.demo import END_OF_DEMO, Demo

DAY_4_HOUR_12 = "2026-03-06T18:00:00"


def _rows(demo: Demo, query: str) -> list[tuple[Any, ...]]:
    settings = load_settings(demo.home, environ=demo.environment)
    with open_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def test_the_failing_compressor_is_first_and_every_compressor_is_there(demo: Demo) -> None:
    predictions = demo.report["predictions"]
    assert predictions[0]["compressor_id"] == "COMP-007"
    assert len(predictions) == 10
    assert {row["status"] for row in predictions} == {"ok"}
    assert all(row["rul_lower_days"] <= row["rul_days"] <= row["rul_upper_days"] for row in predictions)


def test_the_demo_has_the_rows_that_the_design_says(demo: Demo) -> None:
    books = demo.report["books"]
    assert books["bronze_rows"] == books["silver_rows"] == books["gold_rows"] == 10_080
    assert books["rejected_rows"] == {}


def test_an_earlier_moment_ranks_the_compressor_that_failed_then_first(demo: Demo) -> None:
    report = report_of("score", "--as-of", DAY_4_HOUR_12, home=demo.home, **demo.environment)
    assert report["predictions"][0]["compressor_id"] == "COMP-003"
    assert report["rows_written"] == 10


def test_scoring_a_moment_again_writes_nothing_and_says_the_same(demo: Demo) -> None:
    first = demo.report
    again = report_of("score", "--as-of", END_OF_DEMO, home=demo.home, **demo.environment)
    assert again["rows_written"] == 0
    assert again["predictions"] == first["predictions"]
    rows = _rows(demo, f"SELECT count(*) FROM ml_predictions WHERE prediction_timestamp = '{END_OF_DEMO}Z'")
    assert rows == [(10,)]


def test_a_prediction_says_what_it_was_made_from(demo: Demo) -> None:
    ((used, version),) = _rows(
        demo,
        f"SELECT features_used, model_version FROM ml_predictions WHERE compressor_id = 'COMP-007' AND prediction_timestamp = '{END_OF_DEMO}Z'",
    )
    assert version == demo.report["model_version"]
    assert set(used["values"]) == set(FEATURES)
    assert used["gold_version"] == 0
    assert used["window_end"].startswith(END_OF_DEMO)
    gold = pl.read_delta(str(demo.home / "lake" / "gold")).filter(pl.col("compressor_id") == "COMP-007").sort("timestamp")
    assert used["values"]["vibration_24hr_mean"] == pytest.approx(gold["vibration_24hr_mean"][-1], rel=1e-6)


def test_hourly_aggregates_of_three_windows_are_in_the_warehouse(demo: Demo) -> None:
    found = dict(_rows(demo, "SELECT window_type, count(*) FROM sensor_readings_agg GROUP BY 1"))
    assert found.keys() == {"1hr", "4hr", "24hr"}
    assert found["1hr"] == 10 * 168 + 10  # 7 days of hour marks, and the mark of the first reading


def test_the_run_holds_parameters_curves_plots_data_version_and_model(demo: Demo) -> None:
    client = MlflowClient(f"sqlite:///{demo.home / 'mlflow.db'}")
    run = client.get_run(demo.report["training"]["run_id"])
    assert {"fit.epochs", "network.lstm_units", "gold_version"} <= run.data.params.keys()
    assert len(client.get_metric_history(run.info.run_id, "validation_rmse")) == demo.report["training"]["epochs"]
    assert {"test_rmse_days", "test_baseline_rmse_days"} <= run.data.metrics.keys()
    assert run.inputs.dataset_inputs[0].dataset.name == "gold"
    plots = {file.path for file in client.list_artifacts(run.info.run_id, "plots")}
    assert plots == {"plots/learning_curves.png", "plots/predicted_against_true.png"}
    champion = client.get_model_version_by_alias(REGISTERED_MODEL, CHAMPION)
    assert str(champion.version) == demo.report["model_version"]


def test_the_version_has_a_card_that_anybody_can_have(demo: Demo, tmp_path: Path) -> None:
    version, metrics = demo.report["model_version"], demo.report["training"]["metrics"]
    shown_card = report_of("models", "card", version, "--out", tmp_path / "card", home=demo.home, **demo.environment)
    assert shown_card["card"] == f"runs:/{demo.report['training']['run_id']}/card"
    assert shown_card["files"] == sorted(file.name for file in (tmp_path / "card").iterdir())
    assert {"model_card.md", "model_card.html", "life_curves.png", "calibration.png", "error_by_rul.png"} <= set(shown_card["files"])
    card = (tmp_path / "card" / "model_card.md").read_text(encoding="utf-8")
    assert card.startswith(f"# Model card: altaviz-rul version {version}\n")
    assert f"| RMSE, days | {metrics['rmse_days']:.3f} | {metrics['baseline_rmse_days']:.3f} |" in card
    assert str(demo.home) not in card
    registered = MlflowClient(f"sqlite:///{demo.home / 'mlflow.db'}").get_model_version(REGISTERED_MODEL, version)
    assert registered.tags["altaviz.card"] == shown_card["card"]
    assert shown_card["card"] in registered.description


def test_the_demo_again_repeats_nothing_that_is_done(demo: Demo) -> None:
    again = report_of("demo", home=demo.home, **demo.environment)
    assert again["training"] is None
    assert again["predictions"] == demo.report["predictions"]
    assert again["books"]["rebuilt"] == []


def test_mlflow_projects_train_and_score_and_a_later_model_that_does_not_win_stays_challenger(demo: Demo) -> None:
    environment = {
        **surroundings(demo.environment),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{demo.home / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for entry, parameters in (
        ("train", ["set=fit.epochs=1 fit.learning_rate=0.000001 ensemble.networks=1"]),
        ("score", [f"as_of={END_OF_DEMO}"]),
    ):
        chosen = [argument for pair in (*parameters, f"home={demo.home}") for argument in ("-P", pair)]
        command = [sys.executable, "-m", "mlflow", "run", str(PROJECT), "-e", entry, "--env-manager", "local", *chosen]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=COMMAND_LIMIT_S)
        assert done.returncode == 0, done.stderr[-2000:]
    client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
    assert str(client.get_model_version_by_alias(REGISTERED_MODEL, CHAMPION).version) == demo.report["model_version"]
    assert int(client.get_model_version_by_alias(REGISTERED_MODEL, "challenger").version) == int(demo.report["model_version"]) + 1


def test_scoring_needs_neither_spark_nor_tensorflow(demo: Demo) -> None:
    absent = ("pyspark", "delta", "tensorflow", "keras", "tf2onnx", "sklearn", "matplotlib", "filelock")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}));"
        f"sys.argv = ['altaviz', 'score', '--as-of', '{END_OF_DEMO}', '--home', '{demo.home}', '--json'];"
        "from pipelines.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=surroundings(demo.environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_status_and_doctor_find_everything_in_place(demo: Demo) -> None:
    status = report_of("status", home=demo.home, **demo.environment)
    assert status["champion"] == demo.report["model_version"]
    assert status["warehouse"]["compressor_metadata"] == 10
    assert (sum(status["predictions"].values()), status["future_predictions"]) == (10, 0)
    assert status["replay_as_of"] is not None  # other tests move it
    assert status["notifications"] == {}  # the past is told nobody
    doctor = report_of("doctor", home=demo.home, **demo.environment)
    assert all(check["ok"] for check in doctor["checks"].values())


def test_the_alerts_and_their_load_are_shown_at_the_end_of_the_data(demo: Demo) -> None:
    shown = report_of("alerts", "--limit", "3", "--as-of", END_OF_DEMO, home=demo.home, **demo.environment)
    assert shown["as_of"].startswith(END_OF_DEMO)
    assert shown["open"] >= len(shown["alerts"]) == 3
    assert shown["alerts"][0]["severity"] == "critical"
    assert shown["kpis"]["hours"] == 168.8333  # from 05:00, where the hour of the first reading (06:00) begins, until 05:50 a week later
    assert shown["kpis"]["annunciations"] >= shown["kpis"]["alerts"] > 3


def test_maintenance_keeps_the_rows(demo: Demo) -> None:
    before = pl.read_delta(str(demo.home / "lake" / "gold")).sort("compressor_id", "timestamp")
    planned = report_of("maintain", "--dry-run", home=demo.home, **demo.environment)
    assert (planned["tables"], planned["warehouse"]["dropped"]) == ({}, {})  # the default keeps everything
    report_of("maintain", home=demo.home, **demo.environment)
    assert pl.read_delta(str(demo.home / "lake" / "gold")).sort("compressor_id", "timestamp").equals(before)


def test_a_retraining_is_not_repeated_and_says_which_version_has_done_it(demo: Demo) -> None:
    now = ("--as-of", END_OF_DEMO)
    first = report_of("retrain", *now, home=demo.home, **demo.quick)
    assert first["decision"] in ("promoted", "refused")
    again = report_of("retrain", *now, home=demo.home, **demo.quick)
    assert again["decision"] == "not_needed"
    assert again["reasons"] == [f"version {first['version']} was trained on the same history and settings ({first['decision']})"]
    shown = report_of("models", "show", first["version"], home=demo.home, **demo.quick)
    assert [(row["decision"], row["trigger"]) for row in shown["decisions"]] == [(first["decision"], "retrain")]


def test_a_cycle_monitors_and_judges_and_whoever_repeats_it_finds_nothing_left_to_do(demo: Demo) -> None:
    cycle = ("run", "--as-of", END_OF_DEMO)
    first = report_of(*cycle, home=demo.home, **demo.quick)
    assert first["features"]["rebuilt"] == []
    assert first["score"]["predictions"][0]["compressor_id"] == "COMP-007"
    assert {row["name"] for row in first["monitor"]["features"]} < set(FEATURES)
    assert first["retrain"]["decision"] == "not_needed"  # the test above has done it
    assert first["monitor"]["decision"]["reasons"]
    again = report_of(*cycle, home=demo.home, **demo.quick)
    assert (again["score"]["rows_written"], again["monitor"]["rows_written"]) == (0, 0)
    assert again["score"]["predictions"] == first["score"]["predictions"]
    assert again["retrain"]["decision"] == "not_needed"
    models = report_of("models", "list", home=demo.home, **demo.quick)
    assert models["champion"] == again["score"]["model_version"]
    drifts = _rows(
        demo, f"SELECT count(*) FROM drift_decisions WHERE metric_timestamp = '{END_OF_DEMO}Z' AND model_version = '{models['champion']}'"
    )
    assert drifts == [(1,)]


def test_a_home_without_champion_says_how_to_get_one(demo: Demo) -> None:
    store = f"sqlite:///{demo.home / 'empty.db'}"
    line = refusal_of("score", "--as-of", END_OF_DEMO, home=demo.home, **demo.environment, MLFLOW_TRACKING_URI=store)
    assert line.startswith("no version of altaviz-rul is champion yet: run `altaviz train`")


def test_a_database_that_is_down_is_one_line(demo: Demo) -> None:
    line = refusal_of(
        "score", "--as-of", END_OF_DEMO, home=demo.home, **demo.environment, DB_HOST="127.0.0.1", DB_PORT="9", DB_PASSWORD="x"
    )
    assert "127.0.0.1:9" in line


def test_a_moment_before_all_data_is_refused(demo: Demo) -> None:
    line = refusal_of("score", "--as-of", "2020-01-01", home=demo.home, **demo.environment)
    assert "choose a later --as-of" in line


def test_long_after_the_data_every_compressor_is_stale(demo: Demo) -> None:
    report = report_of("score", "--as-of", "2026-06-01", home=demo.home, **demo.environment)
    assert {(row["status"], row["rul_days"]) for row in report["predictions"]} == {("stale", None)}
    first = report["predictions"][0]
    assert (first["compressor_id"], first["last_usable"]["rul_days"]) == ("COMP-007", demo.report["predictions"][0]["rul_days"])
