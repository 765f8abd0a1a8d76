"""Lasting changes of a sensor against the machine's own level. Pure, causal by reading time, and exact wherever the readings begin.

hour       The mean of the readings of a settled machine in a clock hour. It counts from the first reading of the compressor after that hour on.
life       From when a machine runs again after a failure, a repair or a service until the next of these: each life has levels of its own.
level      The median of the life's first `learn_hours` such hours, and as spread 1.4826 MAD of them, at least `least_spread` of the level.
beyond     The median of the last `window_hours` lies `limit_spreads` or more from the level, on a side that is watched. What lasts `on_delay_hours` is an
           alert. It ends by `deadband_spreads` and `off_delay_hours` (monitoring.alerts.conditions), or with the life.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from config.sections.planner.own_normal import OwnNormalSection
from config.sections.quality import AlertsSection
from features.arrays import Doubles, Ints
from features.contract import COMPRESSOR_ID, TIMESTAMP
from features.rolling import MICROSECONDS_PER_HOUR
from monitoring.alerts.conditions import Delays, Signal, find_conditions
from monitoring.alerts.grouping import Condition, group_microseconds, microseconds, moment
from serving.warehouse.machine_lives import FIRST, MachineLife

_MAD_TO_SPREAD: Final = 1.4826  # of a normal distribution
_NEVER_US: Final = np.iinfo(np.int64).max
_GROUP: Final = 1 << 32  # hours since 1970 are far fewer, so group * _GROUP + hour ascends with both


@dataclass(frozen=True)
class MachineLives:
    """Lives by compressor, oldest first. Both arrays are [lives]."""

    lives: Sequence[MachineLife]
    until_us: Ints  # the event that ends each
    ended_us: Ints  # the first reading at or after it; -1: not yet

    @classmethod
    def of(cls, lives: Sequence[MachineLife], ordered: pl.DataFrame) -> MachineLives:
        """`lives` are by compressor, oldest first; `ordered` are their readings, by compressor and time."""
        until_us = np.full(len(lives), _NEVER_US, np.int64)
        for number, (life, following) in enumerate(pairwise(lives)):
            if life.compressor_id == following.compressor_id:
                until_us[number] = microseconds(following.life_from)
        ended_us = np.full(len(lives), -1, np.int64)
        ends = np.flatnonzero(until_us < _NEVER_US)
        if len(ends):
            time_us = ordered[TIMESTAMP].to_physical().to_numpy()
            spans = ordered.with_row_index("row").group_by(COMPRESSOR_ID).agg(pl.col("row").min(), pl.len())
            rows = {name: (first, first + count) for name, first, count in spans.iter_rows()}
            for number in ends.tolist():
                first, end = rows.get(lives[number].compressor_id, (0, 0))
                place = first + int(np.searchsorted(time_us[first:end], until_us[number]))
                ended_us[number] = time_us[place] if place < end else -1
        return cls(lives, until_us, ended_us)


@dataclass(frozen=True)
class HourlyMeans:
    """Settled hours of some lives, by life and hour. Every array is [n], those of sensors NaN where there is no value."""

    life: Ints  # number among `lives`
    hour: Ints  # since 1970
    known_us: Ints  # the reading from which on the hour counts
    values: Mapping[str, Doubles]


def own_normal_lookback(rules: OwnNormalSection) -> timedelta:
    """How far before a moment the settled hours begin that decide an alert after it."""
    return timedelta(hours=rules.window_hours.value + rules.on_delay_hours.value + rules.join_hours.value + 2)


def hourly_means(ordered: pl.DataFrame, settled: pl.DataFrame, lives: MachineLives, sensors: Sequence[str]) -> HourlyMeans:
    """The complete settled hours of `lives`. `ordered` and `settled` are the readings, and those of settled machines, by compressor and time."""
    names = ordered[COMPRESSOR_ID].unique(maintain_order=True)
    codes = {name: code for code, name in enumerate(names.to_list())}
    key, time_us = _keys(ordered, codes)
    seen = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, np.int64)  # first reading of each hour
    own_key, _ = _keys(settled, codes)
    starts = np.flatnonzero(np.r_[True, own_key[1:] != own_key[:-1]]) if len(own_key) else np.empty(0, np.int64)
    hours = own_key[starts]
    after = np.searchsorted(key[seen], hours) + 1  # the compressor's next hour with a reading
    follows = after < len(seen)
    following = seen[np.minimum(after, max(len(seen) - 1, 0))] if len(seen) else after
    follows &= key[following] // _GROUP == hours // _GROUP if len(seen) else follows
    life = _life_of(hours, lives, codes)
    kept = np.flatnonzero(follows & (life >= 0))
    means = {sensor: _means(settled[sensor].fill_null(float("nan")).to_numpy(), starts)[kept] for sensor in sensors}
    known_us = time_us[following[kept]] if len(kept) else np.empty(0, np.int64)
    order = np.argsort(life[kept] * _GROUP + hours[kept] % _GROUP, kind="stable")
    return HourlyMeans(life[kept][order], (hours[kept] % _GROUP)[order], known_us[order], {name: own[order] for name, own in means.items()})


def _keys(readings: pl.DataFrame, codes: Mapping[str, int]) -> tuple[Ints, Ints]:
    """Compressor and hour of each reading as one ascending number, and its time in microseconds."""
    time_us = readings[TIMESTAMP].to_physical().to_numpy()
    group = readings[COMPRESSOR_ID].replace_strict(codes, return_dtype=pl.Int64).to_numpy() if len(codes) else np.empty(0, np.int64)
    return group * _GROUP + time_us // MICROSECONDS_PER_HOUR, time_us


def _means(values: Doubles, starts: Ints) -> Doubles:
    """Mean of the values of each hour, over exactly its readings."""
    valid = ~np.isnan(values)
    if not len(starts):
        return np.empty(0)
    count = np.add.reduceat(valid.astype(np.int64), starts)
    total = np.add.reduceat(np.where(valid, values, 0.0), starts)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _life_of(hours: Ints, lives: MachineLives, codes: Mapping[str, int]) -> Ints:
    """The life that holds the whole of each hour; -1 without one."""
    known = np.array([number for number, life in enumerate(lives.lives) if life.compressor_id in codes], np.int64)
    if not len(known):
        return np.full(len(hours), -1, np.int64)
    code = np.array([codes[lives.lives[number].compressor_id] for number in known], np.int64)
    began = np.array([0 if lives.lives[n].life_from == FIRST else microseconds(lives.lives[n].began_at or FIRST) for n in known], np.int64)
    order = np.argsort(code, kind="stable")
    first = -(-began // MICROSECONDS_PER_HOUR)
    place = np.searchsorted((code * _GROUP + first)[order], hours, side="right") - 1
    found = order[np.maximum(place, 0)]
    ends = lives.until_us[known[found]] // MICROSECONDS_PER_HOUR
    inside = (place >= 0) & (code[found] == hours // _GROUP) & (hours % _GROUP + 1 <= ends)
    return np.where(inside, known[found], -1)


def learn_levels(means: HourlyMeans, lives: MachineLives, seen_us: Mapping[str, tuple[int, int]], rules: OwnNormalSection) -> MachineLives:
    """`lives`, with the levels of those that have enough settled hours by now. `seen_us` has each compressor's first and newest reading.

    What is learned stays as it is. Readings of a life that is still to be learned begin at its beginning.
    """
    enough = int(rules.learn_hours.value)
    within_us = int(rules.learn_within_days.value * 24 * MICROSECONDS_PER_HOUR)
    bounds = np.searchsorted(means.life, np.arange(len(lives.lives) + 1)).tolist()
    learned = []
    for number, life in enumerate(lives.lives):
        if life.learned_at is None and life.compressor_id in seen_us:
            first_us, newest_us = seen_us[life.compressor_id]
            began_us = microseconds(life.began_at) if life.began_at else first_us
            own = replace(life, began_at=moment(began_us))
            rows = slice(bounds[number], bounds[number] + enough)
            if bounds[number + 1] >= rows.stop and means.known_us[rows.stop - 1] <= began_us + within_us:
                levels = {sensor: level for sensor, values in means.values.items() if (level := _level(values[rows], rules))}
                own = replace(own, learned_at=moment(int(means.known_us[rows.stop - 1])), levels=levels)
            elif began_us + within_us < min(newest_us, int(lives.until_us[number])):
                own = replace(own, learned_at=moment(began_us + within_us))  # it has none
            learned.append(own)
        else:
            learned.append(life)
    return replace(lives, lives=learned)


def _level(values: Doubles, rules: OwnNormalSection) -> list[float] | None:
    """Level and spread of one sensor in the first hours of a life; None if most of them have no value."""
    present = values[~np.isnan(values)]
    if 2 * len(present) < len(values):
        return None
    level = float(np.median(present))
    spread = _MAD_TO_SPREAD * float(np.median(np.abs(present - level)))
    return [level, max(spread, rules.least_spread.value * abs(level))]


@dataclass(frozen=True)
class WatchedLevel:
    """A sensor that is watched on one side of its level."""

    sensor: str
    name: str
    unit: str
    is_above: bool

    @property
    def alert_type(self) -> str:
        """For example vibration_mms_above_own_normal."""
        return f"{self.sensor}_{self.side}_own_normal"

    @property
    def side(self) -> str:
        """`above` or `below`."""
        return "above" if self.is_above else "below"


def own_normal_conditions(means: HourlyMeans, lives: MachineLives, watched: WatchedLevel, rules: AlertsSection) -> Iterator[Condition]:
    """The conditions of one sensor and side."""
    own, sign = rules.own_normal, 1.0 if watched.is_above else -1.0
    levels = np.array([life.levels.get(watched.sensor, [np.nan, np.nan]) for life in lives.lives]).reshape(-1, 2)
    learned_us = np.array([_NEVER_US if life.learned_at is None else microseconds(life.learned_at) for life in lives.lives], np.int64)
    limit, hourly = own.limit_spreads.value, means.values[watched.sensor]
    judged = means.known_us > learned_us[means.life]
    above = judged & (sign * (hourly - levels[means.life, 0]) >= limit * levels[means.life, 1])
    troubled = np.unique(means.life[above])  # no median is beyond the limit unless an hour is
    rows = np.flatnonzero(judged & ~np.isnan(hourly) & np.isin(means.life, troubled))
    value = _window_medians(means, hourly, rows, own)
    rows, value = rows[~np.isnan(value)], value[~np.isnan(value)]
    if not len(rows):
        return
    deviation = sign * (value - levels[means.life[rows], 0]) / levels[means.life[rows], 1]
    life, hour = means.life[rows], means.hour[rows]
    signal = Signal(
        group=life,
        time_us=means.known_us[rows],
        run=np.cumsum(np.r_[True, (life[1:] != life[:-1]) | (np.diff(hour) > own.join_hours.value)]),
        beyond=deviation >= limit,
        critical=np.zeros(len(rows), np.bool_),
        normal=deviation < limit - own.deadband_spreads.value,
        excess=(deviation - limit) / limit,
    )
    delays = Delays(
        on_us=np.full(len(rows), int(own.on_delay_hours.value * MICROSECONDS_PER_HOUR)),
        off_us=np.full(len(rows), int(own.off_delay_hours.value * MICROSECONDS_PER_HOUR)),
        normal_readings=int(rules.normal_readings.value),
        group_us=group_microseconds(rules),
    )
    found = find_conditions(signal, delays)
    for number, raised in enumerate(found.raised.tolist()):
        own_life = int(life[raised])
        level, spread = levels[own_life].tolist()
        ends = (int(signal.time_us[found.resolved[number]]) if found.resolved[number] >= 0 else -1, int(lives.ended_us[own_life]))
        within = np.arange(found.first[number], found.last[number] + 1)
        beyond = within[signal.beyond[within] & (within >= raised)]
        worst = int(found.worst[number])
        yield Condition(
            compressor_id=lives.lives[own_life].compressor_id,
            alert_type=watched.alert_type,
            source="own_normal",
            first_us=int(signal.time_us[found.first[number]]),
            raised_us=int(signal.time_us[raised]),
            critical_us=None,
            resolved_us=next((end for end in ends if end >= 0), None),
            last_us=int(signal.time_us[found.last[number]]),
            count=int(found.count[number]),
            value=float(value[worst]),
            threshold=level + sign * limit * spread,
            message=_message(watched, float(value[worst]), float(deviation[worst]), lives.lives[own_life]),
            beyond_us=signal.time_us[beyond],
            excess=signal.excess[beyond],
        )


def _message(watched: WatchedLevel, value: float, deviation: float, life: MachineLife) -> str:
    level = life.levels[watched.sensor][0]
    since = "" if life.began_at is None else f" since {life.began_at:%Y-%m-%d}"
    return f"{watched.name} {value:.4g} {watched.unit} is {deviation:.1f} own spreads {watched.side} its level of {level:.4g}{since}"


def _window_medians(means: HourlyMeans, hourly: Doubles, rows: Ints, rules: OwnNormalSection) -> Doubles:
    """The median of the hours of the last `window_hours` of the same life, at each of `rows`; NaN with fewer than `least_hours`."""
    key, hours = means.life * _GROUP + means.hour, int(rules.window_hours.value)
    before = rows[:, None] - np.arange(hours)  # [rows, hours]
    inside = (before >= 0) & (key[rows][:, None] - key[np.maximum(before, 0)] < hours)
    window = np.sort(np.where(inside, hourly[np.maximum(before, 0)], np.nan), axis=1)  # NaN come last
    count = (~np.isnan(window)).sum(axis=1)
    low, high = (np.take_along_axis(window, place[:, None], axis=1)[:, 0] for place in ((np.maximum(count, 1) - 1) // 2, count // 2))
    return np.where(count >= rules.least_hours.value, (low + high) / 2, np.nan)
