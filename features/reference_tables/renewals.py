"""When each compressor began its present life: after a failure, a repair or a service, as the maintenance events tell. Without a JVM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from features.arrays import Bools, Doubles, Ints
from features.contract import COMPRESSOR_ID, FAILURE, MOST_DOWNTIME_HOURS, RESETTING

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = timedelta(days=1) // _MICROSECOND


@dataclass(frozen=True)
class Renewals:
    """The ends of the lives of some compressors, and when each ran again; by compressor, oldest first."""

    ended: dict[str, Ints]
    began: dict[str, Ints]

    def before(self, compressor_id: str, moments: Ints) -> Ints:
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
    found = list(_renewing(events))
    return Renewals({name: ended for name, ended, _, _ in found}, {name: again for name, _, again, _ in found})


def lives_between(events: pl.DataFrame, until: Mapping[str, datetime]) -> tuple[Doubles, Bools]:
    """Lives from maintenance events -> how many days each lasted [n], and whether it failed [n].

    until: when each compressor was last seen; its last life is cut there, what was recorded of later days does not count, and one that is not in it has no lives.
    A life begins when the compressor runs again. What had begun before the first event is left out: nobody knows its age. Events within a day of that
    are of the same incident (a failure and its repair, or one written twice): a likelihood takes lives of minutes for half of the truth.
    """
    days: list[float] = []
    failed: list[bool] = []
    for name, ended, again, is_failure in _renewing(events):
        if name not in until:
            continue
        seen = (until[name] - _EPOCH) // _MICROSECOND
        began: int | None = None
        own = False  # whether the incident at hand has ended a life whose beginning was known
        for at, restart, failure in zip(ended.tolist(), again.tolist(), is_failure.tolist(), strict=True):
            if at > seen:
                break
            if began is not None and at < began + _DAY_US:
                if own:
                    failed[-1] |= failure
            else:
                own = began is not None
                if began is not None:
                    days.append((at - began) / _DAY_US)
                    failed.append(failure)
            began = restart
        if began is not None and seen > began:
            days.append((seen - began) / _DAY_US)
            failed.append(False)
    return np.array(days, np.float64), np.array(failed, np.bool_)


def _renewing(events: pl.DataFrame) -> Iterator[tuple[str, Ints, Ints, Bools]]:
    """By compressor, in order of time: when lives ended, from when on it ran again after that and all before, and whether by a failure."""
    told = pl.col("downtime_hours").is_between(0, MOST_DOWNTIME_HOURS)  # lakes from before others were refused may hold some
    down = pl.when(told).then(pl.col("downtime_hours") * (_DAY_US / 24)).otherwise(0.0).cast(pl.Int64)
    renewing = (
        events.filter(pl.col("event_type").is_in([FAILURE, *RESETTING]))
        .sort(COMPRESSOR_ID, "event_date")
        .select(COMPRESSOR_ID, ended=pl.col("event_date").dt.epoch("us"), down=down, failure=pl.col("event_type") == FAILURE)
        .with_columns(again=(pl.col("ended") + pl.col("down")).cum_max().over(COMPRESSOR_ID))
    )
    ended, again, failure = (renewing[name].to_numpy() for name in ("ended", "again", "failure"))
    start = 0
    for name, rows in renewing.group_by(COMPRESSOR_ID, maintain_order=True).len().iter_rows():
        own = slice(start, start + rows)
        yield name, ended[own], again[own], failure[own]
        start += rows
