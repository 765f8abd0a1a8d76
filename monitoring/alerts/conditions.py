"""Lasting conditions in a signal that is judged reading by reading. Pure and causal: no later reading changes what was raised or has ended.

beyond     A value at or beyond its limit. Values beyond in a row, within one run, for the on-delay raise the condition.
critical   The same with the critical limit: the condition is critical from then on.
normal     A value inside the limit less the deadband. It ends the condition when there are `normal_readings` of them in a row, within one run, over the
           off-delay, and `group_us` after the last value beyond. A value in the deadband neither raises nor ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import Bools, Doubles, Ints
from features.sensor_health.running import last_true


@dataclass(frozen=True)
class Signal:
    """A quantity of some compressors, by compressor and then time. Every array is [n]."""

    group: Ints  # code of the compressor, ascending
    time_us: Ints
    run: Ints  # delays never span two runs
    beyond: Bools
    critical: Bools  # implies beyond
    normal: Bools
    excess: Doubles  # how far beyond its limit, as a share of it


@dataclass(frozen=True)
class Delays:
    """How long a state must last. The arrays are [n]."""

    on_us: Ints
    off_us: Ints
    normal_readings: int
    group_us: int  # 0: spells beyond a limit are not grouped


@dataclass(frozen=True)
class Conditions:
    """Rows of a signal [m]; -1 where there is none."""

    first: Ints  # first value beyond
    raised: Ints
    critical: Ints
    resolved: Ints
    last: Ints  # newest value beyond
    worst: Ints
    count: Ints  # values beyond


def find_conditions(signal: Signal, delays: Delays) -> Conditions:
    """The raised conditions, by compressor and time."""
    group, time_us = signal.group, signal.time_us
    since = _since(signal.beyond, signal)
    triggers = np.flatnonzero(signal.beyond & (time_us - time_us[since] >= delays.on_us))
    critical = np.flatnonzero(signal.critical & (time_us - time_us[_since(signal.critical, signal)] >= delays.on_us))
    clears = np.flatnonzero(_is_clear(signal, delays))
    spell = np.searchsorted(clears, triggers)  # triggers with as many clears before them are one condition
    new = np.ones(len(triggers), np.bool_)
    new[1:] = (spell[1:] != spell[:-1]) | (group[triggers[1:]] != group[triggers[:-1]])
    raised = triggers[new]
    first, resolved = since[raised], _next(clears, raised, group)
    stop = np.where(resolved >= 0, resolved, np.searchsorted(group, group[raised], side="right"))  # the row after its last one
    becomes = _next(critical, raised, group)
    before = np.concatenate([[0], np.cumsum(signal.beyond)])
    excess = np.where(signal.beyond, signal.excess, -np.inf)
    worst = [begin + int(np.argmax(excess[begin:end])) for begin, end in zip(first.tolist(), stop.tolist(), strict=True)]
    return Conditions(
        first=first,
        raised=raised,
        critical=np.where((becomes >= 0) & (becomes < stop), becomes, -1),
        resolved=resolved,
        last=last_true(signal.beyond, group)[stop - 1],
        worst=np.array(worst, np.int64),
        count=before[stop] - before[first],
    )


def _is_clear(signal: Signal, delays: Delays) -> Bools:
    time_us, rows = signal.time_us, np.arange(len(signal.time_us))
    since = _since(signal.normal, signal)
    beyond = last_true(signal.beyond, signal.group)
    grouped = (beyond >= 0) & (time_us - time_us[beyond] < delays.group_us)
    lasts = (rows - since + 1 >= delays.normal_readings) & (time_us - time_us[since] >= delays.off_us)
    return np.asarray(signal.normal & lasts & ~grouped)


def _since(mask: Bools, signal: Signal) -> Ints:
    """First row of the unbroken values of `mask`, within a run, that each row belongs to -> [n]. Meaningful where mask is true."""
    rows = np.arange(len(mask))
    begins = mask.copy()
    begins[1:] &= ~(mask[:-1] & (signal.run[1:] == signal.run[:-1]) & (signal.group[1:] == signal.group[:-1]))
    return np.maximum.accumulate(np.where(begins, rows, 0)) if len(rows) else rows


def _next(rows: Ints, after: Ints, group: Ints) -> Ints:
    """The first of `rows` at or after each of `after`, in its compressor -> [m]; -1 without one."""
    if not len(rows):
        return np.full(len(after), -1, np.int64)
    place = np.searchsorted(rows, after)
    found = rows[np.minimum(place, len(rows) - 1)]
    return np.where((place < len(rows)) & (group[found] == group[after]), found, -1)
