"""Which readings of silver may raise or end an alert: those of a machine that runs, and has for long enough. The rule is features.sensor_health's.

settled    The machine has run for `settle_hours` (features.sensor_health.running). A stopped or starting machine raises nothing.
no vote    A reading without power, flow and vibration says nothing about the machine. The state before it holds for up to `settle_hours`.
run        Readings of a machine that stayed settled. A delay never spans two runs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl

from features.contract import COMPRESSOR_ID, TIMESTAMP
from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.running import last_true, machine_runs, running_votes, settled
from features.sensor_health.settings import HealthRules

RUN: Final = "run"  # number of the run within all readings
_SPANS: Final = 4  # `settle_hours` that decide the state of a reading: two of running, one of a gap, one without votes


def state_lookback(rules: HealthRules) -> timedelta:
    """How far before a reading the readings begin that decide its state."""
    return timedelta(hours=_SPANS * rules.settle_hours)


def in_order(silver: pl.DataFrame) -> pl.DataFrame:
    """The readings by compressor and time."""
    return silver.with_columns(pl.col(TIMESTAMP).dt.cast_time_unit("us")).sort(COMPRESSOR_ID, TIMESTAMP)


def settled_readings(ordered: pl.DataFrame, rules: HealthRules) -> pl.DataFrame:
    """The readings of settled machines, each with the number of its RUN.

    `ordered` (`in_order`) holds compressor_id, timestamp and the sensors of `runs_above`. A state is right from `state_lookback` after the first
    reading on.
    """
    group = ordered[COMPRESSOR_ID].rle_id().to_numpy().astype(np.int64)
    time_us = ordered[TIMESTAMP].to_physical().to_numpy()
    votes = running_votes({sensor: ordered[sensor].fill_null(float("nan")).to_numpy() for sensor in rules.runs_above}, rules)
    voted = np.logical_or.reduce([ordered[sensor].is_not_null().to_numpy() for sensor in rules.runs_above])
    rows = np.flatnonzero(voted)
    known = np.zeros(len(group), np.bool_)
    known[rows] = settled(machine_runs(votes)[rows], group[rows], time_us[rows], rules.settle_hours)
    last = last_true(voted, group)
    near = (last >= 0) & (time_us - time_us[last] <= int(rules.settle_hours * MICROSECONDS_PER_HOUR))
    is_settled = np.where(voted, known, near & known[last])
    begins = np.ones(len(group), np.bool_)
    begins[1:] = ~is_settled[:-1] | (group[1:] != group[:-1])
    return ordered.with_columns(pl.Series(RUN, np.cumsum(begins))).filter(pl.Series(is_settled))
