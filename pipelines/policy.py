"""altaviz evaluate --policy: what years of an unseen fleet cost under the champion's dates, and under simpler rules."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from config.settings import Settings
from pipelines.champion import taught_as
from pipelines.console import StageReporter
from pipelines.fleets import UnseenFleet, fleet_truth, prepare_fleet
from pipelines.session import LazySpark

if TYPE_CHECKING:
    from monitoring.alarms import Days
    from monitoring.episodes import Told
    from serving.registry import RegisteredModel


def evaluate_policy(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Compare the policies of monitoring.rules by their cost on lives of unseen fleets, of the size of those of `altaviz evaluate`.

    Returns model_version, crews, years (each of a fleet as large as an unseen one), lives (monitoring.episodes: used, and left out by reason),
    interval_days (of the fixed interval, chosen on the training history), threshold_hours by level and predicted_life_days (costs.yaml), policies and differences (monitoring.policy.summarise).
    Raises NoChampionError, ModelError, HomeError, NoDataError when no life was seen from beginning to end.
    """
    from monitoring.episodes import Judged, pool
    from monitoring.policy import draw_fleets, simulate, summarise
    from monitoring.rules import OURS, policies
    from pipelines.tracking import quieten, tracked_run
    from serving.registry import Registry

    started = time.perf_counter()
    quieten()
    champion = Registry(settings.tracking_uri).champion()
    settings = taught_as(settings, champion.facts)
    costs, protocol, size = settings.costs, settings.evaluation.protocol, settings.evaluation.fleets
    interval_days = _interval(settings)
    judged = []
    for seed in costs.simulation.fleet_seeds:
        fleet = prepare_fleet(settings, seed, spark, report)
        history = fleet.labelled.history
        with report.stage(f"predict, fleet {seed}"):
            told = _told(settings, fleet, champion)
        judged.append(Judged(history.compressor_ids, history.first_mark, told, fleet_truth(settings, seed)))
    episodes = pool(judged)
    drawn, starts = draw_fleets(episodes.lives, size.compressors, costs)
    outcomes = {}
    for name, asks in policies(episodes, interval_days, int(protocol.alarm_hours.value), costs).items():
        with report.stage(f"simulate, {name}"):
            outcomes[name] = simulate(episodes.lives, asks, drawn, starts, costs, protocol.false_alarm_rul_days.value)
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
        _log(settings, result)
        run_id = run.info.run_id
    return {**result, "run_id": run_id, "seconds": round(time.perf_counter() - started, 2)}


def _told(settings: Settings, fleet: UnseenFleet, champion: RegisteredModel) -> Told:
    """Dates, predicted lives and statuses at every hour of a fleet -> [compressors, hours]."""
    from features.onnx_model import OnnxModel
    from monitoring.episodes import Told
    from serving.costs import NOT_DUE, Forecast, plan_repairs

    history, index, scoring = fleet.labelled.history, fleet.labelled.index, settings.model.scoring
    model, facts = OnnxModel(champion.onnx, scoring.threads), champion.facts
    said = model.predict_rows(history.values, index.first_row, index.end, scoring.batch_size)
    lower, point, upper, fails = (
        np.asarray(numbers, np.float64) for numbers in (said.rul_lower, said.rul, said.rul_upper, said.failure_probability)
    )
    ages = _ages(fleet)[index.end]
    forecast = Forecast(lower, point, upper, fails, ages, facts.horizon_days, facts.max_rul_days, model.levels, model.ageing)
    repairs = plan_repairs(forecast, settings.costs)
    due = np.full(len(history.values), NOT_DUE, np.int64)
    life = np.full(len(history.values), np.nan)
    due[index.end], life[index.end] = repairs.due_days, point
    shape = (len(history.compressor_ids), history.hours)
    return Told(due.reshape(shape), life.reshape(shape), fleet.worst_statuses().reshape(shape))


def _ages(fleet: UnseenFleet) -> Days:
    """Days since the last renewal at every row of the fleet's history, as its maintenance events tell them -> [rows]."""
    from features.renewals import read_renewals

    history, renewals = fleet.labelled.history, read_renewals(fleet.labelled.events)
    return np.concatenate([renewals.ages(name, history.first_mark, history.hours) for name in history.compressor_ids])


def _interval(settings: Settings) -> float | None:
    """The fixed interval that would have cost least on the training history, by its maintenance events."""
    from features.contract import COMPRESSOR_ID
    from features.lake import EVENTS, Lake
    from features.reference import read_reference
    from features.renewals import lives_between
    from monitoring.lifetimes import replacement_age

    lake = Lake(settings.training_lake_uri)
    events, newest = read_reference(lake, EVENTS), lake.newest_reading()
    seen = {} if newest is None else dict.fromkeys(events[COMPRESSOR_ID].unique().to_list(), newest)
    days, failed = lives_between(events, seen)
    return replacement_age(days, failed, settings.costs)


def _log(settings: Settings, result: dict[str, Any]) -> None:
    """Costs, numbers and the whole report of the active run."""
    import mlflow

    from pipelines.tracking import flat_parameters

    wanted = {
        name: value for name, value in flat_parameters(settings.costs).items() if not name.endswith((".unit", ".description", ".source"))
    }
    mlflow.log_params({"model_version": result["model_version"], **wanted})
    for name, numbers in result["policies"].items():
        counted = ("usd_per_compressor_year", "failures_per_compressor_year", "repairs_per_compressor_year")
        mlflow.log_metrics({f"policy_{name}.{key}": float(numbers[key]) for key in counted})
    mlflow.log_dict(result, "policy.json")
