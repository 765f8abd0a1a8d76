"""Measures the values on a model card, from the fleet, the trial and the lakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np

from config.settings import Settings
from features.contract import FEATURE_SET_VERSION, FEATURE_UNITS, FEATURES, MODEL_SENSORS, REGISTERED_MODEL, WINDOW_STEPS
from features.lake import GOLD
from features.model_file.onnx_model import OnnxModel
from monitoring.evaluation.calibration import reliability
from monitoring.evaluation.figures import drawn_lives
from monitoring.evaluation.held_out import BY_FAILURE, BY_MODEL, BY_RUL
from monitoring.evaluation.method_outcomes import BASELINE_NAMES
from monitoring.evaluation.prognostics import LifeRun, summarise_lives
from monitoring.evaluation.slices import measure, measure_slices, not_better, thinly_covered
from pipelines.runtime.mlflow_runs import DIRTY, git_commit
from serving.prediction.attribution import SENSOR_OF
from serving.prediction.reasons import SENSOR_WORDS
from training.data.dataset import draw_windows
from training.data.failure_lives import seen_lives
from training.diagnostics.feature_ranges import feature_ranges
from training.diagnostics.importance import permutation_importance

if TYPE_CHECKING:
    from config.sections.model import AgeingSection
    from features.model_file.weibull_lifetime import Ageing
    from monitoring.evaluation.held_out import HeldOut, Machines
    from serving.warehouse.decisions import ModelDecision
    from training.data.history import TrainingHistory
    from training.data.labelled_fleet import LabelledFleet
    from training.diagnostics.importance import Importance
    from training.trial import Trial

CALENDAR: Final = "calendar"  # the features that no sensor measures, as one group
GROUPING_WORDS: Final = {BY_MODEL: "compressor model", BY_RUL: "true days left", BY_FAILURE: "recorded failure"}
_PARTS: Final = ("train", "validation", "test")


def identity_facts(settings: Settings, decided: ModelDecision, overall: dict[str, Any]) -> dict[str, Any]:
    """The model, its decision, and how to reproduce it; all but its version."""
    commit = git_commit()
    interval = "" if overall["interval_days"] is None else " ({:+.2f} to {:+.2f})".format(*overall["interval_days"])
    return {
        "model": REGISTERED_MODEL,
        "summary": f"Predicts the remaining life of gas compressors, every hour. On {overall['windows']:,} test windows of {overall['compressors']} "
        f"compressors the RMSE is {overall['rmse_days']:.2f} days. The baseline's is {overall['baseline_rmse_days']:.2f}; "
        f"the difference is {overall['difference_days']:+.2f}{interval}. The 90 % interval covers {100 * overall['coverage_90']:.0f} % of lives. "
        f"The gate's decision: {decided.decision}.",
        "run_id": str(decided.run_id),
        "made": decided.decided_at,
        "commit": commit and commit.removesuffix(DIRTY),
        "changed": bool(commit and commit.endswith(DIRTY)),
        "feature_set_version": FEATURE_SET_VERSION,
        "seed": settings.model.split.seed,
        "trigger": decided.trigger,
        "verdict": {
            "decision": decided.decision,
            "previous": decided.previous_version,
            "reasons": list(decided.reasons),
            "checks": [(check["name"], "yes" if check["passed"] else "NO", check["says"]) for check in decided.checks],
        },
        "settings": [f"{key}={value}" for key, value in settings.model_overrides.items()],
    }


def protocol_facts(settings: Settings, judged: dict[str, Any]) -> dict[str, Any]:
    """How the model was evaluated: words and limits of the configuration."""
    config = settings.evaluation
    return {
        "labels": settings.model.labels,
        "ensemble": settings.model.ensemble,
        "baseline": f"{BASELINE_NAMES['baseline']} on the last hour of each window",
        "confidence": config.report.confidence,
        "resamples": config.bootstrap.resamples,
        "least_compressors": config.card.least_compressors,
        "latency_calls": settings.retraining.gate.latency_calls,
        "grouping_words": GROUPING_WORDS,
        "prognostics": _prognostic_rows(settings, judged["prognostics"]),
        "lives": judged["prognostics"]["model"]["lives"],
    }


def _prognostic_rows(settings: Settings, prognostics: dict[str, Any]) -> list[dict[str, Any]]:
    """words, lives, and the values of model and baseline, for prognostic metrics that a planner can use. Empty without a life."""
    if not prognostics["model"]["lives"]:
        return []
    config, cap = settings.evaluation.prognostics, settings.model.labels.max_rul_days
    band, cone = config.horizon_alpha.value * cap, config.accuracy_alpha.value
    words = {
        "lasting_horizon_days": f"median days before the failure from which every prediction is within {band:g} days",
        **{
            f"alpha_lambda_{share:g}": f"lives predicted within {100 * cone:.0f} % when {100 * share:.0f} % of the time to the failure has passed"
            for share in config.lambdas
        },
        "phm08_score": "median PHM08 score of a prediction (smaller is better; late costs more than early)",
    }
    return [
        {
            "words": phrase,
            "lives": prognostics["model"][name]["n"],
            **{side: _cell(prognostics[side][name]) for side in ("model", "baseline")},
        }
        for name, phrase in words.items()
    ]


def _cell(found: dict[str, Any]) -> str:
    if "share" in found:
        return "none" if found["share"] is None else f"{100 * found['share']:.0f} %"
    return "none" if found["median"] is None else f"{found['median']:.2f}"


def data_facts(config: AgeingSection, history: TrainingHistory, fleet: LabelledFleet, trial: Trial, machines: Machines) -> dict[str, Any]:
    """sources (gold of each lake, without its address), from, until, days, compressors, failures, ageing, models, parts."""
    grid = fleet.history
    sources = [
        {
            "table": GOLD,
            "scheme": urlsplit(source.lake.uri(GOLD)).scheme or "file",
            "id": str(source.gold.metadata().id),
            "version": source.version,
        }
        for source in history.sources
    ]
    parts = {}
    for name in _PARTS:
        index, units = getattr(trial.parts, name), getattr(trial.parts.units, name)
        parts[name] = {
            "compressors": len(units),
            "failures": len(seen_lives(fleet, fleet.index.of_units(units))),  # of all windows: labels for training may differ
            "windows": len(index),
            "bounds": int(index.censored.sum()),
            "models": dict(sorted(Counter(machines.models[unit] for unit in units).items())),
        }
    return {
        "sources": sources,
        "from": grid.first_mark,
        "until": grid.last_mark,
        "days": round(grid.hours / 24, 1),
        "compressors": len(grid.compressor_ids),
        "failures": sum(part["failures"] for part in parts.values()),
        "ageing": _ageing_words(trial.ageing, config),
        "parts": parts,
    }


def _ageing_words(ageing: Ageing | None, config: AgeingSection) -> str:
    """The known lifetimes of such machines, which the dates of repairs use."""
    if ageing is None:
        return f"Fewer than {config.least_failures} failures have a known start of life, so dates of repairs (act_by) do not use a machine's age"
    return (
        f"Dates of repairs (act_by) use the age of a machine. From a renewal to a failure it takes {ageing.mean_days:.1f} days on average "
        f"(Weibull law of shape {ageing.shape:.2f}; the longest observed life took {ageing.longest_days:.1f} days). "
        "Its source is the maintenance events of training and validation"
    )


def range_facts(shares: Sequence[float], fleet: LabelledFleet, trial: Trial) -> dict[str, Any]:
    """rows, quantiles, and features: name, unit, quantiles (None without a value), missing share."""
    found = feature_ranges(fleet.history.values, trial.parts.evenly, shares)
    features = [
        {
            "name": name,
            "unit": FEATURE_UNITS[name],
            "quantiles": [None if np.isnan(value) else float(value) for value in found.quantiles[:, column]],
            "missing": float(found.missing[column]),
        }
        for column, name in enumerate(FEATURES)
    ]
    return {"rows": found.rows, "quantiles": list(shares), "features": features}


def judged_facts(settings: Settings, held: HeldOut) -> dict[str, Any]:
    """overall and slices (monitoring.evaluation.slices). Also probability and prognostics of model and baseline, and the lives shown."""
    config, cap = settings.evaluation, settings.model.labels.max_rul_days
    everything = np.ones(len(held.unit), np.bool_)
    runs = {
        "model": [life.run for life in held.lives],
        "baseline": [LifeRun(life.run.true, life.baseline.astype(np.float64)) for life in held.lives],
    }
    return {
        "overall": measure(held.predictions, held.baseline, held.unit, everything, config),
        "slices": measure_slices(held.predictions, held.baseline, held.unit, config),
        "probability": {
            "model": reliability(held.outcomes, config.report.reliability_bins),
            "baseline": reliability(held.baseline_outcomes, config.report.reliability_bins),
        },
        "shown": [
            {"name": shown.life.name, "failure": shown.life.failure, "rmse_days": shown.rmse_days, "rank": shown.rank}
            for shown in drawn_lives(held.lives, config.card.lives)
        ],
        "prognostics": {name: summarise_lives(own, config.prognostics, cap) for name, own in runs.items()},
    }


def measure_importance(settings: Settings, fleet: LabelledFleet, trial: Trial) -> Importance:
    """The permutation importance of the exported model's features."""
    config, test = settings.evaluation.card, trial.parts.test
    windows, index = draw_windows(fleet.history.values, test.take(~test.censored), config.importance_windows, config.seed)
    groups = {name: [column] for column, name in enumerate(FEATURES)} | feature_groups()
    model = OnnxModel(trial.export.model, settings.model.scoring.threads)
    return permutation_importance(model, windows, index.rul, groups, config.importance_repeats, config.seed)


def feature_groups() -> dict[str, list[int]]:
    """Columns of the features by sensor, in a planner's words. Features of no sensor are the calendar."""
    groups = {
        SENSOR_WORDS[sensor]: [FEATURES.index(name) for name in FEATURES if SENSOR_OF.get(name) == sensor] for sensor in MODEL_SENSORS
    }
    return {**groups, CALENDAR: [column for column, name in enumerate(FEATURES) if name not in SENSOR_OF]}


def limit_facts(settings: Settings, data: dict[str, Any], judged: dict[str, Any]) -> list[str]:
    """Where the model must not be relied on, one sentence each."""
    labels, scoring, card = settings.model.labels, settings.scoring, settings.evaluation.card
    overall, parts, folds = judged["overall"], data["parts"], settings.model.ensemble
    training_compressors, failures = (sum(parts[part][of] for part in ("train", "validation")) for of in ("compressors", "failures"))
    limits = [
        f"It never predicts more than {labels.max_rul_days:g} days: longer lives are labelled with that value.",
        f"The failure probability covers the next {labels.horizon_days:g} days, and no later ones.",
        f"A compressor gets no prediction (insufficient_history) if all its sensors have values in fewer than {scoring.min_steps} of the last "
        f"{WINDOW_STEPS} hours. Without a reading for {scoring.stale_after_hours:g} h it is stale.",
        f"Intervals and probabilities were calibrated on {folds.networks} of {folds.folds} folds of {training_compressors} compressors with "
        f"{failures} failures. A network that was not trained on a fold calibrates it.",
        f"All numbers here are of {overall['compressors']} other compressors with {parts['test']['failures']} failures. Another fleet may differ "
        "by more than the intervals here, which resample these compressors only.",
    ]
    if overall["verdict"] != "better":
        limits.append("Over all test windows, its error is not shown to be smaller than the baseline's.")
    for grouping, slices in judged["slices"].items():
        worse, unproven = not_better(slices)
        thin = thinly_covered(slices, card.least_coverage.value)
        words = GROUPING_WORDS[grouping]
        limits += _named(f"Its error is not smaller than the baseline's, by {words}", worse)
        limits += _named(
            f"Its error is smaller than the baseline's, but chance or too few compressors may explain it, by {words}", unproven
        )
        limits += _named(f"The 90 % interval covers fewer than {100 * card.least_coverage.value:.0f} % of lives, by {words}", thin)
    unknown = set(parts["test"]["models"]) - set(parts["train"]["models"]) - set(parts["validation"]["models"])
    return limits + _named("Compressor models without training data", sorted(unknown))


def _named(claim: str, names: Sequence[str]) -> list[str]:
    return [f"{claim}: {'; '.join(names)}."] if names else []
