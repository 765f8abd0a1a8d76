"""A model that wants to be champion: the evidence that the gate's checks need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from config.settings import Settings
from features.arrays import Float32s, Texts
from features.model_file.onnx_model import OnnxModel
from monitoring.evaluation.calibration import Odds, rul_bands
from monitoring.evaluation.method_outcomes import MethodPredictions, prognosis
from monitoring.evaluation.unseen_fleet import UnseenFleet, slices
from monitoring.gate.champion import KnownChampion, LostChampion, recheck
from monitoring.gate.checks import judge
from monitoring.gate.evidence import Artefact, CalibrationEvidence, Evidence, JudgedWindows, LabelSettings, Origin, Unseen
from training.data.dataset import draw_windows, told_within
from training.diagnostics.footprint import measure_footprint
from training.measurement import served_rul
from training.metrics import inside

if TYPE_CHECKING:
    from features.grid import History
    from features.model_file.onnx_model import Predictions

    pass
    pass
    from monitoring.evaluation.comparison import UnitSums
    from monitoring.gate.verdict import Verdict
    from training.data.dataset import WindowIndex
    from training.data.history import TrainingHistory
    from training.data.labelled_fleet import LabelledFleet
    from training.diagnostics.footprint import Footprint


LEARNED_PARTS: Final = ("train", "validation")  # of split.json: a validation compressor has stopped the fit and calibrated the model


_SAMPLES: Final = 10  # rows by which a compressor is known again


@dataclass(frozen=True)
class Candidate:
    """A model that wants to be champion. `baseline_rmse_days` is that of the baseline beside it, on the windows that it is judged by."""

    onnx: bytes
    parts: dict[str, list[str]] | None  # of its training; None where that is not known
    onnx_difference: float | None
    baseline_rmse_days: float | None
    latency_ms: float  # median for one window, of `measure_cost`


def judge_model(
    settings: Settings,
    past: TrainingHistory,
    fleet: LabelledFleet,
    held_out: WindowIndex,
    candidate: Candidate,
    champion: KnownChampion | LostChampion | None,
    unseen: UnseenFleet | None,
) -> Verdict:
    """Judge `candidate`, taught the labels of `settings`, on the windows `held_out` of `fleet`, the labelled `past`, and beside a champion on `unseen` too.

    A champion that is lost can be compared with nothing: the verdict says so and does not pass. Raises ModelError when a model cannot be opened.
    """
    config, history = settings.model, fleet.history
    model, values = OnnxModel(candidate.onnx, config.scoring.threads), history.values
    said = model.predict_rows(values, held_out.first_row, held_out.end, config.scoring.batch_size)
    seen = ~held_out.censored
    judged = held_out.take(seen)
    known = champion if isinstance(champion, KnownChampion) else None
    other = None if known is None else served_rul(values, judged, known.model.onnx, config)
    ground = JudgedWindows(judged.unit, judged.rul, said.rul[seen], other, _slices(settings, past, history, judged))
    trust, shown = _trust(settings, "", held_out, said), None
    if known is not None and unseen is not None:
        trust, shown = _unseen(settings, unseen, model, known)
    taught = {"challenger": config.labels} | ({} if known is None else {"champion": known.model.facts})
    evidence = Evidence(
        ground,
        candidate.baseline_rmse_days,
        None if known is None else recheck(settings, known, history, past.events()),
        shown,
        trust,
        Artefact(candidate.onnx_difference, config.export.max_abs_difference, len(candidate.onnx), candidate.latency_ms),
        _origin(history, held_out, candidate, champion, unseen),
        {side: LabelSettings(labels.horizon_days, labels.max_rul_days) for side, labels in taught.items()},
        champion.why if isinstance(champion, LostChampion) else None,
    )
    return judge(evidence, settings.retraining.gate)


def measure_cost(settings: Settings, values: Float32s, held_out: WindowIndex, onnx: bytes) -> Footprint:
    """Size and speed of an exported model: what the gate has a budget for, and a model card shows. Windows are those of the card's importance."""
    card, threads = settings.evaluation.card, settings.model.scoring.threads
    windows, _ = draw_windows(values, held_out.take(~held_out.censored), card.importance_windows, card.seed)
    return measure_footprint(onnx, windows, threads, settings.retraining.gate.latency_calls)


def _unseen(settings: Settings, fleet: UnseenFleet, model: OnnxModel, champion: KnownChampion) -> tuple[CalibrationEvidence, Unseen]:
    """What candidate and champion say and do on the unseen fleet, hour by hour."""
    config, index, values = settings.model, fleet.labelled.index, fleet.labelled.history.values
    said, other = (
        network.predict_rows(values, index.first_row, index.end, config.scoring.batch_size)
        for network in (model, OnnxModel(champion.model.onnx, config.scoring.threads))
    )
    seen = ~index.censored
    ground = JudgedWindows(index.unit[seen], index.rul[seen], said.rul[seen], other.rul[seen], slices(settings, fleet))
    events = (_events(settings, fleet, predicted) for predicted in (said, other))
    return _trust(settings, "unseen_", index, said), Unseen(ground, *events)


def _events(settings: Settings, fleet: UnseenFleet, said: Predictions) -> UnitSums:
    """Errors, and alarms by the protocol of evaluation.yaml, summed by compressor."""
    protocol = settings.evaluation.protocol
    watches = fleet.watches(said.rul < protocol.alarm_rul_days.value, protocol)
    return prognosis(settings, fleet, watches, MethodPredictions(said.rul, said.rul_lower, said.rul_upper)).sums


def _trust(settings: Settings, where: str, index: WindowIndex, said: Predictions) -> CalibrationEvidence:
    seen = ~index.censored
    held = inside(index.rul, said.rul_lower, said.rul_upper)
    known, failed = told_within(index.rul, index.censored, settings.model.labels.horizon_days)
    odds = Odds(said.failure_probability[known], failed)
    return CalibrationEvidence(where, index.unit[seen], held[seen], index.unit[known], odds, settings.evaluation.report.reliability_bins)


def _slices(settings: Settings, past: TrainingHistory, history: History, judged: WindowIndex) -> dict[str, Texts]:
    """What each window belongs to: compressor model, band of remaining life. How a real compressor failed is not on record."""
    known = past.models()
    models = np.array([known.get(compressor_id, "unknown") for compressor_id in history.compressor_ids])
    bands = rul_bands(judged.rul, settings.evaluation.report.rul_bands_days, settings.model.labels.max_rul_days)
    return {"model": models[judged.unit], "rul_days": bands}


def _origin(
    history: History,
    held_out: WindowIndex,
    candidate: Candidate,
    champion: KnownChampion | LostChampion | None,
    unseen: UnseenFleet | None,
) -> Origin:
    sides = {"challenger": candidate.parts} | ({} if champion is None else {"champion": champion.parts})
    learned = {side: learned_from(parts) for side, parts in sides.items()}
    names = set().union(*(names for names in learned.values() if names is not None))
    judged = [history.compressor_ids[unit] for unit in np.unique(held_out.unit)]
    return Origin(judged, learned, [] if unseen is None else known_again(unseen.labelled.history, history, names))


def learned_from(parts: Mapping[str, list[str]] | None) -> set[str] | None:
    """The compressors whose windows have shaped a model; None where its parts are not known."""
    return None if parts is None else {name for part in LEARNED_PARTS for name in parts[part]}


def known_again(unseen: History, history: History, learned: set[str]) -> list[str]:
    """Compressors of the unseen fleet whose very rows the history holds of one that was learned from, whatever either is called."""
    samples: dict[bytes, str] = {}
    for compressor_id, first in zip(unseen.compressor_ids, unseen.first_rows(), strict=True):
        rows = np.asarray(unseen.values[first : first + unseen.hours])
        whole = np.flatnonzero(~np.isnan(rows).any(axis=1))
        for row in whole[np.linspace(0, len(whole) - 1, min(_SAMPLES, len(whole)), dtype=np.int64)] if len(whole) else []:
            samples[rows[row].tobytes()] = compressor_id
    found = set()
    for compressor_id, first in zip(history.compressor_ids, history.first_rows(), strict=True):
        if compressor_id in learned:
            found |= {samples.get(row.tobytes()) for row in np.asarray(history.values[first : first + history.hours])}
    return sorted(name for name in found if name is not None)
