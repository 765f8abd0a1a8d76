"""`altaviz evaluate --policy` on small fleets: simulated, through Spark and Delta, a registered ONNX model, the report and its run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import polars as pl
import pytest
import yaml

from config.errors import NoDataError
from config.loader import CONFIG_DIR
from config.settings import Settings, load_settings
from features.contract import FEATURES
from features.simulator.truth import read_truth
from pipelines.evaluation.maintenance_cost import evaluate_policy
from pipelines.evaluation.simulated_fleets import build_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from pipelines.views.maintenance_cost import show_policies
from tests.pipelines.evaluation.test_evaluate import register

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SEED, TRAINING_SEED = 6, 7
POLICIES = {"run_to_failure", "fixed_interval", "threshold_warning", "threshold_critical", "predicted_life", "act_by", "perfect_foresight"}


def small(folder: Path, days: int) -> Settings:
    """The shipped configuration, with one fleet of three compressors at one reading per hour, and one simulated year of it."""
    config = shutil.copytree(CONFIG_DIR, folder / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    evaluation, costs = (yaml.safe_load((config / name).read_text()) for name in ("evaluation.yaml", "costs.yaml"))
    evaluation["fleets"] = {"seeds": [SEED + 1], "compressors": 3, "days": days, "interval_min": 60}
    costs["simulation"] |= {"years": 1, "fleet_seeds": [SEED]}
    (config / "evaluation.yaml").write_text(yaml.safe_dump(evaluation))
    (config / "costs.yaml").write_text(yaml.safe_dump(costs))
    return load_settings(folder / "home", environ={"ALTAVIZ_CONFIG_DIR": str(config)})


def test_policies_are_compared_on_the_lives_that_were_seen_from_beginning_to_end(
    tmp_path: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = small(tmp_path, days=80)
    register(settings, baseline_features=len(FEATURES))
    with StageReporter(interactive=False) as report:
        build_fleet(settings.below("history"), settings.evaluation.fleets, TRAINING_SEED, LazySpark(settings), report)
        result = evaluate_policy(settings, LazySpark(settings), report)

    truth = read_truth(settings.home / "evaluation" / f"seed-{SEED}" / "fleet")
    later = truth.filter(pl.col("life") > 1)
    lives = result["lives"]
    assert lives["complete"] == later.filter(pl.col("ended_by") == "failure").height > 0
    assert lives["cut_by_end_of_data"] == later.filter(pl.col("ended_by") == "censored").height
    assert lives["began_before_the_data"] == 3
    assert result["interval_days"] > 8  # no life ends before its healthy days

    policies = result["policies"]
    assert set(policies) == POLICIES
    assert policies["run_to_failure"]["repairs"] == 0
    for numbers in policies.values():
        years = numbers["compressor_years"]
        spent = 15_000 * numbers["repairs"] + 87_500 * numbers["failures"]
        assert years == 3.0
        assert numbers["usd_per_compressor_year"] == pytest.approx(spent / years, abs=1)
        assert numbers["most_crews"] <= result["crews"] == 2
    assert set(result["differences"]) == POLICIES - {"act_by"}
    assert result["differences"]["run_to_failure"]["usd_per_compressor_year"] == pytest.approx(
        policies["act_by"]["usd_per_compressor_year"] - policies["run_to_failure"]["usd_per_compressor_year"], abs=1
    )

    tracked = mlflow.get_run(result["run_id"])
    assert tracked.data.metrics["policy_act_by.usd_per_compressor_year"] == policies["act_by"]["usd_per_compressor_year"]
    assert mlflow.artifacts.load_dict(f"{tracked.info.artifact_uri}/policy.json")["policies"] == policies
    show_policies(result)
    shown = capsys.readouterr().out
    assert "predicted_life" in shown
    assert "warning for 1 h, critical for 1 h; predicted life: at most 15 days" in shown


def test_a_home_without_maintenance_events_to_choose_an_interval_from_is_refused(tmp_path: Path) -> None:
    settings = small(tmp_path, days=14)
    register(settings, baseline_features=len(FEATURES))
    with StageReporter(interactive=False) as report, pytest.raises(NoDataError, match="altaviz ingest"):
        evaluate_policy(settings, LazySpark(settings), report)
    assert not (settings.home / "evaluation").exists()
