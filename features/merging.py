"""Merges rows of one compressor and time into one reading (numpy only).

Several files or tags may each hold a part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.arrays import Bools, Doubles, Ints
from features.rolling import group_starts


@dataclass(frozen=True)
class MergedRows:
    """The outcome for rows [n]: the kept rows, and their completed values [kept]."""

    kept: Ints  # the last loaded row of each compressor and time
    duplicates: Ints  # rows that add nothing to a later loaded one
    contributed: Ints  # rows whose values complete a later loaded one
    values: dict[str, Doubles]
    operating_hours: Doubles
    flagged: dict[str, Bools]


def merge_rows(
    group: Ints, time_us: Ints, values: Mapping[str, Doubles], operating_hours: Doubles, flagged: Mapping[str, Bools]
) -> MergedRows:
    """Complete each reading with the last loaded value of each sensor.

    Every array is [n], ascending by compressor (`group`), time and loading. Of two values of a sensor the
    last loaded wins. A missing value never wins.
    """
    rows = len(group)
    starts = _same_reading(group, time_us)
    last = np.append(starts[1:], rows) - 1 if rows else starts
    if len(last) == rows:  # nothing to merge
        none = np.empty(0, np.int64)
        return MergedRows(last, none, none, dict(values), operating_hours, dict(flagged))
    begins = np.repeat(starts, np.diff(np.append(starts, rows)))
    contributes = np.zeros(rows, np.bool_)
    merged, merged_flags = {}, {}
    for sensor, own in values.items():
        found = _last_value_row(own, begins)[last]
        source = np.where(found >= 0, found, last)
        contributes[source[found >= 0]] = True
        merged[sensor] = own[source]
        if sensor in flagged:
            merged_flags[sensor] = flagged[sensor][source]
    found = _last_value_row(operating_hours, begins)[last]
    others = np.ones(rows, np.bool_)
    others[last] = False
    return MergedRows(
        kept=last,
        duplicates=np.flatnonzero(others & ~contributes),
        contributed=np.flatnonzero(others & contributes),
        values=merged,
        operating_hours=operating_hours[np.where(found >= 0, found, last)],
        flagged=merged_flags,
    )


def _same_reading(group: Ints, time_us: Ints) -> Ints:
    """First row of each compressor and time -> [readings]."""
    if not len(group):
        return np.empty(0, np.int64)
    return np.union1d(group_starts(group), group_starts(time_us))


def _last_value_row(values: Doubles, begins: Ints) -> Ints:
    """Last row with a value at or before each row, within its reading -> [n].

    The reading begins at `begins`. -1 where there is none.
    """
    found = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(found >= begins, found, -1)
