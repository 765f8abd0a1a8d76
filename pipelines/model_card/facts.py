"""What a model card says, as plain values: measured from the fleet, the trial and the lakes at hand, and nothing else."""

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
    """Which model it is, what became of it, and how to make it again; all but its version."""
    commit = git_commit()
    interval = "" if overall["interval_days"] is None else " ({:+.2f} to {:+.2f})".format(*overall["interval_days"])
    return {
        "model": REGISTERED_MODEL,
        "summary": f"Remaining life of gas compressors, hour by hour. On {overall['windows']:,} test windows of {overall['compressors']} compressors: RMSE "
        f"{overall['rmse_days']:.2f} days against {overall['baseline_rmse_days']:.2f} of the baseline, {overall['difference_days']:+.2f}{interval}; "
        f"{100 * overall['coverage_90']:.0f} % of lives inside the 90 % interval. The gate: {decided.decision}.",
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
    """How it was judged, in the words and limits of the configuration."""
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
    """words, lives and what model and baseline reach, of the metrics of prognostics that a planner can use; none without a life."""
    if not prognostics["model"]["lives"]:
        return []
    config, cap = settings.evaluation.prognostics, settings.model.labels.max_rul_days
    band, cone = config.horizon_alpha.value * cap, config.accuracy_alpha.value
    words = {
        "lasting_horizon_days": f"days before the failure from which on every prediction is within {band:g} days, median",
        **{
            f"alpha_lambda_{share:g}": f"within {100 * cone:.0f} % of the true life when {100 * share:.0f} % of the way to the failure is gone"
            for share in config.lambdas
        },
        "phm08_score": "PHM08 score of a mean prediction (late costs more than early; smaller is better), median",
    }
    return [
        {
            "words": told,
            "lives": prognostics["model"][name]["n"],
            **{side: _cell(prognostics[side][name]) for side in ("model", "baseline")},
        }
        for name, told in words.items()
    ]


def _cell(found: dict[str, Any]) -> str:
    if "share" in found:
        return "none" if found["share"] is None else f"{100 * found['share']:.0f} %"
    return "none" if found["median"] is None else f"{found['median']:.2f}"


def data_facts(settings: Settings, past: TrainingHistory, fleet: LabelledFleet, trial: Trial, machines: Machines) -> dict[str, Any]:
    """sources (gold of each lake, without where it lies), from, until, days, compressors, failures, ageing, models, parts."""
    history = fleet.history
    sources = [
        {
            "table": GOLD,
            "scheme": urlsplit(source.lake.uri(GOLD)).scheme or "file",
            "id": str(source.gold.metadata().id),
            "version": source.version,
        }
        for source in past.sources
    ]
    parts = {}
    for name in _PARTS:
        index, units = getattr(trial.parts, name), getattr(trial.parts.units, name)
        parts[name] = {
            "compressors": len(units),
            "failures": len(seen_lives(fleet, fleet.index.of_units(units))),  # of every window: what is taught may be labelled otherwise
            "windows": len(index),
            "bounds": int(index.censored.sum()),
            "models": dict(sorted(Counter(machines.models[unit] for unit in units).items())),
        }
    return {
        "sources": sources,
        "from": history.first_mark,
        "until": history.last_mark,
        "days": round(history.hours / 24, 1),
        "compressors": len(history.compressor_ids),
        "failures": sum(part["failures"] for part in parts.values()),
        "ageing": _ageing_words(trial.ageing, settings.model.ageing),
        "parts": parts,
    }


def _ageing_words(ageing: Ageing | None, config: AgeingSection) -> str:
    """What is known of how long such machines live, for the dates of repairs."""
    if ageing is None:
        return f"Fewer than {config.least_failures} failures of lives whose beginning is known: dates of repairs (act_by) know nothing of a machine's age"
    return (
        f"Dates of repairs (act_by) know the age of a machine: from a renewal to a failure it takes {ageing.mean_days:.1f} days on average "
        f"(Weibull law of shape {ageing.shape:.2f}, from the maintenance events of training and validation; the longest life seen took {ageing.longest_days:.1f} days)"
    )


def range_facts(settings: Settings, fleet: LabelledFleet, trial: Trial) -> dict[str, Any]:
    """rows, quantiles asked for, and features: name, unit, quantiles (None without a value), missing share."""
    shares = settings.evaluation.card.range_quantiles
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
    """overall and slices (monitoring.evaluation.slices), probability and prognostics of the model and of its baseline, and the lives that are shown."""
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
    """What the exported model leans on."""
    config, test = settings.evaluation.card, trial.parts.test
    windows, index = draw_windows(fleet.history.values, test.take(~test.censored), config.importance_windows, config.seed)
    groups = {name: [column] for column, name in enumerate(FEATURES)} | feature_groups()
    model = OnnxModel(trial.export.model, settings.model.scoring.threads)
    return permutation_importance(model, windows, index.rul, groups, config.importance_repeats, config.seed)


def feature_groups() -> dict[str, list[int]]:
    """Columns of the features by the sensor that they are made of, in a planner's words; those of none are the calendar."""
    groups = {
        SENSOR_WORDS[sensor]: [FEATURES.index(name) for name in FEATURES if SENSOR_OF.get(name) == sensor] for sensor in MODEL_SENSORS
    }
    return {**groups, CALENDAR: [column for column, name in enumerate(FEATURES) if name not in SENSOR_OF]}


def limit_facts(settings: Settings, data: dict[str, Any], judged: dict[str, Any]) -> list[str]:
    """Where the model is not to be relied on, one sentence each."""
    labels, scoring, card = settings.model.labels, settings.scoring, settings.evaluation.card
    overall, parts, folds = judged["overall"], data["parts"], settings.model.ensemble
    learned_by, failures = (sum(parts[part][of] for part in ("train", "validation")) for of in ("compressors", "failures"))
    said = [
        f"It never predicts more than {labels.max_rul_days:g} days: a longer life is taught as that long.",
        f"The failure probability is for the next {labels.horizon_days:g} days, and says nothing of later ones.",
        f"A compressor whose sensors all have values in fewer than {scoring.min_steps} of the last {WINDOW_STEPS} hours gets no prediction "
        f"(insufficient_history); one without a reading for {scoring.stale_after_hours:g} h is stale.",
        f"Intervals and probabilities were calibrated on {folds.networks} of {folds.folds} folds of {learned_by} compressors with {failures} failures, each "
        f"by a network that has not learned from it; all numbers here are of {overall['compressors']} others with {parts['test']['failures']} failures. "
        "Another fleet may differ by more than the intervals given, which draw from these compressors alone.",
    ]
    if overall["verdict"] != "better":
        said.append("Over all test windows it is not shown to err less than its baseline.")
    for grouping, slices in judged["slices"].items():
        worse, unproven = not_better(slices)
        thin = thinly_covered(slices, card.least_coverage.value)
        words = GROUPING_WORDS[grouping]
        said += _named(f"It does not err less than its baseline, by {words}", worse)
        said += _named(f"It errs less than its baseline, but not beyond chance or on too few compressors to tell, by {words}", unproven)
        said += _named(f"Fewer than {100 * card.least_coverage.value:.0f} % of lives are inside the 90 % interval, by {words}", thin)
    unlearned = set(parts["test"]["models"]) - set(parts["train"]["models"]) - set(parts["validation"]["models"])
    return said + _named("Compressor models that it has not learned from", sorted(unlearned))


def _named(claim: str, names: Sequence[str]) -> list[str]:
    return [f"{claim}: {'; '.join(names)}."] if names else []
