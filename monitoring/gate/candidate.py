"""A model that wants to be champion: gathers the evidence for the checks of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from config.settings import Settings
from features.arrays import Float32s, Texts
from features.model_file.onnx_model import OnnxModel
from monitoring.evaluation.calibration import FailureOutcomes, rul_bands
from monitoring.evaluation.method_outcomes import MethodPredictions, prognosis
from monitoring.evaluation.unseen_fleet import UnseenFleet, slices
from monitoring.gate.champion import KnownChampion, LostChampion, recheck
from monitoring.gate.checks import judge
from monitoring.gate.evidence import (
    CalibrationEvidence,
    ComparedWindows,
    Evidence,
    ExportedModel,
    LabelSettings,
    TrainingOverlap,
    UnseenEvidence,
)
from training.data.dataset import draw_windows, known_outcomes
from training.diagnostics.footprint import measure_footprint
from training.measurement import served_rul
from training.metrics import inside

if TYPE_CHECKING:
    from features.grid import History
    from features.model_file.onnx_model import Predictions
    from monitoring.evaluation.comparison import UnitSums
    from monitoring.gate.verdict import Verdict
    from training.data.dataset import WindowIndex
    from training.data.history import TrainingHistory
    from training.data.labelled_fleet import LabelledFleet
    from training.diagnostics.footprint import Footprint

_TRAINING_PARTS: Final = ("train", "validation")  # of split.json: validation compressors stop the fit and calibrate the model
_SAMPLED_ROWS: Final = 10  # of a compressor, to find its copies


@dataclass(frozen=True)
class Candidate:
    """A model that wants to be champion."""

    onnx: bytes
    parts: dict[str, list[str]] | None  # of its training: part -> compressor ids; None: unknown
    onnx_difference: float | None
    baseline_rmse_days: float | None  # of the baseline logged with it, on the windows that the model is evaluated on
    latency_ms: float  # median for one window, of `measure_cost`


@dataclass(frozen=True)
class EvaluationData:
    """What a model is evaluated on: labelled windows `held_out` of `fleet`, with the labels of `history`."""

    history: TrainingHistory
    fleet: LabelledFleet
    held_out: WindowIndex


def judge_model(
    settings: Settings,
    data: EvaluationData,
    candidate: Candidate,
    champion: KnownChampion | LostChampion | None,
    unseen: UnseenFleet | None,
) -> Verdict:
    """Judge `candidate`, trained with the labels of `settings`, on `data`; beside a champion on `unseen` too.

    A champion that cannot be loaded cannot be compared, so the verdict fails. Raises ModelError when a model cannot be opened.
    """
    config, history, held_out = settings.model, data.fleet.history, data.held_out
    model, values = OnnxModel(candidate.onnx, config.scoring.threads), history.values
    predicted = model.predict_rows(values, held_out.first_row, held_out.end, config.scoring.batch_size)
    seen = ~held_out.censored
    judged = held_out.take(seen)
    known = champion if isinstance(champion, KnownChampion) else None
    other = None if known is None else served_rul(values, judged, known.model.onnx, config)
    windows = ComparedWindows(judged.unit, judged.rul, predicted.rul[seen], other, _slices(settings, data.history, history, judged))
    calibration, unseen_evidence = _calibration(settings, "", held_out, predicted), None
    if known is not None and unseen is not None:
        calibration, unseen_evidence = _unseen(settings, unseen, model, known)
    labels = {"challenger": config.labels} | ({} if known is None else {"champion": known.model.facts})
    evidence = Evidence(
        windows,
        candidate.baseline_rmse_days,
        None if known is None else recheck(settings, known, history, data.history.events()),
        unseen_evidence,
        calibration,
        ExportedModel(candidate.onnx_difference, config.export.max_abs_difference, len(candidate.onnx), candidate.latency_ms),
        _overlap(history, held_out, candidate, champion, unseen),
        {side: LabelSettings(own.horizon_days, own.max_rul_days) for side, own in labels.items()},
        champion.why if isinstance(champion, LostChampion) else None,
    )
    return judge(evidence, settings.retraining.gate)


def measure_cost(settings: Settings, values: Float32s, held_out: WindowIndex, onnx: bytes) -> Footprint:
    """Size and speed of an exported model, for the gate's budgets and the model card. The windows are those of the card's importance."""
    card, threads = settings.evaluation.card, settings.model.scoring.threads
    windows, _ = draw_windows(values, held_out.take(~held_out.censored), card.importance_windows, card.seed)
    return measure_footprint(onnx, windows, threads, settings.retraining.gate.latency_calls)


def _unseen(
    settings: Settings, fleet: UnseenFleet, model: OnnxModel, champion: KnownChampion
) -> tuple[CalibrationEvidence, UnseenEvidence]:
    """Predictions and alarms of candidate and champion on the unseen fleet, hour by hour."""
    config, index, values = settings.model, fleet.labelled.index, fleet.labelled.history.values
    own, other = (
        network.predict_rows(values, index.first_row, index.end, config.scoring.batch_size)
        for network in (model, OnnxModel(champion.model.onnx, config.scoring.threads))
    )
    seen = ~index.censored
    windows = ComparedWindows(index.unit[seen], index.rul[seen], own.rul[seen], other.rul[seen], slices(settings, fleet))
    events = (_events(settings, fleet, predicted) for predicted in (own, other))
    return _calibration(settings, "unseen_", index, own), UnseenEvidence(windows, *events)


def _events(settings: Settings, fleet: UnseenFleet, predicted: Predictions) -> UnitSums:
    """Errors, and alarms by the protocol of evaluation.yaml, summed by compressor."""
    protocol = settings.evaluation.protocol
    watches = fleet.watches(predicted.rul < protocol.alarm_rul_days.value, protocol)
    return prognosis(settings, fleet, watches, MethodPredictions(predicted.rul, predicted.rul_lower, predicted.rul_upper)).sums


def _calibration(settings: Settings, prefix: str, index: WindowIndex, predicted: Predictions) -> CalibrationEvidence:
    seen = ~index.censored
    held = inside(index.rul, predicted.rul_lower, predicted.rul_upper)
    known, failed = known_outcomes(index.rul, index.censored, settings.model.labels.horizon_days)
    outcomes = FailureOutcomes(predicted.failure_probability[known], failed)
    bins = settings.evaluation.report.reliability_bins
    return CalibrationEvidence(prefix, index.unit[seen], held[seen], index.unit[known], outcomes, bins)


def _slices(settings: Settings, past: TrainingHistory, history: History, judged: WindowIndex) -> dict[str, Texts]:
    """The compressor model and the band of remaining life of each window. Failure modes of real compressors are not on record."""
    known = past.models()
    models = np.array([known.get(compressor_id, "unknown") for compressor_id in history.compressor_ids])
    bands = rul_bands(judged.rul, settings.evaluation.report.rul_bands_days, settings.model.labels.max_rul_days)
    return {"model": models[judged.unit], "rul_days": bands}


def _overlap(
    history: History,
    held_out: WindowIndex,
    candidate: Candidate,
    champion: KnownChampion | LostChampion | None,
    unseen: UnseenFleet | None,
) -> TrainingOverlap:
    sides = {"challenger": candidate.parts} | ({} if champion is None else {"champion": champion.parts})
    trained_on = {side: training_compressors(parts) for side, parts in sides.items()}
    names = set().union(*(names for names in trained_on.values() if names is not None))
    evaluated = [history.compressor_ids[unit] for unit in np.unique(held_out.unit)]
    return TrainingOverlap(evaluated, trained_on, [] if unseen is None else find_copies(unseen.labelled.history, history, names))


def training_compressors(parts: Mapping[str, list[str]] | None) -> set[str] | None:
    """The compressors that a model was fitted, stopped or calibrated on. None where its parts are unknown."""
    return None if parts is None else {name for part in _TRAINING_PARTS for name in parts[part]}


def find_copies(unseen: History, history: History, trained_on: set[str]) -> list[str]:
    """Compressors of the unseen fleet with the same rows as one of `trained_on`, whatever their names."""
    samples: dict[bytes, str] = {}
    for compressor_id, first in zip(unseen.compressor_ids, unseen.first_rows(), strict=True):
        rows = np.asarray(unseen.values[first : first + unseen.hours])
        whole = np.flatnonzero(~np.isnan(rows).any(axis=1))
        for row in whole[np.linspace(0, len(whole) - 1, min(_SAMPLED_ROWS, len(whole)), dtype=np.int64)] if len(whole) else []:
            samples[rows[row].tobytes()] = compressor_id
    found = set()
    for compressor_id, first in zip(history.compressor_ids, history.first_rows(), strict=True):
        if compressor_id in trained_on:
            found |= {samples.get(row.tobytes()) for row in np.asarray(history.values[first : first + history.hours])}
    return sorted(name for name in found if name is not None)
