"""When each compressor began its present life: after a failure, a repair or a service, as the maintenance events tell. Without a JVM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from features.contract import COMPRESSOR_ID, FAILURE, MOST_DOWNTIME_HOURS, RESETTING

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Moments = npt.NDArray[np.int64]  # microseconds since 1970, UTC

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = timedelta(days=1) // _MICROSECOND


@dataclass(frozen=True)
class Renewals:
    """The ends of the lives of some compressors, and when each ran again; by compressor, oldest first."""

    ended: dict[str, Moments]
    began: dict[str, Moments]

    def before(self, compressor_id: str, moments: Moments) -> Moments:
        """The beginning of the life at each of `moments` [n], as far as it was known by then -> [n]; -1 where no event tells it."""
        ended = self.ended.get(compressor_id)
        if ended is None:
            return np.full(len(moments), -1, np.int64)
        last = ended.searchsorted(moments, side="right") - 1
        return np.where(last < 0, -1, self.began[compressor_id][last])

    def at(self, compressor_ids: Sequence[str], as_of: datetime) -> dict[str, datetime]:
        """The beginning of the life of each compressor at `as_of`; without those of which no event tells it."""
        moment = np.array([(as_of - _EPOCH) // _MICROSECOND])
        begun = {compressor_id: int(self.before(compressor_id, moment)[0]) for compressor_id in compressor_ids}
        return {compressor_id: _EPOCH + us * _MICROSECOND for compressor_id, us in begun.items() if us >= 0}

    def ages(self, compressor_id: str, first_mark: datetime, hours: int) -> Doubles:
        """Days since the beginning of the life at `hours` full hours from `first_mark` on -> [hours]; NaN where no event tells it, 0 while it stands still."""
        step = timedelta(hours=1) // _MICROSECOND
        moments = (first_mark - _EPOCH) // _MICROSECOND + step * np.arange(hours, dtype=np.int64)
        began = self.before(compressor_id, moments)
        return np.where(began < 0, np.nan, np.maximum(moments - began, 0) / _DAY_US)


def read_renewals(events: pl.DataFrame) -> Renewals:
    """The renewals that `events`, the lake's maintenance_events, tell of."""
    ended: dict[str, Moments] = {}
    began: dict[str, Moments] = {}
    for (compressor_id,), own in _renewing(events).group_by(COMPRESSOR_ID, maintain_order=True):
        ended[str(compressor_id)] = own["event_date"].dt.epoch("us").to_numpy()
        began[str(compressor_id)] = np.maximum.accumulate(own["runs_again"].dt.epoch("us").to_numpy())
    return Renewals(ended, began)


def lives_between(events: pl.DataFrame, until: datetime | None) -> tuple[Doubles, Bools]:
    """Lives from maintenance events -> how many days each lasted [n], and whether it failed [n]; the last of each compressor is cut at `until`.

    A life begins when the compressor runs again. What had begun before the first event is left out: nobody knows its age.
    """
    days: list[float] = []
    failed: list[bool] = []
    for _, own in _renewing(events).group_by(COMPRESSOR_ID, maintain_order=True):
        begins = own["runs_again"].to_list()
        ends = [*zip(own["event_date"][1:], own["event_type"][1:] == FAILURE, strict=True), (until, False)]
        for begin, (end, is_failure) in zip(begins, ends, strict=True):
            if end is not None and end > begin:
                days.append((end - begin) / timedelta(days=1))
                failed.append(is_failure)
    return np.array(days, np.float64), np.array(failed, np.bool_)


def _renewing(events: pl.DataFrame) -> pl.DataFrame:
    """Events that end a life, in order of time within each compressor, with the moment from which on it runs again."""
    told = pl.col("downtime_hours").is_between(0, MOST_DOWNTIME_HOURS)  # lakes from before others were refused may hold some
    down = pl.duration(seconds=pl.when(told).then(pl.col("downtime_hours") * 3600).otherwise(0.0))
    renewing = events.filter(pl.col("event_type").is_in([FAILURE, *RESETTING])).sort(COMPRESSOR_ID, "event_date")
    return renewing.with_columns(runs_again=pl.col("event_date") + down)
