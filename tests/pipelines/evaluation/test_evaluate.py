"""The whole evaluation on small fleets: simulated, through Spark and Delta, a registered ONNX model, the report and its run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import onnx
import polars as pl
import pytest
import yaml
from sklearn.ensemble import HistGradientBoostingRegressor

from config.errors import ModelError, NoChampionError
from config.loader import CONFIG_DIR
from config.settings import Settings, load_settings
from features.contract import CHAMPION, FEATURES
from features.lake import GOLD, Lake
from features.simulator.truth import read_truth
from monitoring.gate.champion import SPLIT_FILE
from pipelines.evaluation.evaluate import evaluate
from pipelines.evaluation.simulated_fleets import build_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_runs import tracked_run
from pipelines.runtime.spark import LazySpark
from serving.registry.client import Registry
from tests.serving.gold import mean_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


SEED = 6  # three failures, two of them after more than 5 days of degradation
COMPRESSORS = 3
DAYS = 14


def run(settings: Settings, *, with_reasons: bool = False) -> dict[str, Any]:
    with StageReporter(interactive=False) as report:
        return evaluate(settings, LazySpark(settings), report, with_reasons=with_reasons)


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """The shipped configuration, with one fleet of three compressors over 14 days at one reading per hour."""
    folder = shutil.copytree(CONFIG_DIR, tmp_path / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    evaluation = yaml.safe_load((folder / "evaluation.yaml").read_text())
    evaluation["fleets"] = {"seeds": [SEED], "compressors": COMPRESSORS, "days": DAYS, "interval_min": 60}
    evaluation["mlp"] |= {"batch_size": 16, "epochs": 2}
    (folder / "evaluation.yaml").write_text(yaml.safe_dump(evaluation))
    return load_settings(tmp_path / "home", environ={"ALTAVIZ_CONFIG_DIR": str(folder)})


def register(settings: Settings, *, baseline_features: int, parts: dict[str, list[str]] | None = None) -> None:
    """A champion that predicts the mean vibration of its window, and a boosting that has learned to say 20 days, logged beside it.

    parts: the compressors that its run says it was trained, validated and tested on.
    """
    registered = mean_model()
    boosting = HistGradientBoostingRegressor(max_iter=1).fit(np.zeros((50, baseline_features)), np.full(50, 20.0))
    settings.home.mkdir(exist_ok=True)
    with tracked_run(settings, "train"):
        logged = mlflow.onnx.log_model(onnx.load_from_string(registered.onnx), name="model", pip_requirements=["onnxruntime"])
        trusted = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
        mlflow.sklearn.log_model(boosting, name="baseline", pip_requirements=["scikit-learn"], skops_trusted_types=trusted)
        if parts is not None:
            mlflow.log_dict(parts, SPLIT_FILE)
    registry = Registry(settings.tracking_uri)
    registry.set_alias(CHAMPION, registry.register(logged.model_uri, registered.facts, {}))


def test_an_evaluation_counts_what_the_truth_says_tracks_it_and_repeats_itself(small: Settings, spark: SparkSession) -> None:
    register(small, baseline_features=len(FEATURES))
    result = run(small)

    fleet_home = small.home / "evaluation" / f"seed-{SEED}"
    failed = read_truth(fleet_home / "fleet").filter(pl.col("ended_by") == "failure")
    assert (failed.height, result["failures"]["n"], result["failures_5d"]["n"]) == (3, 3, 2)
    assert set(result["by_mode"]) == {"bearing_wear", "ring_wear"}
    (fleet,) = result["fleets"]
    assert (fleet["seed"], fleet["compressors"], fleet["days"], fleet["failures"]) == (SEED, COMPRESSORS, DAYS, 3)
    assert fleet["champion"]["alarms"] == result["alarms"]

    # a healthy vibration in mm/s, read as days, is below the limit: whoever fails had an alarm
    assert result["failures_5d"]["recall"] == 1.0
    # a boosting that always says 20 days never asks for an alarm
    assert result["baseline"]["failures"]["caught"] == result["baseline"]["alarms"]["n"] == 0
    assert result["baseline"]["rul_rmse_near_failure_days"] > 6.0  # 20 days for lives below 14
    assert set(result["thresholds"]) == {"critical", "warning"}
    assert result["thresholds"]["warning"]["failures"]["caught"] >= result["thresholds"]["critical"]["failures"]["caught"]

    # every window with a seen failure is in one group of each grouping, and mean_model's interval is what its parts say
    assert set(result["coverage"]) == {"mode", "model", "rul_days"}
    for groups in result["coverage"].values():
        assert sum(group["windows"] for group in groups.values()) == result["windows"]
        inside = sum(group["windows"] * group["coverage"] for group in groups.values()) / result["windows"]
        assert inside == pytest.approx(result["coverage_90"], abs=1e-3)
    assert set(result["coverage"]["mode"]) == {"bearing_wear", "ring_wear"}
    thin = [(group["grouping"], group["group"]) for group in result["thinly_covered"] if group["fleet"] is None]
    assert thin == [
        (grouping, name)
        for grouping, groups in result["coverage"].items()
        for name, group in groups.items()
        if group["windows"] >= 100 and group["coverage"] < 0.8
    ]
    assert {group["fleet"] for group in result["thinly_covered"]} == {None, SEED}
    odds = result["failure_probability"]
    assert odds["windows"] >= result["windows"]
    assert sum(row["windows"] for row in odds["bins"]) == odds["windows"]
    assert "coverage" not in result["thresholds"]["warning"]
    assert result["baseline"]["coverage_90"] is None

    # three lives ran to their failure; a vibration of some mm/s, read as days, first comes within 3 days of the truth shortly before it
    lives = result["prognostics"]
    assert lives["lives"] == result["linear_trend"]["prognostics"]["lives"] == 3
    assert 0 < lives["prognostic_horizon_days"]["median"] < 10
    # a boosting that always says 20 days is within 3 days of the truth only where that has 17 to 23 left
    assert result["baseline"]["prognostics"]["lasting_horizon_days"]["median"] == 0.0
    assert sum(band["windows"] for band in result["rul_bands"].values()) == result["windows"]
    compared = result["comparison"]["baselines"]
    assert set(compared) == {"baseline", "linear_trend", "critical", "warning"}
    assert compared["baseline"]["recall"]["baseline"] == 0.0
    assert compared["baseline"]["recall"]["verdict"] == "better"
    assert "rul_rmse_days" not in compared["warning"]
    assert result["left_out"] == {"mlp": "the champion's run does not record its training compressors"}
    assert "prognostics" not in result["thresholds"]["warning"]

    tracked = mlflow.get_run(result["run_id"])
    assert tracked.data.params["model_version"] == result["model_version"] == "1"
    assert tracked.data.metrics["recall_5d"] == 1.0
    assert tracked.data.metrics["baseline.recall"] == 0.0
    assert mlflow.artifacts.load_dict(f"{tracked.info.artifact_uri}/evaluation.json")["alarms"] == result["alarms"]

    plots = mlflow.MlflowClient().list_artifacts(result["run_id"], "plots")
    assert {plot.path for plot in plots} == {"plots/life_curves.png", "plots/calibration.png", "plots/error_by_rul.png"}

    gold = Lake(str(fleet_home / "lake"))
    built = gold.version(GOLD)
    again = run(
        small.with_model({"labels.max_rul_days": 20.0, "labels.horizon_days": 3.0})
    )  # a model is judged by the labels it was taught
    assert gold.version(GOLD) == built
    assert {name: again[name] for name in again if name not in ("run_id", "seconds")} == {
        name: result[name] for name in result if name not in ("run_id", "seconds")
    }

    assert "reasons" not in result
    with pytest.raises(
        ModelError, match="no weights to draw anew"
    ):  # a mean cannot be randomised: monitoring.evaluation.reason_cases was asked
        run(small, with_reasons=True)


def test_a_perceptron_is_trained_on_the_compressors_of_the_champions_split_and_stands_beside_it(
    small: Settings, spark: SparkSession
) -> None:
    history = small.below(f"evaluation/seed-{SEED}")
    with StageReporter(interactive=False) as report:
        build_fleet(history, small.evaluation.fleets, SEED, LazySpark(history), report)
    failed = read_truth(history.home / "fleet").filter(pl.col("ended_by") == "failure")["compressor_id"].unique().sort().to_list()
    assert len(failed) == COMPRESSORS  # every part needs one
    register(
        small, baseline_features=len(FEATURES), parts=dict(zip(("train", "validation", "test"), ([name] for name in failed), strict=True))
    )
    settings = load_settings(small.home, environ={**small.environ, "ALTAVIZ_TRAINING_LAKE_URI": history.lake_uri})
    result = run(settings)
    assert result["left_out"] == {}
    assert result["mlp"]["windows"] == result["windows"]
    assert result["mlp"]["prognostics"]["lives"] == 3
    beside = result["comparison"]["baselines"]
    # a boosting that always says 20 days raises no alarm whose precision or lead could be compared
    assert set(beside["mlp"]) - set(beside["baseline"]) == {"precision", "lead_days"}
    assert set(beside["baseline"]) <= set(beside["mlp"])
    assert mlflow.get_run(result["run_id"]).data.metrics["mlp.rul_rmse_days"] == result["mlp"]["rul_rmse_days"]
    assert list(small.home.glob("tmp*")) == []


def test_without_a_champion_nothing_is_simulated(small: Settings) -> None:
    small.home.mkdir()
    with pytest.raises(NoChampionError, match="altaviz train"):
        run(small)
    assert not (small.home / "evaluation").exists()


def test_a_baseline_for_other_features_is_refused(small: Settings) -> None:
    register(small, baseline_features=len(FEATURES) - 1)
    with pytest.raises(ModelError, match="takes 23 features, not 24: train again"):
        run(small)
