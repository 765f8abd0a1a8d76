"""Labelled windows of a compressor fleet, from gold's history and maintenance events.

A life ends with a failure, with maintenance that makes the machine good again, or with the end of the data. Only a failure gives the
remaining life. The other two give a lower bound and are labelled as censored.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from config.errors import ModelError
from config.sections.model import LabelSection
from features.contract import FAILURE, RESETTING, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.grid import History
from features.reference_tables.tables import EVENT_SCHEMA
from features.windows import observed_steps
from training.data.dataset import Labels, WindowIndex, rul_labels

_HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class LabelledFleet:
    """A fleet's history with all its windows; `index.unit` counts through `history.compressor_ids`."""

    history: History
    index: WindowIndex
    failures: list[npt.NDArray[np.float64]]  # per compressor, days since history.first_mark
    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EVENT_SCHEMA))  # the maintenance events it was labelled by

    def failed_units(self) -> npt.NDArray[np.bool_]:
        """Which compressors have a window whose failure has been seen -> [compressors]."""
        failed = np.zeros(len(self.history.compressor_ids), np.bool_)
        failed[self.index.unit[~self.index.censored]] = True
        return failed

    def every(self, index: WindowIndex, stride_hours: int) -> WindowIndex:
        """The windows of `index` that end on every `stride_hours`-th hour of the grid."""
        hour = index.end % self.history.hours * WINDOW_STEP_HOURS
        return index.take(hour % stride_hours == 0)


def label_fleet(history: History, events: pl.DataFrame, labels: LabelSection, min_steps: int) -> LabelledFleet:
    """Index every window of `history` with data in at least `min_steps` steps and at the last one.

    `events` is the lake's maintenance_events. Raises ModelError when no window is left.
    """
    days = np.arange(history.hours, dtype=np.float64) * WINDOW_STEP_HOURS / _HOURS_PER_DAY  # [hours] since first_mark
    parts, failures = [], []
    for unit, first_row in enumerate(history.first_rows()):
        own = events.filter(pl.col("compressor_id") == history.compressor_ids[unit])
        failed = _days_since(history.first_mark, own.filter(pl.col("event_type") == FAILURE))
        repaired = _days_since(history.first_mark, own.filter(pl.col("event_type").is_in(RESETTING)))
        failures.append(failed)
        hours = history.hours_with_data(unit)
        if not len(hours):
            continue
        ends = first_row + hours
        observed = observed_steps(history.values, np.full(len(ends), first_row), ends, WINDOW_STEPS)
        kept = observed >= min_steps
        seen_until = days[hours[-1]]
        parts.append(
            WindowIndex.of_unit(
                unit, int(first_row), ends[kept], life_labels(days[hours[kept]], failed, repaired, seen_until, labels.max_rul_days)
            )
        )
    if not sum(len(part) for part in parts):
        raise ModelError(f"no compressor has {min_steps} h of features within {WINDOW_STEPS} h: ingest more readings")
    return LabelledFleet(history, WindowIndex.concatenate(parts), failures, events)


def life_labels(
    time: npt.NDArray[np.float64],
    failures: npt.NDArray[np.float64],
    repairs: npt.NDArray[np.float64],
    observed_until: float,
    max_rul: float,
) -> Labels:
    """Label the rows of one compressor at `time` [n] ascending. `failures` and `repairs` are sorted. All in days.

    Between two repairs the labels are those of rul_labels, observed until the second repair.
    """
    bounds = np.r_[-np.inf, repairs[repairs < observed_until], np.inf]
    rul, censored = np.empty(len(time), np.float32), np.empty(len(time), np.bool_)
    for start, end in itertools.pairwise(bounds):
        rows = (time > start) & (time <= end)
        within = failures[(failures > start) & (failures <= end)]
        part = rul_labels(time[rows], within, min(end, observed_until), max_rul)
        rul[rows], censored[rows] = part.rul, part.censored
    return Labels(rul, censored)


def _days_since(origin: datetime, events: pl.DataFrame) -> npt.NDArray[np.float64]:
    since = (events["event_date"].sort() - origin).dt.total_microseconds().to_numpy()
    days: npt.NDArray[np.float64] = since / (_HOURS_PER_DAY * 3.6e9)
    return days
