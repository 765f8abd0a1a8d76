"""`altaviz benchmark cmapss` on tiny engines: one report, a run below it for every seed, and what was said of every engine."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path

import mlflow
import numpy as np
import pytest

from config.settings import Settings
from pipelines.benchmarking.cmapss import cmapss
from pipelines.runtime.console import StageReporter
from pipelines.views.benchmark import show_cmapss
from tests.turbofans import write_subset

SMALL = {
    "cmapss.network.lstm_units": [4],
    "cmapss.network.dense_units": 4,
    "cmapss.fit.epochs": 2,
    "cmapss.window_cycles": 5,
    "cmapss.max_rul_cycles": 40,
    "cmapss.horizon_cycles": 10,
    "cmapss.truncations_per_unit": 4,
    "cmapss.ensemble.folds": 2,
    "cmapss.ensemble.networks": 2,
}


def test_every_seed_is_a_run_and_the_report_says_what_they_say(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = dataclasses.replace(settings, model_overrides=SMALL)
    result = cmapss(small, write_subset(tmp_path), "FD001", 2, StageReporter(interactive=False))
    assert json.loads(json.dumps(result)) == result
    first = settings.model.cmapss.first_seed
    assert result["seeds"] == [first, first + 1]
    assert result["rmse_clipped"] == pytest.approx(np.mean([seed["rmse_clipped"] for seed in result["per_seed"]]))
    assert result["peak_rss_mb"] > 0

    client = mlflow.MlflowClient(settings.tracking_uri)
    run = client.get_run(result["run_id"])
    assert run.data.metrics["rmse_clipped"] == pytest.approx(result["rmse_clipped"])
    below = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{result['run_id']}'")
    assert sorted((int(one.data.tags["seed"]), one.data.metrics["rmse_clipped"]) for one in below) == [
        (one["seed"], pytest.approx(one["rmse_clipped"])) for one in result["per_seed"]
    ]
    rows = list(csv.DictReader(io.StringIO(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/engines.csv"))))
    assert [(row["seed"], row["unit"], float(row["true_rul"])) for row in rows] == [
        (str(seed), unit, rul) for seed in result["seeds"] for unit, rul in (("1", 20.0), ("2", 6.0), ("3", 47.0))
    ]
    inside = [float(row["rul_lower"]) <= min(float(row["true_rul"]), 40.0) <= float(row["rul_upper"]) for row in rows]
    assert np.mean(inside) == pytest.approx(result["coverage_90"])

    capsys.readouterr()
    show_cmapss(result)
    shown = capsys.readouterr().out
    assert f"{result['rmse_clipped']:.2f}" in shown
    assert f"{result['std']['rmse_clipped']:.2f}" in shown
    assert result["run_id"] in shown
