"""Complete lives for monitoring.maintenance.simulation: from renewal to failure, with the predictions at each hour. Pure.

A life that began before the data has no known age. A life cut by repair, service or the end of the data has no predictions up to its
failure. Neither is used. Long lives are cut more often, so complete lives are weighted (monitoring.maintenance.age_replacement).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from config.errors import NoDataError
from monitoring.maintenance.age_replacement import complete_weights
from monitoring.maintenance.simulation import Lives

_HOURS: Final = 24  # per day
_HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True)
class HourlyPredictions:
    """Dates, predicted lives and statuses at some hours; all arrays have the same shape."""

    due_days: npt.NDArray[np.int64]  # serving.prediction.repair_cost.NOT_DUE without a date or a prediction
    rul_days: npt.NDArray[np.float64]  # the predicted life; NaN without a prediction
    status: npt.NDArray[np.float32]  # the worst of the three: 0 normal, 1 warning, 2 critical


@dataclass(frozen=True)
class PredictedFleet:
    """One fleet: `predictions` [compressors, hours since `first_mark`], and its true lives (features.simulator.truth)."""

    compressor_ids: list[str]
    first_mark: datetime
    predictions: HourlyPredictions
    truth: pl.DataFrame


@dataclass(frozen=True)
class Episodes:
    """The usable lives, the predictions at each of their hours [hours], and counts of the others."""

    lives: Lives
    predictions: HourlyPredictions
    facts: dict[str, Any]


def pool(fleets: Sequence[PredictedFleet]) -> Episodes:
    """All complete lives of `fleets`. Raises NoDataError when there is none."""
    parts: list[HourlyPredictions] = []
    days: list[float] = []
    ended: list[str] = []
    hours: list[int] = []
    owner: list[tuple[int, str]] = []
    early = 0
    for number, fleet in enumerate(fleets):
        unit_of = {compressor_id: unit for unit, compressor_id in enumerate(fleet.compressor_ids)}
        mark = (
            ((pl.col("start", "end") - fleet.first_mark).dt.total_microseconds() / _HOUR_US).ceil().cast(pl.Int64)
        )  # hours start <= m < end
        for row in fleet.truth.with_columns(mark).iter_rows(named=True):
            if row["life"] == 1:
                early += 1
                continue
            days.append((row["end"] - row["start"]) / _HOURS)
            ended.append(row["ended_by"])
            if row["ended_by"] == "failure":
                own = (unit_of[row["compressor_id"]], slice(row["start"], row["end"]))
                parts.append(HourlyPredictions(*(getattr(fleet.predictions, field.name)[own] for field in fields(HourlyPredictions))))
                hours.append(len(parts[-1].status))
                owner.append((number, row["compressor_id"]))
    if not parts:
        raise NoDataError("no life of the unseen fleets was seen from its beginning to its failure: raise fleets.days in evaluation.yaml")
    complete = np.array(ended) == "failure"
    weights = complete_weights(np.array(days), complete)[complete]
    length = np.array(hours, np.int64)
    source = np.unique([f"{number}/{name}" for number, name in owner], return_inverse=True)[1].astype(np.int64)
    facts = {
        "complete": len(parts),
        "compressors": int(source.max()) + 1,
        "began_before_the_data": early,
        "cut_by_repair_or_service": ended.count("maintenance"),
        "cut_by_end_of_data": ended.count("censored"),
        "mean_days": round(float(weights @ length) / _HOURS, 1),
    }
    lives = Lives(np.concatenate([[0], np.cumsum(length)[:-1]]), length, source, weights)
    joined = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(HourlyPredictions))
    return Episodes(lives, HourlyPredictions(*joined), facts)
