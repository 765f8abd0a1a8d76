"""Evaluates the champion on unseen fleets, by failure, beside its baselines and fixed thresholds: `altaviz evaluate`."""

from __future__ import annotations

import time
from typing import Any

import mlflow

from config.sections.evaluation import EvaluationConfig
from config.settings import Settings
from monitoring.evaluation.calibration import thin_groups
from monitoring.evaluation.event_metrics import join_predictions
from monitoring.evaluation.figures import FigureData, LifePredictions, evaluation_figures
from monitoring.evaluation.method_outcomes import BASELINE_NAMES, comparison
from monitoring.evaluation.methods import (
    BASELINE_KEY,
    CHAMPION_KEY,
    MLP_KEY,
    STATUS_LEVELS_WATCHED,
    TREND_KEY,
    MethodResult,
    _judge_all,
    numbers_of,
)
from monitoring.evaluation.reason_cases import judge_reasons
from monitoring.gate.champion import with_labels_of
from pipelines.evaluation.baseline_models import load_baseline, train_mlp
from pipelines.evaluation.simulated_fleets import prepare_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import flat_parameters, tracked_run
from pipelines.runtime.spark import LazySpark
from serving.registry.client import Registry


def evaluate(settings: Settings, spark: LazySpark, report: StageReporter, *, with_reasons: bool = False) -> dict[str, Any]:
    """Evaluate the champion by the protocol of monitoring.evaluation.alarms, with the labels of its training. Existing fleets are used
    again.

    Returns the champion's numbers (monitoring.evaluation.event_metrics and .prognostics). The same numbers stand under `baseline`, `mlp`,
    `linear_trend` and `thresholds` (critical, warning), and under `fleets` for each fleet. The differences are in `comparison`
    (monitoring.evaluation.method_outcomes). Groups with low coverage are in `thinly_covered`, and the reason for a missing baseline in
    `left_out`. With `with_reasons` there is also `reasons` (monitoring.evaluation.reason_cases).
    Raises NoChampionError, ModelError (made for other features, or without a baseline), HomeError.
    """
    started = time.perf_counter()
    quieten()
    registry = Registry(settings.tracking_uri)
    champion = registry.champion()
    settings = with_labels_of(settings, champion.facts)
    baseline = load_baseline(settings, champion)
    mlp = train_mlp(settings, registry, report)
    by_fleet: dict[int, dict[str, MethodResult]] = {}
    facts, unseen = [], []
    for seed in settings.evaluation.fleets.seeds:
        fleet = prepare_fleet(settings, seed, spark, report)
        with report.stage(f"predict, fleet {seed}") as advance:
            by_fleet[seed] = _judge_all(settings, fleet, champion, baseline, None if isinstance(mlp, str) else mlp)
            advance(1, 1, windows=len(fleet.labelled.index))
        unseen.append(fleet)
        facts.append(
            {"seed": seed, "compressors": len(fleet.labelled.history.compressor_ids), "days": fleet.days, "failures": fleet.failures}
        )
    fleets = [{**fact, **_by_method(settings, [by_fleet[fact["seed"]]])} for fact in facts]
    methods = _by_method(settings, list(by_fleet.values()))
    result = {
        "model_version": champion.version,
        "protocol": {name: limit.value for name, limit in settings.evaluation.protocol},
        **methods.pop(CHAMPION_KEY),
        **methods,
        "comparison": _compare(settings, list(by_fleet.values())),
        "left_out": {MLP_KEY: mlp} if isinstance(mlp, str) else {},
        "fleets": fleets,
    }
    result["thinly_covered"] = _thinly_covered(settings.evaluation, result)
    if with_reasons:
        with report.stage("reasons"):
            result["reasons"] = judge_reasons(settings, unseen, champion)
    with tracked_run(settings, "evaluate") as run:
        _log(settings.evaluation, result)
        _log_figures(settings, result, by_fleet)
        run_id = run.info.run_id
    return {**result, "run_id": run_id, "seconds": round(time.perf_counter() - started, 2)}


def _compare(settings: Settings, fleets: list[dict[str, MethodResult]]) -> dict[str, Any]:
    """Compare the champion with every other method, by a bootstrap over the compressors."""
    parts = {method: [fleet[method].prognosis for fleet in fleets] for method in fleets[0]}
    return comparison(settings, parts.pop(CHAMPION_KEY), parts)


def _thinly_covered(config: EvaluationConfig, result: dict[str, Any]) -> list[dict[str, Any]]:
    """Groups whose intervals cover too few windows: over all fleets (`fleet` is None), and in each fleet."""
    least, windows = config.card.least_coverage.value, config.report.group_windows
    numbers = {None: result, **{fleet["seed"]: fleet[CHAMPION_KEY] for fleet in result["fleets"]}}
    return [{"fleet": seed, **group} for seed, own in numbers.items() for group in thin_groups(own["coverage"], least, windows)]


def _by_method(settings: Settings, fleets: list[dict[str, MethodResult]]) -> dict[str, Any]:
    """The numbers of each method over `fleets`; those of thresholds by level."""
    numbers = {method: numbers_of(settings, [fleet[method] for fleet in fleets]) for method in fleets[0]}
    thresholds = {level: numbers.pop(level) for level in STATUS_LEVELS_WATCHED}
    return {**numbers, "thresholds": thresholds}


def _log(config: EvaluationConfig, result: dict[str, Any]) -> None:
    """Log parameters, numbers and the whole report to the active run."""
    mlflow.log_params({"model_version": result["model_version"], **flat_parameters(config.fleets)})
    mlflow.log_params({f"protocol.{name}": value for name, value in result["protocol"].items()})
    for fleet in result["fleets"]:
        mlflow.log_metrics(headline(fleet[CHAMPION_KEY], f"seed_{fleet['seed']}."))
    mlflow.log_metrics(headline(result, ""))
    for name in (BASELINE_KEY, MLP_KEY, TREND_KEY):
        if name in result:
            mlflow.log_metrics(headline(result[name], f"{name}."))
    for level, numbers in result["thresholds"].items():
        mlflow.log_metrics(headline(numbers, f"thresholds_{level}."))
    mlflow.log_dict(result, "evaluation.json")


def _log_figures(settings: Settings, result: dict[str, Any], by_fleet: dict[int, dict[str, MethodResult]]) -> None:
    """Log the figures of a model card for the champion and its baseline on the unseen fleets."""
    lives = [
        LifePredictions(f"fleet {seed}", run, other.rul)
        for seed, fleet in by_fleet.items()
        for run, other in zip(fleet[CHAMPION_KEY].prognosis.runs, fleet[BASELINE_KEY].prognosis.runs, strict=True)
    ]
    ours, theirs = (
        join_predictions([predictions for fleet in by_fleet.values() if (predictions := fleet[name].predictions) is not None])
        for name in (CHAMPION_KEY, BASELINE_KEY)
    )
    if not len(ours.true):
        return
    reliability_of = {CHAMPION_KEY: result["failure_probability"]["bins"]}
    data = FigureData(lives, ours.true, ours.rul, theirs.rul, reliability_of, result["coverage"]["rul_days"])
    for name, figure in evaluation_figures(settings, data, (CHAMPION_KEY, BASELINE_NAMES[BASELINE_KEY])).items():
        mlflow.log_figure(figure, f"plots/{name}")


def headline(numbers: dict[str, Any], prefix: str) -> dict[str, float]:
    """The numbers to compare runs by, without those that have no cases."""
    chosen = {
        "recall_5d": numbers["failures_5d"]["recall"],
        "recall": numbers["failures"]["recall"],
        "precision": numbers["alarms"]["precision"],
        "first_alarm_precision": numbers["first_alarms"]["precision"],
        **{
            name: numbers.get(name)
            for name in (
                "false_alarms_per_healthy_compressor_month",
                "rul_rmse_days",
                "rul_rmse_near_failure_days",
                "coverage_90",
                "mean_width_90_days",
            )
        },
        **{name: numbers.get("failure_probability", {}).get(name) for name in ("brier", "expected_calibration_error")},
    }
    return {prefix + name: float(value) for name, value in chosen.items() if value is not None}
