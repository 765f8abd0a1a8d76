"""What a check of the gate can find. monitoring.gate.sentences has the sentence of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto


class Finding(StrEnum):
    """One result of a check, or one caveat of a verdict."""

    BASELINE_BEATEN = auto()
    BASELINE_NOT_BEATEN = auto()
    BASELINE_MISSING = auto()
    CHAMPION_BEATEN = auto()
    CHAMPION_NOT_BEATEN = auto()
    CHAMPION_WITHIN_CHANCE = auto()
    CHAMPION_NOT_LOADED = auto()
    LABELS_EQUAL = auto()
    LABELS_DIFFER = auto()
    HISTORY_EQUAL = auto()
    HISTORY_CHANGED = auto()
    HISTORY_GONE = auto()
    UNSEEN_COMPARED = auto()
    UNSEEN_WITHOUT_CASE = auto()
    SLICES_COMPARED = auto()
    SLICES_WORSE = auto()
    SLICES_TOO_SMALL = auto()
    COVERAGE_MEASURED = auto()
    COVERAGE_OF_TOO_FEW = auto()
    COVERAGE_UNKNOWN = auto()
    PROBABILITY_MEASURED = auto()
    PROBABILITY_OF_TOO_FEW = auto()
    PROBABILITY_UNKNOWN = auto()
    OVERLAP_NONE = auto()
    OVERLAP_FOUND = auto()
    OVERLAP_UNKNOWN = auto()
    PARITY_MEASURED = auto()
    PARITY_UNKNOWN = auto()
    SIZE_MEASURED = auto()
    LATENCY_MEASURED = auto()
    CHAMPION_TRAINING_UNKNOWN = auto()  # caveats from here on
    CHAMPION_TEST_UNKNOWN = auto()
    CHAMPION_TEST_PARTLY_GONE = auto()


@dataclass(frozen=True)
class WorseSlice:
    """A slice on which the challenger is much worse than the champion."""

    name: str
    rmse_days: float
    champion_rmse_days: float
    compressors: int


@dataclass(frozen=True)
class SharedCompressor:
    """A compressor in both training and evaluation. `where`: challenger, champion or unseen fleet."""

    name: str
    where: str
