"""All alerts that readings raise, from the parts of this room. Pure, causal, and by reading time.

The alerts of readings up to a moment are those of all readings that were raised by then; only what they are not over by then differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from config.sections.quality import AlertsSection
from config.sections.thresholds import ThresholdsConfig
from features.contract import COMPRESSOR_ID, DATA_FAULTS, TIMESTAMP
from features.sensor_health.settings import HealthRules
from monitoring.alerts.data_alerts import find_data_alerts
from monitoring.alerts.grouping import Condition, raise_alerts
from monitoring.alerts.machine_lives import unseen_lives
from monitoring.alerts.machine_state import RUN, in_order, settled_readings, state_lookback
from monitoring.alerts.own_normal import (
    MachineLives,
    WatchedLevel,
    hourly_means,
    learn_levels,
    own_normal_conditions,
    own_normal_lookback,
)
from monitoring.alerts.threshold_alerts import WatchedColumn, alert_quantities, delay_lookback, threshold_conditions
from serving.warehouse.alerts import Alert, Source
from serving.warehouse.machine_lives import MachineLife

_MOMENTS: Final = pl.Schema({COMPRESSOR_ID: pl.String(), "moment": pl.Datetime("us", "UTC")})
SOURCES: Final[tuple[Source, ...]] = ("threshold", "own_normal", "data")  # of the alerts that readings raise


@dataclass(frozen=True)
class AlertEngine:
    """The rules in force, and what is watched."""

    rules: AlertsSection
    health: HealthRules
    quantities: Sequence[WatchedColumn]
    levels: Sequence[WatchedLevel] = ()

    @property
    def lookback(self) -> timedelta:
        """How far before its moment the readings of a compressor must begin."""
        settle = timedelta(hours=self.health.settle_hours)  # between two readings of a run
        own_normal = own_normal_lookback(self.rules.own_normal) if self.levels else timedelta(0)
        own = self.state_lookback + max(delay_lookback(self.quantities) + settle, own_normal)
        return max(own, timedelta(minutes=self.rules.group_minutes.value))

    @property
    def state_lookback(self) -> timedelta:
        """How far before a moment the readings begin that decide whether the machine is settled there."""
        return state_lookback(self.health)

    def find(
        self,
        silver: pl.DataFrame,
        gold: pl.DataFrame,
        since: Mapping[str, datetime] | None = None,
        lives: Mapping[str, Sequence[MachineLife]] | None = None,
    ) -> tuple[list[Alert], list[MachineLife]]:
        """The alerts raised at or after the moment of each compressor in `since` (None: all), by compressor, time and type, and what was learned.

        Readings begin at a compressor's first one, or `lookback` before its moment, and at the life that it has to learn by then. No alert is
        live at that moment, so all earlier ones have settled. The table `gold` has the derived quantities of the same readings. The `lives` are
        those of maintenance events, with what was learned before the moment (None: no events).
        """
        ordered = in_order(silver)
        settled = settled_readings(ordered, self.health)
        conditions = self._threshold_conditions(settled, gold)
        names = ordered[COMPRESSOR_ID].unique(maintain_order=True).to_list()
        own = self._learned(ordered, settled, unseen_lives(names) if lives is None else {name: lives[name] for name in names})
        conditions += own[1]
        alerts = raise_alerts(conditions, self.rules)
        faulty = ordered
        if since is not None:
            alerts = [alert for alert in alerts if alert.raised_at >= since[alert.compressor_id]]
            moments = pl.DataFrame({COMPRESSOR_ID: list(since), "moment": list(since.values())}, schema=_MOMENTS)
            reach = pl.duration(minutes=int(self.rules.group_minutes.value))
            faulty = ordered.join(moments, on=COMPRESSOR_ID, how="inner").filter(pl.col(TIMESTAMP) >= pl.col("moment") - reach)
        if DATA_FAULTS in silver.columns:
            alerts += find_data_alerts(faulty, self.rules)
        return sorted(alerts, key=lambda alert: (alert.compressor_id, alert.alert_timestamp, alert.alert_type)), list(own[0].lives)

    def _threshold_conditions(self, settled: pl.DataFrame, gold: pl.DataFrame) -> list[Condition]:
        conditions = list(threshold_conditions(settled, self.quantities, self.rules))
        derived = [item for item in self.quantities if item.column in gold.columns]
        if derived:
            state = settled.select(COMPRESSOR_ID, TIMESTAMP, RUN)
            time = pl.col(TIMESTAMP).dt.cast_time_unit("us")
            judged = state.join(gold.with_columns(time), on=[COMPRESSOR_ID, TIMESTAMP], how="inner", maintain_order="left")
            conditions += threshold_conditions(judged, derived, self.rules)
        return conditions

    def _learned(
        self, ordered: pl.DataFrame, settled: pl.DataFrame, lives: Mapping[str, Sequence[MachineLife]]
    ) -> tuple[MachineLives, list[Condition]]:
        """The lives with what their readings teach, and the conditions of the levels."""
        known = MachineLives.of([life for own in lives.values() for life in own], ordered)
        if not self.levels or ordered.is_empty():
            return known, []
        means = hourly_means(ordered, settled, known, list(dict.fromkeys(item.sensor for item in self.levels)))
        time = pl.col(TIMESTAMP).dt.epoch("us")
        seen = ordered.group_by(COMPRESSOR_ID).agg(time.min().alias("first"), time.max().alias("newest"))
        seen_us = {name: (first, newest) for name, first, newest in seen.iter_rows()}
        learned = learn_levels(means, known, seen_us, self.rules.own_normal)
        conditions: list[Condition] = []
        for item in self.levels:
            conditions += own_normal_conditions(means, learned, item, self.rules)
        return learned, conditions


def alert_engine(compressors: pl.DataFrame, rules: AlertsSection, health: HealthRules, thresholds: ThresholdsConfig) -> AlertEngine:
    """The engine of the configuration. `compressors` holds compressor_id and model. Raises ConfigError when a quantity has no name."""
    quantities = alert_quantities(compressors, thresholds, rules)
    levels = [
        WatchedLevel(sensor, rules.names[sensor], thresholds.sensors[sensor].warning.unit, is_above=side == "above")
        for sensor, sides in rules.own_normal.sides.items()
        for side in sides
    ]
    return AlertEngine(rules, health, quantities, levels)
