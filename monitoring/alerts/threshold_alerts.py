"""Threshold alerts from readings. Pure: the same readings and limits give the same alerts, whenever and however often they are asked for.

violation  A value at or beyond the warning or critical limit of its compressor's model; a null is neither a violation nor normal.
           Of a quantity in `confirmed_in_pairs` the reading before it must be beyond its limit too; alone it is neither.
alert      The violations of one quantity of one compressor that hang together. The next violation begins a new alert only when
           `normal_readings` normal readings in a row and more than `group_minutes` lie between it and the one before.
resolved   At the last of the `normal_readings` normal readings in a row that follow the alert's last violation; without them it is open.
window     A clock window of `group_minutes`. At most `most_per_window` alerts of a compressor are raised in one, worst first: by severity, then
           by how far beyond its limit. Of the others, what lasts is raised in a later window; what ends within it is named on the worst one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from config.errors import ConfigError
from config.sections.quality import AlertsSection
from config.sections.thresholds import Direction, EffectiveLimits, ThresholdsConfig
from features.contract import COMPRESSOR_ID, TIMESTAMP
from serving.warehouse.alerts import Alert

_TYPE: Final = "alert_type"
_CONDITION: Final = "condition"  # number of a condition within compressor and type
_WINDOW: Final = "window"  # start of the clock window in which it is raised
_KEY: Final = (COMPRESSOR_ID, _TYPE, _CONDITION)
_UNREACHABLE: Final = float("inf")


@dataclass(frozen=True)
class WatchedColumn:
    """A column of silver or gold with limits. `limits` has compressor_id, warning and critical; infinite: no limit."""

    column: str
    name: str
    unit: str
    direction: Direction
    limits: pl.DataFrame

    @property
    def alert_type(self) -> str:
        """For example vibration_mms_high."""
        return f"{self.column}_{self.direction}"


def alert_quantities(compressors: pl.DataFrame, thresholds: ThresholdsConfig, rules: AlertsSection) -> list[WatchedColumn]:
    """The sensors and derived quantities of thresholds.yaml, with the limits of each compressor's model.

    `compressors` holds compressor_id and model. Raises ConfigError when a quantity has no name.
    """
    models = compressors.select(COMPRESSOR_ID, "model").rows()
    quantities = []
    for column, threshold in {**thresholds.sensors, **thresholds.derived}.items():
        if column not in rules.names:
            raise ConfigError(f"quality.yaml: alerts.names.{column} is missing: add what a planner calls this quantity of thresholds.yaml")
        warning, critical = threshold.warning.value, threshold.critical.value if threshold.critical else None
        fleet = EffectiveLimits(direction=threshold.direction, warning=warning, critical=critical)
        rows = []
        for compressor_id, model in models:
            limits = thresholds.limits(column, model) if column in thresholds.sensors else fleet
            unreachable = _UNREACHABLE if limits.direction == "high" else -_UNREACHABLE
            rows.append((compressor_id, limits.warning, unreachable if limits.critical is None else limits.critical))
        frame = pl.DataFrame(rows, schema={COMPRESSOR_ID: pl.String, "warning": pl.Float64, "critical": pl.Float64}, orient="row")
        quantities.append(WatchedColumn(column, rules.names[column], threshold.warning.unit, threshold.direction, frame))
    return quantities


def find_alerts(tables: Iterable[pl.DataFrame], quantities: Sequence[WatchedColumn], rules: AlertsSection) -> list[Alert]:
    """The alerts of all readings in `tables`, by compressor, time and type.

    Each table holds compressor_id, timestamp and some of the quantities. A compressor's rows must begin at its first reading. They may
    also begin `group_minutes` before a window in which none of its alerts is live. `settled_at` of all earlier alerts lies before it.
    """
    found = [_violations(table, item, rules) for table in tables for item in quantities if item.column in table.columns]
    if not found:
        return []
    alerts = _raise_worst_first(pl.concat(found), rules)
    by_type = {item.alert_type: item for item in quantities}
    return [_alert(row, by_type[row[_TYPE]]) for row in alerts.sort(COMPRESSOR_ID, TIMESTAMP, _TYPE).iter_rows(named=True)]


def window_start(moment: datetime, rules: AlertsSection) -> datetime:
    """Start of the clock window that holds `moment` (UTC)."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    length = timedelta(minutes=rules.group_minutes.value)
    return midnight + (moment - midnight) // length * length


def _violations(table: pl.DataFrame, quantity: WatchedColumn, rules: AlertsSection) -> pl.DataFrame:
    """One row per violation: key of its condition, timestamp, value, threshold, is_critical, beyond, resolved_at.

    `beyond` is how far the value lies beyond its limit, as a share of it.
    """
    sign = 1.0 if quantity.direction == "high" else -1.0
    enough = int(rules.normal_readings.value)
    value, time = pl.col(quantity.column), pl.col(TIMESTAMP)
    length = pl.duration(minutes=int(rules.group_minutes.value))
    beyond = (value - pl.col("warning")) * sign >= 0
    judged = (
        table.select(COMPRESSOR_ID, time.dt.cast_time_unit("us"), quantity.column)
        .drop_nulls(quantity.column)
        .join(quantity.limits, on=COMPRESSOR_ID, how="inner")
        .with_columns(beyond.alias("beyond"))
    )
    troubled = judged.filter("beyond").select(pl.col(COMPRESSOR_ID).unique())  # most compressors need no look at their normal readings
    paired = pl.col("beyond").shift(1, fill_value=False) & (time - time.shift(1) <= length)
    confirmed = paired.over(COMPRESSOR_ID) if quantity.column in rules.confirmed_in_pairs else pl.lit(value=True)
    ordered = (
        judged.join(troubled, on=COMPRESSOR_ID, how="semi")
        .sort(COMPRESSOR_ID, TIMESTAMP)
        .with_columns(
            (pl.col("beyond") & confirmed).alias("violates"),
            (~pl.col("beyond")).cum_sum().over(COMPRESSOR_ID).alias("normals"),
        )
    )
    apart = (pl.col("normals") - pl.col("normals").shift(1) >= enough) & (time - time.shift(1) > length)
    is_critical = (value - pl.col("critical")) * sign >= 0
    threshold = pl.when("is_critical").then("critical").otherwise("warning")
    violations = (
        ordered.filter("violates")
        .with_columns(
            apart.over(COMPRESSOR_ID).fill_null(value=True).cum_sum().over(COMPRESSOR_ID).alias(_CONDITION),
            is_critical.alias("is_critical"),
        )
        .with_columns(threshold.alias("threshold"))
        .with_columns(((value - pl.col("threshold")) * sign / pl.col("threshold").abs()).fill_nan(0.0).alias("beyond"))
    )
    last_normal = ordered.filter(~pl.col("beyond")).select(COMPRESSOR_ID, "normals", time.alias("resolved_at"))
    ends = (
        violations.group_by(COMPRESSOR_ID, _CONDITION)
        .agg(pl.col("normals").max() + enough)
        .join(last_normal, on=[COMPRESSOR_ID, "normals"], how="left")
        .select(COMPRESSOR_ID, _CONDITION, "resolved_at")
    )
    return violations.join(ends, on=[COMPRESSOR_ID, _CONDITION], how="left").select(
        COMPRESSOR_ID,
        pl.lit(quantity.alert_type).alias(_TYPE),
        _CONDITION,
        TIMESTAMP,
        value.alias("value"),
        "threshold",
        "is_critical",
        "beyond",
        "resolved_at",
    )


def _raise_worst_first(violations: pl.DataFrame, rules: AlertsSection) -> pl.DataFrame:
    """One row per raised alert. `suppressed`: types that ended in its window and were left out for it."""
    length = pl.duration(minutes=int(rules.group_minutes.value))
    ended: list[pl.DataFrame] = []
    while True:  # what is left out of a window waits for a later one, so each round ends with fewer violations
        conditions = _conditions(violations, rules)
        worst_first = pl.struct(~pl.col("is_critical"), -pl.col("beyond"), _TYPE)
        ranked = conditions.with_columns(worst_first.rank("ordinal").over(COMPRESSOR_ID, _WINDOW).alias("rank"))
        left_out = ranked.filter(pl.col("rank") > int(rules.most_per_window.value))
        if left_out.is_empty():
            break
        ended.append(left_out.filter(pl.col("last_seen") < pl.col(_WINDOW) + length))
        waits_until = left_out.select(*_KEY, (pl.col(_WINDOW) + length).alias("until"))
        violations = violations.join(waits_until, on=_KEY, how="left").filter(
            pl.col("until").is_null() | (pl.col(TIMESTAMP) >= pl.col("until"))
        )
        violations = violations.drop("until")
    if not ended:
        return ranked.with_columns(pl.lit([], dtype=pl.List(pl.String)).alias("suppressed"))
    return _name_suppressed(ranked, pl.concat(ended))


def _conditions(violations: pl.DataFrame, rules: AlertsSection) -> pl.DataFrame:
    """Violations of one key as one row: first and last timestamp, count, the worst, window, resolved_at, settled_at."""
    length = pl.duration(minutes=int(rules.group_minutes.value))
    worst = pl.struct("is_critical", "beyond").rank("ordinal").arg_max()
    settled = pl.when(pl.col("resolved_at").is_not_null()).then(pl.max_horizontal("resolved_at", pl.col("last_seen") + length))
    return (
        violations.sort(*_KEY, TIMESTAMP)
        .group_by(_KEY, maintain_order=True)
        .agg(
            pl.col(TIMESTAMP).min(),
            pl.col(TIMESTAMP).max().alias("last_seen"),
            pl.len().alias("reading_count"),
            pl.col(TIMESTAMP).filter("is_critical").min().alias("critical_at"),
            *(pl.col(name).get(worst) for name in ("value", "threshold", "is_critical", "beyond")),
            pl.col("resolved_at").first(),
        )
        .with_columns(
            pl.col(TIMESTAMP).dt.truncate(f"{int(rules.group_minutes.value)}m").alias(_WINDOW),
            settled.alias("settled_at"),
        )
    )


def _name_suppressed(ranked: pl.DataFrame, left_out: pl.DataFrame) -> pl.DataFrame:
    """Name the types left out on the worst alert of their window. It is settled only when they are."""
    place = [COMPRESSOR_ID, _WINDOW]
    still_open = pl.col("settled_at").is_null().any()
    gone = (
        left_out.group_by(place)
        .agg(
            pl.col(_TYPE).sort().alias("suppressed"),
            pl.when(still_open).then(None).otherwise(pl.col("settled_at").max()).alias("others_settled_at"),
        )
        .with_columns(pl.lit(1, dtype=ranked.schema["rank"]).alias("rank"))
    )
    settled = (
        pl.when(pl.col("suppressed").is_null())
        .then(pl.col("settled_at"))
        .when(pl.col("settled_at").is_not_null() & pl.col("others_settled_at").is_not_null())
        .then(pl.max_horizontal("settled_at", "others_settled_at"))
    )
    return ranked.join(gone, on=[*place, "rank"], how="left").with_columns(settled.alias("settled_at"), pl.col("suppressed").fill_null([]))


def _alert(row: dict[str, Any], quantity: WatchedColumn) -> Alert:
    severity: Any = "critical" if row["is_critical"] else "warning"
    side = "above" if quantity.direction == "high" else "below"
    text = f"{quantity.name} {row['value']:.4g} {quantity.unit} is at or {side} {severity} {row['threshold']:g}"
    return Alert(
        compressor_id=row[COMPRESSOR_ID],
        alert_type=quantity.alert_type,
        alert_timestamp=row[TIMESTAMP],
        raised_at=row[TIMESTAMP],
        critical_at=row["critical_at"],
        severity=severity,
        message=text,
        value=row["value"],
        threshold=row["threshold"],
        last_seen=row["last_seen"],
        reading_count=row["reading_count"],
        resolved=row["resolved_at"] is not None,
        resolved_at=row["resolved_at"],
        settled_at=row["settled_at"],
        suppressed=row["suppressed"],
    )
