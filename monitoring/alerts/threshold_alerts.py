"""Conditions of thresholds.yaml in readings. Pure: the same readings and limits give the same conditions, whenever and however often they are asked for.

violation  A value of a settled machine (monitoring.alerts.machine_state) at or beyond the warning limit of its compressor's model.
condition  Violations that lasted the on-delay, until values were normal again (monitoring.alerts.conditions). A null, and a reading of a machine that is
           stopped or starting, is neither: it does not count, and does not resolve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl

from config.errors import ConfigError
from config.sections.quality import AlertsSection
from config.sections.thresholds import Direction, ThresholdsConfig
from features.arrays import Doubles, Ints
from features.contract import COMPRESSOR_ID, TIMESTAMP
from monitoring.alerts.conditions import Conditions, Delays, Signal, find_conditions
from monitoring.alerts.grouping import Condition, group_microseconds
from monitoring.alerts.machine_state import RUN

_UNREACHABLE: Final = float("inf")
_MINUTE_US: Final = 60_000_000
_RULES: Final = ("warning", "critical", "deadband", "on_us", "off_us")


@dataclass(frozen=True)
class WatchedColumn:
    """A column of silver or gold with limits. `rules` has compressor_id, warning, critical, deadband, on_us, off_us; infinite: no limit."""

    column: str
    name: str
    unit: str
    direction: Direction
    rules: pl.DataFrame

    @property
    def alert_type(self) -> str:
        """For example vibration_mms_high."""
        return f"{self.column}_{self.direction}"


def alert_quantities(compressors: pl.DataFrame, thresholds: ThresholdsConfig, rules: AlertsSection) -> list[WatchedColumn]:
    """The sensors and derived quantities of thresholds.yaml, with the rules of each compressor's model.

    `compressors` holds compressor_id and model. Raises ConfigError when a quantity has no name.
    """
    models = compressors.select(COMPRESSOR_ID, "model")
    quantities = []
    for column, threshold in {**thresholds.sensors, **thresholds.derived}.items():
        if column not in rules.names:
            raise ConfigError(f"quality.yaml: alerts.names.{column} is missing: add what a planner calls this quantity of thresholds.yaml")
        rows = []
        for model in models["model"].unique():
            own = thresholds.alert_rules(column, model)
            unreachable = _UNREACHABLE if own.direction == "high" else -_UNREACHABLE
            critical = unreachable if own.critical is None else own.critical
            delays = (int(minutes * _MINUTE_US) for minutes in (own.on_delay_minutes, own.off_delay_minutes))
            rows.append((model, own.warning, critical, own.deadband, *delays))
        types = (pl.Float64, pl.Float64, pl.Float64, pl.Int64, pl.Int64)
        by_model = pl.DataFrame(rows, schema={"model": pl.String, **dict(zip(_RULES, types, strict=True))}, orient="row")
        own_rules = models.join(by_model, on="model", how="left", nulls_equal=True).select(COMPRESSOR_ID, *_RULES)
        quantities.append(WatchedColumn(column, rules.names[column], threshold.warning.unit, threshold.direction, own_rules))
    return quantities


def delay_lookback(quantities: Iterable[WatchedColumn]) -> timedelta:
    """The longest on-delay."""
    return timedelta(microseconds=max((int(item.rules["on_us"].to_numpy().max(initial=0)) for item in quantities), default=0))


def threshold_conditions(settled: pl.DataFrame, quantities: Iterable[WatchedColumn], rules: AlertsSection) -> Iterator[Condition]:
    """The conditions of those quantities that `settled` holds, beside compressor_id, timestamp and RUN, by compressor and time."""
    code = settled[COMPRESSOR_ID].rle_id().to_numpy().astype(np.int64)
    names = settled[COMPRESSOR_ID].gather(np.flatnonzero(np.r_[True, code[1:] != code[:-1]])).to_list() if len(code) else []
    time_us, run = settled[TIMESTAMP].to_physical().to_numpy(), settled[RUN].to_numpy()
    for item in quantities:
        if item.column not in settled.columns:
            continue
        sign = 1.0 if item.direction == "high" else -1.0
        own = pl.DataFrame({COMPRESSOR_ID: names}, schema={COMPRESSOR_ID: pl.String}).join(
            item.rules, on=COMPRESSOR_ID, how="left", maintain_order="left"
        )
        value = settled[item.column].fill_null(float("nan")).to_numpy()
        warning = own["warning"].fill_null(_UNREACHABLE * sign).to_numpy()  # of each compressor
        beyond = value * sign >= warning[code] * sign
        troubled = np.zeros(len(names), np.bool_)
        troubled[code[beyond]] = True  # most compressors need no look at their normal readings
        rows = np.flatnonzero(troubled[code] & ~np.isnan(value))
        if not len(rows):
            continue
        where, judged = code[rows], value[rows] * sign
        limit, critical = warning[where] * sign, own["critical"].to_numpy()[where] * sign
        signal = Signal(
            group=where,
            time_us=time_us[rows],
            run=run[rows],
            beyond=beyond[rows],
            critical=judged >= critical,
            normal=judged < limit - own["deadband"].to_numpy()[where],
            excess=(judged - limit) / np.maximum(np.abs(limit), np.finfo(float).tiny),
        )
        on_us, off_us = (own[name].fill_null(0).to_numpy()[where] for name in ("on_us", "off_us"))
        delays = Delays(on_us, off_us, int(rules.normal_readings.value), group_microseconds(rules))
        yield from _describe(item, own, value[rows], signal, find_conditions(signal, delays))


def _describe(quantity: WatchedColumn, own: pl.DataFrame, value: Doubles, signal: Signal, found: Conditions) -> Iterator[Condition]:
    """The conditions `found`. `own` has the rules of each compressor, in the order of the signal's groups."""
    side = "above" if quantity.direction == "high" else "below"
    where, values = signal.group[found.raised], value[found.worst].tolist()
    names = own[COMPRESSOR_ID].gather(where).to_list()
    limits = {name: own[name].gather(where).to_list() for name in ("warning", "critical")}
    beyond = np.flatnonzero(signal.beyond)
    begins, ends = np.searchsorted(beyond, found.raised), np.searchsorted(beyond, found.last, side="right")

    def moments(rows: Ints) -> list[int | None]:
        return [None if row < 0 else int(signal.time_us[row]) for row in rows.tolist()]

    critical, resolved = moments(found.critical), moments(found.resolved)
    first, raised, last = (signal.time_us[rows].tolist() for rows in (found.first, found.raised, found.last))
    for number, name in enumerate(names):
        severity = "warning" if critical[number] is None else "critical"
        threshold = limits[severity][number]
        rows = beyond[begins[number] : ends[number]]
        yield Condition(
            compressor_id=name,
            alert_type=quantity.alert_type,
            source="threshold",
            first_us=first[number],
            raised_us=raised[number],
            critical_us=critical[number],
            resolved_us=resolved[number],
            last_us=last[number],
            count=int(found.count[number]),
            value=values[number],
            threshold=threshold,
            message=f"{quantity.name} {values[number]:.4g} {quantity.unit} is at or {side} {severity} {threshold:g}",
            beyond_us=signal.time_us[rows],
            excess=signal.excess[rows],
        )
