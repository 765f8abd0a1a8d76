"""Training windows: an index of labelled windows over one array of rows.

    labels = rul_labels(time, failures, observed_until, max_rul)        one unit at a time, pure
    index = WindowIndex.concatenate([...])                             five numbers per window, no window data
    batches = WindowDataset(values, index, steps, batch_size, seed)    gathers a batch when Keras asks for it

`values` is [rows, features] float32 with NaN for missing, in memory or a memory map. So peak memory holds a few batches, whatever the
number of windows. Index and order take some 30 bytes per window; a window of 24 x 24 takes 2,304 (`altaviz benchmark training`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from config.sections.model import Censored, LabelSection
from features.arrays import Bools, Float32s, Ints
from features.contract import WINDOW_STEPS
from features.windows import gather


@dataclass(frozen=True)
class Labels:
    """Remaining useful life of n rows, in the unit of their time.

    rul: [n] float32, capped. Where `censored`, no failure was observed: `rul` is a lower bound of the true life.
    """

    rul: Float32s
    censored: Bools


def rul_labels(time: npt.NDArray[np.float64], failures: npt.NDArray[np.float64], observed_until: float, max_rul: float) -> Labels:
    """Label the rows of one unit at `time` [n] with the time to the next failure, capped at `max_rul`. It is 0 at a failure.

    failures: [m] sorted times. observed_until: the last time at which a failure would have been known.
    """
    following = np.searchsorted(failures, time, side="left")
    censored = following == len(failures)
    known_end = np.append(failures, observed_until)[following]
    rul = np.clip(known_end - time, 0.0, max_rul).astype(np.float32)
    return Labels(rul, censored)


def known_outcomes(rul: Float32s, censored: Bools, horizon: float) -> tuple[Bools, Bools]:
    """Which lives [n] have a known outcome within `horizon` -> known [n]; which of those failed -> failed [known].

    A life seen to outlast the horizon did not fail within it. A life cut before is unknown. Units are those of `rul`.
    """
    known = ~censored | (rul > horizon)
    return known, rul[known] <= horizon


@dataclass(frozen=True)
class LabelLimits:
    """The cap of labels and the horizon of the failure probability, in days or cycles."""

    max_rul: float
    horizon: float

    @classmethod
    def of(cls, labels: LabelSection) -> LabelLimits:
        """Those of a configuration, in days."""
        return cls(labels.max_rul_days, labels.horizon_days)


@dataclass(frozen=True)
class WindowIndex:
    """Labelled windows by reference: every array is [n]; row numbers count within one `values` array."""

    unit: npt.NDArray[np.int32]  # number of the unit, for splitting and for results by unit
    first_row: Ints  # first row of the unit or of the life
    end: Ints  # last row of the window
    rul: Float32s
    censored: Bools

    def __len__(self) -> int:
        return len(self.end)

    def take(self, which: npt.NDArray[np.generic]) -> WindowIndex:
        """Return the windows at `which`, a boolean mask or positions."""
        return WindowIndex(self.unit[which], self.first_row[which], self.end[which], self.rul[which], self.censored[which])

    def of_units(self, units: Sequence[int] | npt.NDArray[np.integer]) -> WindowIndex:
        """Return the windows of these units."""
        return self.take(np.isin(self.unit, np.asarray(units)))

    def with_censored(self, censored: Censored, max_rul: float) -> WindowIndex:
        """The windows with censored lives treated as `censored` asks (config/sections/model.py)."""
        if censored == "bound":
            return self
        if censored == "drop":
            return self.take(~self.censored)
        rul = np.where(self.censored, np.float32(max_rul), self.rul) if censored == "cap" else self.rul
        return replace(self, rul=rul, censored=np.zeros_like(self.censored))

    @classmethod
    def of_unit(cls, unit: int, first_row: int, ends: Ints, labels: Labels) -> WindowIndex:
        """Index the windows of one unit that end at the rows `ends`, with one label per window."""
        n = len(ends)
        return cls(np.full(n, unit, np.int32), np.full(n, first_row, np.int64), ends.astype(np.int64), labels.rul, labels.censored)

    @classmethod
    def concatenate(cls, parts: Iterable[WindowIndex]) -> WindowIndex:
        """Join indices over the same `values` array."""
        joined = list(parts)
        return cls(
            np.concatenate([part.unit for part in joined]),
            np.concatenate([part.first_row for part in joined]),
            np.concatenate([part.end for part in joined]),
            np.concatenate([part.rul for part in joined]),
            np.concatenate([part.censored for part in joined]),
        )


@dataclass(frozen=True)
class IndexedWindows:
    """Windows of `steps` rows, cut from `values` [rows, features] where `index` points."""

    values: Float32s
    index: WindowIndex
    steps: int


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean and standard deviation of each feature, [features] float32; a feature without values has 0 and 1."""

    mean: Float32s
    std: Float32s


def feature_statistics(values: Float32s, index: WindowIndex, chunk: int = 16384) -> FeatureStatistics:
    """Statistics of the rows at which windows end, without NaN; float64, `chunk` rows at a time.

    Pass the training windows only: the statistics become part of the model.
    """
    rows = np.unique(index.end)
    count, total, squares = (np.zeros(values.shape[1]) for _ in range(3))
    shift = np.nan_to_num(np.asarray(values[rows[0]], np.float64)) if len(rows) else 0.0  # keeps the squares small
    for start in range(0, len(rows), chunk):
        part = np.asarray(values[rows[start : start + chunk]], np.float64) - shift
        known = ~np.isnan(part)
        part[~known] = 0.0
        count += known.sum(axis=0)
        total += part.sum(axis=0)
        squares += (part**2).sum(axis=0)
    seen = np.maximum(count, 1.0)
    variance = np.maximum(squares / seen - (total / seen) ** 2, 0.0)
    mean = np.where(count > 0, total / seen + shift, 0.0)
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return FeatureStatistics(mean.astype(np.float32), std.astype(np.float32))


def sample_windows(values: Float32s, index: WindowIndex, most: int, seed: int) -> Float32s:
    """At most `most` windows of `index`, drawn by `seed` -> [n, steps, features]."""
    return draw_windows(values, index, most, seed)[0]


def draw_windows(values: Float32s, index: WindowIndex, most: int, seed: int) -> tuple[Float32s, WindowIndex]:
    """`sample_windows`, and the index of the drawn windows."""
    chosen = np.sort(np.random.default_rng(seed).choice(len(index), min(most, len(index)), replace=False))
    part = index.take(chosen)
    return gather(values, part.first_row, part.end, WINDOW_STEPS), part
