"""What a verdict on a model rests on. Plain data: monitoring.gate.candidate gathers it, monitoring.gate.checks judges it.

Held-out windows are of compressors that neither model was trained on (training.data.split.extend_split). The unseen fleet was made for
the gate alone. It is used only where there is a champion to compare with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from features.arrays import Bools, Floats, Integers, Texts
from monitoring.evaluation.calibration import FailureOutcomes
from monitoring.evaluation.comparison import UnitSums


@dataclass(frozen=True)
class ComparedWindows:
    """True and predicted lives of windows with an observed failure: days, [n] each. Without a champion, `champion` is None.

    groups: the group of each window by grouping, [n] each.
    """

    unit: Integers
    true: Floats
    challenger: Floats
    champion: Floats | None
    groups: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True)
class CalibrationEvidence:
    """Outcomes of the challenger's intervals and probabilities, window by window in any order."""

    prefix: str  # of the numbers: "" for the held-out windows, "unseen_" for the unseen fleet
    unit: Integers  # [n] compressors of the windows with an observed failure
    inside: Bools  # [n] whether the life was inside the interval
    outcome_unit: Integers  # [m] compressors of the windows with a known outcome within the horizon
    outcomes: FailureOutcomes  # [m]
    bins: int  # of the reliability


@dataclass(frozen=True)
class UnseenEvidence:
    """Both models on the unseen fleet. The sums hold ERROR, RECALL and SLOW_RECALL of monitoring.gate.checks by compressor."""

    windows: ComparedWindows
    challenger: UnitSums
    champion: UnitSums


@dataclass(frozen=True)
class ExportedModel:
    """The challenger as an ONNX file."""

    onnx_difference: float | None  # largest |ONNX - Keras| of any output; None: not on record
    most_onnx_difference: float
    onnx_bytes: int
    latency_ms: float  # median for one window


@dataclass(frozen=True)
class Recheck:
    """The champion's RMSE on its own test windows, in days: at its training, and on today's history."""

    recorded: float
    now: float | None  # None: the history has none of these windows any more
    gone: Collection[str] = ()  # test compressors that the history no longer holds; `now` is the RMSE on the others


@dataclass(frozen=True)
class TrainingOverlap:
    """Compressors that the models are evaluated on, and those that each was trained on."""

    evaluated: Collection[str]
    trained_on: Mapping[str, Collection[str] | None]  # by `challenger` and `champion`; None: unknown
    unseen_copies: Collection[str] = ()  # compressors of the unseen fleet with the rows of one trained on


@dataclass(frozen=True)
class LabelSettings:
    """Horizon of the failure probability and cap of the remaining life in training."""

    horizon_days: float
    max_rul_days: float


@dataclass(frozen=True)
class Evidence:
    """Everything a verdict rests on."""

    held_out: ComparedWindows
    baseline_rmse_days: float | None  # on the held-out windows; None: no baseline was logged
    recheck: Recheck | None  # None: there is no champion, or its test windows are unknown
    unseen: UnseenEvidence | None
    calibration: CalibrationEvidence
    exported: ExportedModel
    overlap: TrainingOverlap
    labels: Mapping[str, LabelSettings]  # by `challenger` and, where there is one, `champion`
    lost_champion: str | None = None  # why the champion cannot be loaded; None: it can, or there is none
