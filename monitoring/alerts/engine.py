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
from features.contract import COMPRESSOR_ID, DATA_FAULTS, TIMESTAMP
from features.sensor_health.settings import HealthRules
from monitoring.alerts.data_alerts import find_data_alerts
from monitoring.alerts.grouping import Condition, raise_alerts
from monitoring.alerts.machine_state import RUN, settled_readings, state_lookback
from monitoring.alerts.threshold_alerts import WatchedColumn, delay_lookback, threshold_conditions
from serving.warehouse.alerts import Alert, Source

_MOMENTS: Final = pl.Schema({COMPRESSOR_ID: pl.String(), "moment": pl.Datetime("us", "UTC")})
SOURCES: Final[tuple[Source, ...]] = ("threshold", "own_normal", "data")  # of the alerts that readings raise


@dataclass(frozen=True)
class AlertEngine:
    """The rules in force, and what is watched."""

    rules: AlertsSection
    health: HealthRules
    quantities: Sequence[WatchedColumn]

    @property
    def lookback(self) -> timedelta:
        """How far before its moment the readings of a compressor must begin."""
        settle = timedelta(hours=self.health.settle_hours)  # between two readings of a run
        own = state_lookback(self.health) + delay_lookback(list(self.quantities)) + settle
        return max(own, timedelta(minutes=self.rules.group_minutes.value))

    def find(self, silver: pl.DataFrame, gold: pl.DataFrame, since: Mapping[str, datetime] | None = None) -> list[Alert]:
        """The alerts raised at or after the moment of each compressor in `since` (None: all), by compressor, time and type.

        Readings begin at a compressor's first one, or `lookback` before its moment. No alert is live at that moment: `settled_at` of all earlier
        ones lies before it. `gold` has the derived quantities of the same readings.
        """
        alerts = self._machine_alerts(silver, gold)
        faulty = silver
        if since is not None:
            alerts = [alert for alert in alerts if alert.raised_at >= since[alert.compressor_id]]
            moments = pl.DataFrame({COMPRESSOR_ID: list(since), "moment": list(since.values())}, schema=_MOMENTS)
            reach = pl.duration(minutes=int(self.rules.group_minutes.value))
            faulty = silver.join(moments, on=COMPRESSOR_ID, how="inner").filter(pl.col(TIMESTAMP) >= pl.col("moment") - reach)
        if DATA_FAULTS in silver.columns:
            alerts += find_data_alerts(faulty, self.rules)
        return sorted(alerts, key=lambda alert: (alert.compressor_id, alert.alert_timestamp, alert.alert_type))

    def _machine_alerts(self, silver: pl.DataFrame, gold: pl.DataFrame) -> list[Alert]:
        settled = settled_readings(silver, self.health)
        conditions: list[Condition] = []
        for item in self.quantities:
            if item.column in settled.columns:
                conditions += threshold_conditions(settled, item, self.rules)
        derived = [item for item in self.quantities if item.column in gold.columns]
        if derived:
            state = settled.select(COMPRESSOR_ID, TIMESTAMP, RUN)
            time = pl.col(TIMESTAMP).dt.cast_time_unit("us")
            judged = state.join(gold.with_columns(time), on=[COMPRESSOR_ID, TIMESTAMP], how="inner", maintain_order="left")
            for item in derived:
                conditions += threshold_conditions(judged, item, self.rules)
        return raise_alerts(conditions, self.rules)
