"""Compares the cost of maintenance policies over years of an unseen fleet: `altaviz evaluate --policy`."""

from __future__ import annotations

import time
from typing import Any

import mlflow

from config.sections.costs import CostsConfig
from config.settings import Settings
from features.contract import COMPRESSOR_ID
from features.lake import EVENTS, Lake
from features.reference_tables.renewals import lives_between
from features.reference_tables.tables import read_reference
from monitoring.gate.champion import with_labels_of
from monitoring.maintenance.age_replacement import replacement_age
from monitoring.maintenance.complete_lives import PredictedFleet, pool
from monitoring.maintenance.fleet_predictions import predict_hours
from monitoring.maintenance.policies import OURS, policies
from monitoring.maintenance.simulation import draw_fleets, simulate, summarise
from pipelines.evaluation.simulated_fleets import fleet_truth, prepare_fleet
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import flat_parameters, tracked_run
from pipelines.runtime.spark import LazySpark
from serving.registry.client import Registry


def evaluate_policy(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Compare the policies of monitoring.maintenance.policies by their cost on lives of unseen fleets.

    Returns model_version, crews, years, lives (used, and left out by reason), interval_days (of the fixed interval, chosen on the training
    history), threshold_hours by level, predicted_life_days. Also policies and differences (monitoring.maintenance.simulation.summarise).
    Raises NoChampionError, ModelError, HomeError, NoDataError if no life is complete.
    """
    started = time.perf_counter()
    quieten()
    champion = Registry(settings.tracking_uri).champion()
    settings = with_labels_of(settings, champion.facts)
    costs, protocol, size = settings.costs, settings.evaluation.protocol, settings.evaluation.fleets
    interval_days = _interval(settings)
    judged = []
    for seed in costs.simulation.fleet_seeds:
        fleet = prepare_fleet(settings, seed, spark, report)
        history = fleet.labelled.history
        with report.stage(f"predict, fleet {seed}"):
            predictions = predict_hours(settings, fleet, champion)
        judged.append(PredictedFleet(history.compressor_ids, history.first_mark, predictions, fleet_truth(settings, seed)))
    episodes = pool(judged)
    drawn, starts = draw_fleets(episodes.lives, size.compressors, costs)
    outcomes = {}
    for name, policy in policies(episodes, interval_days, int(protocol.alarm_hours.value), costs).items():
        with report.stage(f"simulate, {name}"):
            outcomes[name] = simulate(episodes.lives, policy, drawn, starts, costs, protocol.false_alarm_rul_days.value)
    result = {
        "model_version": champion.version,
        "crews": int(costs.planned.crews.value),
        "years": costs.simulation.years,
        "lives": episodes.facts,
        "interval_days": None if interval_days is None else round(interval_days, 1),
        "threshold_hours": {
            "warning": int(costs.simulation.threshold_warning_hours.value),
            "critical": int(costs.simulation.threshold_critical_hours.value),
        },
        "predicted_life_days": costs.simulation.predicted_life_days.value,
        **summarise(outcomes, OURS, costs, settings.evaluation.report.confidence),
    }
    with tracked_run(settings, "policy") as run:
        _log(costs, result)
        run_id = run.info.run_id
    return {**result, "run_id": run_id, "seconds": round(time.perf_counter() - started, 2)}


def _interval(settings: Settings) -> float | None:
    """The fixed interval with the lowest cost on the training history, in days."""
    lake = Lake(settings.training_lake_uri)
    events, newest = read_reference(lake, EVENTS), lake.newest_reading()
    observed_until = {} if newest is None else dict.fromkeys(events[COMPRESSOR_ID].unique().to_list(), newest)
    days, failed = lives_between(events, observed_until)
    return replacement_age(days, failed, settings.costs)


def _log(costs: CostsConfig, result: dict[str, Any]) -> None:
    """Log costs, numbers and the whole report to the active run."""
    wanted = {name: value for name, value in flat_parameters(costs).items() if not name.endswith((".unit", ".description", ".source"))}
    mlflow.log_params({"model_version": result["model_version"], **wanted})
    for name, numbers in result["policies"].items():
        counted = ("usd_per_compressor_year", "failures_per_compressor_year", "repairs_per_compressor_year")
        mlflow.log_metrics({f"policy_{name}.{key}": float(numbers[key]) for key in counted})
    mlflow.log_dict(result, "policy.json")
