"""Evidence about models with a known verdict: twelve compressors, 200 windows each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from monitoring.evaluation.calibration import FailureOutcomes
from monitoring.evaluation.comparison import UnitSums
from monitoring.gate.checks import ERROR, RECALL, SLOW_RECALL
from monitoring.gate.evidence import (
    CalibrationEvidence,
    ComparedWindows,
    Evidence,
    ExportedModel,
    LabelSettings,
    Recheck,
    TrainingOverlap,
    UnseenEvidence,
)
from monitoring.gate.verdict import Verdict

COMPRESSORS, WINDOWS = 12, 200
UNIT = np.repeat(np.arange(COMPRESSORS), WINDOWS)
TRUE = np.full(len(UNIT), 10.0)
MODES = np.where(UNIT % 4 == 0, "fouling", "bearing_wear")  # three compressors foul, nine wear
SOUND = ExportedModel(onnx_difference=1e-6, most_onnx_difference=1e-4, onnx_bytes=240_000, latency_ms=0.4)


def off(*errors: float) -> np.ndarray:
    """Predictions that miss by `errors`, repeated over the compressors."""
    return TRUE + np.resize(errors, COMPRESSORS)[UNIT]


def windows(challenger: np.ndarray, champion: np.ndarray | None) -> ComparedWindows:
    return ComparedWindows(UNIT, TRUE, challenger, champion, {"mode": MODES})


def calibration(inside: float = 0.9, probability: float = 0.1, failed: float = 0.1) -> CalibrationEvidence:
    """Shares of lives inside the interval, and of failures within the horizon as predicted and as observed, equal on all compressors."""
    rank = np.tile(np.arange(WINDOWS), COMPRESSORS) / WINDOWS
    outcomes = FailureOutcomes(np.full(len(UNIT), probability), rank < failed)
    return CalibrationEvidence("", UNIT, rank < inside, UNIT, outcomes, 10)


def unseen(challenger: np.ndarray, champion: np.ndarray, caught: tuple[int, int] = (4, 4)) -> UnseenEvidence:
    """Both on the unseen fleet; `caught` of five failures of every compressor, and as many of five slow ones."""

    def sums(predicted: np.ndarray, own: int) -> UnitSums:
        squares = np.bincount(UNIT, (predicted - TRUE) ** 2)
        fives = np.full(COMPRESSORS, 5.0)
        events = np.full(COMPRESSORS, float(own))
        return UnitSums(
            {ERROR: squares, RECALL: events, SLOW_RECALL: events},
            {ERROR: np.bincount(UNIT).astype(float), RECALL: fives, SLOW_RECALL: fives},
        )

    return UnseenEvidence(windows(challenger, champion), sums(challenger, caught[0]), sums(champion, caught[1]))


def better() -> Evidence:
    """A challenger that passes every check."""
    trained_on = {"challenger": {"C-1", "C-2"}, "champion": {"C-1"}}
    return Evidence(
        windows(off(6), off(7)),
        8.0,
        Recheck(recorded=7.0, now=7.1),
        unseen(off(6), off(7)),
        calibration(),
        SOUND,
        TrainingOverlap(["C-3", "C-4"], trained_on),
        {"challenger": LabelSettings(3.0, 30.0), "champion": LabelSettings(3.0, 30.0)},
    )


def first(challenger: np.ndarray) -> Evidence:
    """A model without a champion before it."""
    origin = TrainingOverlap(["C-3"], {"challenger": {"C-1"}})
    return Evidence(windows(challenger, None), 8.0, None, None, calibration(), SOUND, origin, {"challenger": LabelSettings(3.0, 30.0)})


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.failed]


def numbers(verdict: Verdict, name: str) -> Mapping[str, object]:
    return next(check.numbers for check in verdict.checks if check.name == name)
