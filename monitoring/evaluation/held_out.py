"""Predictions of a trained model and its baseline for the test compressors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from config.settings import Settings
from features.arrays import Floats, Texts
from features.contract import FAILURE, WINDOW_STEPS
from monitoring.evaluation.calibration import FailureOutcomes, rul_bands
from monitoring.evaluation.event_metrics import WindowPredictions
from monitoring.evaluation.figures import LifePredictions
from monitoring.evaluation.prognostics import LifeRun
from training.data.dataset import known_outcomes
from training.data.failure_lives import seen_lives

if TYPE_CHECKING:
    import numpy.typing as npt

    from training.data.labelled_fleet import LabelledFleet
    from training.trial import Trial

UNKNOWN: Final = "unknown"
OTHER: Final = "other"
BY_MODEL: Final = "model"
BY_RUL: Final = "rul_days"
BY_FAILURE: Final = "failure"


@dataclass(frozen=True)
class Machines:
    """The compressors of a history, in its order, as reference data describe them."""

    models: list[str]  # who made it, and which
    failures: list[list[str]]  # of each compressor its failures as they were recorded, in order of time


@dataclass(frozen=True)
class HeldOut:
    """Test windows with an observed failure: predictions, baseline and compressor, [n].

    Predictions are grouped by model, band of remaining life and recorded failure. The `lives` are those of these windows. The
    `outcomes` are of all windows with a known outcome within the horizon.
    """

    predictions: WindowPredictions
    baseline: Floats
    unit: npt.NDArray[np.int32]
    lives: list[LifePredictions]
    outcomes: FailureOutcomes
    baseline_outcomes: FailureOutcomes


def describe_machines(compressor_ids: Sequence[str], models: Mapping[str, str], events: pl.DataFrame) -> Machines:
    """Look up the compressors of a history; `models` by compressor, `events` the lake's maintenance_events."""
    failed = events.filter(pl.col("event_type") == FAILURE).sort("event_date")
    recorded_by: dict[str, list[str]] = {}
    for compressor_id, description in failed.select("compressor_id", pl.col("description").fill_null(UNKNOWN)).iter_rows():
        recorded_by.setdefault(compressor_id, []).append(description)
    return Machines([models.get(name, UNKNOWN) for name in compressor_ids], [recorded_by.get(name, []) for name in compressor_ids])


def evaluate_held_out(settings: Settings, fleet: LabelledFleet, trial: Trial, machines: Machines) -> HeldOut:
    """Predict the test windows of `trial` with its baseline, and group the predictions of both."""
    test, predicted, values, model = trial.parts.test, trial.predictions, fleet.history.values, settings.model
    seen = ~test.censored
    baseline = trial.baseline.predict_rows(values, test, WINDOW_STEPS)
    known, failed = known_outcomes(test.rul, test.censored, model.labels.horizon_days)
    failures = np.full(len(test), UNKNOWN, np.dtype("U200"))
    lives = []
    for life in seen_lives(fleet, test):
        recorded = machines.failures[life.unit][life.failure]
        failures[life.windows] = recorded
        within = (life.left_days > 0) & (life.left_days < model.labels.max_rul_days)
        which = life.windows[within]
        if len(which):
            bounds = (part[which].astype(np.float64) for part in (predicted.rul, predicted.rul_lower, predicted.rul_upper))
            name = fleet.history.compressor_ids[life.unit]
            lives.append(LifePredictions(name, LifeRun(life.left_days[within], *bounds), baseline[which], recorded))
    most = settings.evaluation.card.most_groups
    groups: dict[str, Texts] = {
        BY_MODEL: most_frequent(np.array(machines.models)[test.unit[seen]], most),
        BY_RUL: rul_bands(test.rul[seen], settings.evaluation.report.rul_bands_days, model.labels.max_rul_days),
        BY_FAILURE: most_frequent(failures[seen], most),
    }
    return HeldOut(
        WindowPredictions(test.rul[seen], predicted.rul[seen], predicted.rul_lower[seen], predicted.rul_upper[seen], groups),
        baseline[seen],
        test.unit[seen],
        lives,
        FailureOutcomes(predicted.failure_probability[known], failed),
        FailureOutcomes(trial.baseline.predict_failure_rows(values, test.take(known), WINDOW_STEPS), failed),
    )


def most_frequent(names: Texts, most: int) -> Texts:
    """`names` [n] with all but the `most` most frequent ones replaced by OTHER, for free text."""
    known, counts = np.unique(names, return_counts=True)
    kept = known[np.argsort(-counts, kind="stable")[:most]]
    return np.where(np.isin(names, kept), names, OTHER)
