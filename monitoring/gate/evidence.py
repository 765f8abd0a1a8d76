"""What a verdict on a model rests on. Plain data: pipelines.lifecycle.gate_inputs gathers it, monitoring.gate.checks judges.

held out   windows of the history, of compressors that neither model has learned from (training.data.split.extend_split)
unseen     windows and events of a fleet that was made for the gate alone; only where there is a champion to compare with
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from features.arrays import Bools, Floats, Integers, Texts
from monitoring.evaluation.calibration import Odds
from monitoring.evaluation.comparison import UnitSums


@dataclass(frozen=True)
class JudgedWindows:
    """Windows whose failure was seen, and what both models say of them: days, [n] each; no `champion` while there is none.

    groups: what each window belongs to, by the name of the grouping, [n] each.
    """

    unit: Integers
    true: Floats
    challenger: Floats
    champion: Floats | None
    groups: Mapping[str, Texts] = field(default_factory=dict)


@dataclass(frozen=True)
class CalibrationEvidence:
    """What became of the challenger's intervals and probabilities: compressor by window, in no order that matters."""

    where: str  # prefix of the numbers: "" for the held-out windows, "unseen_" for the unseen fleet
    unit: Integers  # [n] windows whose failure was seen
    inside: Bools  # [n] whether the life was inside the interval
    odds_unit: Integers  # [m] windows of which it is known whether the failure came within the horizon
    odds: Odds
    bins: int  # of the reliability


@dataclass(frozen=True)
class Unseen:
    """Both models on the unseen fleet; the sums hold ERROR, RECALL and SLOW_RECALL of monitoring.gate.checks by compressor."""

    ground: JudgedWindows
    challenger: UnitSums
    champion: UnitSums


@dataclass(frozen=True)
class Artefact:
    """What the challenger is once it is exported."""

    onnx_difference: float | None  # largest |ONNX - Keras| of any output; None: not on record
    most_onnx_difference: float
    onnx_bytes: int
    latency_ms: float  # median for one window


@dataclass(frozen=True)
class Recheck:
    """RMSE in days of the champion on the windows that it was judged on when it was made: then, and with today's history and labels."""

    recorded: float
    now: float | None  # None: the history has none of these windows any more
    gone: Collection[str] = ()  # compressors it was judged by then that are not in the history; `now` is that of the others


@dataclass(frozen=True)
class Origin:
    """The compressors that judge, and those that `challenger` and `champion` were fitted, stopped and calibrated by."""

    judged: Collection[str]
    learned: Mapping[str, Collection[str] | None]  # None: not known
    relearned: Collection[str] = ()  # compressors of the unseen fleet that the history holds among those learned from


@dataclass(frozen=True)
class LabelSettings:
    """What a model was taught to say: whether the failure comes within the horizon, and lives up to the cap."""

    horizon_days: float
    max_rul_days: float


@dataclass(frozen=True)
class Evidence:
    """Everything a verdict rests on."""

    held_out: JudgedWindows
    baseline_rmse_days: float | None  # on the held-out windows; None: there is none to compare with
    recheck: Recheck | None  # None: there is no champion, or by what it was judged is not known
    unseen: Unseen | None
    trust: CalibrationEvidence
    artefact: Artefact
    origin: Origin
    taught: Mapping[str, LabelSettings]  # `challenger`, and `champion` where there is one
    lost_champion: str | None = None  # why the champion cannot be opened; None: it can, or there is none
