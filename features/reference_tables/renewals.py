"""When each compressor began its present life: after a failure, a repair or a service.

Maintenance events give the dates. No JVM.
"""

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
    """The ends of lives, and when each compressor ran again; by compressor, oldest first."""

    ended: dict[str, Ints]
    began: dict[str, Ints]

    def before(self, compressor_id: str, moments: Ints) -> Ints:
        """The beginning of the life at each of `moments` [n], as known by then -> [n].

        -1 where no event gives it.
        """
        ended = self.ended.get(compressor_id)
        if ended is None:
            return np.full(len(moments), -1, np.int64)
        last = ended.searchsorted(moments, side="right") - 1
        return np.where(last < 0, -1, self.began[compressor_id][last])

    def at(self, compressor_ids: Sequence[str], as_of: datetime) -> dict[str, datetime]:
        """The beginning of the life of each compressor at `as_of`.

        Compressors without such an event are left out.
        """
        moment = np.array([(as_of - _EPOCH) // _MICROSECOND])
        begun = {compressor_id: int(self.before(compressor_id, moment)[0]) for compressor_id in compressor_ids}
        return {compressor_id: _EPOCH + us * _MICROSECOND for compressor_id, us in begun.items() if us >= 0}

    def ages(self, compressor_id: str, first_mark: datetime, hours: int) -> Doubles:
        """Days since the beginning of the life, at `hours` full hours from `first_mark` on -> [hours].

        NaN where no event gives it, 0 while the machine stands still.
        """
        step = timedelta(hours=1) // _MICROSECOND
        moments = (first_mark - _EPOCH) // _MICROSECOND + step * np.arange(hours, dtype=np.int64)
        began = self.before(compressor_id, moments)
        return np.where(began < 0, np.nan, np.maximum(moments - began, 0) / _DAY_US)


def read_renewals(events: pl.DataFrame) -> Renewals:
    """The renewals in `events`, the lake's maintenance_events."""
    found = list(_renewing(events))
    return Renewals({name: ended for name, ended, _, _ in found}, {name: again for name, _, again, _ in found})


def lives_between(events: pl.DataFrame, until: Mapping[str, datetime]) -> tuple[Doubles, Bools]:
    """Lives from maintenance events -> days that each lasted [n], and whether it failed [n].

    until: when each compressor was last seen. Its last life is cut there, and later records do not count. A
    compressor that is not in it has no lives.

    A life begins when the compressor runs again. A life that began before the first event is left out: its
    age is unknown. Events within a day of that are one incident, such as a failure and its repair, or one
    written twice. A likelihood would believe lives of minutes.
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
    """Ends of lives by compressor, in order of time.

    With each end: when the machine ran again after it and all before, and whether it failed.
    """
    valid = pl.col("downtime_hours").is_between(0, MOST_DOWNTIME_HOURS)  # older lakes may hold other values
    down = pl.when(valid).then(pl.col("downtime_hours") * (_DAY_US / 24)).otherwise(0.0).cast(pl.Int64)
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
