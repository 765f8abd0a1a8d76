"""Alarms of a run of predictions, judged against what really became of the compressor. Pure; times are days since one origin.

The protocol, by event (numbers: evaluation.yaml, documented in docs/results/protocol.md):

alarm     Raised at the hour whose prediction is the `alarm_hours`-th in a row below `alarm_rul_days`; stands until the first hour that is not
          below, or has no prediction. The end of a life clears it: whoever repairs a compressor resets its alarm. There is no other memory,
          so a prediction that wavers around the limit raises several alarms.
caught    A failure is caught if an alarm of its life stands at any hour from `false_alarm_rul_days` to `lead_days` before it: one that came in
          time and was not withdrawn before it could mean this failure.
true      An alarm is true if the compressor has at most `false_alarm_rul_days` left when it is raised, false if it has more. Of a life that a
          repair cut short, or the end of the data, what is left is known once it has begun to degrade: up to the failure that would have come.
          A life that a service ended before it began to degrade: false. Healthy at the end of the data: false if more than
          `false_alarm_rul_days` of it was seen, else undecided and counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from config.sections.evaluation import ProtocolSection
from features.arrays import Bools, Doubles, Texts

TRUE: Final = "true"
FALSE: Final = "false"
UNDECIDED: Final = "undecided"

_MICROSECONDS_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class WatchedLife:
    """The hours start < t <= end of one compressor, between two renewals."""

    start: float  # end of the life before it, so that downtime belongs to the life it begins
    end: float
    ended_by: Literal["failure", "maintenance", "censored"]
    failure: float  # when it fails, or would have failed if it had been let; NaN when it had not begun to degrade at its end
    mode: str  # failure mode; empty where `failure` is NaN
    degradation_days: float  # from the onset to `failure`; NaN where that is

    @property
    def failed(self) -> bool:
        """Whether it ran to its failure."""
        return self.ended_by == "failure"


@dataclass(frozen=True)
class Alarm:
    """One alarm: raised at an hour, standing up to and including another."""

    raised: float
    last: float
    verdict: str
    first_of_life: bool


@dataclass(frozen=True)
class Failure:
    """One failure that happened, and what was known before it."""

    mode: str
    degradation_days: float
    caught: bool
    lead_days: float  # since the first alarm that still stood within `false_alarm_rul_days` of it; NaN without one
    caught_at: float = float("nan")  # when the first alarm that catches it was raised; NaN where it is missed


@dataclass(frozen=True)
class Watch:
    """The alarms and failures of some compressors."""

    alarms: tuple[Alarm, ...]
    failures: tuple[Failure, ...]
    healthy_hours: int  # hours with a prediction at which an alarm would have been false


def lives_by_compressor(truth: pl.DataFrame, origin: datetime) -> dict[str, list[WatchedLife]]:
    """The lives of features.simulator.truth.read_truth by compressor, in days since `origin`. The first has no beginning."""
    since = (pl.col("end", "planned_failure") - origin).dt.total_microseconds() / _MICROSECONDS_PER_DAY
    lives: dict[str, list[WatchedLife]] = {}
    for row in truth.with_columns(since).sort("compressor_id", "life").iter_rows(named=True):
        own = lives.setdefault(row["compressor_id"], [])
        begins = own[-1].end if own else float("-inf")
        failure, took = (float("nan") if value is None else value for value in (row["planned_failure"], row["duration_days"]))
        own.append(WatchedLife(begins, row["end"], row["ended_by"], failure, row["mode"] or "", took))
    return lives


def join(watches: Sequence[Watch]) -> Watch:
    """Several watches as one."""
    return Watch(
        tuple(alarm for watch in watches for alarm in watch.alarms),
        tuple(failure for watch in watches for failure in watch.failures),
        sum(watch.healthy_hours for watch in watches),
    )


def watch_compressor(days: Doubles, predicted: Bools, asks: Bools, lives: Sequence[WatchedLife], protocol: ProtocolSection) -> Watch:
    """Watch one compressor over consecutive hours `days` [hours], ascending.

    predicted: [hours] whether there is a prediction. asks: [hours] whether it asks for an alarm. lives: in order of time.
    """
    alarms: list[Alarm] = []
    failures: list[Failure] = []
    healthy_hours = 0
    for life in lives:
        hours = slice(*np.searchsorted(days, [life.start, life.end], side="right").tolist())
        verdicts = judge(days[hours], life, protocol)
        healthy_hours += int((predicted[hours] & (verdicts == FALSE)).sum())
        spans = alarm_spans(asks[hours] & predicted[hours], int(protocol.alarm_hours.value))
        own = [
            Alarm(float(days[hours][first]), float(days[hours][last]), str(verdicts[first]), number == 0)
            for number, (first, last) in enumerate(spans.tolist())
        ]
        alarms.extend(own)
        if life.failed:
            failures.append(_judge_failure(life, own, protocol))
    return Watch(tuple(alarms), tuple(failures), healthy_hours)


def alarm_spans(asks: Bools, hours_in_a_row: int) -> npt.NDArray[np.int64]:
    """Alarms over consecutive hours `asks` [hours] -> [alarms, 2] first and last hour at which each stands."""
    steps = np.diff(np.concatenate([[0], asks.astype(np.int8), [0]]))
    begins, lasts = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1
    long_enough = lasts - begins + 1 >= hours_in_a_row
    return np.column_stack([begins[long_enough] + hours_in_a_row - 1, lasts[long_enough]])


def judge(times: Doubles, life: WatchedLife, protocol: ProtocolSection) -> Texts:
    """The verdict on an alarm raised at each of `times` [n] within `life` -> [n] TRUE, FALSE or UNDECIDED."""
    most = protocol.false_alarm_rul_days.value
    if not np.isnan(life.failure):
        return np.where(life.failure - times <= most, TRUE, FALSE)
    if life.ended_by == "maintenance":
        return np.full(len(times), FALSE)
    return np.where(life.end - times > most, FALSE, UNDECIDED)


def _judge_failure(life: WatchedLife, alarms: Sequence[Alarm], protocol: ProtocolSection) -> Failure:
    earliest, latest = life.end - protocol.false_alarm_rul_days.value, life.end - protocol.lead_days.value
    meant = [alarm for alarm in alarms if alarm.last >= earliest]
    caught_at = next((alarm.raised for alarm in meant if alarm.raised <= latest), float("nan"))
    lead = life.end - meant[0].raised if meant else float("nan")
    return Failure(life.mode, life.degradation_days, not np.isnan(caught_at), lead, caught_at)
